/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promote/decide.h"

#include <inttypes.h>
#include <string.h>

#include "evidence/record.h"
#include "rebuild/mark.h"
#include "verdict/history.h"
#include "verdict/verdict.h"

struct decider {
	const struct promote_wish *wish;
	const struct copy *copy;
	int copies;
	const struct verdict *verdict;
	struct promote_decision *decision;
};

static bool is_shared(const struct copy *copy)
{
	return !strcmp(copy->group, "shared");
}

static bool is_own_flash(const struct decider *d, const struct copy *copy)
{
	return !strcmp(copy->group, d->wish->controller == 'b' ? "flash-b" : "flash-a");
}

/* The record, where it was written for this very copy. */
static const struct record *record_of(const struct copy *copy)
{
	return mark_is_own(copy) ? &copy->evidence.record.record : NULL;
}

static void add_crash(struct decider *d, int i, const char *what)
{
	char peer = d->wish->controller == 'a' ? 'b' : 'a';

	if (d->wish->beat_time)
		reason_add(&d->decision->reasons, REASON_PEER_CRASHED, i,
		           "controller %c %s; its last sign of life is %" PRId64 " seconds old", peer, what,
		           d->wish->now - d->wish->beat_time);
	else
		reason_add(&d->decision->reasons, REASON_PEER_CRASHED, i, "controller %c %s, and left no sign of life",
		           peer, what);
}

static void refuse(struct decider *d, enum svc_exit exit)
{
	d->decision->action = PROMOTE_REFUSE;
	d->decision->exit = exit;
}

/* A leg that this controller reaches and the kernel can be held to; by one path. */
static bool is_fit(const struct decider *d, int i)
{
	const struct copy *copy = &d->copy[i];

	return (is_shared(copy) || is_own_flash(d, copy)) && copy->condition == COPY_USABLE &&
	       verdict_first_path(d->copy, d->copies, i) == i && copy->evidence.lvm.type == MIRROR_RAID1 &&
	       copy->evidence.lvm.leg_index < SVC_LEGS_MAX;
}

static bool has_usable_shared(const struct decider *d)
{
	for (int i = 0; i < d->copies; i++)
		if (is_shared(&d->copy[i]) && d->copy[i].condition == COPY_USABLE)
			return true;
	return false;
}

bool promote_is_ours(const struct copy *copy, int copies, char controller, int *other)
{
	bool is_claimed = false;
	uint64_t ours = 0;

	*other = -1;
	for (int i = 0; i < copies; i++) {
		const struct record *record = copy[i].evidence.online.is_under ? record_of(&copy[i]) : NULL;

		if (!record || record->owner != controller || !record->is_open)
			continue;
		is_claimed = true;
		ours = record->epoch > ours ? record->epoch : ours;
	}
	for (int i = 0; i < copies; i++) {
		const struct record *record = copy[i].evidence.online.is_under ? record_of(&copy[i]) : NULL;

		if (record && (record->epoch > ours || (record->epoch == ours && record->owner != controller)))
			*other = i;
	}
	return is_claimed && *other < 0;
}

/* The newest record of the legs that are under the active mirror. */
static int find_active(const struct decider *d)
{
	int found = -1;

	for (int i = 0; i < d->copies; i++)
		if (d->copy[i].evidence.online.is_under && record_of(&d->copy[i]) &&
		    (found < 0 || record_of(&d->copy[i])->epoch > record_of(&d->copy[found])->epoch))
			found = i;
	return found;
}

/*
 * The takeover that this one goes on with, or whose mirror is active, had warnings: they hold until what it missed is read,
 * and until who was shut out has had the mirror again.
 */
static void remember(struct decider *d, int i)
{
	const struct record *record = record_of(&d->copy[i]);
	uint64_t unseen = record ? record->unseen & ~record->legs & ~promote_legs(d->copy, d->copies) : 0;

	if (record && record->is_after_crash && record->owner == d->wish->controller &&
	    !d->decision->has_peer_crashed) {
		d->decision->has_peer_crashed = true;
		add_crash(d, i, "had not closed the mirror when this one took it over");
	}
	if (unseen && d->decision->unseen != UNSEEN_OPEN) {
		d->decision->unseen = UNSEEN_OPEN;
		d->decision->unseen_legs = unseen;
		reason_add(
			&d->decision->reasons, REASON_UNSEEN, i,
			"%s was taken over while a leg that was not read may have gone on without it, and that was not "
			"read since",
			d->copy[i].name);
	}
}

/* Active here already: else somebody else took it over in the meantime, or nobody ever judged and claimed it. */
static bool decide_active(struct decider *d)
{
	bool is_active = false;
	int other;

	for (int i = 0; i < d->copies; i++)
		is_active |= d->copy[i].evidence.online.is_active;
	if (!is_active)
		return false;
	if (promote_is_ours(d->copy, d->copies, d->wish->controller, &other)) {
		d->decision->action = PROMOTE_ALREADY;
		remember(d, find_active(d));
		return true;
	}
	if (other >= 0 && record_of(&d->copy[other])->is_open)
		reason_add(&d->decision->reasons, REASON_PREEMPTED, other,
		           "the mirror is active here, and the other controller has claimed it since by %s's record",
		           d->copy[other].name);
	else
		reason_add(&d->decision->reasons, REASON_ACTIVE_EARLY, other,
		           "the mirror is active here, and no record says that this controller has it");
	refuse(d, SVC_EXIT_REFUSED);
	return true;
}

/* The verdict's authority; among equal ones that which both controllers see. -1: none. */
static int choose(const struct decider *d)
{
	int chosen = d->verdict->authority;

	if (d->verdict->kind != VERDICT_IN_SYNC)
		return chosen;
	for (int i = 0; i < d->copies; i++)
		if (is_fit(d, i) &&
		    (d->verdict->state[i] == STATE_AUTHORITY || d->verdict->state[i] == STATE_IN_SYNC) &&
		    (chosen < 0 || !is_fit(d, chosen) || (is_shared(&d->copy[i]) && !is_shared(&d->copy[chosen]))))
			chosen = i;
	return chosen;
}

/*
 * Shared cannot be read, or is no copy any more: this flash alone. That it is the newest is not to be proven then; a
 * record that is closed says that it was handed over. It was this controller's if nobody closed it.
 */
static bool may_go_alone(struct decider *d, int flash)
{
	const struct record *record = record_of(&d->copy[flash]);
	const char *why = NULL;

	if (!record)
		why = "and has no record that says who had the mirror last";
	else if (record->owner != d->wish->controller)
		why = "and its record does not say that this controller had the mirror last";
	else if (!record->is_open || record->is_outdated)
		why = "and the mirror was handed over or went on elsewhere";
	else if (d->copy[flash].evidence.errors.count)
		why = "and parts of it cannot be read";
	else if (!d->wish->is_degraded_allowed)
		why = "and svc.conf does not allow going on with that: [boot] degraded";
	if (!why)
		return true;
	reason_add(&d->decision->reasons, REASON_FLASH_ALONE, flash,
	           "shared holds nothing that can be used; %s is left, %s", d->copy[flash].name, why);
	return false;
}

/* Shared as both controllers saw it last: whoever goes on without it leaves a mark there that has no name. */
static bool has_met_on_shared(const struct decider *d)
{
	for (int i = 0; i < d->copies; i++)
		if (is_shared(&d->copy[i]) && d->copy[i].condition == COPY_USABLE)
			return !record_of(&d->copy[i]) || !record_of(&d->copy[i])->is_outdated;
	return false;
}

/* Where the record does not say who may have what the copy holds, everybody may. */
static uint64_t holders_of(const struct record *record, uint64_t all, bool *is_known)
{
	*is_known &= record && record_has_generation(record->generation) && !record->is_beyond && record->legs;
	return *is_known ? record->legs & all : all;
}

/*
 * Who has the authority's generation, or may have it, and was not read. The other controller takes over from shared, with
 * a generation that no leg left behind hears of: where shared was not read, or was left, or a person goes on with a copy
 * that the verdict does not name, that may have happened.
 */
static void find_unseen(struct decider *d)
{
	struct promote_decision *decision = d->decision;
	const struct copy *right = &d->copy[decision->authority];
	const struct record *record = record_of(right);
	uint64_t all = ((uint64_t)1 << right->evidence.lvm.leg_count) - 1;
	bool is_known = has_met_on_shared(d) && !decision->is_forced;
	uint64_t holders = holders_of(record, all, &is_known);
	char peer = d->wish->controller == 'a' ? 'b' : 'a';

	holders &= ~promote_legs(d->copy, d->copies);
	decision->has_peer_crashed = record && record->is_open && record->owner == peer;
	decision->unseen_legs = holders;
	if (holders)
		decision->unseen = is_known && !record->is_open ? UNSEEN_CLOSED : UNSEEN_OPEN;
	if (decision->has_peer_crashed)
		add_crash(d, decision->authority, "did not close the mirror");
	if (decision->unseen == UNSEEN_OPEN)
		reason_add(&decision->reasons, REASON_UNSEEN, decision->authority,
		           "%s was not closed%s, and a leg that was not read may have gone on without it", right->name,
		           record ? "" : " as far as is known");
	remember(d, decision->authority);
}

/*
 * Equal history is not equal data: a leg of the same history goes in only where its content was compared, and is not
 * overwritten either where it was not. It may hold what is right.
 */
static void choose_legs(struct decider *d)
{
	struct promote_decision *decision = d->decision;
	bool is_equal = d->wish->is_compared && d->verdict->kind != VERDICT_DIRTY && !decision->is_forced;

	for (int i = 0; i < d->copies; i++) {
		const struct copy *copy = &d->copy[i];
		enum copy_state state = d->verdict->state[i];
		bool is_same = state == STATE_AUTHORITY || state == STATE_IN_SYNC;

		if (i == decision->authority || (is_equal && is_same && is_fit(d, i)))
			decision->is_member[i] = true;
		else if (!decision->is_forced && (is_shared(copy) || is_own_flash(d, copy)) &&
		         strcmp(copy->group, d->copy[decision->authority].group) != 0 &&
		         verdict_first_path(d->copy, d->copies, i) == i)
			decision->is_refreshed[i] = (is_same && d->wish->is_compared) || state == STATE_STALE ||
			                            state == STATE_BLANK || state == STATE_DAMAGED;
	}
}

static void take(struct decider *d, int authority)
{
	d->decision->action = PROMOTE_TAKE;
	d->decision->exit = SVC_EXIT_DONE;
	d->decision->authority = authority;
	find_unseen(d);
	choose_legs(d);
}

static void decide_by_verdict(struct decider *d)
{
	const struct verdict *verdict = d->verdict;
	int authority = choose(d), doubtful;
	bool is_known = verdict->exit == SVC_EXIT_DONE || verdict->exit == SVC_EXIT_DIFFER;

	if ((!is_known && verdict->exit != SVC_EXIT_IO) || authority < 0) {
		/* Nothing was found wrong, and yet nobody is right: that is no success. */
		if (is_known)
			reason_add(&d->decision->reasons, REASON_ELSEWHERE, -1,
			           "none of the copies that this controller reaches is right");
		refuse(d, is_known ? SVC_EXIT_OPERATOR : verdict->exit);
		return;
	}
	if (!is_fit(d, authority)) {
		reason_add(&d->decision->reasons, REASON_ELSEWHERE, authority,
		           "%s is right, and no leg of a raid1 LV that this controller reaches",
		           d->copy[authority].name);
		refuse(d, SVC_EXIT_OPERATOR);
		return;
	}
	if (is_own_flash(d, &d->copy[authority]) && verdict_has(verdict, REASON_MAY_BE_NEWER, &doubtful) &&
	    !strcmp(d->copy[doubtful].group, "shared")) {
		reason_add(&d->decision->reasons, REASON_MAY_BE_NEWER, doubtful,
		           "%s is damaged, and may hold what %s lacks", d->copy[doubtful].name,
		           d->copy[authority].name);
		refuse(d, SVC_EXIT_OPERATOR);
		return;
	}
	if (is_own_flash(d, &d->copy[authority]) && !has_usable_shared(d)) {
		if (may_go_alone(d, authority))
			take(d, authority);
		else
			refuse(d, verdict->exit == SVC_EXIT_IO ? SVC_EXIT_IO : SVC_EXIT_OPERATOR);
		return;
	}
	/* Something cannot be read: it must not be the one that is to be right. */
	if (d->copy[authority].evidence.errors.count) {
		refuse(d, SVC_EXIT_IO);
		return;
	}
	take(d, authority);
}

static void decide_by_person(struct decider *d)
{
	const struct verdict *verdict = d->verdict;
	int from = d->wish->from;
	bool is_known = verdict->exit == SVC_EXIT_DONE || verdict->exit == SVC_EXIT_DIFFER;
	enum reason_id why;

	if (!is_fit(d, from) || history_is_unfinished(&d->copy[from], &why)) {
		reason_add(&d->decision->reasons, REASON_FROM_UNUSABLE, from,
		           "%s is no whole leg of a raid1 LV that this controller reaches", d->copy[from].name);
		refuse(d, SVC_EXIT_REFUSED);
		return;
	}
	if (is_known && from == choose(d) && (is_shared(&d->copy[from]) || has_usable_shared(d))) {
		decide_by_verdict(d);
		return;
	}
	if (!d->wish->is_confirmed) {
		reason_add(&d->decision->reasons, REASON_NOT_CONFIRMED, from,
		           "the verdict does not name %s alone; to go on with it is to leave what the others hold",
		           d->copy[from].name);
		refuse(d, SVC_EXIT_REFUSED);
		return;
	}
	d->decision->is_forced = true;
	take(d, from);
}

void promote_decide(const struct promote_wish *wish, const struct copy *copy, int copies, const struct verdict *verdict,
                    struct promote_decision *decision)
{
	/* cppcheck-suppress ctuuninitvar ; only written: the caller need not set it before */
	struct decider d = { wish, copy, copies, verdict, decision };

	memset(decision, 0, sizeof(*decision));
	decision->authority = -1;
	if (wish->controller != 'a' && wish->controller != 'b') {
		reason_add(&decision->reasons, REASON_NO_CONTROLLER, -1,
		           "which controller this is was neither configured nor given");
		refuse(&d, SVC_EXIT_CONFIG);
	} else if (!decide_active(&d)) {
		if (wish->from >= 0 && wish->from < copies)
			decide_by_person(&d);
		else
			decide_by_verdict(&d);
	}
}
