/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The undo file: what it gives back, and what it does with damage, torn tails, limits and other rebuilds' files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "dev/recorder.h"
#include "locate/pv_write.h"
#include "rebuild/restore.h"

enum { DEVICE_BYTES = 4 << 20, ENTRIES_AT = 8192, NOTES_AT = 4096, ENTRY_BYTES = 48, COPIES = 2 };

struct bed {
	char path[64];
	uint8_t *before[COPIES], *now[COPIES];
	struct dev *device[SVC_COPIES_MAX];
	struct undo_header header;
	struct undo *undo;
	struct undo_look look;
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
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
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

/* Saves what is there, which is about to be overwritten. */
static void save(struct bed *bed, int copy, uint64_t offset, size_t length, int with)
{
	uint8_t *new = malloc(length);

	assert_non_null(new);
	memset(new, with, length);
	assert_int_equal(undo_save(bed->undo, copy, offset, bed->now[copy] + offset, new, length, 0), 0);
	free(new);
}

/* Saves what is there and overwrites it, as a rebuild does. */
static void overwrite(struct bed *bed, int copy, uint64_t offset, size_t length, int with)
{
	save(bed, copy, offset, length, with);
	assert_int_equal(undo_sync(bed->undo), 0);
	memset(bed->now[copy] + offset, with, length);
}

static void reopen(struct bed *bed)
{
	undo_close(bed->undo);
	assert_int_equal(undo_open(bed->path, true, &bed->undo, &bed->error), 0);
}

static int put_back(struct bed *bed)
{
	const struct restore_options options = { 0 };

	return restore_run(bed->undo, bed->device, &options, &bed->look, &bed->error);
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

	overwrite(bed, 0, 4096, 8192, 0xaa);
	overwrite(bed, 0, 8192, 8192, 0xbb);
	overwrite(bed, 1, 1024, 3 * UNDO_CHUNK_BYTES + 512, 0xdc);
	overwrite(bed, 0, 4096, 512, 0xdd);
	assert_int_equal(undo_note(bed->undo, UNDO_FINISHED), 0);
	reopen(bed);
	assert_true(undo_touches(bed->undo, 0) && undo_touches(bed->undo, 1));
	assert_int_equal(put_back(bed), 0);
	assert_int_equal(bed->look.copy[0].other_bytes, 12288);
	assert_int_equal(bed->look.copy[1].other_bytes, 3 * UNDO_CHUNK_BYTES + 512);
	assert_as_before(bed);
	assert_int_equal(put_back(bed), 0); /* on what is back: nothing to do */
	assert_int_equal(bed->look.copy[0].other_bytes + bed->look.copy[1].other_bytes, 0);
	assert_as_before(bed);
}

static void open_noting(struct bed *bed, struct recording *recording, struct dev *noting[SVC_COPIES_MAX])
{
	for (int i = 0; i < COPIES; i++)
		assert_int_equal(dev_open_recorder(bed->device[i], recording, (unsigned)i, &noting[i]), 0);
}

/* What a group put back is durable before the next group's turn. */
static void test_group_barriers(void **state)
{
	const struct restore_options options = { 0 };
	struct recording recording = { 0 };
	struct bed *bed = *state;
	struct dev *noting[SVC_COPIES_MAX] = { NULL };
	static const uint64_t order[] = { 40960, 20480, 4096 };
	size_t n = 0;

	overwrite(bed, 0, 4096, 512, 0xa1);
	undo_barrier(bed->undo, 0);
	overwrite(bed, 0, 20480, 512, 0xa2);
	undo_barrier(bed->undo, 0);
	overwrite(bed, 0, 40960, 512, 0xa3);
	reopen(bed);
	open_noting(bed, &recording, noting);
	assert_int_equal(restore_run(bed->undo, noting, &options, &bed->look, &bed->error), 0);
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

/* A group ends when every copy that has entries in it was flushed. */
static void test_groups(void **state)
{
	struct bed *bed = *state;

	overwrite(bed, 0, 4096, 512, 1);
	overwrite(bed, 1, 4096, 512, 1);
	undo_barrier(bed->undo, 0);
	overwrite(bed, 1, 8192, 512, 1);
	undo_barrier(bed->undo, 1);
	undo_barrier(bed->undo, 0); /* nothing since: no group of its own */
	overwrite(bed, 0, 8192, 512, 1);
	reopen(bed);
	assert_int_equal(undo_place(bed->undo, 2)->group, undo_place(bed->undo, 0)->group);
	assert_int_equal(undo_place(bed->undo, 3)->group, undo_place(bed->undo, 0)->group + 1);
}

static void test_stop(void **state)
{
	volatile sig_atomic_t stop = 1;
	const struct restore_options options = { .stop = &stop };
	struct bed *bed = *state;

	overwrite(bed, 0, 4096, 512, 0xa1);
	reopen(bed);
	assert_int_equal(restore_run(bed->undo, bed->device, &options, &bed->look, &bed->error), -EINTR);
	assert_int_equal(bed->now[0][4096], 0xa1);
}

static bool refuse(void *context, const struct undo_look *look)
{
	*(uint64_t *)context = look->copy[0].other_bytes;
	return false;
}

/* Neither looking nor a refused question changes anything, the file neither. */
static void test_only_looked_at(void **state)
{
	uint64_t asked = 0;
	const struct restore_options dry = { .is_dry_run = true };
	const struct restore_options refused = { .confirm = refuse, .context = &asked };
	struct bed *bed = *state;

	overwrite(bed, 0, 4096, 1024, 0xa1);
	reopen(bed);
	assert_int_equal(restore_run(bed->undo, bed->device, &dry, &bed->look, &bed->error), 0);
	assert_int_equal(bed->look.copy[0].other_bytes, 1024);
	assert_int_equal(restore_run(bed->undo, bed->device, &refused, &bed->look, &bed->error), -ECANCELED);
	assert_int_equal(asked, 1024);
	assert_int_equal(bed->now[0][4096], 0xa1);
	reopen(bed);
	assert_int_equal(undo_state(bed->undo), UNDO_OPEN);
}

/* ---- other devices, used again ---- */

static void put_label(struct bed *bed, const char *uuid)
{
	struct pv_label label = { .sector = 1, .size_bytes = DEVICE_BYTES, .data_offset_bytes = 1 << 20 };

	memset(bed->now[0], 0, 4096);
	if (!uuid)
		return;
	strcpy(label.uuid, uuid);
	assert_int_equal(pv_write_layout(bed->device[0], &label, "", 0), 0);
	assert_int_equal(pv_end_layout(bed->device[0], &label), 0);
}

#define UUID_1 "AAAAAA-BBBB-CCCC-DDDD-EEEE-FFFF-111111"
#define UUID_2 "AAAAAA-BBBB-CCCC-DDDD-EEEE-FFFF-222222"

static void test_other_devices(void **state)
{
	struct dev *none[SVC_COPIES_MAX] = { NULL }, *small[SVC_COPIES_MAX] = { NULL };
	const struct restore_options options = { 0 };
	struct bed *bed = *state;

	overwrite(bed, 0, 8192, 512, 0xa1);
	reopen(bed);
	assert_int_equal(restore_run(bed->undo, none, &options, &bed->look, &bed->error), -ENODEV);
	assert_int_equal(dev_open_memory(bed->now[0], DEVICE_BYTES - 512, false, &small[0]), 0);
	assert_int_equal(restore_run(bed->undo, small, &options, &bed->look, &bed->error), -EINVAL);
	assert_non_null(strstr(bed->error.text, "copy-0"));
	dev_close(small[0]);
	undo_close(bed->undo);
	unlink(bed->path);

	/* It had a PV: another one's device, or one without, is not it. */
	strcpy(bed->header.copy[0].pv_uuid, UUID_1);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	save(bed, 0, 8192, 512, 0); /* as it is on a blank device */
	memset(bed->now[0], 0, DEVICE_BYTES);
	reopen(bed);
	assert_int_equal(put_back(bed), -EINVAL);
	assert_non_null(strstr(bed->error.text, "none"));
	put_label(bed, UUID_2);
	assert_int_equal(put_back(bed), -EINVAL);
	assert_non_null(strstr(bed->error.text, UUID_2));
	assert_int_equal(bed->now[0][8192], 0);
	put_label(bed, UUID_1);
	assert_int_equal(put_back(bed), 0);
	assert_int_equal(bed->now[0][8192], 0xa1);
}

/* One byte of one place, at any of the file's states: nothing is written, and the copy is named. */
static void test_used_again(void **state)
{
	struct bed *bed = *state;

	for (int s = UNDO_OPEN; s <= UNDO_DONE; s++) {
		uint8_t *was = malloc(DEVICE_BYTES);

		assert_non_null(was);
		undo_close(bed->undo);
		unlink(bed->path);
		assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
		overwrite(bed, 0, 4096, 4096, 0xa1);
		overwrite(bed, 1, 65536, 8192, 0xa2);
		overwrite(bed, 1, 65536, 4096, 0xa3);
		for (int reached = UNDO_FINISHED; reached <= s; reached++)
			assert_int_equal(undo_note(bed->undo, (enum undo_state)reached), 0);
		if (s == UNDO_DONE)
			for (int i = 0; i < COPIES; i++)
				memcpy(bed->now[i], bed->before[i], DEVICE_BYTES);
		bed->now[1][65536 + 700] ^= 1;
		memcpy(was, bed->now[1], DEVICE_BYTES);
		reopen(bed);
		assert_int_equal(put_back(bed), -ESTALE);
		assert_non_null(strstr(bed->error.text, "copy-1"));
		assert_int_equal(bed->look.copy[1].strange_bytes, 512);
		assert_int_equal(bed->look.copy[1].strange_places, 1);
		assert_int_equal(bed->look.copy[1].first_strange, 65536 + 512);
		assert_memory_equal(bed->now[1], was, DEVICE_BYTES);
		assert_int_equal(undo_state(bed->undo), s);
		bed->now[1][65536 + 700] ^= 1;
		assert_int_equal(put_back(bed), 0);
		assert_as_before(bed);
		free(was);
	}
}

/* After the end each place holds its last write; before it an earlier one will do. */
static void test_earlier_write(void **state)
{
	struct bed *bed = *state;

	overwrite(bed, 0, 4096, 512, 0xa1);
	overwrite(bed, 0, 4096, 512, 0xa2);
	memset(bed->now[0] + 4096, 0xa1, 512);
	reopen(bed);
	assert_int_equal(undo_look(bed->undo, UNDO_OPEN, bed->device, NULL, &bed->look, &bed->error), 0);
	assert_int_equal(undo_look(bed->undo, UNDO_FINISHED, bed->device, NULL, &bed->look, &bed->error), -ESTALE);
	assert_int_equal(undo_look(bed->undo, UNDO_DONE, bed->device, NULL, &bed->look, &bed->error), -ESTALE);
	assert_int_equal(put_back(bed), 0);
	assert_as_before(bed);
}

/*
 * The mark was durable before the content was written: where the content is there and the mark is not, someone
 * else took it away. But what was on its way when a run was cut may be lost, and is no such sign.
 */
static void test_order_of_loss(void **state)
{
	struct bed *bed = *state;

	overwrite(bed, 0, 4096, 512, 0xa1);
	undo_barrier(bed->undo, 0);
	overwrite(bed, 0, 65536, 4096, 0xa2);
	memcpy(bed->now[0] + 4096, bed->before[0] + 4096, 512);
	reopen(bed);
	assert_int_equal(put_back(bed), -ESTALE);
	assert_int_equal(bed->now[0][65536], 0xa2);
	memset(bed->now[0] + 4096, 0xa1, 512);
	undo_close(bed->undo);
	/* The run goes on; of the first one's last write half was lost. */
	memcpy(bed->now[0] + 65536, bed->before[0] + 65536, 2048);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	overwrite(bed, 0, 4096, 512, 0xa3);
	undo_barrier(bed->undo, 0);
	overwrite(bed, 0, 131072, 4096, 0xa4);
	reopen(bed);
	assert_int_equal(put_back(bed), 0);
	assert_as_before(bed);
}

/* ---- damage ---- */

/* Cut off anywhere behind what was synced: what counts is put back. */
static void test_torn_tail(void **state)
{
	struct bed *bed = *state;
	uint64_t least, most;

	overwrite(bed, 0, 4096, 5120, 1);
	least = size_of(bed->path);
	save(bed, 0, 65536, 1024, 7); /* not synced, not overwritten */
	most = size_of(bed->path);
	for (uint64_t cut = most - 1; cut >= least; cut--) {
		assert_int_equal(truncate(bed->path, (off_t)cut), 0);
		reopen(bed);
		assert_int_equal(undo_places(bed->undo), 1);
	}
	assert_int_equal(put_back(bed), 0);
	assert_as_before(bed);
}

/* Two entries were on their way and the second alone arrived: neither counts, and the place is used again. */
static void test_reordered_tail(void **state)
{
	struct bed *bed = *state;
	uint64_t first;

	overwrite(bed, 0, 4096, 5120, 1);
	first = size_of(bed->path);
	save(bed, 0, 65536, 1024, 9);
	save(bed, 0, 131072, 1024, 9);
	flip(bed->path, first + ENTRY_BYTES);
	reopen(bed);
	assert_int_equal(undo_places(bed->undo), 1);
	undo_close(bed->undo);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	assert_int_equal(size_of(bed->path), first);
	overwrite(bed, 0, 65536, 1024, 9);
	reopen(bed);
	assert_int_equal(undo_places(bed->undo), 2);
	assert_int_equal(put_back(bed), 0);
	assert_as_before(bed);
}

/* A byte wrong in anything that was synced: nothing is put back by halves. */
static void test_damage(void **state)
{
	struct bed *bed = *state;
	uint64_t end;

	for (int i = 0; i < 5; i++)
		overwrite(bed, i % COPIES, (uint64_t)i * 102400, 3072, i);
	assert_int_equal(undo_note(bed->undo, UNDO_FINISHED), 0);
	end = size_of(bed->path);
	undo_close(bed->undo);
	bed->undo = NULL;
	for (uint64_t at = 0; at < end; at += at < ENTRIES_AT ? 5 : 13) {
		struct undo *undo;

		flip(bed->path, at);
		if (undo_open(bed->path, true, &undo, &bed->error) != -EBADMSG)
			fail_msg("byte %llu of the undo file is wrong and nobody sees it", (unsigned long long)at);
		assert_null(undo);
		flip(bed->path, at);
	}
	assert_int_equal(undo_open(bed->path, true, &bed->undo, &bed->error), 0);
	/* Whole entries are missing from its end. */
	end = undo_place(bed->undo, 4)->at;
	assert_int_equal(truncate(bed->path, (off_t)end), 0);
	undo_close(bed->undo);
	assert_int_equal(undo_open(bed->path, true, &bed->undo, &bed->error), -EBADMSG);
}

/* The same of a file whose rebuild was interrupted: what was synced, and written over, is all there or nothing counts. */
static void test_damage_while_open(void **state)
{
	struct bed *bed = *state;
	struct undo *undo;
	uint64_t end;

	for (int i = 0; i < 3; i++)
		save(bed, i % COPIES, (uint64_t)i * 102400, 3072, i + 1);
	assert_int_equal(undo_sync(bed->undo), 0); /* all in one go: no entry tells of another one */
	end = size_of(bed->path);
	undo_close(bed->undo);
	bed->undo = NULL;
	for (uint64_t at = ENTRIES_AT; at < end; at += 7) {
		flip(bed->path, at);
		if (undo_open(bed->path, true, &undo, &bed->error) != -EBADMSG)
			fail_msg("byte %llu of the undo file is wrong and nobody sees it", (unsigned long long)at);
		flip(bed->path, at);
	}
	for (uint64_t cut = end - 1; cut >= ENTRIES_AT; cut -= 5) {
		assert_int_equal(truncate(bed->path, (off_t)cut), 0);
		if (undo_open(bed->path, true, &undo, &bed->error) != -EBADMSG)
			fail_msg("the undo file ends at byte %llu and nobody sees it", (unsigned long long)cut);
		assert_int_equal(undo_create(bed->path, &bed->header, 0, &undo, &bed->error), -EBADMSG);
	}
}

static void test_wrong_files(void **state)
{
	struct bed *bed = *state;
	struct undo *undo;

	assert_int_equal(undo_open("/dev/null", true, &undo, &bed->error), -EBADMSG);
	assert_int_equal(undo_open("/nonexistent/undo", true, &undo, &bed->error), -ENOENT);
	overwrite(bed, 0, 4096, 512, 0xa1);
	assert_int_equal(undo_note(bed->undo, UNDO_FINISHED), 0);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &undo, &bed->error), -EEXIST);
	assert_null(undo);
}

/* What holds nothing is no obstacle; what was finished, or put back, is never gone on with. */
static void test_going_on(void **state)
{
	struct bed *bed = *state;
	struct undo *undo;

	undo_close(bed->undo);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	undo_close(bed->undo);
	assert_int_equal(truncate(bed->path, 0), 0);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	overwrite(bed, 0, 4096, 512, 0xa1);
	reopen(bed);
	assert_int_equal(undo_state(bed->undo), UNDO_OPEN);
	assert_int_equal(put_back(bed), 0);
	reopen(bed);
	assert_int_equal(undo_state(bed->undo), UNDO_DONE);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &undo, &bed->error), -EEXIST);
	assert_null(undo);
}

/* A name that leads elsewhere is not replaced by the file: what it led to would be gone without a word. */
static void test_links(void **state)
{
	struct bed *bed = *state;
	char link[PATH_MAX], target[PATH_MAX];
	struct undo *undo;
	struct stat there;

	snprintf(link, sizeof(link), "%s-link", bed->path);
	snprintf(target, sizeof(target), "%s-target", bed->path);
	assert_int_equal(symlink(target, link), 0);
	for (int i = 0; i < 2; i++) { /* it leads nowhere, and to an empty file */
		assert_int_equal(undo_create(link, &bed->header, 0, &undo, &bed->error), -EEXIST);
		assert_null(undo);
		assert_int_equal(lstat(link, &there), 0);
		assert_true(S_ISLNK(there.st_mode));
		assert_int_equal(access(target, F_OK), i ? 0 : -1);
		close(open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	unlink(target);
	unlink(link);
}

/* Starts of entries that are none, one behind the other: each costs a checksum over what is said to be its bytes. */
static void test_many_starts(void **state)
{
	enum { STARTS = 40000 };
	struct bed *bed = *state;
	uint8_t *tail = calloc(STARTS, ENTRY_BYTES);
	struct undo *undo;
	int fd;

	assert_non_null(tail);
	for (uint8_t *at = tail; at < tail + (size_t)STARTS * ENTRY_BYTES; at += ENTRY_BYTES) {
		memcpy(at, "SAVE", 4);
		put_le32(at + 12, UNDO_CHUNK_BYTES);
		put_le32(at + 16, UNDO_CHUNK_BYTES);
	}
	overwrite(bed, 0, 4096, 512, 0xa1);
	undo_sync(bed->undo);
	fd = open(bed->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, tail, (size_t)STARTS * ENTRY_BYTES), (ssize_t)STARTS * ENTRY_BYTES);
	close(fd);
	free(tail);
	alarm(20);
	assert_int_equal(undo_open(bed->path, false, &undo, &bed->error), -EBADMSG);
	alarm(0);
}

/* What could not be read is counted once, however often it was saved before it was written. */
static void test_lost(void **state)
{
	static const struct {
		uint64_t offset;
		size_t length, lost;
	} saved[] = { { 4096, 512, 512 },
		      { 4096, 4096, 1024 },
		      { 8192, 4096, 0 },
		      { 16384, UNDO_CHUNK_BYTES + 512, UNDO_CHUNK_BYTES + 512 } };
	struct bed *bed = *state;
	uint8_t *bytes = calloc(1, UNDO_CHUNK_BYTES + 512);
	struct undo_look look;

	assert_non_null(bytes);
	for (size_t i = 0; i < sizeof(saved) / sizeof(saved[0]); i++)
		assert_int_equal(undo_save(bed->undo, 0, saved[i].offset, bytes, bytes, saved[i].length, saved[i].lost),
		                 0);
	free(bytes);
	reopen(bed);
	undo_look(bed->undo, UNDO_OPEN, bed->device, NULL, &look, &bed->error);
	assert_int_equal(look.copy[0].lost_bytes, 1024 + UNDO_CHUNK_BYTES + 512);
	assert_int_equal(look.copy[1].lost_bytes, 0);
}

/* ---- going on ---- */

static void test_append(void **state)
{
	struct bed *bed = *state;
	struct undo_header other = bed->header;
	struct undo *undo;

	overwrite(bed, 0, 4096, 5120, 1);
	undo_close(bed->undo);
	bed->undo = NULL;
	strcpy(other.lv_uuid, "another");
	assert_int_equal(undo_create(bed->path, &other, 0, &undo, &bed->error), -EINVAL);
	other = bed->header;
	other.copy[1].device_bytes++;
	assert_int_equal(undo_create(bed->path, &other, 0, &undo, &bed->error), -EINVAL);
	other = bed->header;
	strcpy(other.copy[1].name, "x");
	assert_int_equal(undo_create(bed->path, &other, 0, &undo, &bed->error), -EINVAL);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	overwrite(bed, 0, 4096, 5120, 2);
	overwrite(bed, 1, 0, 512, 2);
	reopen(bed);
	assert_int_equal(undo_places(bed->undo), 3);
	assert_int_equal(put_back(bed), 0);
	assert_as_before(bed);
}

/* A header as version 1 had it: names of 15 characters at most, and where others' are only zeros. */
static void make_version_1(struct bed *bed)
{
	uint8_t raw[4096];
	int fd = open(bed->path, O_RDWR);

	assert_int_equal(pread(fd, raw, sizeof(raw), 0), sizeof(raw));
	put_le32(raw + 8, 1);
	for (int i = 0; i < COPIES; i++)
		memcpy(raw + 64 + 128 * i, bed->header.copy[i].name, strnlen(bed->header.copy[i].name, 15));
	memset(raw + 1088, 0, sizeof(raw) - 1088);
	put_le32(raw + 4092, undo_sum(raw, 4092));
	assert_int_equal(pwrite(fd, raw, sizeof(raw), 0), sizeof(raw));
	close(fd);
}

/* However long its name is, a copy is found again; where it was cut, unless two begin so. */
static void test_names(void **state)
{
	struct bed *bed = *state;
	struct copy copy[3] = { { .group = "" } };

	overwrite(bed, 0, 4096, 5120, 1);
	undo_close(bed->undo);
	unlink(bed->path);
	strcpy(bed->header.copy[0].name, "wwn-0x5000c500a1b2c3d4");
	memset(bed->header.copy[1].name, 'n', SVC_NAME_SIZE - 1);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	reopen(bed);
	assert_string_equal(undo_header(bed->undo)->copy[0].name, bed->header.copy[0].name);
	assert_string_equal(undo_header(bed->undo)->copy[1].name, bed->header.copy[1].name);
	strcpy(copy[0].group, "wwn-0x5000c500a1b2c3d5");
	strcpy(copy[1].group, bed->header.copy[1].name);
	strcpy(copy[2].group, bed->header.copy[0].name);
	assert_int_equal(undo_find_copy(bed->undo, 0, copy, 3), 2);
	assert_int_equal(undo_find_copy(bed->undo, 1, copy, 3), 1);
	assert_int_equal(undo_find_copy(bed->undo, 0, copy, 2), -1);
	make_version_1(bed);
	reopen(bed);
	assert_string_equal(undo_header(bed->undo)->copy[0].name, "wwn-0x5000c500a");
	assert_int_equal(undo_header(bed->undo)->copy[1].device_bytes, DEVICE_BYTES);
	assert_int_equal(undo_find_copy(bed->undo, 0, copy, 3), -1);
	assert_int_equal(undo_find_copy(bed->undo, 0, copy, 2), 0);
	assert_int_equal(undo_find_copy(bed->undo, 1, copy, 3), 1);
	strcpy(copy[0].group, "wwn-0x5000c500");
	assert_int_equal(undo_find_copy(bed->undo, 0, copy, 2), -1);
	strcpy(copy[0].group, copy[2].group); /* two paths to it */
	assert_int_equal(undo_find_copy(bed->undo, 0, copy, 3), 0);
}

static void test_limit(void **state)
{
	struct bed *bed = *state;

	undo_close(bed->undo);
	assert_int_equal(undo_create(bed->path, &bed->header, ENTRIES_AT + 2000, &bed->undo, &bed->error), 0);
	save(bed, 0, 65536, 1024, 1);
	assert_int_equal(undo_failure(bed->undo), 0);
	assert_int_equal(undo_save(bed->undo, 0, 71680, bed->before[0] + 71680, bed->before[0], 1024, 0), -EFBIG);
	assert_int_equal(undo_failure(bed->undo), -EFBIG);
	assert_true(undo_size(bed->undo) <= ENTRIES_AT + 2000);
	save(bed, 0, 0, 4096, 0); /* zeros: they shrink */
	assert_int_equal(undo_note(bed->undo, UNDO_FINISHED), 0);
	reopen(bed);
	assert_int_equal(undo_places(bed->undo), 2);
}

/* Notes need no room that is not there already: what a full disk stopped can be put back. */
static void test_full_disk(void **state)
{
	struct bed *bed = *state;
	struct rlimit limit, was;

	overwrite(bed, 0, 4096, 5120, 1);
	reopen(bed);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = size_of(bed->path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(put_back(bed), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_as_before(bed);
}

/* What ended while the file was made, for want of room or power, leaves nothing that the next one stumbles over. */
static void test_beginning(void **state)
{
	struct bed *bed = *state;
	char draft[sizeof(bed->path) + 8];
	struct rlimit limit, was;
	struct stat there;
	struct undo *undo;
	int fd;

	undo_close(bed->undo);
	bed->undo = NULL;
	unlink(bed->path);
	snprintf(draft, sizeof(draft), "/tmp/.%s.new", bed->path + 5);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = 5000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &undo, &bed->error), -ENOSPC);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(stat(bed->path, &there), -1);
	assert_int_equal(stat(draft, &there), -1);
	fd = open(draft, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, bed->before[0], 20000), 20000); /* power went */
	close(fd);
	fd = open(bed->path, O_RDWR | O_CREAT, 0600); /* mktemp */
	close(fd);
	assert_int_equal(undo_create(bed->path, &bed->header, 0, &bed->undo, &bed->error), 0);
	assert_int_equal(stat(draft, &there), -1);
	overwrite(bed, 0, 4096, 5120, 1);
	reopen(bed);
	assert_int_equal(undo_places(bed->undo), 1);
	assert_int_equal(put_back(bed), 0);
	assert_as_before(bed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_reverse_order),
		TEST(test_group_barriers),
		TEST(test_groups),
		TEST(test_stop),
		TEST(test_only_looked_at),
		TEST(test_other_devices),
		TEST(test_used_again),
		TEST(test_earlier_write),
		TEST(test_order_of_loss),
		TEST(test_torn_tail),
		TEST(test_reordered_tail),
		TEST(test_damage),
		TEST(test_damage_while_open),
		TEST(test_wrong_files),
		TEST(test_going_on),
		TEST(test_links),
		TEST(test_lost),
		TEST(test_many_starts),
		TEST(test_append),
		TEST(test_names),
		TEST(test_limit),
		TEST(test_beginning),
		TEST(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
