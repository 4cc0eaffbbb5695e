/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compare/scan.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum {
	UNIT_BYTES_MIN = 1024,        /* ext4's smallest block */
	CHUNK_BYTES_MIN = 64 * 1024,  /* ext4's largest block */
	CHUNK_BYTES_MAX = 512 * 1024, /* two of them still fit the L2 cache */
	WORKERS_MAX = 16,
	PROGRESS_MS = 200,
	STACK_BYTES = 128 * 1024,
};

struct work {
	struct scan *scan;
	size_t chunk_bytes;   /* read at once */
	pthread_mutex_t lock; /* guards all below, the parts' bitsets and the scan's counts */
	pthread_cond_t over;  /* a worker ended */
	uint64_t cursor;      /* the first unit not handed out yet */
	struct extent
		data[SVC_COPIES_MAX]; /* by part: the run at or next to the cursor that may hold more than zeros */
	int running;
	int code; /* the first error that ends the scan */
};

uint64_t scan_unit_length(const struct scan *scan, uint64_t unit)
{
	uint64_t start = unit * scan->unit_bytes;

	return scan->leg_bytes - start < scan->unit_bytes ? scan->leg_bytes - start : scan->unit_bytes;
}

uint64_t scan_set_bytes(const struct scan *scan, const struct bitset *set)
{
	uint64_t bytes = bitset_count(set) * scan->unit_bytes;

	if (set->bits && bitset_test(set, set->bits - 1))
		bytes -= scan->unit_bytes - scan_unit_length(scan, set->bits - 1);
	return bytes;
}

/*
 * Where the stretch from `offset` on ends that reads as zeros on every part, so that reading it could
 * show nothing new; `offset` itself where there is none. A part that cannot tell is read.
 */
static uint64_t find_hole_end(struct work *work, uint64_t offset)
{
	const struct scan *scan = work->scan;
	uint64_t end = scan->leg_bytes;

	for (int p = 0; p < scan->parts; p++) {
		struct extent *data = &work->data[p];

		if (offset >= data->offset + data->length && dev_next_data(scan->part[p].leg, offset, data))
			*data = (struct extent){ offset, scan->leg_bytes - offset };
		if (data->offset <= offset)
			return offset;
		if (data->offset < end)
			end = data->offset;
	}
	return end;
}

/* Counts the wanted units of [first, end) as compared, and equal. */
static void pass_hole(struct scan *scan, uint64_t first, uint64_t end)
{
	for (uint64_t unit = first; unit < end; unit++) {
		if (!bitset_test(scan->wanted, unit))
			continue;
		scan->done_bytes += scan_unit_length(scan, unit);
		for (int p = 0; scan->is_repeated && p < scan->parts; p++)
			bitset_clear(scan->part[p].differing, unit);
	}
}

static bool take_chunk(struct work *work, uint64_t *first, uint64_t *count)
{
	struct scan *scan = work->scan;
	uint64_t most = work->chunk_bytes / scan->unit_bytes;
	bool is_found = false;

	pthread_mutex_lock(&work->lock);
	while (!is_found && !work->code) {
		uint64_t hole_end;

		if (scan->stop && *scan->stop)
			work->code = -EINTR;
		if (work->code || !bitset_next_run(scan->wanted, work->cursor, most, first, count))
			break;
		hole_end = find_hole_end(work, *first * scan->unit_bytes);
		/* Whole units only; the last one may be short. */
		work->cursor = hole_end == scan->leg_bytes ? scan->wanted->bits : hole_end / scan->unit_bytes;
		is_found = work->cursor <= *first;
		if (is_found)
			work->cursor = *first + *count;
		else
			pass_hole(scan, *first, work->cursor);
	}
	pthread_mutex_unlock(&work->lock);
	return is_found;
}

/* Of one unit; they are added up in whatever order they come. The mixing is splitmix64's finalizer. */
static uint64_t take_fingerprint(uint64_t unit, int p, const uint8_t *mine, const uint8_t *theirs, size_t length)
{
	uint64_t sum = (uint64_t)crc32(0, mine, (uInt)length) << 32 | crc32(0, theirs, (uInt)length);

	sum += (unit * SVC_COPIES_MAX + (unsigned)p) * UINT64_C(0x9e3779b97f4a7c15);
	sum = (sum ^ sum >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	sum = (sum ^ sum >> 27) * UINT64_C(0x94d049bb133111eb);
	return sum ^ sum >> 31;
}

/* Marks the units of one part that differ. The bytes are looked at without the lock. */
static void mark_part(struct work *work, int p, uint8_t *const buffer[], uint64_t first, uint64_t count)
{
	struct scan *scan = work->scan;
	struct scan_part *part = &scan->part[p];
	const uint8_t *mine = buffer[p], *theirs = buffer[part->against];
	bool is_different[CHUNK_BYTES_MAX / UNIT_BYTES_MIN];
	uint64_t fingerprint = 0;

	for (uint64_t i = 0; i < count; i++) {
		size_t at = i * scan->unit_bytes, length = scan_unit_length(scan, first + i);

		is_different[i] = memcmp(mine + at, theirs + at, length) != 0;
		if (is_different[i] && scan->is_fingerprinted)
			fingerprint += take_fingerprint(first + i, p, mine + at, theirs + at, length);
	}
	pthread_mutex_lock(&work->lock);
	scan->fingerprint += fingerprint;
	for (uint64_t i = 0; i < count; i++) {
		if (is_different[i])
			bitset_set(part->differing, first + i);
		else if (scan->is_repeated)
			bitset_clear(part->differing, first + i);
	}
	pthread_mutex_unlock(&work->lock);
}

static int mark_unread(struct scan *scan, int p, uint64_t unit)
{
	struct scan_part *part = &scan->part[p];

	if (!part->unread)
		part->unread = bitset_new(scan->wanted->bits);
	if (!part->unread)
		return -ENOMEM;
	bitset_set(part->unread, unit);
	return 0;
}

/*
 * A chunk that could not be read whole: unit by unit, so that only what cannot be read is missing. A
 * unit that the reference lacks is held against the first part that has it, so that no difference
 * between the others is missed.
 */
static int compare_units(struct work *work, uint8_t *const buffer[], uint64_t first, uint64_t count)
{
	struct scan *scan = work->scan;
	int code = 0;

	for (uint64_t unit = first; unit < first + count && !code; unit++) {
		size_t length = scan_unit_length(scan, unit);
		bool is_read[SVC_COPIES_MAX];
		int base = -1;

		if (scan->stop && *scan->stop)
			return -EINTR;
		for (int p = 0; p < scan->parts; p++) {
			is_read[p] = !dev_read(scan->part[p].leg, buffer[p], length, unit * scan->unit_bytes);
			if (is_read[p] && base < 0)
				base = p;
		}
		pthread_mutex_lock(&work->lock);
		for (int p = 0; p < scan->parts && !code; p++) {
			int against = scan->part[p].against;

			if (!is_read[p]) {
				code = mark_unread(scan, p, unit);
				bitset_clear(scan->part[p].differing, unit);
				continue;
			}
			if (!is_read[against])
				against = base;
			if (memcmp(buffer[p], buffer[against], length)) {
				bitset_set(scan->part[p].differing, unit);
				if (scan->is_fingerprinted)
					scan->fingerprint +=
						take_fingerprint(unit, p, buffer[p], buffer[against], length);
			} else {
				bitset_clear(scan->part[p].differing, unit);
			}
			scan->read_bytes += length;
		}
		pthread_mutex_unlock(&work->lock);
	}
	return code;
}

static int compare_chunk(struct work *work, uint8_t *const buffer[], uint64_t first, uint64_t count)
{
	struct scan *scan = work->scan;
	uint64_t offset = first * scan->unit_bytes;
	size_t length = (count - 1) * scan->unit_bytes + scan_unit_length(scan, first + count - 1);
	int code = 0;

	for (int p = 0; p < scan->parts && !code; p++)
		code = dev_read(scan->part[p].leg, buffer[p], length, offset);
	if (code) {
		code = compare_units(work, buffer, first, count);
		pthread_mutex_lock(&work->lock);
		scan->done_bytes += length;
		pthread_mutex_unlock(&work->lock);
		return code;
	}
	for (int p = 0; p < scan->parts; p++) {
		int against = scan->part[p].against;

		if (p != against && (scan->is_repeated || memcmp(buffer[p], buffer[against], length)))
			mark_part(work, p, buffer, first, count);
	}
	pthread_mutex_lock(&work->lock);
	scan->done_bytes += length;
	scan->read_bytes += length * (uint64_t)scan->parts;
	pthread_mutex_unlock(&work->lock);
	return 0;
}

static void *worker(void *argument)
{
	struct work *work = argument;
	uint8_t *buffer[SVC_COPIES_MAX] = { NULL };
	uint64_t first, count;
	int code = 0;

	for (int p = 0; p < work->scan->parts && !code; p++) {
		buffer[p] = dev_buffer(work->chunk_bytes);
		code = buffer[p] ? 0 : -ENOMEM;
	}
	while (!code && take_chunk(work, &first, &count))
		code = compare_chunk(work, buffer, first, count);
	for (int p = 0; p < work->scan->parts; p++)
		free(buffer[p]);
	pthread_mutex_lock(&work->lock);
	if (code && !work->code)
		work->code = code;
	work->running--;
	pthread_cond_signal(&work->over);
	pthread_mutex_unlock(&work->lock);
	return NULL;
}

/* Reports progress until the last worker has ended. */
static void wait_workers(struct work *work, uint64_t total_bytes)
{
	struct scan *scan = work->scan;

	pthread_mutex_lock(&work->lock);
	while (work->running) {
		struct timespec until;
		uint64_t done;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += PROGRESS_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&work->over, &work->lock, &until);
		done = scan->done_bytes;
		pthread_mutex_unlock(&work->lock);
		if (scan->progress)
			scan->progress(scan->context, done, total_bytes);
		pthread_mutex_lock(&work->lock);
	}
	pthread_mutex_unlock(&work->lock);
}

static int start_workers(struct work *work, pthread_t thread[], int wanted)
{
	pthread_attr_t attributes;
	int started = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_mutex_lock(&work->lock);
	while (started < wanted && !pthread_create(&thread[started], &attributes, worker, work))
		started++;
	work->running = started;
	pthread_mutex_unlock(&work->lock);
	pthread_attr_destroy(&attributes);
	return started;
}

int scan_run(struct scan *scan)
{
	struct work work = { .scan = scan, .chunk_bytes = CHUNK_BYTES_MAX, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread[WORKERS_MAX];
	pthread_condattr_t clock;
	int workers = 1, started;

	for (int p = 0; p < scan->parts; p++) {
		const struct dev *leg = scan->part[p].leg;

		if ((int)leg->parallel > workers)
			workers = (int)leg->parallel;
		if (leg->chunk_bytes >= CHUNK_BYTES_MIN && leg->chunk_bytes < work.chunk_bytes)
			work.chunk_bytes = leg->chunk_bytes;
	}
	if (workers > WORKERS_MAX)
		workers = WORKERS_MAX;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&work.over, &clock);
	pthread_condattr_destroy(&clock);
	started = start_workers(&work, thread, workers);
	wait_workers(&work, scan_set_bytes(scan, scan->wanted));
	for (int i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	pthread_cond_destroy(&work.over);
	return started ? work.code : -EAGAIN;
}
