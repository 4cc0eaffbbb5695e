/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The binary part of an LVM2 physical volume: label, PV header with its extension, and the headers of
 * the metadata areas. Pure: bytes in, facts out. The formats are those of LVM2's lib/label/label.h and
 * lib/format_text/layout.h; all fields are little-endian.
 */
#ifndef SVC_PV_H
#define SVC_PV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

enum {
	PV_SECTOR_BYTES = 512,
	PV_SCAN_BYTES = 4 * PV_SECTOR_BYTES, /* LVM looks for the label in the first four sectors */
	PV_AREAS_MAX = 8,                    /* metadata areas; LVM itself makes two at most */
	PV_UUID_CHARACTERS = 32,             /* as stored, without dashes */
	PV_TEXT_BYTES_MAX = 16 << 20,        /* longer metadata text is refused */
};

enum pv_state {
	PV_NONE, /* nothing here was ever a PV label */
	PV_VALID,
	PV_DAMAGED, /* LABELONE is there, but its checksum or its contents are wrong */
	PV_BEGUN,   /* pv_begin_layout took the device, and pv_end_layout has not finished it */
};

struct pv_label {
	unsigned sector; /* where the label is, 0..3 */
	char uuid[LVM_UUID_SIZE];
	uint64_t size_bytes;        /* what the header says the device's size is */
	uint64_t data_offset_bytes; /* the first data area: where the extents begin */
	unsigned areas;
	struct extent area[PV_AREAS_MAX]; /* metadata areas, in the device */
	struct extent bootloader_area;    /* length 0: there is none */
};

enum pv_area_state {
	PV_AREA_BAD,     /* checksum, magic, version or figures are wrong */
	PV_AREA_EMPTY,   /* sound, and no volume group's text in it */
	PV_AREA_IGNORED, /* sound, but LVM keeps no current text in it (metadataignore) */
	PV_AREA_TEXT,
};

/* Where the committed text of an area is: it may wrap around the end of the area. */
struct pv_text {
	struct extent piece[2]; /* in the device; the second one's length may be 0 */
	size_t bytes;           /* of both together, 1..PV_TEXT_BYTES_MAX */
	uint32_t checksum;
};

/* LVM's checksum: CRC-32 with an initial value of its own and no final inversion. */
uint32_t pv_checksum(const void *bytes, size_t length);

/*
 * The label that goes ahead of a layout has the complement of its checksum: LVM ignores it, and what was damaged by
 * accident has that one time in 2^32. This is that checksum of a label's sector.
 */
uint32_t pv_begun_checksum(const uint8_t sector[PV_SECTOR_BYTES]);

/*
 * Finds the label in the first PV_SCAN_BYTES of a device (`length` may be less on a tiny one). Where
 * the result is PV_DAMAGED, *why is a constant phrase saying what is wrong with it.
 */
enum pv_state pv_parse_label(const uint8_t *head, size_t length, struct pv_label *label, const char **why);

/* Reads an area's header: `sector` is the first one of `area`. `text` is filled for PV_AREA_TEXT only. */
enum pv_area_state pv_parse_area(const uint8_t sector[PV_SECTOR_BYTES], struct extent area, struct pv_text *text);

/* The 32 characters of a UUID in LVM's dashed form; false where one is not of LVM's alphabet. */
bool pv_format_uuid(const uint8_t stored[PV_UUID_CHARACTERS], char uuid[LVM_UUID_SIZE]);

#endif
