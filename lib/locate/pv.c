/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/pv.h"

#include <string.h>
#include <zlib.h>

#include "base/bytes.h"

/* struct label_header: id[8], le64 sector, le32 crc, le32 offset of the contents, type[8] */
enum {
	LABEL_SECTOR = 8,
	LABEL_CRC = 16,
	LABEL_OFFSET = 20, /* the checksum covers everything from here to the end of the sector */
	LABEL_TYPE = 24,
	LABEL_BYTES = 32,
};

/* struct pv_header: uuid[32], le64 device size, then the lists of data areas and of metadata areas */
enum {
	PV_SIZE = PV_UUID_CHARACTERS,
	PV_LISTS = PV_UUID_CHARACTERS + 8,
	LOCATION_BYTES = 16, /* struct disk_locn: le64 offset, le64 size; offset 0 ends a list */
};

/* struct mda_header: le32 crc, magic[16], le32 version, le64 start, le64 size, struct raw_locn[] */
enum {
	AREA_MAGIC = 4, /* the checksum covers everything from here to the end of the sector */
	AREA_VERSION = 20,
	AREA_START = 24,
	AREA_SIZE = 32,
	AREA_TEXT = 40, /* struct raw_locn: le64 offset, le64 size, le32 crc, le32 flags */
	TEXT_IGNORED = 1,
};

static const char label_id[] = "LABELONE";
static const char label_type[] = "LVM2 001";
static const char area_magic[] = " LVM2 x[5A%r0N*>";

uint32_t pv_checksum(const void *bytes, size_t length)
{
	const uint32_t initial = 0xf597a6cf; /* INITIAL_CRC, lib/misc/crc.h */

	/* zlib inverts the value before and after; LVM does neither. */
	return ~(uint32_t)crc32_z(~initial, bytes, length);
}

bool pv_format_uuid(const uint8_t stored[PV_UUID_CHARACTERS], char uuid[LVM_UUID_SIZE])
{
	/* lib/uuid/uuid.c: groups of 6 4 4 4 4 4 6; the last two characters of the alphabet are historic. */
	static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#";
	char *out = uuid;

	for (unsigned i = 0; i < PV_UUID_CHARACTERS; i++) {
		if (!stored[i] || !strchr(alphabet, stored[i])) {
			uuid[0] = '\0';
			return false;
		}
		if (i >= 6 && i <= 26 && i % 4 == 2)
			*out++ = '-';
		*out++ = (char)stored[i];
	}
	*out = '\0';
	return true;
}

/*
 * Steps over one list of struct disk_locn from *at on, keeping the first `most` entries. Returns how
 * many there are, or -1 where the list runs past the end of the sector.
 */
static int parse_locations(const uint8_t *sector, size_t *at, struct extent *kept, int most)
{
	for (int n = 0;; n++) {
		struct extent location;

		if (*at + LOCATION_BYTES > PV_SECTOR_BYTES)
			return -1;
		location.offset = get_le64(sector + *at);
		location.length = get_le64(sector + *at + 8);
		*at += LOCATION_BYTES;
		if (!location.offset)
			return n;
		if (n < most)
			kept[n] = location;
	}
}

/* What follows the two lists since LVM 2.02.99: le32 version, le32 flags, the list of bootloader areas. */
static void parse_extension(const uint8_t *sector, size_t at, struct pv_label *label)
{
	if (at + 8 > PV_SECTOR_BYTES || !get_le32(sector + at))
		return;
	at += 8;
	if (parse_locations(sector, &at, &label->bootloader_area, 1) < 1)
		label->bootloader_area = (struct extent){ 0, 0 };
}

/* Returns NULL, or what is wrong with the PV header at `at`. */
static const char *parse_header(const uint8_t *sector, size_t at, struct pv_label *label)
{
	struct extent data = { 0, 0 };
	int areas;

	if (at < LABEL_BYTES || at > PV_SECTOR_BYTES - PV_LISTS)
		return "its PV header lies outside the label sector";
	if (!pv_format_uuid(sector + at, label->uuid))
		return "its PV UUID is not one";
	label->size_bytes = get_le64(sector + at + PV_SIZE);
	at += PV_LISTS;
	if (parse_locations(sector, &at, &data, 1) < 0)
		return "its list of data areas has no end";
	label->data_offset_bytes = data.offset;
	areas = parse_locations(sector, &at, label->area, PV_AREAS_MAX);
	if (areas < 0)
		return "its list of metadata areas has no end";
	if (areas > PV_AREAS_MAX)
		return "it names more metadata areas than LVM ever makes";
	label->areas = (unsigned)areas;
	parse_extension(sector, at, label);
	return NULL;
}

uint32_t pv_begun_checksum(const uint8_t sector[PV_SECTOR_BYTES])
{
	return ~pv_checksum(sector + LABEL_OFFSET, PV_SECTOR_BYTES - LABEL_OFFSET);
}

/* Returns NULL, or what is wrong with the label in this sector. */
static const char *parse_sector(const uint8_t *sector, unsigned number, struct pv_label *label)
{
	memset(label, 0, sizeof(*label));
	label->sector = number;
	if (get_le32(sector + LABEL_CRC) != pv_checksum(sector + LABEL_OFFSET, PV_SECTOR_BYTES - LABEL_OFFSET))
		return "its checksum is wrong";
	if (memcmp(sector + LABEL_TYPE, label_type, sizeof(label_type) - 1))
		return "its type is not \"LVM2 001\"";
	if (get_le64(sector + LABEL_SECTOR) != number)
		return "it belongs in another sector";
	return parse_header(sector, get_le32(sector + LABEL_OFFSET), label);
}

enum pv_state pv_parse_label(const uint8_t *head, size_t length, struct pv_label *label, const char **why)
{
	const char *first_fault = NULL;
	bool is_begun = false;

	for (unsigned i = 0; i < PV_SCAN_BYTES / PV_SECTOR_BYTES && (i + 1) * PV_SECTOR_BYTES <= length; i++) {
		const uint8_t *sector = head + (size_t)i * PV_SECTOR_BYTES;
		const char *fault;

		if (memcmp(sector, label_id, sizeof(label_id) - 1))
			continue;
		fault = parse_sector(sector, i, label);
		if (!fault)
			return PV_VALID;
		if (!first_fault) {
			first_fault = fault;
			is_begun = get_le32(sector + LABEL_CRC) == pv_begun_checksum(sector);
		}
	}
	memset(label, 0, sizeof(*label));
	*why = first_fault;
	return is_begun ? PV_BEGUN : first_fault ? PV_DAMAGED : PV_NONE;
}

enum pv_area_state pv_parse_area(const uint8_t sector[PV_SECTOR_BYTES], struct extent area, struct pv_text *text)
{
	uint64_t size = get_le64(sector + AREA_SIZE);
	uint64_t offset = get_le64(sector + AREA_TEXT);
	uint64_t bytes = get_le64(sector + AREA_TEXT + 8);
	uint64_t straight;

	if (get_le32(sector) != pv_checksum(sector + AREA_MAGIC, PV_SECTOR_BYTES - AREA_MAGIC) ||
	    memcmp(sector + AREA_MAGIC, area_magic, sizeof(area_magic) - 1) || get_le32(sector + AREA_VERSION) != 1 ||
	    get_le64(sector + AREA_START) != area.offset || size < 2 * PV_SECTOR_BYTES ||
	    area.offset > UINT64_MAX - size)
		return PV_AREA_BAD;
	/* Slot 0 is the committed text. Slot 1 is one that was written but never committed: LVM, too, then
	 * goes on with slot 0. */
	if (get_le32(sector + AREA_TEXT + 20) & TEXT_IGNORED)
		return PV_AREA_IGNORED;
	if (!offset && !bytes)
		return PV_AREA_EMPTY;
	if (offset < PV_SECTOR_BYTES || offset >= size || !bytes || bytes > size - PV_SECTOR_BYTES ||
	    bytes > PV_TEXT_BYTES_MAX)
		return PV_AREA_BAD;
	/* The text is a ring: past the area's end it goes on behind the header sector. */
	straight = bytes < size - offset ? bytes : size - offset;
	text->piece[0] = (struct extent){ area.offset + offset, straight };
	text->piece[1] = (struct extent){ area.offset + PV_SECTOR_BYTES, bytes - straight };
	text->bytes = (size_t)bytes;
	text->checksum = get_le32(sector + AREA_TEXT + 16);
	return PV_AREA_TEXT;
}
