/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks: dm-raid superblock and bitmap as the kernel will read them, and the record's two slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/fault.h"
#include "dev/recorder.h"
#include "evidence/raid.h"
#include "evidence/record.h"
#include "rebuild/mark.h"
#include "rebuild/superblock.h"

enum {
	META_BYTES = 65536,
	REGIONS = 20000,
	REGION_BYTES = 65536,
	BITS = RAID_BITMAP_OFFSET + RAID_BITMAP_HEADER_BYTES
};

static uint8_t own[META_BYTES], right[META_BYTES];
static struct dev *meta, *model;

/* drivers/md/dm-raid.c and md-bitmap.h, of three legs. */
static void make(uint8_t *bytes, unsigned position, uint64_t events, uint64_t failed)
{
	memset(bytes, 0xee, META_BYTES); /* what nobody wrote stays */
	memset(bytes, 0, RAID_SUPERBLOCK_BYTES);
	put_le32(bytes, 0x64526D44);
	put_le32(bytes + 4, 1);
	put_le32(bytes + 8, 3);
	put_le32(bytes + 12, position);
	put_le64(bytes + 16, events);
	put_le64(bytes + 24, failed);
	put_le64(bytes + 32, UINT64_MAX);
	put_le64(bytes + 40, UINT64_MAX);
	put_le32(bytes + 48, 1);
	memset(bytes + RAID_BITMAP_OFFSET, 0, RAID_BITMAP_HEADER_BYTES);
	put_le32(bytes + RAID_BITMAP_OFFSET, 0x6d746962);
	put_le32(bytes + RAID_BITMAP_OFFSET + 4, 4);
	put_le64(bytes + RAID_BITMAP_OFFSET + 24, events);
	put_le64(bytes + RAID_BITMAP_OFFSET + 32, events);
	put_le64(bytes + RAID_BITMAP_OFFSET + 40, (uint64_t)REGIONS * REGION_BYTES / 512);
	put_le32(bytes + RAID_BITMAP_OFFSET + 52, REGION_BYTES);
	for (unsigned i = 0; i < REGIONS / 8; i++)
		bytes[BITS + i] = (uint8_t)(i * 7 + position);
}

static int set_up(void **state)
{
	(void)state;
	make(own, 0, 5, 0);
	make(right, 2, 9, 3);
	return dev_open_memory(own, META_BYTES, false, &meta) || dev_open_memory(right, META_BYTES, false, &model);
}

static int tear_down(void **state)
{
	(void)state;
	dev_close(meta);
	dev_close(model);
	return 0;
}

static struct raid_evidence parse(const uint8_t *bytes)
{
	struct raid_evidence raid;

	assert_null(raid_parse_superblock(bytes, &raid));
	return raid;
}

static void assert_behind_untouched(void)
{
	for (size_t i = BITS + REGIONS / 8; i < META_BYTES; i++)
		assert_int_equal(own[i], 0xee);
	for (size_t i = RAID_SUPERBLOCK_BYTES; i < RAID_BITMAP_OFFSET; i++)
		assert_int_equal(own[i], 0xee);
}

static void test_mark(void **state)
{
	struct raid_evidence raid;

	(void)state;
	assert_int_equal(superblock_mark(meta, model, 7), 0);
	raid = parse(own);
	assert_int_equal(raid.recovery_offset, 0);
	assert_int_equal(raid.failed_devices, 0);
	assert_true(raid.events < parse(right).events);       /* never the freshest */
	assert_int_equal(raid.array_position, 2);             /* one that the model does not name failed */
	assert_int_equal(superblock_mark(meta, model, 7), 0); /* again: the same */
	assert_int_equal(parse(own).recovery_offset, 0);
}

static int settle(struct dev *to, struct dev *from, unsigned position, uint64_t failed, enum superblock_bits bits)
{
	int code = superblock_settle_bitmap(to, from, bits);

	return code ? code : superblock_settle(to, from, position, failed);
}

/* Two runs' marks differ, in nothing that the kernel looks at; and a settled leg has neither. */
static void test_mark_of_run(void **state)
{
	uint8_t first[RAID_SUPERBLOCK_BYTES];

	(void)state;
	assert_int_equal(superblock_mark(meta, model, 7), 0);
	memcpy(first, own, sizeof(first));
	assert_int_equal(superblock_mark(meta, model, 8), 0);
	assert_memory_equal(first, own, RAID_SUPERBLOCK_BYTES - 8);
	assert_memory_not_equal(first + RAID_SUPERBLOCK_BYTES - 8, own + RAID_SUPERBLOCK_BYTES - 8, 8);
	assert_int_equal(settle(meta, model, 1, 0, BITS_NONE), 0);
	assert_memory_equal(own + RAID_SUPERBLOCK_BYTES - 8, right + RAID_SUPERBLOCK_BYTES - 8, 8);
}

/* A superblock that means nothing is made from the model's; without either there is no mark. */
static void test_mark_damaged(void **state)
{
	(void)state;
	memset(own, 0x55, RAID_SUPERBLOCK_BYTES);
	assert_int_equal(superblock_mark(meta, model, 7), 0);
	assert_int_equal(parse(own).recovery_offset, 0);
	assert_int_equal(parse(own).num_devices, 3);
	memset(own, 0, RAID_SUPERBLOCK_BYTES);
	memset(right, 0, RAID_SUPERBLOCK_BYTES);
	assert_int_equal(superblock_mark(meta, model, 7), -EBADMSG);
	for (size_t i = 0; i < RAID_SUPERBLOCK_BYTES; i++)
		assert_int_equal(own[i], 0);
}

static void test_settle(void **state)
{
	static const enum superblock_bits kinds[] = { BITS_NONE, BITS_KEEP, BITS_ALL };

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct unsettled_evidence unsettled;
		struct raid_evidence raid;

		make(own, 0, 5, 0);
		assert_int_equal(settle(meta, model, 0, 2, kinds[k]), 0);
		raid = parse(own);
		assert_int_equal(raid.events, 9);
		assert_int_equal(raid.failed_devices, 2);
		assert_int_equal(raid.array_position, 0);
		assert_true(raid.recovery_offset == UINT64_MAX && raid.resync_offset == UINT64_MAX);
		assert_null(
			raid_parse_bitmap(own + RAID_BITMAP_OFFSET, 9, (uint64_t)REGIONS * REGION_BYTES, &unsettled));
		assert_false(unsettled.is_stale);
		assert_int_equal(unsettled.events, 9);
		assert_true(kinds[k] == BITS_NONE ? unsettled.events_cleared == 9 : unsettled.events_cleared < 9);
		for (unsigned i = 0; i < REGIONS / 8; i++)
			assert_int_equal(own[BITS + i], kinds[k] == BITS_NONE  ? 0
			                                : kinds[k] == BITS_ALL ? 0xff
			                                                       : right[BITS + i]);
		assert_behind_untouched();
	}
}

/* The superblock vouches for the bitmap: it is written when the bitmap is durable. */
static void test_settle_order(void **state)
{
	struct recording recording = { 0 };
	struct dev *noting;
	size_t last, flushed = 0;

	(void)state;
	assert_int_equal(dev_open_recorder(meta, &recording, 0, &noting), 0);
	assert_int_equal(settle(noting, model, 0, 2, BITS_NONE), 0);
	dev_close(noting);
	for (last = recording.items; recording.item[last - 1].is_flush || recording.item[last - 1].offset; last--)
		;
	last--;
	for (size_t i = 0; i < recording.items; i++) {
		assert_true(i == last || recording.item[i].is_flush || recording.item[i].offset);
		if (i < last && recording.item[i].is_flush)
			flushed = i;
	}
	assert_true(flushed == last - 1);
	assert_true(recording.item[recording.items - 1].is_flush);
	recording_free(&recording);
}

static void test_settle_itself(void **state)
{
	(void)state;
	assert_int_equal(settle(model, model, 2, 0, BITS_NONE), 0);
	assert_int_equal(parse(right).failed_devices, 0);
	assert_int_equal(parse(right).events, 9);
}

static void test_settle_refuses(void **state)
{
	(void)state;
	put_le32(right + RAID_BITMAP_OFFSET, 0);
	assert_int_equal(settle(meta, model, 0, 0, BITS_NONE), -EBADMSG);
	make(right, 2, 9, 3);
	put_le64(right + RAID_BITMAP_OFFSET + 40, (uint64_t)META_BYTES * 8 * REGION_BYTES / 512);
	assert_int_equal(settle(meta, model, 0, 0, BITS_NONE), -ENOSPC);
	assert_int_equal(parse(own).events, 5);
}

/* ---- the record ---- */

static bool read_newest(const uint8_t *area, struct record *newest)
{
	bool is_found = false;

	for (int i = 0; i < RECORD_SLOTS; i++) {
		struct record record;

		if (record_parse(area + i * RECORD_SLOT_BYTES, &record) != RECORD_VALID ||
		    (is_found && record.sequence < newest->sequence))
			continue;
		*newest = record;
		is_found = true;
	}
	return is_found;
}

/* Whatever sectors of a write are lost, the record before it or the new one counts. */
static void test_record_torn(void **state)
{
	uint8_t *area = calloc(1, RECORD_AREA_BYTES), *before = malloc(RECORD_AREA_BYTES);
	struct recording recording = { 0 };
	struct dev *dev, *noting;
	uint64_t seed = 3;

	(void)state;
	assert_true(area && before);
	assert_int_equal(dev_open_memory(area, RECORD_AREA_BYTES, false, &dev), 0);
	assert_int_equal(dev_open_recorder(dev, &recording, 0, &noting), 0);
	for (uint64_t n = 1; n <= 50; n++) {
		struct record record = { .epoch = n }, newest;
		size_t first = recording.items;

		memcpy(before, area, RECORD_AREA_BYTES);
		assert_int_equal(record_store(noting, &record), 0);
		assert_int_equal(record.sequence, n);
		assert_true(recording.item[recording.items - 1].is_flush);
		for (int torn = 0; torn < 40; torn++) {
			memcpy(area, before, RECORD_AREA_BYTES);
			assert_int_equal(recording_replay(&recording, first, first + 1, SURVIVE_SECTORS, &seed, &dev),
			                 0);
			if (n > 1)
				assert_true(read_newest(area, &newest) && (newest.epoch == n || newest.epoch == n - 1));
		}
		memcpy(area, before, RECORD_AREA_BYTES);
		assert_int_equal(recording_replay(&recording, first, first + 1, SURVIVE_ALL, &seed, &dev), 0);
		assert_true(read_newest(area, &newest) && newest.epoch == n);
	}
	dev_close(noting);
	dev_close(dev);
	recording_free(&recording);
	free(area);
	free(before);
}

static void test_record_errors(void **state)
{
	uint8_t *area = calloc(1, RECORD_AREA_BYTES);
	struct dev *dev, *failing;

	(void)state;
	assert_non_null(area);
	assert_int_equal(dev_open_memory(area, RECORD_AREA_BYTES, false, &dev), 0);
	for (int operation = 0; operation < FAULT_OPERATIONS; operation++) {
		struct record record = { .epoch = 1 };
		struct fault_plan plan = { 0 };

		plan.fail[operation].nth = 1;
		plan.fail[operation].code = -EIO;
		assert_int_equal(dev_open_fault(dev, &plan, &failing), 0);
		assert_int_equal(record_store(failing, &record), -EIO);
		dev_close(failing);
	}
	dev_close(dev);
	free(area);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_mark),           TEST(test_mark_of_run),  TEST(test_mark_damaged),
		TEST(test_settle),         TEST(test_settle_order), TEST(test_settle_itself),
		TEST(test_settle_refuses), TEST(test_record_torn),  TEST(test_record_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
