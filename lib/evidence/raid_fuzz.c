/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's superblock, its bitmap and an old mirror's log. The input: le64 size of the leg, le64
 * region size (of LVM's metadata), the superblock, the bitmap's header, the log's header, bits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "evidence/raid.h"

enum {
	SIZES = 16,
	HEADERS = RAID_SUPERBLOCK_BYTES + RAID_BITMAP_HEADER_BYTES + MIRROR_LOG_HEADER_BYTES,
	REGIONS_MAX = 1 << 20, /* in this fuzzer's memory; the parsers have no such limit */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

/* Whatever the bits are, the counts stay within the leg and agree with one another. */
static void count(const struct unsettled_evidence *parsed, const uint8_t *bits, size_t length, bool is_clean_map,
                  uint64_t leg_bytes)
{
	struct unsettled_evidence unsettled = *parsed;
	struct bitset *dirty;

	require(parsed->present && parsed->region_bytes >= 512);
	require(parsed->regions <= leg_bytes / parsed->region_bytes + 1);
	if (parsed->regions > REGIONS_MAX)
		return;
	dirty = bitset_new(parsed->regions);
	require(dirty != NULL);
	unsettled_count(bits, length / 2, 0, is_clean_map, leg_bytes, &unsettled, dirty);
	unsettled_count(bits + length / 2, length - length / 2, (uint64_t)(length / 2) * 8, is_clean_map, leg_bytes,
	                &unsettled, dirty);
	require(unsettled.dirty_regions == bitset_count(dirty));
	require(unsettled.dirty_regions <= unsettled.regions && unsettled.dirty_bytes <= leg_bytes);
	bitset_free(dirty);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct unsettled_evidence unsettled;
	uint64_t leg_bytes, region_bytes;
	struct raid_evidence raid;
	const char *wrong;

	if (length < SIZES + HEADERS)
		return 0;
	leg_bytes = get_le64(bytes) >> 8; /* 64 PiB: more than any device has */
	region_bytes = get_le64(bytes + 8);
	bytes += SIZES;
	length -= SIZES + HEADERS;
	wrong = raid_parse_superblock(bytes, &raid);
	require((wrong == NULL) == raid.present);
	require(wrong ? *wrong != '\0' : raid.num_devices <= 64 && raid.array_position < raid.num_devices);
	bytes += RAID_SUPERBLOCK_BYTES;
	wrong = raid_parse_bitmap(bytes, raid.events, leg_bytes, &unsettled);
	require((wrong == NULL) == unsettled.present);
	if (!wrong)
		count(&unsettled, bytes + RAID_BITMAP_HEADER_BYTES + MIRROR_LOG_HEADER_BYTES, length, false, leg_bytes);
	bytes += RAID_BITMAP_HEADER_BYTES;
	wrong = mirror_parse_log(bytes, region_bytes, leg_bytes, &unsettled);
	require((wrong == NULL) == unsettled.present);
	if (!wrong)
		count(&unsettled, bytes + MIRROR_LOG_HEADER_BYTES, length, true, leg_bytes);
	return 0;
}
