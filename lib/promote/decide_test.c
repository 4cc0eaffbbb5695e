/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which data a takeover goes on with: verdict by verdict, record by record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "promote/decide.h"

/* Copies, in this order; and their legs' bits. */
enum { FLASH_A, FLASH_B, SHARED, COPIES };
enum { A = 1, B = 2, S = 4, ALL = 7 };

struct copy_row {
	enum copy_condition condition;
	enum copy_state state;
	char owner; /* of its record; 0: it has none */
	bool is_open;
	uint64_t legs;
	uint64_t epoch;
	bool is_active;  /* the mirror is active on this host, over this copy */
	bool has_errors; /* parts of it cannot be read */
	bool is_rebuilt; /* and that was not finished */
	bool is_outdated;
	bool is_beyond; /* its generation is not all that it holds */
	uint64_t unseen;
	bool is_after_crash;
};

#define GONE                                                            \
	{                                                               \
		.condition = COPY_UNREADABLE, .state = STATE_UNREADABLE \
	}

/* clang-format off */
static const struct row {
	const char *name;
	struct copy_row copy[COPIES];
	enum verdict_kind kind;
	int authority;
	enum svc_exit verdict_exit;
	struct promote_wish wish; /* `from` is one more than the copy here: 0 is none; controller 0 is b, '-' none */
	/* expected */
	enum promote_action action;
	enum svc_exit exit;
	int chosen;
	uint64_t members, refreshed; /* bits by copy */
	enum promote_unseen unseen;
	int reason; /* the first one; -1: none */
} rows[] = {
	/* ---- the ordinary ones, seen from b: flash-a is out of reach ---- */
	{ "a closed it, flash-b is older",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'a', .legs = A | S } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_CLOSED, -1 },
	{ "a was killed",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'a', .is_open = true, .legs = A | S } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_OPEN, REASON_PEER_CRASHED },
	{ "a had lost its flash and was killed: nothing can be missing",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'a', .is_open = true, .legs = S } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_NONE, REASON_PEER_CRASHED },
	{ "no records at all: nothing is known of flash-a",
	  { GONE, { .state = STATE_STALE }, { .state = STATE_AUTHORITY } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_OPEN, REASON_UNSEEN },
	{ "flash-a was read too",
	  { { .state = STATE_STALE, .owner = 'a', .is_open = true, .legs = A | S },
	    { .state = STATE_IN_SYNC, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'b', .legs = B | S } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { .is_compared = true }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, B | S, 0, UNSEEN_NONE, -1 },
	{ "one history, content compared: both legs go in",
	  { GONE,
	    { .state = STATE_IN_SYNC, .owner = 'b', .legs = B | S },
	    { .state = STATE_IN_SYNC, .owner = 'b', .legs = B | S } },
	  VERDICT_IN_SYNC, -1, SVC_EXIT_DONE, { .is_compared = true }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, B | S, 0, UNSEEN_NONE, -1 },
	{ "one history, content not compared: shared goes in, flash is left as it is",
	  { GONE,
	    { .state = STATE_IN_SYNC, .owner = 'b', .legs = B | S },
	    { .state = STATE_IN_SYNC, .owner = 'b', .legs = B | S } },
	  VERDICT_IN_SYNC, FLASH_B, SVC_EXIT_DONE, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, 0, UNSEEN_NONE, -1 },
	{ "crashed while mirrored: one side goes in",
	  { GONE,
	    { .state = STATE_IN_SYNC, .owner = 'b', .is_open = true, .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B | S } },
	  VERDICT_DIRTY, SHARED, SVC_EXIT_DIFFER, { .is_compared = true }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_NONE, -1 },
	{ "shared is older: b had gone on alone",
	  { GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B },
	    { .state = STATE_STALE, .owner = 'b', .is_open = true, .legs = B | S } },
	  VERDICT_STALE, FLASH_B, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, FLASH_B, B, S, UNSEEN_NONE, -1 },
	{ "a new flash",
	  { GONE,
	    { .condition = COPY_BLANK, .state = STATE_BLANK },
	    { .state = STATE_AUTHORITY, .owner = 'a', .legs = A | S } },
	  VERDICT_SINGLE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_CLOSED, -1 },
	{ "own flash is broken, and had been part of it",
	  { GONE, GONE, { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B | S } },
	  VERDICT_SINGLE, SHARED, SVC_EXIT_IO, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, 0, UNSEEN_OPEN, REASON_UNSEEN },
	{ "seen from a",
	  { { .state = STATE_STALE, .owner = 'a', .legs = A | S },
	    GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B | S } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { .controller = 'a' }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, A, UNSEEN_OPEN, REASON_PEER_CRASHED },
	/* ---- shared is lost ---- */
	{ "shared is damaged, and may have gone on without this flash",
	  { GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B | S },
	    { .condition = COPY_DAMAGED, .state = STATE_DAMAGED } },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_DIFFER, { .is_degraded_allowed = true }, PROMOTE_REFUSE, SVC_EXIT_OPERATOR, -1, 0, 0, UNSEEN_NONE, REASON_MAY_BE_NEWER },
	{ "alone, allowed, and nobody closed it",
	  { GONE, { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B | S }, GONE },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_IO, { .is_degraded_allowed = true }, PROMOTE_TAKE, SVC_EXIT_DONE, FLASH_B, B, 0, UNSEEN_OPEN, REASON_UNSEEN },
	{ "alone, and its record knows of nobody else: shared may have been taken over since",
	  { GONE, { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B }, GONE },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_IO, { .is_degraded_allowed = true }, PROMOTE_TAKE, SVC_EXIT_DONE, FLASH_B, B, 0, UNSEEN_OPEN, REASON_UNSEEN },
	{ "a person had gone on without shared, and who did is not to be seen",
	  { GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .legs = B },
	    { .state = STATE_STALE, .owner = 'b', .is_outdated = true, .legs = B | S } },
	  VERDICT_STALE, FLASH_B, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, FLASH_B, B, S, UNSEEN_OPEN, REASON_UNSEEN },
	{ "shared holds more than its generation says: who has that is not known",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'a', .legs = S, .is_beyond = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_OPEN, REASON_UNSEEN },
	{ "alone, not allowed",
	  { GONE, { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = B | S }, GONE },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_IO, { 0 }, PROMOTE_REFUSE, SVC_EXIT_IO, -1, 0, 0, UNSEEN_NONE, REASON_FLASH_ALONE },
	{ "alone, and it was handed over",
	  { GONE, { .state = STATE_AUTHORITY, .owner = 'b', .legs = B | S }, GONE },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_IO, { .is_degraded_allowed = true }, PROMOTE_REFUSE, SVC_EXIT_IO, -1, 0, 0, UNSEEN_NONE, REASON_FLASH_ALONE },
	{ "alone, and told that it went on elsewhere",
	  { GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .is_outdated = true, .legs = B | S },
	    GONE },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_IO, { .is_degraded_allowed = true }, PROMOTE_REFUSE, SVC_EXIT_IO, -1, 0, 0, UNSEEN_NONE, REASON_FLASH_ALONE },
	{ "alone, without a record",
	  { GONE, { .state = STATE_AUTHORITY }, GONE },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_IO, { .is_degraded_allowed = true }, PROMOTE_REFUSE, SVC_EXIT_IO, -1, 0, 0, UNSEEN_NONE, REASON_FLASH_ALONE },
	{ "shared was replaced by a blank one, and this flash was handed over",
	  { GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .legs = B | S },
	    { .condition = COPY_BLANK, .state = STATE_BLANK } },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_DIFFER, { .is_degraded_allowed = true }, PROMOTE_REFUSE, SVC_EXIT_OPERATOR, -1, 0, 0, UNSEEN_NONE, REASON_FLASH_ALONE },
	{ "the same by a person's choice",
	  { GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .legs = B | S },
	    { .condition = COPY_BLANK, .state = STATE_BLANK } },
	  VERDICT_SINGLE, FLASH_B, SVC_EXIT_DIFFER, { .from = FLASH_B + 1, .is_confirmed = true }, PROMOTE_TAKE, SVC_EXIT_DONE, FLASH_B, B, 0, UNSEEN_OPEN, REASON_UNSEEN },
	{ "shared can be read in parts",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'a', .legs = A | S, .has_errors = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_IO, { 0 }, PROMOTE_REFUSE, SVC_EXIT_IO, -1, 0, 0, UNSEEN_NONE, -1 },
	/* ---- nobody can tell, or not here ---- */
	{ "split brain",
	  { GONE, { .state = STATE_DIVERGED }, { .state = STATE_DIVERGED } },
	  VERDICT_SPLIT_BRAIN, -1, SVC_EXIT_OPERATOR, { 0 }, PROMOTE_REFUSE, SVC_EXIT_OPERATOR, -1, 0, 0, UNSEEN_NONE, -1 },
	{ "split brain, chosen but not confirmed",
	  { GONE, { .state = STATE_DIVERGED }, { .state = STATE_DIVERGED } },
	  VERDICT_SPLIT_BRAIN, -1, SVC_EXIT_OPERATOR, { .from = SHARED + 1 }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_NOT_CONFIRMED },
	{ "split brain, chosen: the other side is not overwritten",
	  { GONE, { .state = STATE_DIVERGED, .owner = 'b' }, { .state = STATE_DIVERGED, .owner = 'a', .legs = S } },
	  VERDICT_SPLIT_BRAIN, -1, SVC_EXIT_OPERATOR, { .from = SHARED + 1, .is_confirmed = true }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, 0, UNSEEN_OPEN, REASON_UNSEEN },
	{ "chosen: half rebuilt",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .is_rebuilt = true },
	    { .state = STATE_AUTHORITY, .owner = 'a' } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { .from = FLASH_B + 1, .is_confirmed = true }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_FROM_UNUSABLE },
	{ "chosen: the other controller's flash",
	  { { .state = STATE_AUTHORITY }, { .state = STATE_STALE }, { .state = STATE_STALE } },
	  VERDICT_STALE, FLASH_A, SVC_EXIT_DIFFER, { .from = FLASH_A + 1, .is_confirmed = true }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_FROM_UNUSABLE },
	{ "chosen: what the verdict says anyway",
	  { GONE, { .state = STATE_STALE, .owner = 'b' }, { .state = STATE_AUTHORITY, .owner = 'a', .legs = S } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { .from = SHARED + 1 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_NONE, -1 },
	{ "the other controller's flash is right",
	  { { .state = STATE_AUTHORITY }, { .state = STATE_STALE }, { .state = STATE_STALE } },
	  VERDICT_STALE, FLASH_A, SVC_EXIT_DIFFER, { 0 }, PROMOTE_REFUSE, SVC_EXIT_OPERATOR, -1, 0, 0, UNSEEN_NONE, REASON_ELSEWHERE },
	{ "nothing is left",
	  { GONE, GONE, GONE },
	  VERDICT_NONE, -1, SVC_EXIT_NO_COPY, { 0 }, PROMOTE_REFUSE, SVC_EXIT_NO_COPY, -1, 0, 0, UNSEEN_NONE, -1 },
	{ "who is this?",
	  { GONE, { .state = STATE_STALE }, { .state = STATE_AUTHORITY } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { .controller = '-' }, PROMOTE_REFUSE, SVC_EXIT_CONFIG, -1, 0, 0, UNSEEN_NONE, REASON_NO_CONTROLLER },
	/* ---- what an earlier call did not come to say, or was said long ago and is still so ---- */
	{ "a was killed, and so was the call that had claimed it",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = S, .unseen = A, .is_after_crash = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_OPEN, REASON_PEER_CRASHED },
	{ "nothing was missing then",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .legs = S, .is_after_crash = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_NONE, REASON_PEER_CRASHED },
	{ "b handed over, and a, which may hang, has not had it since",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'b', .legs = S, .is_after_crash = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_NONE, REASON_PEER_CRASHED },
	{ "flash-a has become a leg since",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .legs = B | S },
	    { .state = STATE_AUTHORITY, .owner = 'a', .legs = A | S, .unseen = A } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, B, UNSEEN_CLOSED, -1 },
	{ "flash-a was not read, b handed over, and a reads it now",
	  { { .state = STATE_STALE, .owner = 'a', .is_open = true, .legs = A },
	    GONE,
	    { .state = STATE_AUTHORITY, .owner = 'b', .legs = S, .unseen = A, .is_after_crash = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { .controller = 'a' }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, A, UNSEEN_NONE, -1 },
	{ "the same, and it cannot be read",
	  { GONE, GONE, { .state = STATE_AUTHORITY, .owner = 'b', .legs = S, .unseen = A } },
	  VERDICT_SINGLE, SHARED, SVC_EXIT_IO, { .controller = 'a' }, PROMOTE_TAKE, SVC_EXIT_DONE, SHARED, S, 0, UNSEEN_OPEN, REASON_UNSEEN },
	{ "active already",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'a', .is_open = true, .is_active = true, .epoch = 3 },
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .is_active = true, .epoch = 4, .legs = S, .unseen = A, .is_after_crash = true } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_ALREADY, SVC_EXIT_DONE, -1, 0, 0, UNSEEN_OPEN, REASON_PEER_CRASHED },
	/* ---- active here ---- */
	{ "active, and this controller's",
	  { GONE,
	    { .state = STATE_IN_SYNC, .owner = 'b', .is_open = true, .is_active = true },
	    { .state = STATE_IN_SYNC, .owner = 'b', .is_open = true, .is_active = true } },
	  VERDICT_IN_SYNC, -1, SVC_EXIT_DONE, { 0 }, PROMOTE_ALREADY, SVC_EXIT_DONE, -1, 0, 0, UNSEEN_NONE, -1 },
	{ "active, and nobody claimed it",
	  { GONE, { .state = STATE_IN_SYNC, .is_active = true }, { .state = STATE_IN_SYNC, .is_active = true } },
	  VERDICT_IN_SYNC, -1, SVC_EXIT_DONE, { 0 }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_ACTIVE_EARLY },
	{ "active, and taken over by the other one",
	  { GONE,
	    { .state = STATE_IN_SYNC, .owner = 'b', .is_open = true, .is_active = true },
	    { .state = STATE_IN_SYNC, .owner = 'a', .is_open = true, .is_active = true } },
	  VERDICT_IN_SYNC, -1, SVC_EXIT_DONE, { 0 }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_PREEMPTED },
	{ "active, and a leg that is being refreshed has its old record",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'a', .is_open = true, .is_active = true, .epoch = 3 },
	    { .state = STATE_AUTHORITY, .owner = 'b', .is_open = true, .is_active = true, .epoch = 4 } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_ALREADY, SVC_EXIT_DONE, -1, 0, 0, UNSEEN_NONE, -1 },
	{ "active, taken over by the other one, and closed by it",
	  { GONE,
	    { .state = STATE_STALE, .owner = 'b', .is_open = true, .is_active = true, .epoch = 3 },
	    { .state = STATE_AUTHORITY, .owner = 'a', .is_active = true, .epoch = 4 } },
	  VERDICT_STALE, SHARED, SVC_EXIT_DIFFER, { 0 }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_ACTIVE_EARLY },
	{ "active, and closed",
	  { GONE, { .state = STATE_IN_SYNC, .owner = 'b', .is_active = true }, GONE },
	  VERDICT_IN_SYNC, -1, SVC_EXIT_DONE, { 0 }, PROMOTE_REFUSE, SVC_EXIT_REFUSED, -1, 0, 0, UNSEEN_NONE, REASON_ACTIVE_EARLY },
};
/* clang-format on */

static void make_copy(const struct copy_row *row, int i, struct copy *copy)
{
	static const char *const name[] = { "flash-a", "flash-b", "shared" };

	memset(copy, 0, sizeof(*copy));
	strcpy(copy->name, name[i]);
	strcpy(copy->group, name[i]);
	copy->condition = row->condition;
	if (row->condition != COPY_USABLE)
		return;
	copy->evidence.lvm.type = MIRROR_RAID1;
	copy->evidence.lvm.leg_index = (unsigned)i;
	copy->evidence.lvm.leg_count = COPIES;
	snprintf(copy->evidence.lvm.pv_uuid, sizeof(copy->evidence.lvm.pv_uuid), "pv-%d", i);
	copy->evidence.raid.present = true;
	copy->evidence.raid.recovery_offset = copy->evidence.raid.resync_offset = UINT64_MAX;
	copy->evidence.errors.count = row->has_errors;
	copy->evidence.record.record.epoch = row->epoch;
	copy->evidence.online.is_active = copy->evidence.online.is_under = row->is_active;
	if (!row->owner)
		return;
	copy->evidence.record.has_area = copy->evidence.record.present = true;
	strcpy(copy->evidence.record.record.pv_uuid, copy->evidence.lvm.pv_uuid);
	memset(copy->evidence.record.record.generation, 'x', 16);
	copy->evidence.record.record.owner = row->owner;
	copy->evidence.record.record.is_beyond = row->is_beyond;
	copy->evidence.record.record.is_open = row->is_open;
	copy->evidence.record.record.is_outdated = row->is_outdated;
	copy->evidence.record.record.legs = row->legs;
	copy->evidence.record.record.unseen = row->unseen;
	copy->evidence.record.record.is_after_crash = row->is_after_crash;
	copy->evidence.record.record.rebuild = row->is_rebuilt ? REBUILD_CONTENT : REBUILD_NONE;
}

static uint64_t bits(const bool is_set[SVC_COPIES_MAX])
{
	uint64_t all = 0;

	for (int i = 0; i < SVC_COPIES_MAX; i++)
		all |= (uint64_t)is_set[i] << i;
	return all;
}

static void decide_row(const struct row *row, struct promote_decision *decision)
{
	struct verdict verdict = { .kind = row->kind, .authority = row->authority, .exit = row->verdict_exit };
	struct promote_wish wish = row->wish;
	struct copy copy[COPIES];

	wish.from--;
	wish.controller = !wish.controller ? 'b' : wish.controller == '-' ? 0 : wish.controller;
	for (int i = 0; i < COPIES; i++) {
		make_copy(&row->copy[i], i, &copy[i]);
		verdict.state[i] = row->copy[i].state;
		if (row->copy[i].state == STATE_DAMAGED)
			reason_add(&verdict.reasons, REASON_MAY_BE_NEWER, i, "it may");
	}
	promote_decide(&wish, copy, COPIES, &verdict, decision);
}

static void test_rows(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct promote_decision d = { 0 };
		int reason;

		decide_row(row, &d);
		reason = d.reasons.count ? (int)d.reasons.item[0].id : -1;
		if (d.action == row->action && d.exit == row->exit && d.authority == row->chosen &&
		    bits(d.is_member) == row->members && bits(d.is_refreshed) == row->refreshed &&
		    d.unseen == row->unseen && reason == row->reason)
			continue;
		print_error("%s: action %d exit %d authority %d members %x refreshed %x unseen %d reason %s\n",
		            row->name, (int)d.action, (int)d.exit, d.authority, (unsigned)bits(d.is_member),
		            (unsigned)bits(d.is_refreshed), (int)d.unseen,
		            reason < 0 ? "-" : reason_row((enum reason_id)reason)->id);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* What is refused names nothing to write. */
static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct promote_decision d = { 0 };

		decide_row(&rows[i], &d);
		assert_int_equal(d.action == PROMOTE_REFUSE, d.exit != SVC_EXIT_DONE);
		assert_int_equal(d.action == PROMOTE_TAKE, bits(d.is_member) != 0);
		assert_int_equal(bits(d.is_member) & bits(d.is_refreshed), 0);
		assert_int_equal(
			bits(d.is_member) & ((uint64_t)1 << (rows[i].wish.controller == 'a' ? FLASH_B : FLASH_A)), 0);
		assert_int_equal(bits(d.is_refreshed) &
		                         ((uint64_t)1 << (rows[i].wish.controller == 'a' ? FLASH_B : FLASH_A)),
		                 0);
	}
}

static void test_sign_of_life(void **state)
{
	struct row row = rows[1];
	struct promote_decision d = { 0 };

	(void)state;
	row.wish.beat_time = 1000;
	row.wish.now = 1042;
	decide_row(&row, &d);
	assert_true(d.has_peer_crashed);
	assert_non_null(strstr(d.reasons.item[0].text, "42 seconds"));
	assert_int_equal(d.reasons.item[1].id, REASON_UNSEEN);
	assert_int_equal(d.unseen_legs, A);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_sign_of_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
