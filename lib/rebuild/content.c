/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/content.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rebuild/saver.h"

enum {
	BATCH_BYTES = 5 << 18, /* of each copy; two batches are in memory */
	RUNS_MAX = 1024,
	UNIT_BYTES_MIN = 1024,
	BATCH_UNITS = BATCH_BYTES / UNIT_BYTES_MIN,
	SIDES = 2,
	STACK_BYTES = 128 * 1024,
};

enum { FROM, TO };

struct run {
	uint64_t first, count; /* units */
	size_t at;             /* in the buffers */
	size_t length;
};

struct batch {
	struct run run[RUNS_MAX];
	size_t runs;
	uint8_t *buffer[SIDES];
	int todo; /* sides that have not read it yet */
	int code[SIDES];
	/* Of the target, by unit in the buffer: bytes that could not be read, zeros stand for them. Writing is its repair. */
	uint32_t lost_bytes[BATCH_UNITS];
};

struct pipeline {
	struct content_job *job;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch *batch[2];
	uint64_t planned; /* batches handed to the readers */
	bool is_over;     /* no more will come */
	uint64_t cursor;  /* the first unit not planned yet */
};

struct reader {
	struct pipeline *pipeline;
	int side;
	pthread_t thread;
};

static size_t unit_length(const struct content_job *job, uint64_t unit)
{
	uint64_t start = unit * job->unit_bytes;

	return job->leg_bytes - start < job->unit_bytes ? (size_t)(job->leg_bytes - start) : job->unit_bytes;
}

/* Fills a batch with the next wanted runs. False: there are no more. */
static bool plan_batch(struct pipeline *pipeline, struct batch *batch)
{
	struct content_job *job = pipeline->job;
	size_t used = 0;

	batch->runs = 0;
	while (batch->runs < RUNS_MAX && used + job->unit_bytes <= BATCH_BYTES) {
		struct run *run = &batch->run[batch->runs];
		uint64_t most = BATCH_BYTES / job->unit_bytes, room = (BATCH_BYTES - used) / job->unit_bytes;

		/* A run that the next batch can hold whole waits for it: one write call less. */
		if (!bitset_next_run(job->wanted, pipeline->cursor, most, &run->first, &run->count) ||
		    run->count > room)
			break;
		run->at = used;
		run->length = (run->count - 1) * job->unit_bytes + unit_length(job, run->first + run->count - 1);
		used += run->count * job->unit_bytes;
		pipeline->cursor = run->first + run->count;
		batch->runs++;
	}
	batch->todo = SIDES;
	return batch->runs > 0;
}

/* What the target cannot give back is not worth keeping: it counts as different. */
static int read_target_units(struct content_job *job, struct batch *batch, const struct run *run)
{
	for (uint64_t i = 0; i < run->count; i++) {
		size_t at = run->at + i * job->unit_bytes, lost;
		int code = dev_read_rest(job->to_read, batch->buffer[TO] + at, unit_length(job, run->first + i),
		                         (run->first + i) * job->unit_bytes, &lost);

		if (code)
			return code;
		batch->lost_bytes[at / job->unit_bytes] = (uint32_t)lost;
	}
	return 0;
}

static int read_batch(struct content_job *job, struct batch *batch, int side)
{
	struct dev *dev = side == FROM ? job->from : job->to_read;
	int code = 0;

	if (side == TO)
		memset(batch->lost_bytes, 0, sizeof(batch->lost_bytes));
	for (size_t i = 0; i < batch->runs && !code; i++) {
		const struct run *run = &batch->run[i];

		code = dev_read(dev, batch->buffer[side] + run->at, run->length, run->first * job->unit_bytes);
		if (code == -EIO && side == TO)
			code = read_target_units(job, batch, run);
	}
	return code;
}

static void *reader_main(void *argument)
{
	struct reader *reader = argument;
	struct pipeline *pipeline = reader->pipeline;

	for (uint64_t n = 0;; n++) {
		struct batch *batch = pipeline->batch[n % 2];
		int code;

		pthread_mutex_lock(&pipeline->lock);
		while (!pipeline->is_over && n >= pipeline->planned)
			pthread_cond_wait(&pipeline->changed, &pipeline->lock);
		if (n >= pipeline->planned) {
			pthread_mutex_unlock(&pipeline->lock);
			return NULL;
		}
		pthread_mutex_unlock(&pipeline->lock);
		code = read_batch(pipeline->job, batch, reader->side);
		pthread_mutex_lock(&pipeline->lock);
		batch->code[reader->side] = code;
		batch->todo--;
		pthread_cond_broadcast(&pipeline->changed);
		pthread_mutex_unlock(&pipeline->lock);
	}
}

static bool is_different(const struct content_job *job, const struct batch *batch, const struct run *run, uint64_t i)
{
	size_t at = run->at + i * job->unit_bytes;

	if (job->skipped && bitset_test(job->skipped, run->first + i))
		return false;
	return batch->lost_bytes[at / job->unit_bytes] ||
	       memcmp(batch->buffer[FROM] + at, batch->buffer[TO] + at, unit_length(job, run->first + i)) != 0;
}

static size_t lost_bytes(const struct content_job *job, const struct batch *batch, size_t at, uint64_t units)
{
	size_t bytes = 0;

	for (uint64_t i = 0; i < units; i++)
		bytes += batch->lost_bytes[at / job->unit_bytes + i];
	return bytes;
}

/* Writes the differing stretches of a run, each with one call. */
static int write_run(struct content_job *job, struct batch *batch, const struct run *run)
{
	int code = 0;

	for (uint64_t i = 0; i < run->count && !code; i++) {
		uint64_t start = i;
		size_t at = run->at + start * job->unit_bytes, length;

		if (!is_different(job, batch, run, i))
			continue;
		while (i + 1 < run->count && is_different(job, batch, run, i + 1))
			i++;
		length = (i - start) * job->unit_bytes + unit_length(job, run->first + i);
		/* A leg that lies across the device's blocks is bounced: then the hint would not be what is written. */
		if (job->to->align_bytes == job->saver->align_bytes)
			saver_hint(job->saver, batch->buffer[TO] + at, length,
			           lost_bytes(job, batch, at, i - start + 1));
		code = dev_write(job->to, batch->buffer[FROM] + at, length, (run->first + start) * job->unit_bytes);
		saver_hint(job->saver, NULL, 0, 0);
		bitset_set_range(job->written, run->first + start, i - start + 1);
		job->written_bytes += length;
	}
	return code;
}

static void hold_rate(const struct content_job *job, const struct timespec *start)
{
	struct timespec now, pause;
	double due, spent;

	if (!job->rate)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	spent = (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
	due = (double)job->written_bytes / (double)job->rate;
	if (due <= spent)
		return;
	pause.tv_sec = (time_t)(due - spent);
	pause.tv_nsec = (long)((due - spent - (double)pause.tv_sec) * 1e9);
	while (nanosleep(&pause, &pause) && errno == EINTR && !(job->stop && *job->stop))
		; /* a signal that stops nothing */
}

/* Writes batch after batch while the readers fill the next one. */
static int write_batches(struct pipeline *pipeline)
{
	struct content_job *job = pipeline->job;
	struct timespec start;
	int code = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t n = 0; !code && n < pipeline->planned; n++) {
		struct batch *batch = pipeline->batch[n % 2];

		pthread_mutex_lock(&pipeline->lock);
		while (batch->todo)
			pthread_cond_wait(&pipeline->changed, &pipeline->lock);
		pthread_mutex_unlock(&pipeline->lock);
		job->read_error = batch->code[FROM];
		code = batch->code[FROM] ? batch->code[FROM] : batch->code[TO];
		for (size_t i = 0; i < batch->runs && !code; i++)
			code = write_run(job, batch, &batch->run[i]);
		if (!code && job->batch_done)
			code = job->batch_done(job->context, job->written_bytes);
		if (!code)
			hold_rate(job, &start);
		if (!code && job->stop && *job->stop)
			code = -EINTR;
		pthread_mutex_lock(&pipeline->lock);
		if (!code && plan_batch(pipeline, batch))
			pipeline->planned++;
		pthread_cond_broadcast(&pipeline->changed);
		pthread_mutex_unlock(&pipeline->lock);
	}
	return code;
}

static int run_pipeline(struct pipeline *pipeline)
{
	struct reader reader[SIDES];
	pthread_attr_t attributes;
	int started = 0, code = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (; started < SIDES && !code; started += code == 0) {
		reader[started] = (struct reader){ .pipeline = pipeline, .side = started };
		code = -pthread_create(&reader[started].thread, &attributes, reader_main, &reader[started]);
	}
	pthread_attr_destroy(&attributes);
	for (int i = 0; i < 2 && !code; i++) {
		pthread_mutex_lock(&pipeline->lock);
		if (plan_batch(pipeline, pipeline->batch[i]))
			pipeline->planned++;
		pthread_cond_broadcast(&pipeline->changed);
		pthread_mutex_unlock(&pipeline->lock);
	}
	if (!code)
		code = write_batches(pipeline);
	pthread_mutex_lock(&pipeline->lock);
	pipeline->is_over = true;
	pthread_cond_broadcast(&pipeline->changed);
	pthread_mutex_unlock(&pipeline->lock);
	for (int i = 0; i < started; i++)
		pthread_join(reader[i].thread, NULL);
	return code;
}

int content_copy(struct content_job *job)
{
	struct pipeline pipeline = { .job = job,
		                     .lock = PTHREAD_MUTEX_INITIALIZER,
		                     .changed = PTHREAD_COND_INITIALIZER };
	int code = 0;

	for (int i = 0; i < 2 && !code; i++) {
		pipeline.batch[i] = calloc(1, sizeof(*pipeline.batch[i]));
		for (int side = 0; side < SIDES && pipeline.batch[i]; side++)
			pipeline.batch[i]->buffer[side] = dev_buffer(BATCH_BYTES);
		if (!pipeline.batch[i] || !pipeline.batch[i]->buffer[FROM] || !pipeline.batch[i]->buffer[TO])
			code = -ENOMEM;
	}
	if (!code)
		code = run_pipeline(&pipeline);
	for (int i = 0; i < 2 && pipeline.batch[i]; i++) {
		free(pipeline.batch[i]->buffer[FROM]);
		free(pipeline.batch[i]->buffer[TO]);
		free(pipeline.batch[i]);
	}
	return code;
}
