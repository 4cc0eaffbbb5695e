/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying what differs: what is written, with how many calls, bad spots, stopping, the rate, threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev/fault.h"
#include "dev/recorder.h"
#include "rebuild/content.h"
#include "rebuild/saver.h"

enum { UNIT = 4096, UNITS = 3000, TAIL = 1536, LEG = (UNITS - 1) * UNIT + TAIL };

struct bed {
	uint8_t *from_bytes, *to_bytes;
	struct dev *from, *to, *noting, *saver;
	struct recording recording;
	struct bitset *wanted, *skipped, *written;
	struct content_job job;
	struct undo *undo;
	char undo_path[64];
	int steps;
};

static int count_step(void *context, uint64_t written_bytes)
{
	(void)written_bytes;
	((struct bed *)context)->steps++;
	return 0;
}

static void open_bed(struct bed *bed, bool is_saving)
{
	struct undo_header header = { .copies = 1, .lv_uuid = "lv" };
	struct svc_error error;
	uint64_t seed = 11;

	memset(bed, 0, sizeof(*bed));
	bed->from_bytes = malloc(LEG);
	bed->to_bytes = malloc(LEG);
	assert_true(bed->from_bytes && bed->to_bytes);
	for (size_t i = 0; i + 8 <= LEG; i += 8) {
		uint64_t word = recorder_random(&seed);

		memcpy(bed->from_bytes + i, &word, 8);
	}
	memcpy(bed->to_bytes, bed->from_bytes, LEG);
	assert_int_equal(dev_open_memory(bed->from_bytes, LEG, true, &bed->from), 0);
	assert_int_equal(dev_open_memory(bed->to_bytes, LEG, false, &bed->to), 0);
	assert_int_equal(dev_open_recorder(bed->to, &bed->recording, 0, &bed->noting), 0);
	snprintf(bed->undo_path, sizeof(bed->undo_path), "/tmp/svc-content-%d", (int)getpid());
	unlink(bed->undo_path);
	strcpy(header.copy[0].name, "x");
	header.copy[0].device_bytes = LEG;
	if (is_saving)
		assert_int_equal(undo_create(bed->undo_path, &header, 0, &bed->undo, &error), 0);
	assert_int_equal(saver_open(bed->noting, bed->undo, 0, &bed->saver), 0);
	bed->wanted = bitset_new(UNITS);
	bed->written = bitset_new(UNITS);
	bed->skipped = bitset_new(UNITS);
	bitset_set_range(bed->wanted, 0, UNITS);
	bed->job = (struct content_job){ .from = bed->from,
		                         .to = bed->saver,
		                         .to_read = bed->to,
		                         .saver = bed->saver,
		                         .wanted = bed->wanted,
		                         .skipped = bed->skipped,
		                         .written = bed->written,
		                         .unit_bytes = UNIT,
		                         .leg_bytes = LEG,
		                         .batch_done = count_step,
		                         .context = bed };
}

static void close_bed(struct bed *bed)
{
	dev_close(bed->saver);
	dev_close(bed->noting);
	dev_close(bed->to);
	dev_close(bed->from);
	undo_close(bed->undo);
	unlink(bed->undo_path);
	recording_free(&bed->recording);
	bitset_free(bed->wanted);
	bitset_free(bed->written);
	bitset_free(bed->skipped);
	free(bed->from_bytes);
	free(bed->to_bytes);
}

static void differ(struct bed *bed, unsigned unit, unsigned count)
{
	for (unsigned u = unit; u < unit + count; u++)
		bed->to_bytes[(size_t)u * UNIT + u % TAIL] ^= 0x10;
}

static size_t writes(const struct bed *bed)
{
	size_t n = 0;

	for (size_t i = 0; i < bed->recording.items; i++)
		n += !bed->recording.item[i].is_flush;
	return n;
}

static int copy(struct bed *bed)
{
	int code = content_copy(&bed->job);

	if (!code)
		code = dev_flush(bed->saver);
	return code;
}

static void test_equal(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, false);
	assert_int_equal(copy(&bed), 0);
	assert_int_equal(writes(&bed), 0);
	assert_int_equal(bed.job.written_bytes, 0);
	assert_int_equal(bitset_count(bed.written), 0);
	close_bed(&bed);
}

/* One call for each differing extent, whatever its length, and nothing but what differs. */
static void test_one_write_per_extent(void **state)
{
	static const struct {
		unsigned unit, count;
	} extents[] = { { 0, 1 }, { 5, 3 }, { 9, 1 }, { 100, 20 }, { 700, 2 }, { UNITS - 1, 1 } };
	struct bed bed;
	uint64_t units = 0;

	(void)state;
	for (int is_saving = 0; is_saving < 2; is_saving++) {
		units = 0;
		open_bed(&bed, is_saving);
		for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++) {
			differ(&bed, extents[i].unit, extents[i].count);
			units += extents[i].count;
		}
		assert_int_equal(copy(&bed), 0);
		assert_memory_equal(bed.to_bytes, bed.from_bytes, LEG);
		assert_int_equal(writes(&bed), sizeof(extents) / sizeof(extents[0]));
		assert_int_equal(bed.job.written_bytes, units * UNIT - UNIT + TAIL);
		assert_int_equal(bitset_count(bed.written), units);
		assert_true(bitset_test(bed.written, UNITS - 1) && bitset_test(bed.written, 119));
		assert_false(bitset_test(bed.written, 120));
		close_bed(&bed);
	}
}

static void test_wanted_and_skipped(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, false);
	differ(&bed, 10, 10);
	for (unsigned u = 0; u < UNITS; u++)
		if (u % 2)
			bitset_clear(bed.wanted, u);
	bitset_set(bed.skipped, 14);
	assert_int_equal(copy(&bed), 0);
	for (unsigned u = 10; u < 20; u++)
		assert_int_equal(memcmp(bed.to_bytes + u * UNIT, bed.from_bytes + u * UNIT, UNIT) == 0,
		                 u % 2 == 0 && u != 14);
	close_bed(&bed);
}

/* More than one batch, both readers ahead of the writer: with a thread sanitizer this is what it looks at. */
static void test_all_differs(void **state)
{
	struct bed bed;

	(void)state;
	for (int round = 0; round < 3; round++) {
		open_bed(&bed, round == 2);
		memset(bed.to_bytes, round, LEG);
		assert_int_equal(copy(&bed), 0);
		assert_memory_equal(bed.to_bytes, bed.from_bytes, LEG);
		assert_true(bed.steps > 2);
		assert_int_equal(bed.job.written_bytes, LEG);
		close_bed(&bed);
	}
}

/* What the target cannot give back is written anew, and only that. */
static void test_bad_target(void **state)
{
	const struct fault_plan plan = { .bad = { 300 * UNIT + 10, UNIT } };
	struct bed bed;
	struct dev *bad;

	(void)state;
	open_bed(&bed, false);
	assert_int_equal(dev_open_fault(bed.to, &plan, &bad), 0);
	bed.job.to_read = bad;
	assert_int_equal(copy(&bed), 0);
	assert_int_equal(bitset_count(bed.written), 2);
	assert_true(bitset_test(bed.written, 300) && bitset_test(bed.written, 301));
	assert_int_equal(writes(&bed), 1);
	dev_close(bad);
	close_bed(&bed);
}

/* What the authority cannot give ends it; nothing from there on is written. */
static void test_bad_authority(void **state)
{
	const struct fault_plan plan = { .bad = { (uint64_t)2500 * UNIT, 1 } };
	struct bed bed;
	struct dev *bad;

	(void)state;
	open_bed(&bed, false);
	differ(&bed, 0, 1);
	differ(&bed, 2500, 10);
	assert_int_equal(dev_open_fault(bed.from, &plan, &bad), 0);
	bed.job.from = bad;
	assert_int_equal(copy(&bed), -EIO);
	assert_int_equal(bed.job.read_error, -EIO);
	assert_false(bitset_test(bed.written, 2500));
	assert_memory_not_equal(bed.to_bytes + (size_t)2500 * UNIT, bed.from_bytes + (size_t)2500 * UNIT, UNIT);
	dev_close(bad);
	close_bed(&bed);
}

static void test_failing_write(void **state)
{
	struct fault_plan plan = { 0 };
	struct bed bed;
	struct dev *bad;

	(void)state;
	open_bed(&bed, false);
	differ(&bed, 0, 1);
	differ(&bed, 50, 1);
	plan.fail[FAULT_WRITE].nth = 2;
	plan.fail[FAULT_WRITE].code = -ENOSPC;
	assert_int_equal(dev_open_fault(bed.to, &plan, &bad), 0);
	bed.job.to = bad;
	assert_int_equal(copy(&bed), -ENOSPC);
	assert_int_equal(bed.job.read_error, 0);
	assert_true(bitset_test(bed.written, 0));
	dev_close(bad);
	close_bed(&bed);
}

static volatile sig_atomic_t stop;

static int stop_soon(void *context, uint64_t written_bytes)
{
	(void)written_bytes;
	if (++((struct bed *)context)->steps == 2)
		stop = 1;
	return 0;
}

static void test_stop(void **state)
{
	struct bed bed;

	(void)state;
	stop = 0;
	open_bed(&bed, false);
	memset(bed.to_bytes, 0, LEG);
	bed.job.stop = &stop;
	bed.job.batch_done = stop_soon;
	assert_int_equal(copy(&bed), -EINTR);
	assert_int_equal(bed.steps, 2);
	assert_true(bed.job.written_bytes > 0 && bed.job.written_bytes < LEG);
	assert_memory_equal(bed.to_bytes, bed.from_bytes, bed.job.written_bytes); /* from the first unit on */
	close_bed(&bed);
}

static int refuse_step(void *context, uint64_t written_bytes)
{
	(void)context;
	(void)written_bytes;
	return -EDOM;
}

static void test_step_fails(void **state)
{
	struct bed bed;

	(void)state;
	open_bed(&bed, false);
	bed.job.batch_done = refuse_step;
	assert_int_equal(copy(&bed), -EDOM);
	close_bed(&bed);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_rate(void **state)
{
	struct bed bed;
	double start;

	(void)state;
	open_bed(&bed, false);
	memset(bed.to_bytes, 0, LEG);
	bed.job.rate = 2 * LEG;
	start = seconds();
	assert_int_equal(copy(&bed), 0);
	assert_true(seconds() - start >= 0.45);
	assert_memory_equal(bed.to_bytes, bed.from_bytes, LEG);
	close_bed(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_one_write_per_extent),
		cmocka_unit_test(test_wanted_and_skipped),
		cmocka_unit_test(test_all_differs),
		cmocka_unit_test(test_bad_target),
		cmocka_unit_test(test_bad_authority),
		cmocka_unit_test(test_failing_write),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_step_fails),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
