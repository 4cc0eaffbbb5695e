/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parsers of what the kernel leaves: bytes that Linux 6.1 wrote, and what may become of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "evidence/raid.h"

#define ONES 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff

enum { LEG_BYTES = 12 << 20, REGION_BYTES = 2 << 20 };

/* test-images/recipes/stale-flash.sh: the shared leg, which went on without the flash. */
static const uint8_t superblock[RAID_SUPERBLOCK_BYTES] = {
	[0] = 'D',   'm',  'R',      'd',  1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0x16, /* events */
	[24] = 1,                                                                    /* failed: position 0 */
	[32] = ONES, ONES, 1,                                                        /* recovery, resync, level */
	[64] = ONES, 1,    [88] = 0, 0x60,                                           /* array_sectors */
	[112] = 0,   0x60,                                                           /* sectors */
};

static const uint8_t bitmap[RAID_BITMAP_HEADER_BYTES] = {
	[0] = 'b', 'i', 't', 'm', 4, [24] = 0x16, [32] = 0x14, [40] = 0, 0x60, [54] = 0x20, [56] = 5,
};

/* Its bits; beyond the last region they are set. */
static const uint8_t bits[] = { 0xcd, 0xff, 0xff, 0xff };

/* drivers/md/dm-log.c wrote it: test-images/recipes/old-mirror-dirty.sh. */
static const uint8_t mirror_log[MIRROR_LOG_HEADER_BYTES] = { 'r', 'R', 'i', 'M', 2, 0, 0, 0, 6 };

static void test_superblock(void **state)
{
	struct raid_evidence raid;

	(void)state;
	assert_null(raid_parse_superblock(superblock, &raid));
	assert_true(raid.present);
	assert_int_equal(raid.compat_features, 1);
	assert_int_equal(raid.incompat_features, 0);
	assert_int_equal(raid.num_devices, 2);
	assert_int_equal(raid.array_position, 1);
	assert_int_equal(raid.events, 22);
	assert_int_equal(raid.failed_devices, 1);
	assert_true(raid.recovery_offset == UINT64_MAX && raid.resync_offset == UINT64_MAX);
	assert_int_equal(raid.level, 1);
	assert_int_equal(raid.leg_sectors, 0x6000);
}

/* Before 1.9 nothing behind `level` and its two neighbours had a meaning. */
static void test_superblock_before_1_9(void **state)
{
	uint8_t sector[RAID_SUPERBLOCK_BYTES];
	struct raid_evidence raid;

	(void)state;
	memcpy(sector, superblock, sizeof(sector));
	put_le32(sector + 4, 0);
	put_le32(sector + 144, 77);
	assert_null(raid_parse_superblock(sector, &raid));
	assert_int_equal(raid.leg_sectors, 0);
	assert_int_equal(raid.incompat_features, 0);
}

static void test_superblock_refused(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
		const char *why;
	} row[] = {
		{ 0, 0x64526D45, "has no dm-raid magic" },
		{ 4, 2, "has feature flags that this version does not know" },
		{ 4, 0x80000001, "has feature flags that this version does not know" },
		{ 144, 1, "has incompatible feature flags that this version does not know" },
		{ 48, 5, "is not a raid1's" },
		{ 48, 0, "is not a raid1's" },
		{ 8, 0, "names an absurd number of legs" },
		{ 8, 65, "names an absurd number of legs" },
		{ 8, UINT32_MAX, "names an absurd number of legs" },
		{ 12, 2, "has an array position beyond its number of legs" },
		{ 12, UINT32_MAX, "has an array position beyond its number of legs" },
	};
	uint8_t sector[RAID_SUPERBLOCK_BYTES] = { 0 };
	struct raid_evidence raid;

	(void)state;
	assert_string_equal(raid_parse_superblock(sector, &raid), "is all zeros");
	assert_false(raid.present);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		memcpy(sector, superblock, sizeof(sector));
		put_le32(sector + row[i].offset, row[i].value);
		assert_string_equal(raid_parse_superblock(sector, &raid), row[i].why);
		assert_false(raid.present);
	}
}

static void test_bitmap(void **state)
{
	struct unsettled_evidence unsettled;
	struct bitset *dirty;

	(void)state;
	assert_null(raid_parse_bitmap(bitmap, 22, LEG_BYTES, &unsettled));
	assert_true(unsettled.present && !unsettled.is_stale);
	assert_int_equal(unsettled.events, 22);
	assert_int_equal(unsettled.events_cleared, 20);
	assert_int_equal(unsettled.region_bytes, REGION_BYTES);
	assert_int_equal(unsettled.regions, 6);
	dirty = bitset_new(unsettled.regions);
	unsettled_count(bits, sizeof(bits), 0, false, LEG_BYTES, &unsettled, dirty);
	assert_int_equal(unsettled.dirty_regions, 3);
	assert_int_equal(unsettled.dirty_bytes, 3 * REGION_BYTES);
	assert_int_equal(dirty->word[0], 0xd);
	bitset_free(dirty);
}

/* md_bitmap_read_sb: a map whose events are behind the array's, or which md marked, means nothing. */
static void test_bitmap_stale(void **state)
{
	static const struct {
		uint64_t events;
		uint32_t marks;
		bool is_stale;
	} row[] = { { 22, 0, false }, { 21, 0, false }, { 23, 0, true },
		    { 22, 2, true },  { 22, 4, true },  { 22, 1, false } };
	uint8_t header[RAID_BITMAP_HEADER_BYTES];
	struct unsettled_evidence unsettled;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		memcpy(header, bitmap, sizeof(header));
		put_le32(header + 48, row[i].marks);
		assert_null(raid_parse_bitmap(header, row[i].events, LEG_BYTES, &unsettled));
		assert_int_equal(unsettled.is_stale, row[i].is_stale);
	}
}

static void test_bitmap_refused(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
		const char *why;
	} row[] = {
		{ 0, 0, "has no md bitmap magic" },
		{ 4, 2, "is of a version that is not known" },
		{ 4, 6, "is of a version that is not known" },
		{ 52, 0, "has an absurd chunk size" },
		{ 52, 256, "has an absurd chunk size" },
		{ 52, 0x30000, "has an absurd chunk size" },
		{ 40, 0x6001, "covers more than the leg" },
		{ 44, 0x80000000, "covers more than the leg" },
	};
	uint8_t header[RAID_BITMAP_HEADER_BYTES];
	struct unsettled_evidence unsettled;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		memcpy(header, bitmap, sizeof(header));
		put_le32(header + row[i].offset, row[i].value);
		assert_string_equal(raid_parse_bitmap(header, 22, LEG_BYTES, &unsettled), row[i].why);
		assert_false(unsettled.present);
	}
}

/* The last region ends with the leg; bits behind it count for nothing. */
static void test_last_region(void **state)
{
	static const uint8_t all[2] = { 0xff, 0xff };
	uint8_t header[RAID_BITMAP_HEADER_BYTES];
	struct unsettled_evidence unsettled;
	uint64_t leg_bytes = 5 * REGION_BYTES + 4096;

	(void)state;
	memcpy(header, bitmap, sizeof(header));
	put_le64(header + 40, leg_bytes / 512);
	assert_null(raid_parse_bitmap(header, 22, leg_bytes, &unsettled));
	assert_int_equal(unsettled.regions, 6);
	unsettled_count(all, sizeof(all), 0, false, leg_bytes, &unsettled, NULL);
	assert_int_equal(unsettled.dirty_regions, 6);
	assert_int_equal(unsettled.dirty_bytes, leg_bytes);
}

/* A chunk of bits from the middle of a large map. */
static void test_later_chunk(void **state)
{
	static const uint8_t one = 0x81;
	struct unsettled_evidence unsettled = { .region_bytes = 512, .regions = 1000 };
	struct bitset *dirty = bitset_new(1000);

	(void)state;
	unsettled_count(&one, 1, 800, false, 512000, &unsettled, dirty);
	assert_int_equal(unsettled.dirty_regions, 2);
	assert_true(bitset_test(dirty, 800) && bitset_test(dirty, 807));
	assert_int_equal(bitset_count(dirty), 2);
	bitset_free(dirty);
}

static void test_mirror_log(void **state)
{
	static const uint8_t clean_bits = 0x3d; /* region 1 is not clean; 6 and 7 do not exist */
	struct unsettled_evidence unsettled;
	struct bitset *dirty;

	(void)state;
	assert_null(mirror_parse_log(mirror_log, REGION_BYTES, LEG_BYTES, &unsettled));
	assert_true(unsettled.present && !unsettled.is_stale);
	assert_int_equal(unsettled.regions, 6);
	dirty = bitset_new(6);
	unsettled_count(&clean_bits, 1, 0, true, LEG_BYTES, &unsettled, dirty);
	assert_int_equal(unsettled.dirty_regions, 1);
	assert_int_equal(unsettled.dirty_bytes, REGION_BYTES);
	assert_true(bitset_test(dirty, 1));
	bitset_free(dirty);
}

/* dm-log rounds up: a log may have one region more than the leg, of which nothing is. */
static void test_mirror_log_beyond(void **state)
{
	static const uint8_t none_is_clean = 0;
	uint8_t header[MIRROR_LOG_HEADER_BYTES];
	struct unsettled_evidence unsettled;

	(void)state;
	memcpy(header, mirror_log, sizeof(header));
	put_le64(header + 8, 7);
	assert_null(mirror_parse_log(header, REGION_BYTES, LEG_BYTES, &unsettled));
	unsettled_count(&none_is_clean, 1, 0, true, LEG_BYTES, &unsettled, NULL);
	assert_int_equal(unsettled.dirty_regions, 6);
	assert_int_equal(unsettled.dirty_bytes, LEG_BYTES);
}

static void test_mirror_log_refused(void **state)
{
	uint8_t header[MIRROR_LOG_HEADER_BYTES];
	struct unsettled_evidence unsettled;

	(void)state;
	memcpy(header, mirror_log, sizeof(header));
	assert_string_equal(mirror_parse_log(header, 0, LEG_BYTES, &unsettled),
	                    "has no region size in the LVM metadata");
	assert_string_equal(mirror_parse_log(header, 3000, LEG_BYTES, &unsettled),
	                    "has no region size in the LVM metadata");
	put_le32(header + 4, 1);
	assert_string_equal(mirror_parse_log(header, REGION_BYTES, LEG_BYTES, &unsettled),
	                    "is of a version that is not known");
	put_le32(header + 4, 2);
	put_le64(header + 8, 8);
	assert_string_equal(mirror_parse_log(header, REGION_BYTES, LEG_BYTES, &unsettled), "covers more than the leg");
	put_le64(header + 8, UINT64_MAX);
	assert_string_equal(mirror_parse_log(header, REGION_BYTES, LEG_BYTES, &unsettled), "covers more than the leg");
	header[0] = 0;
	assert_string_equal(mirror_parse_log(header, REGION_BYTES, LEG_BYTES, &unsettled), "has no mirror log magic");
	assert_false(unsettled.present);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_superblock),         cmocka_unit_test(test_superblock_before_1_9),
		cmocka_unit_test(test_superblock_refused), cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_bitmap_stale),       cmocka_unit_test(test_bitmap_refused),
		cmocka_unit_test(test_last_region),        cmocka_unit_test(test_later_chunk),
		cmocka_unit_test(test_mirror_log),         cmocka_unit_test(test_mirror_log_refused),
		cmocka_unit_test(test_mirror_log_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
