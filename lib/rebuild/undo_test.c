/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The undo file: what it gives back, and what it does with damage, torn tails, limits and other rebuilds' files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/recorder.h"
#include "rebuild/rebuild.h"
#include "rebuild/undo.h"

enum { DEVICE_BYTES = 4 << 20, HEADER_BYTES = 4096, ENTRY_BYTES = 40, COPIES = 2 };

struct bed {
	char path[64];
	uint8_t *before[COPIES], *now[COPIES];
	struct dev *device[SVC_COPIES_MAX];
	struct undo_header header;
	struct undo *undo;
	struct svc_error error;
};

static int set_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	uint64_t seed = 7;

	assert_non_null(bed);
	snprintf(bed->path, sizeof(bed->path), "/tmp/svc-undo-test-%d", (int)getpid());
	unlink(bed->path);
	bed->header = (struct undo_header){ .time = 1770000000, .lv_uuid = "lv", .copies = COPIES };
	for (int i = 0; i < COPIES; i++) {
		bed->before[i] = malloc(DEVICE_BYTES);
		bed->now[i] = malloc(DEVICE_BYTES);
		assert_true(bed->before[i] && bed->now[i]);
		for (size_t at = 0; at < DEVICE_BYTES; at++) /* half of it shrinks */
			bed->before[i][at] = at & 65536 ? (uint8_t)recorder_random(&seed) : (uint8_t)(at >> 12);
		memcpy(bed->now[i], bed->before[i], DEVICE_BYTES);
		assert_int_equal(dev_open_memory(bed->now[i], DEVICE_BYTES, false, &bed->device[i]), 0);
		snprintf(bed->header.copy[i].name, sizeof(bed->header.copy[i].name), "copy-%d", i % 10);
		bed->header.copy[i].device_bytes = DEVICE_BYTES;
	}
	assert_int_equal(undo_create(bed->path, &bed->header, false, 0, &bed->undo, &bed->error), 0);
	*state = bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	undo_close(bed->undo);
	for (int i = 0; i < COPIES; i++) {
		dev_close(bed->device[i]);
		free(bed->before[i]);
		free(bed->now[i]);
	}
	unlink(bed->path);
	free(bed);
	return 0;
}

/* Saves what is there and overwrites it, as a rebuild does. */
static void overwrite(struct bed *bed, int copy, uint64_t offset, size_t length, int with)
{
	assert_int_equal(undo_save(bed->undo, copy, offset, bed->now[copy] + offset, length), 0);
	assert_int_equal(undo_sync(bed->undo), 0);
	memset(bed->now[copy] + offset, with, length);
}

static void reopen(struct bed *bed)
{
	undo_close(bed->undo);
	assert_int_equal(undo_open(bed->path, &bed->undo, &bed->error), 0);
}

static int put_back(struct bed *bed, uint64_t *written)
{
	return rebuild_undo(bed->undo, bed->device, NULL, written, &bed->error);
}

static void assert_as_before(const struct bed *bed)
{
	for (int i = 0; i < COPIES; i++)
		assert_memory_equal(bed->now[i], bed->before[i], DEVICE_BYTES);
}

static uint64_t size_of(const char *path)
{
	struct stat now;

	assert_int_equal(stat(path, &now), 0);
	return (uint64_t)now.st_size;
}

static void flip(const char *path, uint64_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* ---- putting back ---- */

/* Overwritten twice, in pieces over an entry's size, on both copies: last to first gives the first state. */
static void test_reverse_order(void **state)
{
	struct bed *bed = *state;
	uint64_t written;

	overwrite(bed, 0, 4096, 8192, 0xaa);
	overwrite(bed, 0, 8192, 8192, 0xbb);
	overwrite(bed, 1, 100, 3 * UNDO_CHUNK_BYTES + 77, 0xcc);
	overwrite(bed, 0, 4096, 512, 0xdd);
	assert_int_equal(undo_finish(bed->undo), 0);
	reopen(bed);
	assert_true(undo_touches(bed->undo, 0) && undo_touches(bed->undo, 1));
	assert_int_equal(put_back(bed, &written), 0);
	assert_true(written >= 12288 + 3 * UNDO_CHUNK_BYTES);
	assert_as_before(bed);
	assert_int_equal(put_back(bed, &written), 0); /* on what is back: nothing that ends differently */
	assert_as_before(bed);
}

/* What a group put back is durable before the next group's turn. */
static void test_group_barriers(void **state)
{
	struct recording recording = { 0 };
	struct bed *bed = *state;
	struct dev *noting[SVC_COPIES_MAX] = { NULL };
	static const uint64_t order[] = { 40960, 20480, 4096 };
	uint64_t written;
	size_t n = 0;

	overwrite(bed, 0, 4096, 512, 0xa1);
	undo_barrier(bed->undo);
	overwrite(bed, 0, 20480, 512, 0xa2);
	undo_barrier(bed->undo);
	overwrite(bed, 0, 40960, 512, 0xa3);
	reopen(bed);
	for (int i = 0; i < COPIES; i++)
		assert_int_equal(dev_open_recorder(bed->device[i], &recording, (unsigned)i, &noting[i]), 0);
	assert_int_equal(rebuild_undo(bed->undo, noting, NULL, &written, &bed->error), 0);
	for (size_t i = 0; i < recording.items; i++) {
		if (recording.item[i].is_flush)
			continue;
		assert_int_equal(recording.item[i].offset, order[n++]);
		assert_true(i + 1 < recording.items && recording.item[i + 1].is_flush);
	}
	assert_int_equal(n, 3);
	assert_as_before(bed);
	recording_free(&recording);
	for (int i = 0; i < COPIES; i++)
		dev_close(noting[i]);
}

static void test_stop(void **state)
{
	volatile sig_atomic_t stop = 1;
	struct bed *bed = *state;
	uint64_t written;

	overwrite(bed, 0, 4096, 512, 0xa1);
	reopen(bed);
	assert_int_equal(rebuild_undo(bed->undo, bed->device, &stop, &written, &bed->error), -EINTR);
	assert_int_equal(written, 0);
}

static void test_other_devices(void **state)
{
	struct dev *none[SVC_COPIES_MAX] = { NULL }, *small[SVC_COPIES_MAX] = { NULL };
	struct bed *bed = *state;
	uint64_t written;

	overwrite(bed, 0, 4096, 512, 0xa1);
	reopen(bed);
	assert_int_equal(rebuild_undo(bed->undo, none, NULL, &written, &bed->error), -ENODEV);
	assert_int_equal(dev_open_memory(bed->now[0], DEVICE_BYTES - 512, false, &small[0]), 0);
	assert_int_equal(rebuild_undo(bed->undo, small, NULL, &written, &bed->error), -EINVAL);
	assert_non_null(strstr(bed->error.text, "copy-0"));
	assert_int_equal(bed->now[0][4096], 0xa1);
	dev_close(small[0]);
}

/* ---- damage ---- */

/* Cut off anywhere behind what was synced: what counts is put back. */
static void test_torn_tail(void **state)
{
	struct bed *bed = *state;
	uint64_t least, most, written;

	overwrite(bed, 0, 4096, 5000, 1);
	least = size_of(bed->path);
	assert_int_equal(undo_save(bed->undo, 0, 65536, bed->now[0] + 65536, 700), 0); /* not synced, not overwritten */
	most = size_of(bed->path);
	for (uint64_t cut = most - 1; cut >= least; cut--) {
		assert_int_equal(truncate(bed->path, (off_t)cut), 0);
		reopen(bed);
		assert_int_equal(undo_entries(bed->undo), 1);
	}
	assert_int_equal(put_back(bed, &written), 0);
	assert_as_before(bed);
}

/* Two entries were on their way and the second alone arrived: neither counts, and the place is used again. */
static void test_reordered_tail(void **state)
{
	struct bed *bed = *state;
	uint64_t first, written;

	overwrite(bed, 0, 4096, 5000, 1);
	first = size_of(bed->path);
	assert_int_equal(undo_save(bed->undo, 0, 65536, bed->now[0] + 65536, 700), 0);
	assert_int_equal(undo_save(bed->undo, 0, 131072, bed->now[0] + 131072, 700), 0);
	flip(bed->path, first + ENTRY_BYTES);
	reopen(bed);
	assert_int_equal(undo_entries(bed->undo), 1);
	undo_close(bed->undo);
	assert_int_equal(undo_create(bed->path, &bed->header, true, 0, &bed->undo, &bed->error), 0);
	assert_int_equal(size_of(bed->path), first);
	overwrite(bed, 0, 65536, 700, 9);
	reopen(bed);
	assert_int_equal(undo_entries(bed->undo), 2);
	assert_int_equal(put_back(bed, &written), 0);
	assert_as_before(bed);
}

/* A byte wrong in anything that was synced: nothing is put back by halves. */
static void test_damage(void **state)
{
	struct bed *bed = *state;
	uint64_t end;

	for (int i = 0; i < 5; i++)
		overwrite(bed, i % COPIES, (uint64_t)i * 100000, 3000, i);
	assert_int_equal(undo_finish(bed->undo), 0);
	end = size_of(bed->path) - ENTRY_BYTES;
	undo_close(bed->undo);
	bed->undo = NULL;
	for (uint64_t at = HEADER_BYTES; at < end; at += 13) {
		struct undo *undo;

		flip(bed->path, at);
		if (undo_open(bed->path, &undo, &bed->error) != -EBADMSG)
			fail_msg("byte %llu of the undo file is wrong and nobody sees it", (unsigned long long)at);
		assert_null(undo);
		flip(bed->path, at);
	}
	for (uint64_t at = 0; at < HEADER_BYTES; at += 5) {
		struct undo *undo;

		flip(bed->path, at);
		assert_int_equal(undo_open(bed->path, &undo, &bed->error), -EBADMSG);
		flip(bed->path, at);
	}
	assert_int_equal(undo_open(bed->path, &bed->undo, &bed->error), 0);
}

static void test_wrong_files(void **state)
{
	struct bed *bed = *state;
	struct undo *undo;

	assert_int_equal(undo_open("/dev/null", &undo, &bed->error), -EBADMSG);
	assert_int_equal(undo_open("/nonexistent/undo", &undo, &bed->error), -ENOENT);
	overwrite(bed, 0, 4096, 512, 0xa1);
	assert_int_equal(undo_create(bed->path, &bed->header, false, 0, &undo, &bed->error), -EEXIST);
	assert_null(undo);
}

/* What holds nothing is no obstacle; what was finished, or put back, is never gone on with. */
static void test_going_on(void **state)
{
	struct bed *bed = *state;
	struct undo *undo;
	uint64_t written;

	undo_close(bed->undo);
	assert_int_equal(undo_create(bed->path, &bed->header, false, 0, &bed->undo, &bed->error), 0);
	undo_close(bed->undo);
	assert_int_equal(truncate(bed->path, 0), 0);
	assert_int_equal(undo_create(bed->path, &bed->header, false, 0, &bed->undo, &bed->error), 0);
	overwrite(bed, 0, 4096, 512, 0xa1);
	reopen(bed);
	assert_false(undo_is_finished(bed->undo));
	assert_int_equal(put_back(bed, &written), 0);
	reopen(bed);
	assert_true(undo_is_finished(bed->undo));
	assert_int_equal(undo_create(bed->path, &bed->header, true, 0, &undo, &bed->error), -EEXIST);
	assert_null(undo);
}

/* ---- going on ---- */

static void test_append(void **state)
{
	struct bed *bed = *state;
	struct undo_header other = bed->header;
	struct undo *undo;
	uint64_t written;

	overwrite(bed, 0, 4096, 5000, 1);
	undo_close(bed->undo);
	bed->undo = NULL;
	strcpy(other.lv_uuid, "another");
	assert_int_equal(undo_create(bed->path, &other, true, 0, &undo, &bed->error), -EINVAL);
	other = bed->header;
	other.copy[1].device_bytes++;
	assert_int_equal(undo_create(bed->path, &other, true, 0, &undo, &bed->error), -EINVAL);
	other = bed->header;
	strcpy(other.copy[1].name, "x");
	assert_int_equal(undo_create(bed->path, &other, true, 0, &undo, &bed->error), -EINVAL);
	assert_int_equal(undo_create(bed->path, &bed->header, true, 0, &bed->undo, &bed->error), 0);
	overwrite(bed, 0, 4096, 5000, 2);
	overwrite(bed, 1, 0, 512, 2);
	reopen(bed);
	assert_int_equal(undo_entries(bed->undo), 3);
	assert_int_equal(put_back(bed, &written), 0);
	assert_as_before(bed);
}

static void test_limit(void **state)
{
	struct bed *bed = *state;

	undo_close(bed->undo);
	assert_int_equal(undo_create(bed->path, &bed->header, true, HEADER_BYTES + 2000, &bed->undo, &bed->error), 0);
	assert_int_equal(undo_save(bed->undo, 0, 65536, bed->before[0] + 65536, 1000), 0);
	assert_int_equal(undo_save(bed->undo, 0, 70000, bed->before[0] + 70000, 1000), -EFBIG);
	assert_true(undo_size(bed->undo) <= HEADER_BYTES + 2000);
	assert_int_equal(undo_save(bed->undo, 0, 0, bed->before[0], 4096), 0); /* zeros: they shrink */
	assert_int_equal(undo_finish(bed->undo), 0);
	reopen(bed);
	assert_int_equal(undo_entries(bed->undo), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_reverse_order), TEST(test_group_barriers), TEST(test_stop),   TEST(test_other_devices),
		TEST(test_torn_tail),     TEST(test_reordered_tail), TEST(test_damage), TEST(test_wrong_files),
		TEST(test_going_on),      TEST(test_append),         TEST(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
