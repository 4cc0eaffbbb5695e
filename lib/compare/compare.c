/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compare/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bitset.h"
#include "compare/scan.h"
#include "evidence/evidence.h"
#include "fs/fs.h"
#include "verdict/history.h"
#include "verdict/verdict.h"

enum {
	UNIT_BYTES = 4096,    /* where no file system names its block size */
	REREAD_ROUNDS = 5,    /* on a live mirror */
	REREAD_WAIT_MS = 100, /* md writes the legs one after another: long enough for any such write to land */
};

/* One comparison under way. Parts are the copies that take part, in the order of the copies. */
struct job {
	const struct copy *copy;
	const struct access *access;
	int copies;
	const struct compare_options *options;
	struct comparison *comparison;
	struct svc_error *error;
	int part_of[SVC_COPIES_MAX];        /* copy -> part, or -1 */
	int copy_of[SVC_COPIES_MAX];        /* part -> copy */
	struct dev *medium[SVC_COPIES_MAX]; /* by part; NULL: read as it was opened */
	struct fs *fs[SVC_COPIES_MAX];      /* by copy; NULL where there is none or it cannot be opened */
	struct bitset *all;                 /* every unit, for COMPARE_FULL */
	struct scan scan;
};

/* Who takes part, and against whom: the reference, or the first path to the same copy. */
static void choose_parts(struct job *job, int reference)
{
	const struct copy *copy = job->copy;

	job->scan.leg_bytes = copy[reference].leg_bytes;
	for (int i = 0; i < job->copies; i++) {
		bool is_part = copy[i].condition == COPY_USABLE && copy[i].leg_bytes == job->scan.leg_bytes;

		job->part_of[i] = is_part ? job->scan.parts : -1;
		if (!is_part)
			continue;
		job->copy_of[job->scan.parts] = i;
		job->scan.part[job->scan.parts++].leg = job->access[i].leg;
	}
	for (int p = 0; p < job->scan.parts; p++) {
		int i = job->copy_of[p], first = verdict_first_path(copy, job->copies, i);

		job->scan.part[p].against = job->part_of[first != i && job->part_of[first] >= 0 ? first : reference];
	}
	job->scan.part[job->part_of[reference]].against = job->part_of[reference];
}

/*
 * What a rebuild that did not come to its end left is read from the medium: it may have ended because this host's cache
 * shows what the medium does not have.
 */
static int open_media(struct job *job)
{
	int code = 0;

	for (int p = 0; p < job->scan.parts && !code; p++) {
		const struct copy *copy = &job->copy[job->copy_of[p]];
		enum reason_id why;

		if (!history_is_unfinished(copy, &why))
			continue;
		code = dev_open_uncached(job->scan.part[p].leg, &job->medium[p]);
		if (!code)
			job->scan.part[p].leg = job->medium[p];
		else if (code == -ENOTSUP)
			code = 0;
		else
			error_set(job->error, code, "%s: its medium cannot be read past the cache: %s", copy->name,
			          dev_strerror(-code));
	}
	return code;
}

static int open_fs(struct job *job)
{
	uint32_t unit = 0;

	for (int p = 0; p < job->scan.parts; p++) {
		int i = job->copy_of[p];
		int code;

		if (!job->copy[i].evidence.fs.present)
			continue;
		code = fs_open(job->access[i].leg, FS_REPLAYED, &job->fs[i], job->error);
		if (code == -ENOMEM)
			return code;
		if (!code && (!unit || fs_block_bytes(job->fs[i]) < unit))
			unit = fs_block_bytes(job->fs[i]);
	}
	job->scan.unit_bytes = unit ? unit : UNIT_BYTES;
	return 0;
}

/* What any copy's file system uses; everything where one of them cannot say. */
static int make_maps(struct job *job)
{
	uint64_t units = job->scan.leg_bytes / job->scan.unit_bytes + (job->scan.leg_bytes % job->scan.unit_bytes != 0);
	int code = 0;

	job->comparison->used = bitset_new(units);
	job->comparison->differing = bitset_new(units);
	if (!job->comparison->used || !job->comparison->differing)
		goto no_memory;
	for (int p = 0; p < job->scan.parts; p++) {
		struct fs *fs = job->fs[job->copy_of[p]];

		job->scan.part[p].differing = bitset_new(units);
		if (!job->scan.part[p].differing)
			goto no_memory;
		code = fs ? fs_mark_used(fs, job->scan.unit_bytes, job->comparison->used, job->error) : -EUCLEAN;
		if (code == -ENOMEM)
			goto no_memory;
		if (code) /* it cannot say: then nothing may be left out */
			bitset_set_range(job->comparison->used, 0, units);
	}
	job->scan.wanted = job->comparison->used;
	if (job->options->mode == COMPARE_FULL) {
		job->all = bitset_new(units);
		if (!job->all)
			goto no_memory;
		bitset_set_range(job->all, 0, units);
		job->scan.wanted = job->all;
	}
	return 0;
no_memory:
	return error_set(job->error, -ENOMEM, "out of memory for the block maps");
}

static void unite_differences(struct job *job)
{
	for (int p = 0; p < job->scan.parts; p++)
		bitset_or(job->comparison->differing, job->scan.part[p].differing);
}

static bool is_any_live(const struct job *job)
{
	for (int p = 0; p < job->scan.parts; p++)
		if (job->copy[job->copy_of[p]].is_live)
			return true;
	return false;
}

/* raid1 writes its legs one after another: on a live mirror only a difference that stays is one. */
static int reread_differences(struct job *job)
{
	struct comparison *comparison = job->comparison;
	uint64_t before[SVC_COPIES_MAX];
	int code = 0;

	for (int p = 0; p < job->scan.parts; p++)
		before[p] = scan_set_bytes(&job->scan, job->scan.part[p].differing);
	job->scan.is_repeated = true;
	job->scan.is_fingerprinted = false;
	job->scan.progress = NULL;
	for (int round = 1; round <= REREAD_ROUNDS && !code && bitset_count(comparison->differing); round++) {
		struct timespec pause = { 0, round * REREAD_WAIT_MS * 1000000L };

		nanosleep(&pause, NULL);
		job->scan.wanted = comparison->differing;
		code = scan_run(&job->scan);
		bitset_free(comparison->differing);
		comparison->differing = bitset_new(job->comparison->used->bits);
		if (!comparison->differing)
			return error_set(job->error, -ENOMEM, "out of memory for the block maps");
		unite_differences(job);
	}
	for (int p = 0; p < job->scan.parts; p++)
		comparison->copy[job->copy_of[p]].moved_bytes =
			before[p] - scan_set_bytes(&job->scan, job->scan.part[p].differing);
	return code;
}

static void list_errors(const struct job *job, const struct bitset *unread, struct read_errors *errors)
{
	uint64_t first, count, from = 0;

	for (; bitset_next_run(unread, from, UINT64_MAX, &first, &count); from = first + count) {
		uint64_t length = (count - 1) * job->scan.unit_bytes + scan_unit_length(&job->scan, first + count - 1);

		if (errors->count < SVC_ERRORS_LISTED)
			errors->listed[errors->count] = (struct extent){ first * job->scan.unit_bytes, length };
		errors->count++;
		errors->bytes += length;
	}
}

static bool is_region_set(const struct bitset *regions, uint64_t region_bytes, uint64_t offset)
{
	return regions && offset / region_bytes < regions->bits && bitset_test(regions, offset / region_bytes);
}

/*
 * Sorts what differs by whose log calls it unsettled. md sets a region's bit on every leg that is present
 * before it writes there: what only one leg has marked was written while the other was away.
 */
static int sort_by_logs(struct job *job, int p)
{
	const struct scan_part *part = &job->scan.part[p];
	int mine = job->copy_of[p], theirs = job->copy_of[part->against], code;
	struct content_difference *content = &job->comparison->copy[mine];
	struct bitset *own = NULL, *reference = NULL;
	uint64_t first, count;

	code = evidence_unsettled_map(&job->copy[mine], &job->access[mine], &own, job->error);
	if (!code)
		code = evidence_unsettled_map(&job->copy[theirs], &job->access[theirs], &reference, job->error);
	for (uint64_t from = 0; !code && bitset_next_run(part->differing, from, 1, &first, &count); from = first + 1) {
		uint64_t offset = first * job->scan.unit_bytes, length = scan_unit_length(&job->scan, first);
		bool is_own = is_region_set(own, job->copy[mine].evidence.unsettled.region_bytes, offset);
		bool is_theirs = is_region_set(reference, job->copy[theirs].evidence.unsettled.region_bytes, offset);

		if (!bitset_test(job->comparison->used, first))
			continue;
		if (!is_own && !is_theirs)
			content->settled_bytes += length;
		else if (is_own && !is_theirs && reference)
			content->own_bytes += length;
		else if (is_theirs && !is_own && own)
			content->reference_bytes += length;
	}
	bitset_free(own);
	bitset_free(reference);
	return code;
}

static uint64_t used_bytes_of(const struct job *job, const struct bitset *units)
{
	uint64_t first, count, bytes = 0;

	for (uint64_t from = 0; bitset_next_run(units, from, 1, &first, &count); from = first + 1)
		if (bitset_test(job->comparison->used, first))
			bytes += scan_unit_length(&job->scan, first);
	return bytes;
}

/* What could not be read is not known to be equal: whoever makes copies equal has to look at it again. */
static int note_unread(struct job *job, const struct bitset *unread, struct content_difference *content)
{
	struct comparison *comparison = job->comparison;

	if (!unread)
		return 0;
	if (!comparison->unread)
		comparison->unread = bitset_new(comparison->used->bits);
	if (!comparison->unread)
		return error_set(job->error, -ENOMEM, "out of memory for the block maps");
	bitset_or(comparison->unread, unread);
	list_errors(job, unread, &content->errors);
	content->unread_used_bytes = used_bytes_of(job, unread);
	content->unread_free_bytes = scan_set_bytes(&job->scan, unread) - content->unread_used_bytes;
	return 0;
}

static int summarise(struct job *job)
{
	struct comparison *comparison = job->comparison;
	int code = 0;

	comparison->used_bytes = used_bytes_of(job, comparison->differing);
	comparison->free_bytes = scan_set_bytes(&job->scan, comparison->differing) - comparison->used_bytes;
	for (int p = 0; p < job->scan.parts && !code; p++) {
		const struct scan_part *part = &job->scan.part[p];
		struct content_difference *content = &comparison->copy[job->copy_of[p]];

		content->compared = true;
		code = note_unread(job, part->unread, content);
		content->used_bytes = used_bytes_of(job, part->differing);
		content->free_bytes = scan_set_bytes(&job->scan, part->differing) - content->used_bytes;
		if (!code && content->used_bytes)
			code = sort_by_logs(job, p);
	}
	return code;
}

/*
 * Metadata checksums are about the blocks as they are on the medium, without the journal laid over.
 * A file system that cannot be opened leaves them silent.
 */
static int ask_checksums(struct job *job, int p)
{
	const struct scan_part *part = &job->scan.part[p];
	int i = job->copy_of[p], r = job->copy_of[part->against];
	struct fs *reference = NULL, *other = NULL;
	struct bitset *differing;
	uint64_t first, count;

	if (!job->comparison->copy[i].used_bytes || !job->fs[i] || !job->fs[r])
		return 0;
	differing = bitset_new(job->comparison->used->bits);
	if (!differing)
		return error_set(job->error, -ENOMEM, "out of memory for the block maps");
	for (uint64_t from = 0; bitset_next_run(part->differing, from, 1, &first, &count); from = first + 1)
		if (bitset_test(job->comparison->used, first))
			bitset_set(differing, first);
	if (!fs_open(job->access[r].leg, FS_ON_DISK, &reference, job->error) &&
	    !fs_open(job->access[i].leg, FS_ON_DISK, &other, job->error))
		job->comparison->copy[i].checksums =
			fs_checksum_voice(reference, other, differing, job->scan.unit_bytes);
	fs_close(reference);
	fs_close(other);
	bitset_free(differing);
	return 0;
}

/* Second paths to a copy say nothing new of whose a block is. */
static int attribute(struct job *job, int reference)
{
	struct fs *fs[SVC_COPIES_MAX];

	for (int i = 0; i < job->copies; i++) {
		bool is_first = verdict_first_path(job->copy, job->copies, i) == i &&
		                strcmp(job->copy[i].group, job->copy[reference].group) != 0;

		fs[i] = i == reference || is_first ? job->fs[i] : NULL;
	}
	return fs_attribute(fs, job->copies, reference, job->comparison->differing, job->scan.unit_bytes,
	                    &job->comparison->owners, job->error);
}

/* The same for one copy against the reference alone. Of a single other copy the common answer is its own. */
static int attribute_each(struct job *job, int reference)
{
	int code = 0;

	for (int p = 0; p < job->scan.parts && job->scan.parts > 2 && !code; p++) {
		int i = job->copy_of[p];
		struct fs *fs[SVC_COPIES_MAX] = { NULL };

		if (!job->comparison->copy[i].used_bytes || job->scan.part[p].against != job->part_of[reference])
			continue;
		fs[reference] = job->fs[reference];
		fs[i] = job->fs[i];
		code = fs_attribute(fs, job->copies, i, job->scan.part[p].differing, job->scan.unit_bytes,
		                    &job->comparison->copy[i].owners, job->error);
	}
	return code;
}

static int run(struct job *job, int reference)
{
	struct comparison *comparison = job->comparison;
	int code;

	choose_parts(job, reference);
	code = open_media(job);
	if (!code)
		code = open_fs(job);
	if (!code)
		code = make_maps(job);
	if (code)
		return code;
	comparison->block_bytes = job->scan.unit_bytes;
	comparison->mapped_bytes = scan_set_bytes(&job->scan, comparison->used);
	if (job->options->mode == COMPARE_FAST)
		return 0;
	code = scan_run(&job->scan);
	bitset_free(job->all); /* the sets that say whose the blocks are get its room */
	job->all = NULL;
	comparison->bytes = job->scan.done_bytes;
	if (code)
		return error_set(job->error, code, "the comparison was stopped: %s", strerror(-code));
	unite_differences(job);
	if (is_any_live(job))
		code = reread_differences(job);
	if (!code)
		code = summarise(job);
	for (int p = 0; p < job->scan.parts && !code; p++)
		code = ask_checksums(job, p);
	if (!code)
		code = attribute(job, reference);
	if (!code && job->options->owners_each)
		code = attribute_each(job, reference);
	comparison->read_bytes = job->scan.read_bytes;
	comparison->fingerprint = job->scan.fingerprint;
	comparison->done = code == 0;
	return code;
}

int compare_run(const struct copy *copy, int copies, const struct access *access, int reference,
                const struct compare_options *options, struct comparison *comparison, struct svc_error *error)
{
	struct job job = {
		.copy = copy,
		.access = access,
		.copies = copies,
		.options = options,
		.comparison = comparison,
		.error = error,
		.scan = { .is_fingerprinted = options->is_fingerprinted,
		          .stop = options->stop,
		          .progress = options->progress,
		          .context = options->context },
	};
	int code;

	memset(comparison, 0, sizeof(*comparison));
	comparison->mode = options->mode;
	comparison->reference = reference;
	code = run(&job, reference);
	for (int p = 0; p < job.scan.parts; p++) {
		bitset_free(job.scan.part[p].differing);
		bitset_free(job.scan.part[p].unread);
		dev_close(job.medium[p]);
	}
	for (int i = 0; i < copies; i++)
		fs_close(job.fs[i]);
	bitset_free(job.all);
	return code;
}

void compare_free(struct comparison *comparison)
{
	bitset_free(comparison->differing);
	bitset_free(comparison->unread);
	bitset_free(comparison->used);
	comparison->differing = comparison->unread = comparison->used = NULL;
	fs_attribution_free(&comparison->owners);
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		fs_attribution_free(&comparison->copy[i].owners);
}
