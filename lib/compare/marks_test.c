/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which units the scan marks, on devices in memory: edges, with failing reads, and while a copy changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "compare/scan.h"
#include "dev/fault.h"

enum { UNIT = 1024, UNITS = 4000, TAIL = 100, LEG = (UNITS - 1) * UNIT + TAIL, PARTS = 3 };

/* Three equal legs, larger than one chunk, whose last unit is a partial one. */
struct bed {
	uint8_t *bytes[PARTS];
	struct dev *dev[PARTS];
	struct bitset *wanted;
	struct scan scan;
};

static void open_bed(struct bed *bed, int parts)
{
	memset(bed, 0, sizeof(*bed));
	bed->wanted = bitset_new(UNITS);
	assert_non_null(bed->wanted);
	bitset_set_range(bed->wanted, 0, UNITS);
	bed->scan = (struct scan){ .parts = parts, .unit_bytes = UNIT, .leg_bytes = LEG, .wanted = bed->wanted };
	for (int p = 0; p < parts; p++) {
		bed->bytes[p] = malloc(LEG);
		assert_non_null(bed->bytes[p]);
		for (size_t i = 0; i < LEG; i++)
			bed->bytes[p][i] = (uint8_t)(i * 7 + i / 251);
		assert_int_equal(dev_open_memory(bed->bytes[p], LEG, true, &bed->dev[p]), 0);
		bed->scan.part[p] = (struct scan_part){ .leg = bed->dev[p], .differing = bitset_new(UNITS) };
	}
}

static void close_bed(struct bed *bed)
{
	for (int p = 0; p < bed->scan.parts; p++) {
		if (bed->scan.part[p].leg != bed->dev[p])
			dev_close(bed->scan.part[p].leg);
		dev_close(bed->dev[p]);
		bitset_free(bed->scan.part[p].differing);
		bitset_free(bed->scan.part[p].unread);
		free(bed->bytes[p]);
	}
	bitset_free(bed->wanted);
}

static void change(struct bed *bed, int part, unsigned unit, unsigned within)
{
	bed->bytes[part][unit * UNIT + within] ^= 1;
}

static void make_bad(struct bed *bed, int part, uint64_t offset, uint64_t length)
{
	const struct fault_plan plan = { .bad = { offset, length } };

	assert_int_equal(dev_open_fault(bed->dev[part], &plan, &bed->scan.part[part].leg), 0);
}

/* The set holds these units and no others; the list ends with -1. */
static void assert_units(const struct bitset *set, const int *unit)
{
	uint64_t n = 0;

	for (; unit[n] >= 0; n++)
		if (!set || !bitset_test(set, (uint64_t)unit[n]))
			fail_msg("unit %d is not in the set", unit[n]);
	assert_int_equal(set ? bitset_count(set) : 0, n);
}

#define UNITS_ARE(set, ...) assert_units(set, (const int[]){ __VA_ARGS__, -1 })
#define NO_UNITS(set) assert_units(set, (const int[]){ -1 })

static void test_equal(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 3);
	assert_int_equal(scan_run(&bed.scan), 0);
	for (int p = 0; p < 3; p++) {
		NO_UNITS(bed.scan.part[p].differing);
		assert_null(bed.scan.part[p].unread);
	}
	assert_int_equal(bed.scan.done_bytes, LEG);
	assert_int_equal(bed.scan.read_bytes, 3 * LEG);
	close_bed(&bed);
}

/* First and last byte of units, at edges of chunks, and the last, partial unit. */
static void test_differences(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 3);
	change(&bed, 1, 0, 0);
	change(&bed, 1, 255, UNIT - 1);
	change(&bed, 1, 256, 0);
	change(&bed, 1, UNITS - 1, TAIL - 1);
	change(&bed, 2, 256, 5);
	change(&bed, 2, 600, 5);
	assert_int_equal(scan_run(&bed.scan), 0);
	NO_UNITS(bed.scan.part[0].differing);
	UNITS_ARE(bed.scan.part[1].differing, 0, 255, 256, UNITS - 1);
	UNITS_ARE(bed.scan.part[2].differing, 256, 600);
	assert_int_equal(scan_set_bytes(&bed.scan, bed.scan.part[1].differing), 3 * UNIT + TAIL);
	assert_int_equal(scan_set_bytes(&bed.scan, bed.scan.part[2].differing), 2 * UNIT);
	assert_int_equal(scan_unit_length(&bed.scan, UNITS - 1), TAIL);
	assert_int_equal(scan_unit_length(&bed.scan, UNITS - 2), UNIT);
	close_bed(&bed);
}

/* A second path to a copy is held against the first, not against the reference. */
static void test_against_another(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 3);
	bed.scan.part[2].against = 1;
	change(&bed, 1, 10, 0);
	change(&bed, 2, 10, 0);
	change(&bed, 2, 20, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].differing, 10);
	UNITS_ARE(bed.scan.part[2].differing, 20);
	close_bed(&bed);
}

static void test_wanted_alone(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	memset(bed.wanted->word, 0, (UNITS + 63) / 64 * 8);
	bitset_set(bed.wanted, 5);
	bitset_set_range(bed.wanted, 300, 300);
	bitset_set(bed.wanted, UNITS - 1);
	change(&bed, 1, 4, 0);
	change(&bed, 1, 5, 0);
	change(&bed, 1, 599, 0);
	change(&bed, 1, 600, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].differing, 5, 599);
	assert_int_equal(bed.scan.done_bytes, 301 * UNIT + TAIL);
	assert_int_equal(bed.scan.read_bytes, 2 * (301 * UNIT + TAIL));
	close_bed(&bed);
}

static void test_nothing_wanted(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	memset(bed.wanted->word, 0, (UNITS + 63) / 64 * 8);
	change(&bed, 1, 4, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	NO_UNITS(bed.scan.part[1].differing);
	assert_int_equal(bed.scan.read_bytes, 0);
	close_bed(&bed);
}

/* Only what cannot be read is missing: the rest of its chunk is compared, and it is never called equal. */
static void test_bad_on_copy(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 3);
	make_bad(&bed, 1, 300 * UNIT + 10, UNIT);
	change(&bed, 1, 299, 0);
	change(&bed, 1, 300, 0); /* cannot be known */
	change(&bed, 1, 302, 0);
	change(&bed, 2, 300, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].unread, 300, 301);
	UNITS_ARE(bed.scan.part[1].differing, 299, 302);
	UNITS_ARE(bed.scan.part[2].differing, 300);
	assert_null(bed.scan.part[0].unread);
	assert_null(bed.scan.part[2].unread);
	assert_int_equal(bed.scan.done_bytes, LEG);
	close_bed(&bed);
}

/* What the reference lacks is held against the first that has it: differences between the others show. */
static void test_bad_on_reference(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 3);
	make_bad(&bed, 0, 300 * UNIT, 2 * UNIT);
	change(&bed, 2, 300, 0);
	change(&bed, 2, 302, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[0].unread, 300, 301);
	NO_UNITS(bed.scan.part[1].differing);
	UNITS_ARE(bed.scan.part[2].differing, 300, 302);
	close_bed(&bed);
}

static void test_bad_on_both(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	make_bad(&bed, 0, 300 * UNIT, UNIT);
	make_bad(&bed, 1, 300 * UNIT, 2 * UNIT);
	change(&bed, 1, 300, 0);
	change(&bed, 1, 303, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[0].unread, 300);
	UNITS_ARE(bed.scan.part[1].unread, 300, 301);
	UNITS_ARE(bed.scan.part[1].differing, 303);
	close_bed(&bed);
}

static void test_bad_last_unit(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	make_bad(&bed, 1, LEG - 1, 1);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].unread, UNITS - 1);
	assert_int_equal(scan_set_bytes(&bed.scan, bed.scan.part[1].unread), TAIL);
	close_bed(&bed);
}

static void test_all_bad(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	make_bad(&bed, 1, 0, LEG);
	assert_int_equal(scan_run(&bed.scan), 0);
	assert_int_equal(bitset_count(bed.scan.part[1].unread), UNITS);
	NO_UNITS(bed.scan.part[1].differing);
	close_bed(&bed);
}

/* Again over what differed: a mark that holds no more goes, one that came is set. */
static void test_repeated(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 3);
	change(&bed, 1, 7, 0);
	change(&bed, 1, 8, 0);
	change(&bed, 2, 8, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].differing, 7, 8);
	change(&bed, 1, 7, 0);
	change(&bed, 2, 9, 0);
	bed.scan.is_repeated = true;
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].differing, 8);
	UNITS_ARE(bed.scan.part[2].differing, 8, 9);
	close_bed(&bed);
}

/* A difference that cannot be read again is not known to be one, and not known to be gone. */
static void test_repeated_bad(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	change(&bed, 1, 7, 0);
	assert_int_equal(scan_run(&bed.scan), 0);
	make_bad(&bed, 1, 7 * UNIT, 1);
	bed.scan.is_repeated = true;
	assert_int_equal(scan_run(&bed.scan), 0);
	UNITS_ARE(bed.scan.part[1].unread, 7);
	NO_UNITS(bed.scan.part[1].differing);
	close_bed(&bed);
}

/* ---- stopping, threads, writes ---- */

static volatile sig_atomic_t stop;

struct stopping {
	struct dev dev;
	struct dev *base;
	pthread_mutex_t lock;
	int reads, stop_at;
	uint64_t read_bytes;
	int writes;
};

static int stopping_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct stopping *s = (struct stopping *)dev;

	pthread_mutex_lock(&s->lock);
	s->read_bytes += length;
	if (++s->reads == s->stop_at)
		stop = 1;
	pthread_mutex_unlock(&s->lock);
	return dev_read(s->base, buffer, length, offset);
}

static int stopping_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	(void)buffer;
	(void)length;
	(void)offset;
	((struct stopping *)dev)->writes++;
	return 0;
}

static int stopping_flush(struct dev *dev)
{
	((struct stopping *)dev)->writes++;
	return 0;
}

static const struct dev_ops stopping_ops = { .pread = stopping_pread,
	                                     .pwrite = stopping_pwrite,
	                                     .flush = stopping_flush };

static void make_stopping(struct stopping *s, struct bed *bed, int part, int stop_at)
{
	stop = 0;
	*s = (struct stopping){ .dev = *bed->dev[part], .base = bed->dev[part], .stop_at = stop_at };
	s->dev.ops = &stopping_ops;
	pthread_mutex_init(&s->lock, NULL);
	bed->scan.part[part].leg = &s->dev;
	bed->scan.stop = &stop;
}

static void test_stop(void **state)
{
	struct stopping stopping;
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	make_stopping(&stopping, &bed, 1, 2);
	assert_int_equal(scan_run(&bed.scan), -EINTR);
	assert_int_equal(stopping.reads, 2);
	assert_true(bed.scan.done_bytes < LEG);
	bed.scan.part[1].leg = bed.dev[1];
	close_bed(&bed);
}

/* Also while a bad stretch is read unit by unit. */
static void test_stop_in_bad_stretch(void **state)
{
	struct stopping stopping;
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	make_bad(&bed, 0, 0, LEG);
	make_stopping(&stopping, &bed, 1, 10);
	assert_int_equal(scan_run(&bed.scan), -EINTR);
	assert_int_equal(stopping.reads, 10);
	bed.scan.part[1].leg = bed.dev[1];
	close_bed(&bed);
}

/* Each wanted byte is read once, by however many threads, and nothing is written. */
static void test_threads(void **state)
{
	struct stopping stopping[2];
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	for (int p = 0; p < 2; p++) {
		make_stopping(&stopping[p], &bed, p, 0);
		stopping[p].dev.parallel = 99;
		stopping[p].dev.is_read_only = false;
	}
	for (unsigned unit = 0; unit < UNITS; unit += 3)
		change(&bed, 1, unit, 50);
	assert_int_equal(scan_run(&bed.scan), 0);
	assert_int_equal(bitset_count(bed.scan.part[1].differing), (UNITS + 2) / 3);
	for (unsigned unit = 0; unit < UNITS; unit++)
		assert_int_equal(bitset_test(bed.scan.part[1].differing, unit), unit % 3 == 0);
	for (int p = 0; p < 2; p++) {
		assert_int_equal(stopping[p].read_bytes, LEG);
		assert_int_equal(stopping[p].writes, 0);
		bed.scan.part[p].leg = bed.dev[p];
	}
	assert_int_equal(bed.scan.read_bytes, 2 * LEG);
	close_bed(&bed);
}

static uint64_t last_done, last_total;

static void note_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
	assert_ptr_equal(context, &last_done);
	assert_true(done_bytes >= last_done && done_bytes <= total_bytes);
	last_done = done_bytes;
	last_total = total_bytes;
}

static void test_progress(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, 2);
	last_done = 0;
	bed.scan.progress = note_progress;
	bed.scan.context = &last_done;
	assert_int_equal(scan_run(&bed.scan), 0);
	assert_int_equal(last_total, LEG);
	assert_int_equal(last_done, LEG);
	close_bed(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_against_another),
		cmocka_unit_test(test_wanted_alone),
		cmocka_unit_test(test_nothing_wanted),
		cmocka_unit_test(test_bad_on_copy),
		cmocka_unit_test(test_bad_on_reference),
		cmocka_unit_test(test_bad_on_both),
		cmocka_unit_test(test_bad_last_unit),
		cmocka_unit_test(test_all_bad),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_repeated_bad),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_in_bad_stretch),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
