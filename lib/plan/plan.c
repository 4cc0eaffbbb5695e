/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/plan.h"

#include <inttypes.h>
#include <string.h>

#include "plan/online.h"
#include "plan/planning.h"
#include "verdict/history.h"
#include "verdict/verdict.h"

static bool is_usable(const struct planning *p, int i)
{
	return p->copy[i].condition == COPY_USABLE && p->verdict->state[i] != STATE_DAMAGED;
}

int plan_path(const struct copy *copy, int copies, int i)
{
	int best = verdict_first_path(copy, copies, i);

	if (copy[best].condition == COPY_USABLE)
		return best;
	for (int k = copies - 1; k >= 0; k--)
		if (!strcmp(copy[k].group, copy[i].group) &&
		    (copy[k].condition != COPY_UNREADABLE || copy[best].condition == COPY_UNREADABLE))
			best = k;
	return best;
}

/* The copy itself, not a second path to one that was already met, nor another path to the authority. */
static bool is_own_copy(const struct planning *p, int i)
{
	int authority = p->plan->authority;

	return i == authority ||
	       (plan_path(p->copy, p->copies, i) == i && strcmp(p->copy[i].group, p->copy[authority].group) != 0);
}

/* --to may name any path to the copy. */
static bool is_named(const struct planning *p, int i)
{
	for (int k = 0; k < p->copies; k++)
		if (p->wish->has_to && p->wish->to[k] && !strcmp(p->copy[k].group, p->copy[i].group))
			return true;
	return false;
}

/* Paths that show different data, or a clone: which of them is the volume is not for a rebuild to guess. */
static bool is_about_identity(enum reason_id id)
{
	return id == REASON_PATHS_DIFFER || id == REASON_CLONE;
}

static int refuse_paths(struct planning *p)
{
	for (size_t i = 0; i < p->verdict->reasons.count; i++) {
		const struct reason *reason = &p->verdict->reasons.item[i];

		if (!is_about_identity(reason->id))
			continue;
		reason_add(p->refusals, reason->id, reason->copy, "%s", reason->text);
		return SVC_EXIT_OPERATOR;
	}
	return 0;
}

/* Who the others are rebuilt from. */
static int choose_authority(struct planning *p)
{
	const struct verdict *verdict = p->verdict;
	int from = p->wish->from;
	enum reason_id why;

	if (from < 0 || from == verdict->authority) {
		p->plan->authority = verdict->authority;
		if (verdict->authority >= 0 || verdict->kind == VERDICT_IN_SYNC)
			return 0;
		reason_add(p->refusals, verdict->kind == VERDICT_NONE ? REASON_NO_WHOLE : REASON_NEEDS_CHOICE, -1,
		           "the verdict is %s: no copy can be named as the one to keep", verdict_name(verdict->kind));
		return verdict->kind == VERDICT_NONE ? SVC_EXIT_NO_COPY : SVC_EXIT_OPERATOR;
	}
	if (!is_usable(p, from) && p->copy[from].condition != COPY_USABLE) {
		reason_add(p->refusals, REASON_FROM_UNUSABLE, from, "%s is %s and cannot be rebuilt from",
		           p->copy[from].name, state_name(verdict->state[from]));
		return SVC_EXIT_REFUSED;
	}
	if (history_is_unfinished(&p->copy[from], &why)) {
		reason_add(p->refusals, REASON_FROM_UNUSABLE, from, "%s is itself a rebuild that was not finished",
		           p->copy[from].name);
		return SVC_EXIT_REFUSED;
	}
	p->plan->authority = from;
	p->plan->is_forced = verdict->kind != VERDICT_IN_SYNC && verdict->state[from] != STATE_IN_SYNC;
	if (p->plan->is_forced && !p->wish->is_forced) {
		reason_add(p->refusals, REASON_NOT_CONFIRMED, from,
		           "to keep %s gives up what the others hold and it does not; that is not confirmed",
		           p->copy[from].name);
		return SVC_EXIT_REFUSED;
	}
	return 0;
}

/* Whether the plan leaves this copy as it is because it is right already. */
static bool is_right(const struct planning *p, int i)
{
	const struct comparison *comparison = p->comparison;

	if (i == p->plan->authority)
		return true;
	if (p->plan->is_forced || (p->verdict->state[i] != STATE_IN_SYNC && p->verdict->state[i] != STATE_AUTHORITY))
		return false;
	return !comparison->done || !comparison->copy[i].compared ||
	       (!comparison->copy[i].used_bytes && !comparison->copy[i].free_bytes &&
	        !comparison->copy[i].errors.count);
}

static int choose_target(struct planning *p, int i)
{
	const struct copy *copy = &p->copy[i];
	bool is_asked_for = is_named(p, i);

	if (copy->condition == COPY_UNREADABLE) {
		if (!is_asked_for)
			return 0; /* it stays as it is, and named failed by the members */
		if (!copy->device_bytes) {
			reason_add(p->refusals, REASON_OPEN, i, "%s cannot be reached", copy->name);
			return SVC_EXIT_IO;
		} /* else it answers, though not everywhere: what is written anew can be read again */
	}
	if (copy->condition == COPY_FOREIGN || planning_is_other_mirror(p, i)) {
		if (!is_asked_for) {
			reason_add(p->refusals, REASON_NAME_TARGET, i,
			           "%s holds something else; it is only overwritten where --to names it", copy->name);
			return SVC_EXIT_REFUSED;
		}
		p->plan->is_whole[i] = true;
	}
	if (copy->is_live)
		return planning_refuse_live(p, i);
	p->plan->is_target[i] = true;
	p->plan->is_whole[i] |= copy->condition != COPY_USABLE && !copy->leg_bytes;
	/* What is laid out anew has its leg elsewhere than where it was compared. */
	p->plan->is_compared[i] = p->comparison->done && p->comparison->copy[i].compared && !p->plan->is_whole[i];
	return 0;
}

/* Where a target's leg is in the array: its own LVM metadata, the configuration, or the only one left. */
static int place_target(struct planning *p, int i, uint64_t taken)
{
	const struct lvm_evidence *right = &p->copy[p->plan->authority].evidence.lvm;
	int leg = p->leg_of[i], open = 0, last = -1;

	if (right->type == MIRROR_NONE) {
		p->plan->leg_index[i] = 0;
		return 0;
	}
	for (unsigned k = 0; k < right->leg_count; k++) {
		if (p->copy[i].evidence.lvm.present && !strcmp(right->leg_pv_uuid[k], p->copy[i].evidence.lvm.pv_uuid))
			leg = (int)k;
		if (!(taken >> k & 1)) {
			open++;
			last = (int)k;
		}
	}
	if (leg < 0 && open == 1)
		leg = last;
	if (leg >= 0 && (unsigned)leg < right->leg_count && !(taken >> leg & 1)) {
		p->plan->leg_index[i] = (unsigned)leg;
		return 0;
	}
	if (open)
		reason_add(p->refusals, REASON_LEG_UNKNOWN, i,
		           "%s: which of the mirror's %u legs it is to be is not known", p->copy[i].name,
		           right->leg_count);
	else
		reason_add(p->refusals, REASON_LEG_UNKNOWN, i,
		           "%s: there is a copy for each of the mirror's %u legs already: leave this one out, or name "
		           "with --to what is to be rebuilt",
		           p->copy[i].name, right->leg_count);
	return SVC_EXIT_REFUSED;
}

static int choose_members(struct planning *p)
{
	struct plan *plan = p->plan;
	uint64_t taken = 0;
	int code = 0;

	if (is_named(p, plan->authority)) {
		reason_add(p->refusals, REASON_TO_AUTHORITY, plan->authority,
		           "%s is the copy to keep: the others are rebuilt from it", p->copy[plan->authority].name);
		return SVC_EXIT_REFUSED;
	}
	for (int i = 0; i < p->copies && !code; i++) {
		if (!is_own_copy(p, i))
			continue;
		if (is_right(p, i) && is_usable(p, i))
			plan->is_member[i] = true;
		else if (!p->wish->has_to || is_named(p, i))
			code = choose_target(p, i);
		else
			plan->is_left[i] = p->copy[i].condition != COPY_UNREADABLE;
		plan->is_member[i] |= plan->is_target[i];
		plan->leg_index[i] = p->copy[i].evidence.lvm.leg_index;
		/* Also where it is not to be rebuilt: its leg must not be given to another device. */
		if (!plan->is_whole[i] &&
		    (plan->is_member[i] || (p->copy[i].condition == COPY_USABLE && !planning_is_other_mirror(p, i))))
			taken |= (uint64_t)1 << plan->leg_index[i];
	}
	for (int i = 0; i < p->copies && !code; i++) {
		if (!plan->is_whole[i])
			continue;
		code = place_target(p, i, taken);
		taken |= (uint64_t)1 << plan->leg_index[i];
	}
	return code;
}

/* Of a bare file system nothing else removes what was on the device before: its blocks not in use do. */
static bool is_rest_copied(const struct planning *p, int i)
{
	return p->plan->has_free ||
	       (p->plan->is_whole[i] && p->copy[p->plan->authority].evidence.lvm.type == MIRROR_NONE);
}

/* What the one to keep cannot give cannot be made the others'. Known before their marks are written, nothing is lost. */
static int check_readable(const struct planning *p)
{
	const struct content_difference *right = &p->comparison->copy[p->plan->authority];
	uint64_t unread = 0;

	for (int i = 0; i < p->copies; i++) {
		if (!p->plan->is_target[i])
			continue;
		unread = right->unread_used_bytes;
		if (is_rest_copied(p, i))
			unread += right->unread_free_bytes;
		if (unread)
			break;
	}
	if (!unread)
		return 0;
	reason_add(p->refusals, REASON_READ_ERROR, p->plan->authority,
	           "%s is the copy to keep, and %" PRIu64 " bytes that the others need of it cannot be read: nothing "
	           "was written",
	           p->copy[p->plan->authority].name, unread);
	return SVC_EXIT_IO;
}

static void add(struct plan *plan, enum action_kind kind, int copy, uint64_t bytes)
{
	plan->action[plan->actions++] = (struct action){ kind, copy, bytes };
}

/* What is to be written: as compared with the authority, or in any copy where it was compared with another. */
static void count_bytes(const struct planning *p, int i, uint64_t *used, uint64_t *rest)
{
	const struct comparison *comparison = p->comparison;
	const struct copy *right = &p->copy[p->plan->authority];

	*used = comparison->mapped_bytes;
	*rest = right->leg_bytes - *used;
	if (p->plan->is_compared[i]) {
		bool is_direct = comparison->reference == p->plan->authority;

		*used = is_direct ? comparison->copy[i].used_bytes : comparison->used_bytes;
		*rest = is_direct ? comparison->copy[i].free_bytes : comparison->free_bytes;
		/* To write what cannot be read is its repair. */
		*used += comparison->copy[i].unread_used_bytes;
		*rest += comparison->copy[i].unread_free_bytes;
	}
	if (!is_rest_copied(p, i))
		*rest = 0;
}

/* Marks first, content, proof, then what makes the kernel trust the leg, and the mark off last. */
static void list_target(struct planning *p, int i)
{
	struct plan *plan = p->plan;
	enum mirror_type type = p->copy[plan->authority].evidence.lvm.type;
	uint64_t used, rest;
	enum reason_id why;

	count_bytes(p, i, &used, &rest);
	if (plan->is_whole[i])
		add(plan, ACTION_LAYOUT, i, 0);
	add(plan, ACTION_MARK, i, 0);
	if (used)
		add(plan, ACTION_USED, i, used);
	if (rest)
		add(plan, ACTION_FREE, i, rest);
	if (used + rest)
		add(plan, ACTION_PROVE, i, used + rest);
	/* Of a rebuild that was not finished the text is looked at again: on the medium. */
	if (type != MIRROR_NONE && !plan->is_whole[i] &&
	    (p->copy[i].evidence.lvm.seqno != p->copy[plan->authority].evidence.lvm.seqno ||
	     history_is_unfinished(&p->copy[i], &why)))
		add(plan, ACTION_METADATA, i, 0);
	if (type == MIRROR_RAID1)
		add(plan, ACTION_SUPERBLOCK, i, 0);
	plan->bytes += used + rest;
}

static void list_actions(struct planning *p)
{
	struct plan *plan = p->plan;
	int targets = 0;

	for (int i = 0; i < p->copies; i++) {
		targets += plan->is_target[i];
		if (plan->is_target[i])
			list_target(p, i);
	}
	for (int i = 0; i < p->copies && targets; i++)
		if (plan->is_member[i] && !plan->is_target[i] && p->copy[i].evidence.raid.present)
			add(plan, ACTION_FORGIVE, i, 0);
	for (int i = 0; i < p->copies; i++)
		if (plan->is_target[i])
			add(plan, ACTION_UNMARK, i, 0);
}

/*
 * What the members' superblocks say of legs that are not here. Where the authority was stopped in order and
 * nothing had to be chosen: what the authority said of them, and its bitmap knows what they missed. But
 * where the content itself was unsettled or chosen, an absent leg was not settled with the others, and what
 * it wrote on its own is in nobody's bitmap: it is named failed, and all of it is to be recovered.
 */
static void judge_absent(struct planning *p)
{
	const struct evidence *right = &p->copy[p->plan->authority].evidence;
	bool is_settled = p->verdict->kind != VERDICT_DIRTY && !p->plan->is_forced &&
	                  right->raid.resync_offset == UINT64_MAX && !right->fs.needs_recovery;
	uint64_t members = 0, all = ((uint64_t)1 << right->lvm.leg_count) - 1;

	if (right->lvm.type != MIRROR_RAID1)
		return;
	for (int i = 0; i < p->copies; i++)
		if (p->plan->is_member[i])
			members |= (uint64_t)1 << p->plan->leg_index[i];
	p->plan->failed_devices = (is_settled ? right->raid.failed_devices : all) & ~members;
	p->plan->is_absent_unsettled = !is_settled;
}

int plan_make(const struct copy *copy, int copies, const struct verdict *verdict, const struct comparison *comparison,
              const struct plan_wish *wish, const int leg_of[SVC_COPIES_MAX], struct plan *plan,
              struct reasons *refusals)
{
	/* cppcheck-suppress ctuuninitvar ; only written: the caller need not set it before */
	struct planning p = { copy, copies, verdict, comparison, wish, leg_of, plan, refusals };
	int code;

	memset(plan, 0, sizeof(*plan));
	plan->authority = -1;
	plan->has_free = !wish->is_allocated;
	code = refuse_paths(&p);
	if (!code)
		code = choose_authority(&p);
	if (code || plan->authority < 0)
		return code;
	if (copy[plan->authority].evidence.online.is_active)
		return plan_make_online(copy, copies, verdict, comparison, wish, plan, refusals);
	code = choose_members(&p);
	if (!code)
		code = planning_check(&p);
	if (!code)
		code = check_readable(&p);
	if (code)
		return code;
	judge_absent(&p);
	list_actions(&p);
	return 0;
}
