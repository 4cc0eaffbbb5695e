/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first bytes of a device, and all of locate on it. The first byte of the input is a set of flags:
 * checksums are no obstacle to someone who means harm, so they are made right unless a flag says not to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "locate/locate.h"
#include "locate/pv.h"

enum {
	KEEP_CHECKSUMS = 1,
	SHORT_DEVICE = 2, /* ends with the input; otherwise there are zeros behind it */
	DEVICE_BYTES = 32 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void correct_area(uint8_t *device, size_t length, struct extent area)
{
	struct pv_text text;
	uint8_t *sector;

	if (area.offset > length || length - area.offset < PV_SECTOR_BYTES)
		return;
	sector = device + area.offset;
	put_le32(sector, pv_checksum(sector + 4, PV_SECTOR_BYTES - 4));
	if (pv_parse_area(sector, area, &text) != PV_AREA_TEXT || text.piece[1].length ||
	    text.piece[0].offset > length || text.piece[0].length > length - text.piece[0].offset)
		return;
	put_le32(sector + 56, pv_checksum(device + text.piece[0].offset, text.bytes));
	put_le32(sector, pv_checksum(sector + 4, PV_SECTOR_BYTES - 4));
}

static void correct_checksums(uint8_t *device, size_t length)
{
	struct pv_label label;
	const char *why;

	for (size_t at = 0; at < PV_SCAN_BYTES && at + PV_SECTOR_BYTES <= length; at += PV_SECTOR_BYTES)
		if (!memcmp(device + at, "LABELONE", 8))
			put_le32(device + at + 16, pv_checksum(device + at + 20, PV_SECTOR_BYTES - 20));
	if (pv_parse_label(device, length < PV_SCAN_BYTES ? length : PV_SCAN_BYTES, &label, &why) == PV_VALID)
		for (unsigned i = 0; i < label.areas; i++)
			correct_area(device, length, label.area[i]);
}

/* The input, and zeros behind it: allocating them would take most of the time. */
struct input {
	struct dev dev;
	const uint8_t *bytes;
	size_t length;
};

static int input_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	const struct input *input = (const struct input *)dev;
	size_t there = 0;

	if (offset < input->length)
		there = input->length - offset < length ? (size_t)(input->length - offset) : length;
	if (there)
		memcpy(buffer, input->bytes + offset, there);
	memset((uint8_t *)buffer + there, 0, length - there);
	return 0;
}

static void input_close(struct dev *dev)
{
	(void)dev;
}

static const struct dev_ops input_ops = { .pread = input_pread, .close = input_close };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct copy copy;
	struct input input = { .dev = { .ops = &input_ops, .align_bytes = 1, .parallel = 1, .is_read_only = true } };
	struct access access = { .device = &input.dev };
	struct svc_error error;
	uint8_t *device;

	if (!length || length > DEVICE_BYTES)
		return 0;
	device = malloc(length);
	if (!device)
		return 0;
	memcpy(device, bytes + 1, length - 1);
	if (!(bytes[0] & KEEP_CHECKSUMS))
		correct_checksums(device, length - 1);
	input.bytes = device;
	input.length = length - 1;
	input.dev.size_bytes = bytes[0] & SHORT_DEVICE ? length - 1 : DEVICE_BYTES;
	memset(&copy, 0, sizeof(copy));
	/* A copy is either usable, and then has a leg within the device, or there is a finding that says why not. */
	if (!locate_leg(&copy, NULL, &access, &error) &&
	    (copy.condition == COPY_USABLE
	             ? !access.leg || access.leg->size_bytes != copy.leg_bytes || copy.leg_bytes > input.dev.size_bytes
	             : !copy.findings.count))
		abort();
	access_close(&access);
	free(device);
	return 0;
}
