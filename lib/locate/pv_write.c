/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/pv_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Field offsets are those of pv.c: struct label_header, pv_header, pv_header_extension, mda_header. */
enum {
	LABEL_BYTES = 32,
	EXTENSION_VERSION = 2, /* PV_HEADER_EXTENSION_VSN */
	EXTENSION_USED = 1,    /* PV_EXT_USED: the PV belongs to a volume group */
	AREA_TEXT = 40,
	AREA_OFFSET = 4096, /* where LVM puts the first metadata area */
	WIPE_BYTES = 256 << 10,
};

static const char area_magic[] = " LVM2 x[5A%r0N*>";

static int read_text(struct dev *device, const struct pv_text *where, char **text)
{
	size_t at = 0;
	int code = 0;

	*text = malloc(where->bytes);
	if (!*text)
		return -ENOMEM;
	for (int i = 0; i < 2 && !code; i++) {
		code = dev_read(device, *text + at, where->piece[i].length, where->piece[i].offset);
		at += where->piece[i].length;
	}
	if (!code && pv_checksum(*text, where->bytes) != where->checksum)
		code = -EBADMSG;
	if (code) {
		free(*text);
		*text = NULL;
	}
	return code;
}

/* The text of one area, where it is valid and newer than what there is. */
static int consider_area(struct dev *device, struct extent area, struct pv_metadata *metadata)
{
	uint8_t sector[PV_SECTOR_BYTES];
	struct pv_text where;
	const char *why;
	struct vg *vg;
	char *text;
	int code = dev_read(device, sector, sizeof(sector), area.offset);

	if (code || pv_parse_area(sector, area, &where) != PV_AREA_TEXT)
		return code;
	code = read_text(device, &where, &text);
	if (code)
		return code == -EBADMSG || code == -ENXIO ? 0 : code;
	code = vg_parse(text, where.bytes, &vg, &why);
	if (code || (metadata->vg && metadata->vg->seqno >= vg->seqno)) {
		free(text);
		if (!code)
			vg_free(vg);
		return code == -EBADMSG ? 0 : code;
	}
	vg_free(metadata->vg);
	free(metadata->text);
	metadata->vg = vg;
	metadata->text = text;
	metadata->bytes = where.bytes;
	return 0;
}

int pv_read_metadata(struct dev *device, struct pv_metadata *metadata)
{
	uint8_t head[PV_SCAN_BYTES];
	const char *why;
	int code;

	memset(metadata, 0, sizeof(*metadata));
	code = dev_read(device, head, sizeof(head), 0);
	if (!code && pv_parse_label(head, sizeof(head), &metadata->label, &why) != PV_VALID)
		code = -EBADMSG;
	for (unsigned i = 0; i < metadata->label.areas && !code; i++)
		code = consider_area(device, metadata->label.area[i], metadata);
	if (!code && !metadata->vg)
		code = -EBADMSG;
	if (code)
		pv_metadata_free(metadata);
	return code;
}

void pv_metadata_free(struct pv_metadata *metadata)
{
	vg_free(metadata->vg);
	free(metadata->text);
	memset(metadata, 0, sizeof(*metadata));
}

static void format_area(const struct extent *area, uint64_t offset, const char *text, size_t bytes, uint8_t *sector)
{
	memset(sector, 0, PV_SECTOR_BYTES);
	memcpy(sector + 4, area_magic, sizeof(area_magic) - 1);
	put_le32(sector + 20, 1);
	put_le64(sector + 24, area->offset);
	put_le64(sector + 32, area->length);
	put_le64(sector + AREA_TEXT, offset);
	put_le64(sector + AREA_TEXT + 8, bytes);
	put_le32(sector + AREA_TEXT + 16, pv_checksum(text, bytes));
	put_le32(sector, pv_checksum(sector + 4, PV_SECTOR_BYTES - 4));
}

/*
 * Writes the text at `offset` of the area's ring, with zeros behind it up to the next sector: every text begins on one,
 * and a sector that is written in part would have to be read first, and may be bad.
 */
static int put_text(struct dev *device, const struct extent *area, uint64_t offset, const char *text, size_t bytes)
{
	size_t padding =
		area->length % PV_SECTOR_BYTES ? 0 : (PV_SECTOR_BYTES - bytes % PV_SECTOR_BYTES) % PV_SECTOR_BYTES;
	size_t length = bytes + padding;
	uint64_t straight = length < area->length - offset ? length : area->length - offset;
	uint8_t *padded = dev_buffer(length);
	int code = padded ? 0 : -ENOMEM;

	if (padded) {
		memcpy(padded, text, bytes);
		memset(padded + bytes, 0, padding);
	}
	if (!code)
		code = dev_write(device, padded, straight, area->offset + offset);
	if (!code && straight < length)
		code = dev_write(device, padded + straight, length - straight, area->offset + PV_SECTOR_BYTES);
	free(padded);
	return code;
}

/* Where a new text goes: behind the current one, on a sector, so that the current one stays whole. */
static int place_text(struct dev *device, const struct extent *area, size_t bytes, uint64_t *offset)
{
	uint64_t room = area->length - PV_SECTOR_BYTES, end;
	uint8_t sector[PV_SECTOR_BYTES];
	struct pv_text where;
	int code = dev_read(device, sector, sizeof(sector), area->offset);

	*offset = PV_SECTOR_BYTES;
	if (code)
		return code;
	if (pv_parse_area(sector, *area, &where) != PV_AREA_TEXT)
		return bytes <= room ? 0 : -ENOSPC;
	if (bytes > room || (where.bytes + PV_SECTOR_BYTES - 1) / PV_SECTOR_BYTES * PV_SECTOR_BYTES + bytes > room)
		return -ENOSPC;
	end = where.piece[1].length ? where.piece[1].offset + where.piece[1].length
	                            : where.piece[0].offset + where.piece[0].length;
	end = (end - area->offset + PV_SECTOR_BYTES - 1) / PV_SECTOR_BYTES * PV_SECTOR_BYTES;
	*offset = end < area->length ? end : PV_SECTOR_BYTES + (end - area->length);
	return 0;
}

int pv_write_text(struct dev *device, const struct pv_label *label, const char *text, size_t bytes)
{
	uint8_t sector[PV_SECTOR_BYTES];
	int code = 0;

	for (unsigned i = 0; i < label->areas && !code; i++) {
		const struct extent *area = &label->area[i];
		uint64_t offset;

		code = place_text(device, area, bytes, &offset);
		if (!code)
			code = put_text(device, area, offset, text, bytes);
		if (!code)
			code = dev_flush(device);
		if (code)
			break;
		format_area(area, offset, text, bytes, sector);
		code = dev_write(device, sector, sizeof(sector), area->offset);
		if (!code)
			code = dev_flush(device);
	}
	return code;
}

int pv_plan_label(const struct pv_metadata *metadata, const char *uuid, uint64_t device_bytes, struct pv_label *label)
{
	const struct vg *vg = metadata->vg;
	const struct vg_pv *pv = NULL;
	uint64_t needed, limit;

	for (size_t i = 0; i < vg->pvs; i++)
		if (!strcmp(vg->pv[i].uuid, uuid))
			pv = &vg->pv[i];
	if (!pv)
		return -ENOENT;
	if (__builtin_mul_overflow(pv->extents, vg->extent_bytes, &needed) ||
	    __builtin_add_overflow(needed, pv->start_bytes, &needed) || needed > device_bytes)
		return -ENOSPC;
	memset(label, 0, sizeof(*label));
	label->sector = 1;
	memcpy(label->uuid, uuid, strlen(uuid));
	label->size_bytes = device_bytes;
	label->data_offset_bytes = pv->start_bytes;
	label->bootloader_area = pv->bootloader_area;
	limit = pv->bootloader_area.length && pv->bootloader_area.offset < pv->start_bytes ? pv->bootloader_area.offset
	                                                                                   : pv->start_bytes;
	if (limit < AREA_OFFSET + 2 * PV_SECTOR_BYTES)
		return -ENOSPC;
	label->areas = 1;
	label->area[0] = (struct extent){ AREA_OFFSET, limit - AREA_OFFSET };
	return 0;
}

static void format_label(const struct pv_label *label, uint8_t *sector)
{
	uint8_t *at = sector + LABEL_BYTES;
	size_t stored = 0;

	memset(sector, 0, PV_SECTOR_BYTES);
	memcpy(sector, "LABELONE", 8);
	put_le64(sector + 8, label->sector);
	put_le32(sector + 20, LABEL_BYTES);
	memcpy(sector + 24, "LVM2 001", 8);
	for (const char *c = label->uuid; *c; c++)
		if (*c != '-')
			at[stored++] = (uint8_t)*c;
	put_le64(at + 32, label->size_bytes);
	put_le64(at + 40, label->data_offset_bytes); /* its size 0: up to the end */
	at += 40 + 2 * 16;
	for (unsigned i = 0; i < label->areas; i++, at += 16) {
		put_le64(at, label->area[i].offset);
		put_le64(at + 8, label->area[i].length);
	}
	at += 16;
	put_le32(at, EXTENSION_VERSION);
	put_le32(at + 4, EXTENSION_USED);
	put_le64(at + 8, label->bootloader_area.offset);
	put_le64(at + 16, label->bootloader_area.length);
	put_le32(sector + 16, pv_checksum(sector + 20, PV_SECTOR_BYTES - 20));
}

static int wipe(struct dev *device, uint64_t start, uint64_t end)
{
	void *zeros = dev_buffer(WIPE_BYTES);
	int code = zeros ? 0 : -ENOMEM;

	if (zeros)
		memset(zeros, 0, WIPE_BYTES);
	for (uint64_t at = start; at < end && !code; at += WIPE_BYTES)
		code = dev_write(device, zeros, end - at < WIPE_BYTES ? (size_t)(end - at) : WIPE_BYTES, at);
	free(zeros);
	return code;
}

int pv_begin_layout(struct dev *device, const struct pv_label *label)
{
	uint8_t head[AREA_OFFSET] = { 0 };
	uint8_t *sector = head + label->sector * PV_SECTOR_BYTES;
	int code;

	format_label(label, sector);
	put_le32(sector + 16, pv_begun_checksum(sector));
	code = dev_write(device, head, sizeof(head), 0);
	if (!code)
		code = dev_flush(device);
	if (!code)
		code = wipe(device, sizeof(head), label->data_offset_bytes);
	return code ? code : dev_flush(device);
}

int pv_write_layout(struct dev *device, const struct pv_label *label, const char *text, size_t bytes)
{
	uint64_t tail = device->size_bytes < PV_TAIL_BYTES ? 0 : device->size_bytes - PV_TAIL_BYTES;
	int code = 0;

	for (unsigned i = 0; i < label->areas && !code; i++) {
		uint8_t sector[PV_SECTOR_BYTES];

		if (bytes > label->area[i].length - PV_SECTOR_BYTES)
			return -ENOSPC;
		code = put_text(device, &label->area[i], PV_SECTOR_BYTES, text, bytes);
		format_area(&label->area[i], PV_SECTOR_BYTES, text, bytes, sector);
		if (!code)
			code = dev_write(device, sector, sizeof(sector), label->area[i].offset);
	}
	if (tail < label->data_offset_bytes)
		tail = label->data_offset_bytes;
	if (!code)
		code = wipe(device, tail, device->size_bytes);
	return code ? code : dev_flush(device);
}

int pv_end_layout(struct dev *device, const struct pv_label *label)
{
	uint8_t head[PV_SCAN_BYTES] = { 0 };
	int code;

	format_label(label, head + label->sector * PV_SECTOR_BYTES);
	code = dev_write(device, head, sizeof(head), 0);
	return code ? code : dev_flush(device);
}
