/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content is copied, and proven by reading it back. */
#include <inttypes.h>
#include <stdlib.h>

#include "compare/scan.h"
#include "rebuild/content.h"
#include "rebuild/parts.h"

/*
 * Progress becomes durable when so much more was written, but at most once a second: to wait for the medium holds the
 * copying up for some milliseconds. It is what a person is told; what a crash leaves is found by comparing again.
 */
enum { PROGRESS_BYTES = 64 << 20, PROGRESS_US = 1000000, CHECK_US = 1000000 };

static bool is_progress_due(const struct member *member, uint64_t written_bytes)
{
	return member->over.record && written_bytes - member->durable_bytes >= PROGRESS_BYTES &&
	       rebuild_now_us() - member->durable_us >= PROGRESS_US;
}

static int content_step(void *context, uint64_t written_bytes)
{
	struct rebuild *r = context;
	struct member *member = &r->member[r->target];
	uint64_t done = r->outcome->content_bytes + written_bytes;
	int code = 0;

	if (r->options->progress)
		r->options->progress(r->options->context, done, r->plan->bytes);
	if (rebuild_now_us() - member->checked_us >= CHECK_US)
		code = rebuild_check_mark(r, r->target);
	if (code || !is_progress_due(member, written_bytes))
		return code;
	code = dev_flush(member->saver);
	member->durable_bytes = written_bytes;
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

int rebuild_copy_content(struct rebuild *r, int i, bool wants_used)
{
	struct content_job job = {
		.from = rebuild_authority_access(r)->leg,
		.to = r->member[i].over.leg,
		.to_read = r->member[i].plain.leg,
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
	int code;

	choose_pass(r, i, wants_used);
	if (rebuild_is_fs_marked(r, i))
		bitset_clear(r->pass, rebuild_marked_unit(r));
	r->target = i;
	r->member[i].durable_bytes = 0;
	r->member[i].durable_us = rebuild_now_us();
	code = content_copy(&job);
	r->outcome->content_bytes += job.written_bytes;
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

/* Reads back what was written, past this host's cache, and holds it against the authority. */
int rebuild_prove(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	struct dev *medium = NULL;
	struct access proof = { 0 };
	struct copy seen = member->now;
	struct scan scan = {
		.part = { { .leg = rebuild_authority_access(r)->leg }, { .leg = member->plain.leg } },
		.parts = 2,
		.unit_bytes = r->unit_bytes,
		.leg_bytes = r->leg_bytes,
		.wanted = member->written,
		.stop = r->options->stop,
	};
	int code = dev_flush(member->saver);

	if (code)
		return rebuild_failed(r, i, code, "cannot be written");
	if (!dev_open_uncached(r->device[i], &medium)) {
		proof.device = medium;
		seen.findings.count = 0;
		if (rebuild_authority(r)->evidence.lvm.type != MIRROR_NONE)
			code = locate_leg(&seen, r->options->lv, &proof, r->error);
		else
			code = dev_open_slice(medium, &(struct extent){ 0, r->leg_bytes }, 1, &proof.leg);
		if (!code)
			scan.part[1].leg = proof.leg ? proof.leg : member->plain.leg;
	}
	for (int p = 0; p < scan.parts; p++) {
		scan.part[p].differing = bitset_new(member->written->bits);
		if (!code && !scan.part[p].differing)
			code = -ENOMEM;
	}
	if (!code)
		code = scan_run(&scan);
	if (!code && (bitset_count(scan.part[1].differing) || scan.part[0].unread || scan.part[1].unread))
		code = -EBADMSG;
	if (!code)
		r->outcome->proven_bytes += scan.done_bytes;
	for (int p = 0; p < scan.parts; p++) {
		bitset_free(scan.part[p].differing);
		bitset_free(scan.part[p].unread);
	}
	access_close(&proof);
	if (code == -EBADMSG) {
		error_set(r->error, code, "%s: what was written does not read back as %s's", r->copy[i].name,
		          rebuild_authority(r)->name);
		error_next(r->error, "do not trust this device: check it and its path, then run the command again");
		return code;
	}
	return code == -EINTR ? error_set(r->error, code, "stopped; %s stays marked as being rebuilt", r->copy[i].name)
	       : code         ? rebuild_failed(r, i, code, "cannot be read back")
	                      : 0;
}
