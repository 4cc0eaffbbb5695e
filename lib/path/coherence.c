/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/coherence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "evidence/record.h"
#include "path/probe.h"
#include "path/slot.h"

enum {
	TRIES = 8,
	PAUSE_NS = 100000, /* times 1 to 256, and twice as long each time: who disturbed one another does not again */
	TEST_TIMEOUTS = 2, /* the time of a whole test, in those of one touch */
};

/* The block as it was read or is written, and what it says. */
struct block {
	uint8_t bytes[PROBE_SLOT_BYTES];
	struct probe_slot slot;
};

/*
 * Reads the slot; one of ours that is not valid is as if it had never been written. 0, -EEXIST where it holds something
 * that is not ours and must stay, or -errno.
 */
static int read_slot(struct dev *area, char controller, struct block *block)
{
	uint8_t *bytes = dev_buffer(PROBE_SLOT_BYTES);
	int r = bytes ? dev_read(area, bytes, PROBE_SLOT_BYTES, probe_slot_offset(controller)) : -ENOMEM;

	if (!r && !probe_slot_is_ours(bytes))
		r = -EEXIST;
	else if (!r && (!probe_slot_parse(bytes, &block->slot) || block->slot.controller != controller))
		block->slot = (struct probe_slot){ .controller = controller };
	if (!r)
		memcpy(block->bytes, bytes, sizeof(block->bytes));
	free(bytes);
	return r;
}

static int write_slot(struct dev *area, const struct block *block)
{
	uint8_t *bytes = dev_buffer(PROBE_SLOT_BYTES);
	int r = bytes ? 0 : -ENOMEM;

	if (!r) {
		memcpy(bytes, block->bytes, PROBE_SLOT_BYTES);
		r = dev_write(area, bytes, PROBE_SLOT_BYTES, probe_slot_offset(block->slot.controller));
	}
	if (!r)
		r = dev_flush(area);
	free(bytes);
	return r;
}

/* The next slot: counted up, with a nonce that nobody can guess from the one before. */
static int renew(struct block *block, const char *path)
{
	struct probe_slot *slot = &block->slot;

	slot->sequence++;
	slot->time = time(NULL);
	memset(slot->path, 0, sizeof(slot->path));
	memcpy(slot->path, path, strnlen(path, sizeof(slot->path) - 1));
	if (getrandom(slot->nonce, sizeof(slot->nonce), 0) != sizeof(slot->nonce))
		return -EIO;
	probe_slot_format(slot, block->bytes);
	return 0;
}

/* One test under way. */
struct test {
	struct dev *const *area;
	char controller;
	enum path_kind *at; /* the path that is being touched */
	enum path_coherence *found;
	struct svc_error *why;
};

static int read_by(const struct test *test, enum path_kind kind, struct block *block)
{
	*test->at = kind;
	return read_slot(test->area[kind], test->controller, block);
}

/* What a write gives where it is refused, and not lost: by the device, or by the array because of a reservation. */
static bool is_refusal(int code)
{
	return code == -EROFS || code == -EACCES || code == -EPERM || code == -EBADE;
}

static void fail(const struct test *test, enum path_kind kind, int code, bool is_write)
{
	test->found[kind] = is_write && is_refusal(code) ? COHERENCE_REFUSED : COHERENCE_BROKEN;
	error_set(&test->why[kind], code, "its probe slot cannot be %s: %s", is_write ? "written" : "read",
	          dev_strerror(-code));
}

/* The slot by both paths before anything is written. False where that is the end of it. */
static bool read_both(const struct test *test, enum path_kind first, struct block block[PATHS])
{
	int r[PATHS];

	for (int i = 0; i < PATHS; i++) {
		enum path_kind kind = i ? (enum path_kind) !first : first;

		r[kind] = read_by(test, kind, &block[kind]);
		if (r[kind] && r[kind] != -EEXIST) {
			fail(test, kind, r[kind], false);
			return false;
		}
	}
	if (r[PATH_DIRECT] && r[PATH_NBD]) {
		for (int i = 0; i < PATHS; i++) {
			test->found[i] = COHERENCE_FAILED;
			error_set(&test->why[i], -EEXIST,
			          "the probe slot, in the PV's bootloader area, holds what somebody else wrote; it is "
			          "left alone. Is this the volume that is meant?");
		}
	} else if (r[PATH_DIRECT] || r[PATH_NBD]) {
		test->found[PATH_NBD] = COHERENCE_STALE;
		error_set(&test->why[PATH_NBD], -ESTALE,
		          "the probe slot holds what somebody else wrote, by the %s path alone",
		          path_name(r[PATH_NBD] ? PATH_NBD : PATH_DIRECT));
	}
	return !r[PATH_DIRECT] && !r[PATH_NBD];
}

/* By all bytes: what was read while somebody else wrote it is valid neither before nor afterwards, and not the same. */
static bool is_same(const struct block *a, const struct block *b)
{
	return !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/*
 * Writes through `from`, reads through `to`; what is said is said of the path that is at fault. -EAGAIN where somebody else
 * wrote meanwhile: what comes back is neither what was written nor what was there before.
 */
static int test_one_way(const struct test *test, enum path_kind from, enum path_kind to)
{
	struct block before[PATHS], written, seen;
	int r;

	if (!read_both(test, to, before))
		return 0;
	/* Of two that differ the one that is further has seen more. */
	written = before[before[to].slot.sequence > before[from].slot.sequence ? to : from];
	r = renew(&written, path_name(from));
	*test->at = from;
	if (!r)
		r = write_slot(test->area[from], &written);
	if (r) {
		fail(test, from, r, true);
		return 0;
	}
	r = read_by(test, to, &seen);
	if (r && r != -EEXIST) {
		fail(test, to, r, false);
		return 0;
	}
	if (!r && is_same(&seen, &written))
		return 0;
	if (r || !is_same(&seen, &before[to]))
		return -EAGAIN;
	/*
	 * The direct path is the volume itself. What the NBD path wrote and the direct one does not show was kept back
	 * on the other side; so it is the NBD path that is not to be trusted, whichever way the test went.
	 */
	test->found[PATH_NBD] = COHERENCE_STALE;
	if (to == PATH_NBD)
		error_set(&test->why[PATH_NBD], -ESTALE,
		          "what was written through the direct path is not what it shows");
	else
		error_set(&test->why[PATH_NBD], -ESTALE,
		          "what was written through it and flushed is not on the volume");
	return 0;
}

/* The monitor and a call by hand share the slot: they come into each other's way at times, and not every time. */
static void test_way(const struct test *test, enum path_kind from, enum path_kind to)
{
	for (int i = 0; i < TRIES; i++) {
		struct timespec pause = { 0, 0 };
		uint8_t n = 0;

		if (test_one_way(test, from, to) != -EAGAIN)
			return;
		if (getrandom(&n, sizeof(n), 0) == sizeof(n))
			pause.tv_nsec = ((n + 1L) * PAUSE_NS << i) % 1000000000;
		nanosleep(&pause, NULL);
	}
	test->found[to] = COHERENCE_FAILED;
	error_set(&test->why[to], -EAGAIN,
	          "somebody else writes the probe slot of controller %c again and again; has the other controller the "
	          "same id?",
	          test->controller);
}

void coherence_test(struct dev *const area[PATHS], char controller, enum path_coherence found[PATHS],
                    struct svc_error why[PATHS], enum path_kind *at)
{
	struct test test = { .area = area, .controller = controller, .at = at, .found = found, .why = why };

	memset(why, 0, PATHS * sizeof(why[0]));
	found[PATH_DIRECT] = found[PATH_NBD] = COHERENCE_PROVEN;
	test_way(&test, PATH_DIRECT, PATH_NBD);
	if (found[PATH_DIRECT] == COHERENCE_PROVEN && found[PATH_NBD] == COHERENCE_PROVEN)
		test_way(&test, PATH_NBD, PATH_DIRECT);
	for (int i = 0; i < PATHS; i++)
		if (found[i] == COHERENCE_PROVEN && found[!i] != COHERENCE_PROVEN)
			found[i] = COHERENCE_UNTESTED;
}

int coherence_beat(struct dev *area, char controller, const char *path)
{
	struct block block;
	int r = read_slot(area, controller, &block);

	if (!r)
		r = renew(&block, path);
	return r ? r : write_slot(area, &block);
}

/* Shared with the child. */
struct task {
	struct path_facts facts[PATHS];
	char controller;
	struct dev_options options;
	enum path_kind at; /* the path that is being touched */
};

/* 0, or -errno with the sentence and what it means for the path. */
static int open_area(struct path_facts *facts, const struct dev_options *options, struct access *access)
{
	const struct extent *area = &facts->lvm.bootloader_area;
	struct dev_options writing = *options;
	int r;

	facts->coherence = COHERENCE_FAILED;
	facts->coherence_why.text[0] = '\0';
	if (area->length < RECORD_AREA_BYTES)
		return error_set(&facts->coherence_why, -ENOSPC, "the volume has no place for records");
	if (!facts->record.has_area)
		return error_set(&facts->coherence_why, -EEXIST,
		                 "what is in its place for records is somebody else's, and is left alone");
	writing.access = DEV_WRITE_BESIDE;
	r = dev_open(facts->device, &writing, &access->device, &facts->coherence_why);
	if (r == -EROFS)
		facts->coherence = COHERENCE_REFUSED;
	else if (r && r != -EACCES) /* we have no right: that is no fault of the path */
		facts->coherence = COHERENCE_BROKEN;
	if (!r)
		r = dev_open_slice(access->device, area, 1, &access->record);
	if (r && !facts->coherence_why.text[0])
		error_set(&facts->coherence_why, r, "its place for records lies beyond its end");
	if (!r)
		facts->coherence = COHERENCE_UNTESTED;
	return r;
}

static int test_in_child(void *shared)
{
	struct access access[PATHS] = { 0 };
	enum path_coherence found[PATHS];
	struct svc_error why[PATHS];
	struct task *task = shared;
	struct dev *area[PATHS];
	int r = 0;

	for (int i = 0; i < PATHS && !r; i++) {
		task->at = (enum path_kind)i;
		r = open_area(&task->facts[i], &task->options, &access[i]);
		area[i] = access[i].record;
	}
	if (!r) {
		coherence_test(area, task->controller, found, why, &task->at);
		for (int i = 0; i < PATHS; i++) {
			task->facts[i].coherence_why = why[i];
			task->facts[i].coherence = found[i];
		}
	}
	for (int i = 0; i < PATHS; i++)
		access_close(&access[i]);
	return 0;
}

struct beat_task {
	struct path_facts facts;
	enum path_kind kind;
	char controller;
	struct dev_options options;
};

static int beat_in_child(void *shared)
{
	struct beat_task *task = shared;
	struct access access = { 0 };
	int r = open_area(&task->facts, &task->options, &access);

	if (!r)
		r = coherence_beat(access.record, task->controller, path_name(task->kind));
	access_close(&access);
	return r;
}

int coherence_beat_run(const struct path_facts *facts, enum path_kind kind, char controller,
                       const struct dev_options *options)
{
	static pid_t stuck[PATHS];
	unsigned seconds = options->timeout_seconds ? options->timeout_seconds : PATH_TIMEOUT_SECONDS;
	struct beat_task task = { .facts = *facts, .kind = kind, .controller = controller, .options = *options };

	return path_call(&stuck[kind], beat_in_child, &task, seconds * 1000);
}

int coherence_run(struct path_facts facts[PATHS], char controller, const struct dev_options *options,
                  struct svc_error *error)
{
	static pid_t stuck;
	unsigned seconds = options->timeout_seconds ? options->timeout_seconds : PATH_TIMEOUT_SECONDS;
	struct task *task;
	int r;

	if (!controller) {
		error_set(error, -EINVAL,
		          "which controller this is is not known, and each has a probe slot of its own");
		error_next(error, "write id = a (or b) under [controller] into svc.conf");
		return -EINVAL;
	}
	for (int i = 0; i < PATHS; i++) {
		if (facts[i].is_configured && !facts[i].error && !facts[i].is_detached)
			continue;
		/* There is no other path to hold it against. */
		facts[!i].coherence = facts[!i].error ? COHERENCE_UNTESTED : COHERENCE_FAILED;
		error_set(&facts[!i].coherence_why, -ENOTCONN, "there is no other path to test it against");
		return 0;
	}
	task = path_memory(sizeof(*task));
	if (!task)
		return error_set(error, -ENOMEM, "out of memory");
	memcpy(task->facts, facts, sizeof(task->facts));
	task->controller = controller;
	task->options = *options;
	r = path_call(&stuck, test_in_child, task, seconds * TEST_TIMEOUTS * 1000);
	for (int i = 0; i < PATHS && !r; i++) {
		facts[i].coherence = task->facts[i].coherence;
		facts[i].coherence_why = task->facts[i].coherence_why;
	}
	/* The one that it was at when its time was over, or when it crashed. */
	if (r) {
		facts[task->at].coherence = COHERENCE_BROKEN;
		error_set(&facts[task->at].coherence_why, r, "the test of coherence did not end within %u s",
		          seconds * TEST_TIMEOUTS);
	}
	path_memory_free(task, sizeof(*task));
	return 0;
}
