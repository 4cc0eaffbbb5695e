/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content is copied. */
#include <inttypes.h>
#include <stdlib.h>

#include "rebuild/content.h"
#include "rebuild/parts.h"
#include "verdict/history.h"

/*
 * Progress becomes durable when so much more was written, but at most once a second: to wait for the medium holds the
 * copying up for some milliseconds. It is what a person is told; what a crash leaves is found by comparing again.
 */
enum { PROGRESS_BYTES = 64 << 20, PROGRESS_US = 1000000, CHECK_US = 1000000 };

static bool is_progress_due(const struct member *member, uint64_t copied_bytes)
{
	return member->over.record && copied_bytes - member->durable_bytes >= PROGRESS_BYTES &&
	       rebuild_now_us() - member->durable_us >= PROGRESS_US;
}

static int content_step(void *context, uint64_t written_bytes)
{
	struct rebuild *r = context;
	struct member *member = &r->member[r->target];
	uint64_t done = r->outcome->content_bytes + written_bytes, copied = member->copied_bytes + written_bytes;
	int code = 0;

	if (r->options->progress)
		r->options->progress(r->options->context, done, r->plan->bytes);
	if (rebuild_now_us() - member->checked_us >= CHECK_US)
		code = rebuild_check_mark(r, r->target);
	if (code || !is_progress_due(member, copied))
		return code;
	code = dev_flush(member->saver);
	member->durable_bytes = copied;
	member->durable_us = rebuild_now_us();
	if (!code)
		code = rebuild_store_mark(r, r->target, member->over.record, member->record.pv_uuid, REBUILD_CONTENT);
	return code;
}

/* Which units a content action looks at. */
static void choose_pass(struct rebuild *r, int i, bool wants_used)
{
	memset(r->pass->word, 0, (r->pass->bits + 63) / 64 * sizeof(r->pass->word[0]));
	for (uint64_t w = 0; w < (r->pass->bits + 63) / 64; w++) {
		uint64_t used = r->map->used->word[w], all = ~(uint64_t)0;

		if (w == r->pass->bits / 64)
			all = ((uint64_t)1 << r->pass->bits % 64) - 1;
		r->pass->word[w] = (wants_used ? used : ~used) & all;
		if (r->plan->is_compared[i])
			r->pass->word[w] &= r->map->differing->word[w] | (r->map->unread ? r->map->unread->word[w] : 0);
	}
}

/*
 * What this host's cache shows of a target is what its medium has, as long as no rebuild of it failed, nor anything that
 * was not compared was on it: to be told equal, the medium is asked then.
 */
static bool is_cache_trusted(const struct rebuild *r, int i)
{
	enum reason_id why;

	return r->plan->is_compared[i] && !history_is_unfinished(&r->copy[i], &why);
}

int rebuild_copy_content(struct rebuild *r, int i, bool wants_used)
{
	struct content_job job = {
		.from = rebuild_authority_access(r)->leg,
		.to = r->member[i].over.leg,
		.saver = r->member[i].saver,
		.wanted = r->pass,
		.written = r->member[i].written,
		.unit_bytes = r->unit_bytes,
		.leg_bytes = r->leg_bytes,
		.rate = r->options->rate,
		.stop = r->options->stop,
		.batch_done = content_step,
		.context = r,
	};
	struct dev *closed = NULL;
	int code = 0;

	choose_pass(r, i, wants_used);
	if (rebuild_is_fs_marked(r, i))
		bitset_clear(r->pass, rebuild_marked_unit(r));
	r->target = i;
	r->member[i].durable_us = rebuild_now_us();
	job.to_read = r->member[i].plain.leg;
	if (!is_cache_trusted(r, i))
		code = rebuild_open_medium(r->member[i].plain.leg, &job.to_read, &closed);
	if (!code)
		code = content_copy(&job);
	dev_close(closed);
	r->outcome->content_bytes += job.written_bytes;
	r->member[i].copied_bytes += job.written_bytes;
	if (code == -EINTR) {
		int flushed = dev_flush(r->member[i].saver);

		error_set(r->error, code, "stopped; %s stays marked as being rebuilt", r->copy[i].name);
		error_next(r->error, "run the same command again to go on");
		return flushed ? rebuild_failed(r, i, flushed, "cannot be flushed") : code;
	}
	if (code == -EUSERS) /* rebuild_check_mark's, with its sentence */
		return code;
	if (code && job.read_error)
		return rebuild_failed(r, r->plan->authority, code, "cannot be read");
	return code ? rebuild_failed(r, i, code, "cannot be written") : 0;
}
