/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of this folder: images/ holds the first MiB (svc-s-end: the last one) of PVs that
 * LVM 2.03.16 and kernel 6.1 made, and builders for what LVM never writes.
 *
 *     svc      PE 64 KiB, bootloader areas; svc-s has two metadata areas, its device is 32 MiB long
 *              data: raid1 on a, b, s, extended past other LVs, region 512 KiB; other: raid1 on a, s
 *     swapped  vol: raid1, its legs on e, d, c in this order: LVM listed c as pv0
 *     old      disklog: mirror on f, g with its log on h; corelog: mirror on f, g without one
 *     ring     vol: raid1 on w, x; its text wraps around the end of the metadata area
 */
#ifndef SVC_TEST_IMAGE_H
#define SVC_TEST_IMAGE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "locate/pv.h"

enum {
	TEST_MIB = 1 << 20,
	TEST_AREA = 4096, /* where LVM puts the first metadata area */
};

/* Reads images/NAME.gz to the memory at `to`, which holds `room` bytes. */
static inline void test_image_read(const char *name, uint8_t *to, size_t room)
{
	char path[200];
	gzFile file;
	int got;

	snprintf(path, sizeof(path), "lib/locate/images/%s.gz", name);
	file = gzopen(path, "rb");
	got = file ? gzread(file, to, (unsigned)room) : -1;
	if (got <= 0) {
		fprintf(stderr, "%s cannot be read; the tests are run from the top folder\n", path);
		abort();
	}
	gzclose(file);
}

/* A device of `size` zeros behind the image's bytes. Free with free(). */
static inline uint8_t *test_image_device(const char *name, size_t size)
{
	uint8_t *device = calloc(1, size);

	if (!device)
		abort();
	test_image_read(name, device, size);
	return device;
}

static inline void test_sign_label(uint8_t *sector)
{
	put_le32(sector + 16, pv_checksum(sector + 20, PV_SECTOR_BYTES - 20));
}

static inline void test_sign_area(uint8_t *sector)
{
	put_le32(sector, pv_checksum(sector + 4, PV_SECTOR_BYTES - 4));
}

/* Puts another text into the area, right behind its header, with all checksums right. */
static inline void test_put_text(uint8_t *device, uint64_t area, const char *text)
{
	size_t length = strlen(text) + 1;

	memcpy(device + area + PV_SECTOR_BYTES, text, length);
	put_le64(device + area + 40, PV_SECTOR_BYTES);
	put_le64(device + area + 48, length);
	put_le32(device + area + 56, pv_checksum(text, length));
	test_sign_area(device + area);
}

/* The text of the area, ended with a NUL. Free with free(). */
static inline char *test_get_text(const uint8_t *device, uint64_t area)
{
	uint64_t size = get_le64(device + area + 32), offset = get_le64(device + area + 40);
	uint64_t length = get_le64(device + area + 48);
	uint64_t straight = length < size - offset ? length : size - offset;
	char *text = calloc(1, length + 1);

	if (!text)
		abort();
	memcpy(text, device + area + offset, straight);
	memcpy(text + straight, device + area + PV_SECTOR_BYTES, length - straight);
	return text;
}

/* `text` with the first `from` behind `after` replaced by `to`. Free with free(). */
static inline char *test_edit(const char *text, const char *after, const char *from, const char *to)
{
	const char *start = strstr(text, after);
	const char *at = start ? strstr(start, from) : NULL;
	char *edited = malloc(strlen(text) + strlen(to) + 1);

	if (!at || !edited)
		abort();
	memcpy(edited, text, (size_t)(at - text));
	strcpy(edited + (at - text), to);
	strcat(edited, at + strlen(from));
	return edited;
}

#endif
