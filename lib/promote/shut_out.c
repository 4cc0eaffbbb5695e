/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fence step: what is found out in which order, and who loses the volume only then. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "evidence/evidence.h"
#include "path/probe.h"
#include "promote/takeover.h"

enum {
	INTERVAL_MS = 1000, /* of the monitor, where svc.conf does not say it */
	LOOK_MS = 200,
	DISPUTE_MS = 1500, /* what the other one has begun is over then, most likely */
};

void shut_out_begin(struct takeover *t)
{
	struct svc_error ignored;

	if (!*t->direct || t->ops->read(t->array, &t->seen, &ignored))
		memset(&t->seen, 0, sizeof(t->seen));
}

/* The array's own word; what it does not know, or does not say in time, is no proof of anything. */
int shut_out_read(struct takeover *t, struct fence *fence, struct svc_error *error)
{
	int code = *t->direct ? 0 : error_set(error, -EOPNOTSUPP, "there is no direct path");

	fence_begin(fence, t->ops, t->array, t->key ? t->key : t->own, t->peer, &t->seen);
	return code ? code : fence_confirm(fence, error);
}

int shut_out_confirm(struct takeover *t, struct svc_error *error)
{
	struct fence fence;
	int code = shut_out_read(t, &fence, error);

	/* Proven by something else: the array was never asked to. */
	if (code && t->result->proof != PROOF_RESERVATION)
		return 1;
	if (code)
		return code;
	return fence_is_kept(fence.hold, fence.last.is_reserved, t->result->proof);
}

int shut_out_renew(struct takeover *t, struct svc_error *error)
{
	struct fence fence;
	int code;

	if (t->result->proof != PROOF_RESERVATION || !t->key)
		return shut_out_confirm(t, error);
	fence_begin(&fence, t->ops, t->array, t->key, t->peer, &t->seen);
	code = fence_renew(&fence, error);
	t->key = code ? 0 : fence.own;
	if (code)
		return code;
	/* Another port has the reservation: no more can be done than to look after the other one's commands have come. */
	if (!fence.is_renewed && fence_is_kept(fence.hold, fence.last.is_reserved, t->result->proof)) {
		nanosleep(&(struct timespec){ DISPUTE_MS / 1000, DISPUTE_MS % 1000 * 1000000L }, NULL);
		return shut_out_confirm(t, error);
	}
	return fence_is_kept(fence.hold, fence.last.is_reserved, t->result->proof);
}

int shut_out_check_served(struct takeover *t, struct svc_error *error)
{
	struct reasons reasons = { 0 };

	if (!t->is_fenced || !t->served->find())
		return 0;
	reason_add(&reasons, REASON_NOT_FENCED, -1,
	           "somebody serves the volume to the other controller again, which can write through this one");
	tell_reasons(t, &reasons);
	error_set(error, -EPERM, "%s", reasons.item[0].text);
	error_next(error, "find out who does (svc-pathcheck --export), then run it again");
	return give_up(t, SVC_EXIT_REFUSED, -EPERM);
}

bool shut_out_has_lost(struct takeover *t)
{
	struct reasons reasons = { 0 };
	struct svc_error ignored;
	struct fence fence;

	if (shut_out_read(t, &fence, &ignored) || fence.hold == HOLD_MINE || fence.hold == HOLD_OPEN)
		return false;
	if (!fence.last.is_reserved)
		reason_add(&reasons, REASON_NOT_RESERVED, -1,
		           "the mirror is active here, and the drive array has no reservation any more");
	tell_reasons(t, &reasons);
	return fence.last.is_reserved;
}

bool shut_out_is_to_release(struct takeover *t, const struct reservation *reservation)
{
	enum fence_peer peer = promote_peer(t->survey.copy, t->survey.copies, t->options->controller);
	struct reasons reasons = { 0 };

	if (peer == PEER_SHUT_OUT && t->options->is_peer_fenced)
		peer = PEER_DONE;
	if (fence_is_to_release(reservation, t->own, t->peer, peer))
		return true;
	if (fence_is_shutting_out(reservation, t->own, t->peer, peer)) {
		reason_add(&reasons, REASON_KEPT_OUT, -1,
		           "the reservation stays: the other controller was shut out, and has not closed the mirror");
		tell_reasons(t, &reasons);
	}
	return false;
}

int shut_out_release(struct takeover *t, struct svc_error *error)
{
	struct fence fence;
	int code = shut_out_read(t, &fence, error);

	if (code == -EOPNOTSUPP)
		return 0;
	if (code || !shut_out_is_to_release(t, &fence.last))
		return code;
	return fence_release(&fence, error);
}

/* ---- where the mirror is active already ---- */

/*
 * 1: nothing is to be done; 0: nobody has it reserved, and it is still to be. Never taken back from the other one: what the
 * kernel here still wants to write would go through again.
 */
static int check_active(struct takeover *t, struct svc_error *error)
{
	struct reasons reasons = { 0 };
	struct fence fence;

	if (!look_is_ours(t))
		return 1; /* the verdict has the words for it */
	if (shut_out_read(t, &fence, error))
		return 1;
	if (fence.hold == HOLD_MINE || fence.hold == HOLD_OPEN) {
		t->result->proof = PROOF_RESERVATION;
		return 1;
	}
	if (!fence.last.is_reserved && !fence_find_key(&fence.last, t->peer) && fence.hold != HOLD_FOREIGN)
		return 0;
	t->facts = (struct fence_facts){ .hold = fence.hold, .is_export_stopped = true };
	fence_is_contradicted(&t->facts, &reasons);
	tell_reasons(t, &reasons);
	error_set(error, -EPERM, "the mirror is active here, and the drive array shuts this controller out of shared");
	error_next(error, "stop what uses the mirror, then hand it over: svc-promote --demote");
	return give_up(t, SVC_EXIT_REFUSED, -EPERM);
}

int shut_out_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	uint64_t device;

	if (t->is_fenced || !t->mirror.present)
		return t->is_fenced;
	return look_active(t, &device) ? check_active(t, error) : 0;
}

/* ---- the other controller's signs of life ---- */

static int read_signs(struct takeover *t, struct signs *signs)
{
	int shared = look_shared(t);
	struct svc_error error;
	int code;

	memset(signs, 0, sizeof(*signs));
	if (shared < 0)
		return 0;
	code = signs_read(t->survey.access[shared].record, t->survey.access[shared].leg,
	                  t->options->controller == 'a' ? 'b' : 'a', signs, &error);
	if (code)
		tell(t, "%.300s", error.text);
	return code;
}

void shut_out_look(struct takeover *t)
{
	if (!t->signs.has_beat)
		read_signs(t, &t->signs);
}

/*
 * Two readings as far apart as what is there takes to move; none where nothing is there, or it does not count. A monitor
 * beats once a round, and a round takes longer by a look that it has to give up. Where there is no time for that it is not
 * begun.
 */
static void watch_signs(struct takeover *t, unsigned left_ms)
{
	const struct svc_conf *conf = t->options->conf;
	unsigned interval = conf->paths_interval_ms ? conf->paths_interval_ms : INTERVAL_MS;
	unsigned timeout = conf->paths_timeout_seconds ? conf->paths_timeout_seconds : PATH_TIMEOUT_SECONDS;
	unsigned wait_ms = 0, needed_ms = 2 * interval + timeout * 1000;
	uint64_t began_ms = path_now_ms();
	struct signs first;

	read_signs(t, &first);
	if (first.has_beat && !t->facts.is_closed)
		wait_ms = needed_ms;
	if (first.has_mmp) {
		if (needed_ms < first.mmp_wait_seconds * 1000)
			needed_ms = first.mmp_wait_seconds * 1000;
		wait_ms = needed_ms;
	}
	if (wait_ms && wait_ms >= left_ms) {
		t->facts.needed_seconds = (wait_ms + 999) / 1000;
		signs_compare(&first, &first, 0, needed_ms, &t->facts);
		return;
	}
	if (wait_ms)
		tell(t, "watching the other controller's signs of life for %u ms", wait_ms);
	do {
		nanosleep(&(struct timespec){ 0, wait_ms ? LOOK_MS * 1000000L : 0 }, NULL);
		read_signs(t, &t->signs);
		signs_compare(&first, &t->signs, path_now_ms() - began_ms, needed_ms, &t->facts);
	} while (path_now_ms() - began_ms < wait_ms && !(t->options->stop && *t->options->stop) &&
	         t->facts.mmp != MOTION_MOVING && (t->facts.beats != MOTION_MOVING || t->facts.is_closed));
}

/* ---- taking it ---- */

/* Whether shared's record is still what the survey read: else somebody claimed the mirror since. */
static bool is_record_same(struct takeover *t)
{
	int shared = look_shared(t);
	const struct copy *was = shared >= 0 ? &t->survey.copy[shared] : NULL;
	struct copy now;

	if (!was || was->condition != COPY_USABLE)
		return true;
	now = *was;
	memset(&now.evidence.record, 0, sizeof(now.evidence.record));
	evidence_read_record(&now, shared, &t->survey.access[shared]);
	return !memcmp(&now.evidence.record.record, &was->evidence.record.record, sizeof(struct record));
}

/*
 * The other one has the volume: it died with it, or it has just taken it and is about to claim. Who finds it claimed after
 * having looked at who has it leaves it alone; and who has claimed renews its key, and once more when all is done
 * (takeover.c): what the other one still has to say is about a key that is gone.
 */
static int take(struct takeover *t, struct svc_error *error)
{
	struct reasons reasons = { 0 };
	struct fence fence;
	uint16_t number;
	int code;

	t->facts.hold = HOLD_UNKNOWN;
	if (!*t->direct)
		return 0;
	code = fence_draw_number(&number, error);
	if (code)
		return code;
	fence_begin(&fence, t->ops, t->array, t->own | number, t->peer, &t->seen);
	do {
		code = fence_advance(&fence, error);
		if (code > 0 && fence_is_to_look_again(&fence) && !is_record_same(t))
			fence_yield(&fence);
	} while (code > 0);
	if (code == -EOPNOTSUPP)
		return 0;
	if (code)
		tell(t, "%.300s", error->text);
	t->facts.hold = fence.hold;
	t->has_taken = fence.hold == HOLD_MINE;
	t->key = t->has_taken ? fence.own : 0;
	if (t->has_taken && fence.is_fleeting)
		reason_add(&reasons, REASON_NOT_LASTING, -1,
		           "the drive array keeps reservations for as long as it has power");
	tell_reasons(t, &reasons);
	return 0;
}

static void ask_hook(struct takeover *t, unsigned left_ms)
{
	struct svc_error error = { .text = "" };

	tell(t, "asking the fence hook to stop the other controller");
	t->facts.hook = signs_ask_hook(t->options->conf->promote_fence_hook, t->options->controller == 'a' ? 'b' : 'a',
	                               t->mirror.vg_uuid, left_ms, &error);
	if (t->facts.hook == HOOK_FAILED)
		tell(t, "%.300s", error.text);
}

/*
 * The other one's last path may lead through this controller, its signs of life with it: that is cut once nothing speaks
 * against it. What still came by it until then was a sign of life too.
 */
static bool cut_off(struct takeover *t)
{
	struct signs before = t->signs;
	struct fence_facts since = { 0 };
	struct reasons ignored = { 0 };
	struct svc_error why;
	bool is_served = t->served->find() > 0;

	if (t->served->stop(t, &why)) {
		tell(t, "%.300s", why.text);
		return false;
	}
	t->facts.is_export_stopped = true;
	t->has_cut |= is_served;
	read_signs(t, &t->signs);
	signs_compare(&before, &t->signs, 0, 0, &since);
	if (since.beats == MOTION_MOVING)
		t->facts.beats = MOTION_MOVING;
	if (since.mmp == MOTION_MOVING)
		t->facts.mmp = MOTION_MOVING;
	return !fence_is_contradicted(&t->facts, &ignored);
}

/* What speaks against it is looked for before the other one loses anything; the hook is asked where that is not enough. */
static int find_facts(struct takeover *t, unsigned ms, struct svc_error *error)
{
	uint64_t end_ms = path_now_ms() + ms;
	bool has_hook = *t->options->conf->promote_fence_hook;
	int code = 0;

	for (int attempt = 0; attempt < 2 && !code; attempt++) {
		struct reasons ignored = { 0 };
		uint64_t now = path_now_ms();

		watch_signs(t, now < end_ms ? (unsigned)(end_ms - now) : 0);
		t->facts.hold = HOLD_UNKNOWN;
		if (!fence_is_alive(&t->facts, &ignored) && cut_off(t))
			code = take(t, error);
		if (attempt || !has_hook || t->facts.hold == HOLD_MINE || t->facts.hold == HOLD_LOST)
			break;
		now = path_now_ms();
		ask_hook(t, now < end_ms ? (unsigned)(end_ms - now) : 1);
		if (t->facts.hook != HOOK_PROVEN)
			break;
	}
	return code;
}

int shut_out(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	const struct record *record = look_record(t, look_shared(t));
	char peer = t->options->controller == 'a' ? 'b' : 'a';
	struct reasons reasons = { 0 };
	int code;

	t->facts = (struct fence_facts){ .is_told = t->options->is_peer_fenced };
	t->facts.is_closed = record && !(record->is_open && record->owner == peer);
	code = find_facts(t, left_ms, error);
	if (code)
		return code;
	t->result->proof = fence_judge(&t->facts, &reasons);
	tell_reasons(t, &reasons);
	t->is_fenced = t->result->proof != PROOF_NONE;
	if (t->is_fenced)
		return 0;
	error_set(error, -EPERM, "it is not proven that the other controller cannot write");
	for (size_t i = 0; i < reasons.count; i++)
		if (reason_row(reasons.item[i].id)->exit == SVC_EXIT_REFUSED) {
			error_set(error, -EPERM, "%s", reasons.item[i].text);
			error_next(error, "%s", reason_row(reasons.item[i].id)->next);
			break;
		}
	return give_up(t, SVC_EXIT_REFUSED, -EPERM);
}
