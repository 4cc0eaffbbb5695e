/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The comparison as a whole: who takes part, what is counted as what, live mirrors, and that nothing is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/test_image.h"
#include "compare/compare.h"
#include "dev/fault.h"
#include "evidence/evidence.h"
#include "fs/fs.h"

enum { UNIT = 4096, LEG = 700 * UNIT + 512, COPIES = 3 };

/*
 * A leg that counts what is done to it and, for a while, shows a byte that it does not hold: a mirror
 * whose other leg was written a moment before this one.
 */
struct leg {
	struct dev dev;
	uint8_t *bytes;
	uint64_t odd;      /* the byte that reads wrong; LEG: none */
	int odd_reads;     /* so many more times */
	int reads, writes; /* one thread reads: dev.parallel is 1 */
};

static int leg_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct leg *leg = (struct leg *)dev;

	leg->reads++;
	memcpy(buffer, leg->bytes + offset, length);
	if (leg->odd >= offset && leg->odd - offset < length && leg->odd_reads && leg->odd_reads--)
		((uint8_t *)buffer)[leg->odd - offset] ^= 0x55;
	return 0;
}

static int leg_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	(void)buffer;
	(void)length;
	(void)offset;
	((struct leg *)dev)->writes++;
	return 0;
}

static int leg_flush(struct dev *dev)
{
	((struct leg *)dev)->writes++;
	return 0;
}

static void leg_close(struct dev *dev)
{
	(void)dev;
}

static const struct dev_ops leg_ops = {
	.pread = leg_pread, .pwrite = leg_pwrite, .flush = leg_flush, .close = leg_close
};

/* Three usable copies without a file system: every block counts as used. */
struct bed {
	struct leg leg[COPIES];
	struct copy copy[COPIES];
	struct access access[COPIES];
	struct comparison comparison;
	struct svc_error error;
	volatile sig_atomic_t stop;
};

static struct bed bed;

static int open_bed(void **state)
{
	static const char *const name[COPIES] = { "flash-a", "flash-b", "shared" };

	(void)state;
	memset(&bed, 0, sizeof(bed));
	for (int i = 0; i < COPIES; i++) {
		bed.leg[i] = (struct leg){ .bytes = malloc(LEG), .odd = LEG };
		assert_non_null(bed.leg[i].bytes);
		for (size_t b = 0; b < LEG; b++)
			bed.leg[i].bytes[b] = (uint8_t)(b * 3 + b / 253);
		bed.leg[i].dev = (struct dev){ .ops = &leg_ops, .size_bytes = LEG, .align_bytes = 1, .parallel = 1 };
		bed.access[i].leg = &bed.leg[i].dev;
		strcpy(bed.copy[i].name, name[i]);
		strcpy(bed.copy[i].group, name[i]);
		bed.copy[i].condition = COPY_USABLE;
		bed.copy[i].leg_bytes = LEG;
		bed.copy[i].evidence.lvm.leg_index = (unsigned)i;
	}
	return 0;
}

static int close_bed(void **state)
{
	(void)state;
	compare_free(&bed.comparison);
	for (int i = 0; i < COPIES; i++) {
		assert_int_equal(bed.leg[i].writes, 0); /* whatever the test was: nothing may be written */
		if (bed.access[i].leg != &bed.leg[i].dev)
			dev_close(bed.access[i].leg);
		free(bed.leg[i].bytes);
	}
	return 0;
}

static int compare(enum compare_mode mode, int reference)
{
	const struct compare_options options = { .mode = mode, .stop = &bed.stop };

	return compare_run(bed.copy, COPIES, bed.access, reference, &options, &bed.comparison, &bed.error);
}

static void change(int copy, unsigned unit)
{
	bed.leg[copy].bytes[unit * UNIT + 7] ^= 1;
}

static void make_bad(int copy, uint64_t offset, uint64_t length)
{
	const struct fault_plan plan = { .bad = { offset, length } };

	assert_int_equal(dev_open_fault(&bed.leg[copy].dev, &plan, &bed.access[copy].leg), 0);
}

static void test_equal(void **state)
{
	(void)state;
	assert_int_equal(compare(COMPARE_ALLOCATED, 2), 0);
	assert_true(bed.comparison.done);
	assert_null(bed.comparison.unread);
	assert_int_equal(bed.comparison.reference, 2);
	assert_int_equal(bed.comparison.block_bytes, UNIT);
	assert_int_equal(bed.comparison.bytes, LEG);
	assert_int_equal(bed.comparison.read_bytes, 3 * LEG);
	assert_int_equal(bed.comparison.used_bytes + bed.comparison.free_bytes, 0);
	for (int i = 0; i < COPIES; i++)
		assert_true(bed.comparison.copy[i].compared && !bed.comparison.copy[i].used_bytes);
}

static void test_differences(void **state)
{
	(void)state;
	change(0, 3);
	change(1, 3);
	bed.leg[1].bytes[3 * UNIT] ^= 1; /* differs from both others */
	change(1, 500);
	bed.leg[0].bytes[LEG - 1] ^= 1; /* in the last, partial unit */
	assert_int_equal(compare(COMPARE_ALLOCATED, 2), 0);
	assert_int_equal(bed.comparison.copy[0].used_bytes, UNIT + 512);
	assert_int_equal(bed.comparison.copy[1].used_bytes, 2 * UNIT);
	assert_int_equal(bed.comparison.copy[2].used_bytes, 0);
	assert_int_equal(bed.comparison.used_bytes, 2 * UNIT + 512);
	assert_int_equal(bitset_count(bed.comparison.differing), 3);
	assert_true(bitset_test(bed.comparison.differing, 3) && bitset_test(bed.comparison.differing, 500) &&
	            bitset_test(bed.comparison.differing, 700));
}

/* A copy that is unusable or of another size stands aside, and is not read. */
static void test_aside(void **state)
{
	(void)state;
	bed.copy[0].condition = COPY_DAMAGED;
	bed.access[0].leg = NULL;
	bed.copy[1].leg_bytes = LEG - UNIT;
	assert_int_equal(compare(COMPARE_ALLOCATED, 2), 0);
	assert_false(bed.comparison.copy[0].compared || bed.comparison.copy[1].compared);
	assert_true(bed.comparison.copy[2].compared);
	assert_int_equal(bed.leg[1].reads, 0);
	bed.access[0].leg = &bed.leg[0].dev;
}

/* A second path is held against the first path to the same copy, whatever the reference is. */
static void test_paths(void **state)
{
	(void)state;
	strcpy(bed.copy[1].group, "shared");
	strcpy(bed.copy[2].group, "shared");
	change(1, 9);
	change(2, 9);
	change(2, 11);
	assert_int_equal(compare(COMPARE_ALLOCATED, 0), 0);
	assert_int_equal(bed.comparison.copy[1].used_bytes, UNIT);
	assert_int_equal(bed.comparison.copy[2].used_bytes, UNIT);
	assert_true(bitset_test(bed.comparison.differing, 9) && bitset_test(bed.comparison.differing, 11));
}

static void test_read_errors(void **state)
{
	const struct read_errors *errors = &bed.comparison.copy[0].errors;

	(void)state;
	make_bad(0, 10 * UNIT + 100, 2 * UNIT); /* touches three units */
	change(0, 11);
	change(1, 12);
	change(0, 400);
	assert_int_equal(compare(COMPARE_ALLOCATED, 2), 0);
	assert_true(bed.comparison.done);
	assert_int_equal(errors->count, 1);
	assert_int_equal(errors->bytes, 3 * UNIT);
	assert_int_equal(errors->listed[0].offset, 10 * UNIT);
	assert_int_equal(errors->listed[0].length, 3 * UNIT);
	assert_int_equal(bed.comparison.copy[0].used_bytes, UNIT);
	assert_int_equal(bed.comparison.copy[0].unread_used_bytes, 3 * UNIT);
	assert_int_equal(bed.comparison.copy[0].unread_free_bytes, 0);
	assert_int_equal(bitset_count(bed.comparison.unread), 3);
	assert_true(bitset_test(bed.comparison.unread, 10) && bitset_test(bed.comparison.unread, 12));
	assert_int_equal(bed.comparison.copy[1].used_bytes, UNIT);
	assert_int_equal(bed.comparison.copy[1].unread_used_bytes, 0);
	assert_int_equal(bed.comparison.copy[1].errors.count + bed.comparison.copy[2].errors.count, 0);
	assert_int_equal(bed.comparison.bytes, LEG);
}

static void test_read_errors_on_reference(void **state)
{
	(void)state;
	make_bad(2, LEG - 1, 1);
	make_bad(1, LEG - 600, 1);
	bed.leg[0].bytes[LEG - 5] ^= 1;
	assert_int_equal(compare(COMPARE_ALLOCATED, 2), 0);
	assert_int_equal(bed.comparison.copy[2].errors.bytes, 512);
	assert_int_equal(bed.comparison.copy[2].errors.listed[0].offset, 700 * UNIT);
	assert_int_equal(bed.comparison.copy[1].errors.bytes, UNIT);
	/* flash-a against flash-b, in what the reference lacks */
	assert_int_equal(bed.comparison.used_bytes, 512);
}

/* More runs than are listed are still counted. */
static void test_many_read_errors(void **state)
{
	struct dev *below = &bed.leg[0].dev;
	struct dev *fault[SVC_ERRORS_LISTED + 4];
	int n = SVC_ERRORS_LISTED + 4;

	(void)state;
	for (int i = 0; i < n; i++) {
		const struct fault_plan plan = { .bad = { (uint64_t)(2 * i + 1) * UNIT, 1 } };

		assert_int_equal(dev_open_fault(below, &plan, &fault[i]), 0);
		below = fault[i];
	}
	bed.access[0].leg = below;
	assert_int_equal(compare(COMPARE_ALLOCATED, 1), 0);
	assert_int_equal(bed.comparison.copy[0].errors.count, n);
	assert_int_equal(bed.comparison.copy[0].errors.bytes, n * UNIT);
	assert_int_equal(bed.comparison.copy[0].errors.listed[SVC_ERRORS_LISTED - 1].offset,
	                 (2 * (SVC_ERRORS_LISTED - 1) + 1) * UNIT);
	for (int i = 0; i < n - 1; i++)
		dev_close(fault[i]);
}

/* On a live mirror the legs are written one after another: what is gone on the next look is no difference. */
static void test_live_settles(void **state)
{
	(void)state;
	bed.copy[0].is_live = true;
	bed.leg[1].odd = 20 * UNIT;
	bed.leg[1].odd_reads = 2;
	assert_int_equal(compare(COMPARE_ALLOCATED, 0), 0);
	assert_int_equal(bed.comparison.used_bytes, 0);
	assert_int_equal(bitset_count(bed.comparison.differing), 0);
	assert_int_equal(bed.comparison.copy[1].used_bytes, 0);
	assert_int_equal(bed.comparison.copy[1].moved_bytes, UNIT);
	assert_int_equal(bed.comparison.copy[2].moved_bytes, 0);
	assert_int_equal(bed.leg[1].odd_reads, 0);
}

static void test_live_stays(void **state)
{
	(void)state;
	bed.copy[0].is_live = true;
	bed.leg[1].odd = 20 * UNIT;
	bed.leg[1].odd_reads = 1;
	change(1, 30);
	assert_int_equal(compare(COMPARE_ALLOCATED, 0), 0);
	assert_int_equal(bed.comparison.used_bytes, UNIT);
	assert_true(bitset_test(bed.comparison.differing, 30));
	assert_int_equal(bed.comparison.copy[1].moved_bytes, UNIT);
}

/* At rest there is nothing to settle: once is enough, and a passing difference counts. */
static void test_at_rest(void **state)
{
	(void)state;
	bed.leg[1].odd = 20 * UNIT;
	bed.leg[1].odd_reads = 1;
	assert_int_equal(compare(COMPARE_ALLOCATED, 0), 0);
	assert_int_equal(bed.comparison.used_bytes, UNIT);
	assert_int_equal(bed.comparison.read_bytes, 3 * LEG);
}

static void test_stopped(void **state)
{
	(void)state;
	bed.stop = 1;
	assert_int_equal(compare(COMPARE_ALLOCATED, 0), -EINTR);
	assert_false(bed.comparison.done);
	assert_true(bed.error.text[0] != '\0');
}

/* Differences that a region of either log excuses, and others. */
static void test_settled(void **state)
{
	static uint8_t meta[65536];
	struct unsettled_evidence map = { .present = true, .region_bytes = 64 * UNIT, .regions = 11 };

	(void)state;
	memset(meta, 0, sizeof(meta));
	meta[4096 + 256] = 0x02; /* region 1: units 64 to 127 */
	assert_int_equal(dev_open_memory(meta, sizeof(meta), true, &bed.access[0].meta), 0);
	bed.copy[0].evidence.lvm.type = MIRROR_RAID1;
	bed.copy[0].evidence.unsettled = map;
	change(0, 64);
	change(0, 127);
	change(0, 128);
	change(1, 65);
	change(1, 3);
	assert_int_equal(compare(COMPARE_ALLOCATED, 2), 0);
	dev_close(bed.access[0].meta);
	assert_int_equal(bed.comparison.copy[0].used_bytes, 3 * UNIT);
	assert_int_equal(bed.comparison.copy[0].settled_bytes, UNIT);
	/* neither flash-b's log nor the reference's excuses anything */
	assert_int_equal(bed.comparison.copy[1].used_bytes, 2 * UNIT);
	assert_int_equal(bed.comparison.copy[1].settled_bytes, 2 * UNIT);
}

/* ---- with a file system ---- */

/* The first block that the file system does not use. */
static uint64_t find_free(const struct test_copy *copy)
{
	struct svc_error error;
	struct bitset *used;
	struct fs *fs;
	uint64_t block = 0;

	assert_int_equal(fs_open(copy->access.leg, FS_REPLAYED, &fs, &error), 0);
	used = bitset_new(fs_bytes(fs) / fs_block_bytes(fs));
	assert_int_equal(fs_mark_used(fs, fs_block_bytes(fs), used, &error), 0);
	while (bitset_test(used, block))
		block++;
	bitset_free(used);
	fs_close(fs);
	return block * 4096;
}

/* A free block that differs is seen by --full alone, and never counted as used. */
static void test_free_block(void **state)
{
	static const uint8_t odd[4096] = { 1 };
	struct test_copy real[2];
	struct copy copy[2];
	struct access access[2];
	struct comparison comparison;
	struct svc_error error;
	uint64_t allocated = 0;

	(void)state;
	if (test_copy_open(&real[0], "in-sync", "flash-a") || test_copy_open(&real[1], "in-sync", "shared"))
		skip();
	assert_int_equal(dev_write(real[1].access.leg, odd, sizeof(odd), find_free(&real[0])), 0);
	for (int i = 0; i < 2; i++) {
		evidence_read(&real[i].copy, i, &real[i].access);
		copy[i] = real[i].copy;
		access[i] = real[i].access;
	}
	for (int full = 0; full < 2; full++) {
		const struct compare_options options = { .mode = full ? COMPARE_FULL : COMPARE_ALLOCATED };

		assert_int_equal(compare_run(copy, 2, access, 0, &options, &comparison, &error), 0);
		assert_int_equal(comparison.used_bytes, 0);
		assert_int_equal(comparison.free_bytes, full ? 4096 : 0);
		assert_int_equal(comparison.copy[1].free_bytes, full ? 4096 : 0);
		assert_int_equal(comparison.owners.files, 0);
		if (full)
			assert_true(comparison.bytes == copy[0].leg_bytes && comparison.bytes > allocated);
		allocated = comparison.bytes;
		compare_free(&comparison);
	}
	test_copy_close(&real[0]);
	test_copy_close(&real[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bed, close_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_equal),
		TEST(test_differences),
		TEST(test_aside),
		TEST(test_paths),
		TEST(test_read_errors),
		TEST(test_read_errors_on_reference),
		TEST(test_many_read_errors),
		TEST(test_live_settles),
		TEST(test_live_stays),
		TEST(test_at_rest),
		TEST(test_stopped),
		TEST(test_settled),
		cmocka_unit_test(test_free_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
