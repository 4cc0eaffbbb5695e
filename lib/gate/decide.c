/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/decide.h"

#include <string.h>

#include "claim/controller.h"
#include "rebuild/mark.h"
#include "verdict/verdict.h"

const char *gate_action_name(enum gate_action action)
{
	static const char *const name[] = {
		[GATE_PASS] = "pass",         [GATE_STANDBY] = "standby", [GATE_ACTIVATE] = "activate",
		[GATE_DEGRADED] = "degraded", [GATE_REBUILD] = "rebuild", [GATE_QUESTION] = "ask",
	};

	return name[action];
}

/*
 * The copy whose record says that somebody else is the owner, and 0; or -1 where this controller may go on. Of
 * several records the one with the most promotions counts; among equals any that names the other controller does.
 */
static int find_other_owner(const struct gate_policy *policy, const struct copy *copy, int copies)
{
	uint64_t epoch = 0;
	int other = -1;

	for (int i = 0; i < copies; i++) {
		const struct record *record = &copy[i].evidence.record.record;

		if (!mark_is_own(&copy[i]) || !record->owner || record->epoch < epoch)
			continue;
		if (record->epoch > epoch)
			other = -1;
		epoch = record->epoch;
		if (record->owner != policy->controller)
			other = i;
	}
	return other;
}

static bool has_owner(const struct copy *copy, int copies)
{
	for (int i = 0; i < copies; i++)
		if (mark_is_own(&copy[i]) && copy[i].evidence.record.record.owner)
			return true;
	return false;
}

static bool is_standby(const struct gate_policy *policy, const struct copy *copy, int copies, struct reasons *reasons)
{
	int other = find_other_owner(policy, copy, copies);

	if (other >= 0) {
		const struct record *record = &copy[other].evidence.record.record;

		reason_add(reasons, REASON_STANDBY, other, "%s's record says that controller %c %s the mirror%s",
		           copy[other].name, record->owner, record->is_open ? "has" : "had",
		           policy->controller ? "" : ", and svc.conf does not say which one this is");
		return true;
	}
	if (policy->controller != 'b' || has_owner(copy, copies))
		return false;
	reason_add(reasons, REASON_STANDBY, -1, "no record says whose the mirror is, and this is controller b");
	return true;
}

/*
 * Nothing but this controller's own flash, or nothing but shared, can be read, and its record says that this controller
 * had the mirror last and did not see it go on without this copy (outdated). The flash has to say too that the mirror was
 * not handed over (closed): who took it over since then would have noted that on shared alone.
 */
static bool is_degraded_possible(const struct gate_policy *policy, const struct copy *copy, int copies,
                                 const struct verdict *verdict)
{
	const char *own = policy->controller == 'b' ? "flash-b" : "flash-a";
	const struct copy *right = verdict->authority >= 0 ? &copy[verdict->authority] : NULL;

	if (!policy->is_degraded_allowed || !policy->controller || !right || right->condition != COPY_USABLE ||
	    right->evidence.errors.count || !mark_is_own(right) ||
	    right->evidence.record.record.owner != policy->controller || right->evidence.record.record.is_outdated)
		return false;
	if (strcmp(right->group, "shared") != 0 &&
	    (strcmp(right->group, own) != 0 || !right->evidence.record.record.is_open))
		return false;
	for (int i = 0; i < copies; i++)
		if (&copy[i] != right && copy[i].condition != COPY_UNREADABLE)
			return false;
	return true;
}

static bool is_member(const struct copy *copy, int copies, const struct verdict *verdict, int i)
{
	return copy[i].condition == COPY_USABLE && verdict_first_path(copy, copies, i) == i &&
	       (verdict->state[i] == STATE_AUTHORITY || verdict->state[i] == STATE_IN_SYNC);
}

/* The older type of mirror has no superblocks that the kernel could be held to, and a bare file system no mirror. */
static bool is_raid1(const struct copy *copy, int copies, const struct gate_decision *decision)
{
	for (int i = 0; i < copies; i++)
		if (decision->is_member[i] && copy[i].evidence.lvm.type != MIRROR_RAID1)
			return false;
	return true;
}

/*
 * Whose the mirror is passes from one controller to the other by the record on shared, or by nothing: where shared has no
 * place for one, the other controller may have it at this moment. One flash in `legs`: there is no other controller.
 */
static bool is_owner_unknowable(const struct gate_policy *policy, const struct copy *copy, int copies)
{
	bool has_usable = false, has_shared = false, has_place = false, has_shared_place = false;

	if (*policy->legs && (conf_leg(policy->legs, "flash-a") < 0 || conf_leg(policy->legs, "flash-b") < 0))
		return false;
	for (int i = 0; i < copies; i++) {
		bool is_shared = !strcmp(copy[i].group, "shared");

		if (copy[i].condition != COPY_USABLE)
			continue;
		has_usable = true;
		has_shared |= is_shared;
		has_place |= copy[i].evidence.record.has_area;
		has_shared_place |= is_shared && copy[i].evidence.record.has_area;
	}
	return has_shared ? !has_shared_place : has_usable && !has_place;
}

static void decide_by_verdict(const struct gate_policy *policy, const struct copy *copy, int copies,
                              const struct verdict *verdict, struct gate_decision *decision)
{
	decision->action = GATE_QUESTION;
	decision->exit = verdict->exit;
	/* The other controller may have it at this moment, and be as nameless. */
	if (!policy->controller && (verdict->exit == SVC_EXIT_DONE || verdict->exit == SVC_EXIT_DIFFER)) {
		reason_add(&decision->reasons, REASON_NO_CONTROLLER, -1,
		           "svc.conf does not say which controller this is, and no record says whose the mirror is");
		decision->exit = SVC_EXIT_CONFIG;
		return;
	}
	if ((verdict->exit == SVC_EXIT_DONE || verdict->exit == SVC_EXIT_DIFFER) &&
	    is_owner_unknowable(policy, copy, copies)) {
		reason_add(&decision->reasons, REASON_NO_PLACE, -1,
		           "no copy that the other controller sees has a place for a record: it may have the mirror");
		decision->exit = SVC_EXIT_OPERATOR;
		return;
	}
	/* What may be newer is not overwritten unasked. */
	if (verdict->exit == SVC_EXIT_DIFFER && policy->mode == GATE_AUTO &&
	    !verdict_has(verdict, REASON_MAY_BE_NEWER, NULL)) {
		decision->action = GATE_REBUILD;
		return;
	}
	if (verdict->exit == SVC_EXIT_DONE && verdict->kind == VERDICT_IN_SYNC) {
		decision->action = GATE_ACTIVATE;
		for (int i = 0; i < copies; i++)
			decision->is_member[i] = is_member(copy, copies, verdict, i);
	} else if (verdict->exit == SVC_EXIT_IO && is_degraded_possible(policy, copy, copies, verdict)) {
		decision->action = GATE_DEGRADED;
		decision->exit = SVC_EXIT_DONE;
		decision->is_member[verdict->authority] = true;
		reason_add(&decision->reasons, REASON_DEGRADED, verdict->authority,
		           "only %s can be read; it goes on alone, and its record will say so",
		           copy[verdict->authority].name);
	}
	if (is_raid1(copy, copies, decision))
		return;
	reason_add(&decision->reasons, REASON_NOT_ACTIVATED, -1,
	           "the copies are no legs of a raid1 LV; the boot activates nothing else");
	decision->action = GATE_QUESTION;
	decision->exit = SVC_EXIT_OPERATOR;
}

void gate_decide(const struct gate_policy *policy, const struct copy *copy, int copies, const struct verdict *verdict,
                 struct gate_decision *decision)
{
	memset(decision, 0, sizeof(*decision));
	if (policy->mode == GATE_OFF) {
		reason_add(&decision->reasons, REASON_BOOT_OFF, -1, "svc.mode=off: the mirror is left alone");
		return;
	}
	/* Before the records are believed: they go by the letter. */
	if (policy->controller &&
	    controller_is_contradicted(policy->controller, policy->legs, copy, copies, &decision->reasons)) {
		decision->action = GATE_QUESTION;
		decision->exit = SVC_EXIT_CONFIG;
		return;
	}
	if (is_standby(policy, copy, copies, &decision->reasons))
		decision->action = GATE_STANDBY;
	else
		decide_by_verdict(policy, copy, copies, verdict, decision);
}
