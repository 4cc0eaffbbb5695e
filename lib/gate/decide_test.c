/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole table: every verdict under every policy and every owner, and the few cases that go beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gate/decide.h"
#include "verdict/verdict.h"

enum { FLASH, SHARED, COPIES };

static void make_copies(struct copy copy[COPIES], char controller, char owner)
{
	memset(copy, 0, COPIES * sizeof(*copy));
	for (int i = 0; i < COPIES; i++) {
		const char *name = i == SHARED ? "shared" : controller == 'b' ? "flash-b" : "flash-a";

		strcpy(copy[i].name, name);
		strcpy(copy[i].group, name);
		copy[i].evidence.lvm.type = MIRROR_RAID1;
		strcpy(copy[i].evidence.lvm.pv_uuid, name);
		copy[i].evidence.lvm.leg_count = 3;
		copy[i].evidence.lvm.leg_index = i == SHARED ? 2 : controller == 'b';
		copy[i].evidence.record.has_area = true;
		copy[i].evidence.record.present = owner;
		strcpy(copy[i].evidence.record.record.pv_uuid, name);
		copy[i].evidence.record.record.owner = owner;
	}
}

static const struct {
	enum verdict_kind kind;
	enum svc_exit exit;
	enum gate_action automatic, asking; /* where this controller may act */
	enum svc_exit ends;
} table[] = {
	{ VERDICT_IN_SYNC, SVC_EXIT_DONE, GATE_ACTIVATE, GATE_ACTIVATE, SVC_EXIT_DONE },
	{ VERDICT_STALE, SVC_EXIT_DIFFER, GATE_REBUILD, GATE_QUESTION, SVC_EXIT_DIFFER },
	{ VERDICT_DIRTY, SVC_EXIT_DIFFER, GATE_REBUILD, GATE_QUESTION, SVC_EXIT_DIFFER },
	{ VERDICT_SINGLE, SVC_EXIT_DIFFER, GATE_REBUILD, GATE_QUESTION, SVC_EXIT_DIFFER },
	{ VERDICT_SPLIT_BRAIN, SVC_EXIT_OPERATOR, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_OPERATOR },
	{ VERDICT_UNRELATED, SVC_EXIT_OPERATOR, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_OPERATOR },
	{ VERDICT_MISMATCH, SVC_EXIT_OPERATOR, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_OPERATOR },
	{ VERDICT_UNKNOWN, SVC_EXIT_OPERATOR, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_OPERATOR },
	{ VERDICT_NONE, SVC_EXIT_NO_COPY, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_NO_COPY },
	{ VERDICT_IN_SYNC, SVC_EXIT_IO, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_IO },
	{ VERDICT_STALE, SVC_EXIT_IO, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_IO },
	{ VERDICT_SINGLE, SVC_EXIT_IO, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_IO },
	{ VERDICT_NONE, SVC_EXIT_IO, GATE_QUESTION, GATE_QUESTION, SVC_EXIT_IO },
};

static bool stands_by(char controller, char owner)
{
	return owner ? owner != controller : controller == 'b';
}

static void check(size_t row, enum gate_mode mode, char controller, char owner)
{
	struct gate_policy policy = { .mode = mode, .controller = controller, .is_degraded_allowed = true };
	struct verdict verdict = { .kind = table[row].kind, .exit = table[row].exit, .authority = -1 };
	enum gate_action wanted = mode == GATE_AUTO ? table[row].automatic : table[row].asking;
	enum svc_exit ends = table[row].ends;
	bool is_nameless = !controller && !owner && table[row].exit <= SVC_EXIT_DIFFER;
	struct gate_decision decision;
	struct copy copy[COPIES];

	make_copies(copy, controller, owner);
	for (int i = 0; i < COPIES; i++)
		verdict.state[i] = table[row].kind == VERDICT_IN_SYNC ? STATE_IN_SYNC : STATE_DIVERGED;
	if (mode == GATE_OFF || stands_by(controller, owner)) {
		wanted = mode == GATE_OFF ? GATE_PASS : GATE_STANDBY;
		ends = SVC_EXIT_DONE;
	} else if (is_nameless) { /* so may the other one be */
		wanted = GATE_QUESTION;
		ends = SVC_EXIT_CONFIG;
	}
	gate_decide(&policy, copy, COPIES, &verdict, &decision);
	if (decision.action != wanted || decision.exit != ends)
		fail_msg("row %zu, mode %s, controller %c, owner %c: %s, exit %d", row, policy_mode_name(mode),
		         controller ? controller : '-', owner ? owner : '-', gate_action_name(decision.action),
		         (int)decision.exit);
	for (int i = 0; i < COPIES; i++)
		assert_int_equal(decision.is_member[i], wanted == GATE_ACTIVATE);
	/* What the verdict does not say is said here. */
	assert_int_equal(decision.reasons.count, wanted == GATE_PASS || wanted == GATE_STANDBY || is_nameless);
}

static void test_table(void **state)
{
	static const char who[] = { 0, 'a', 'b' };

	(void)state;
	for (size_t row = 0; row < sizeof(table) / sizeof(table[0]); row++)
		for (enum gate_mode mode = GATE_AUTO; mode <= GATE_OFF; mode++)
			for (int controller = 0; controller < 3; controller++)
				for (int owner = 0; owner < 3; owner++)
					check(row, mode, who[controller], who[owner]);
}

/* Records that disagree: the one with the most promotions counts, and in a tie whoever names the other controller. */
static void test_owners_disagree(void **state)
{
	static const struct {
		char flash, shared;
		uint64_t flash_epoch, shared_epoch;
		bool is_foreign; /* shared's record was copied there from elsewhere */
		enum gate_action wanted;
	} rows[] = {
		{ 'a', 'b', 1, 2, false, GATE_STANDBY },  { 'b', 'a', 1, 2, false, GATE_ACTIVATE },
		{ 'a', 'b', 2, 1, false, GATE_ACTIVATE }, { 'b', 'a', 2, 1, false, GATE_STANDBY },
		{ 'a', 'b', 1, 1, false, GATE_STANDBY },  { 'b', 'a', 1, 1, false, GATE_STANDBY },
		{ 'a', 'b', 1, 2, true, GATE_ACTIVATE },  { 0, 'b', 0, 0, false, GATE_STANDBY },
		{ 'a', 0, 0, 5, false, GATE_ACTIVATE },
	};
	struct gate_policy policy = { .controller = 'a' };
	struct verdict verdict = { .kind = VERDICT_IN_SYNC,
		                   .authority = -1,
		                   .state = { STATE_IN_SYNC, STATE_IN_SYNC } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate_decision decision;
		struct copy copy[COPIES];

		make_copies(copy, 'a', 'a');
		copy[FLASH].evidence.record.record.owner = rows[i].flash;
		copy[FLASH].evidence.record.record.epoch = rows[i].flash_epoch;
		copy[SHARED].evidence.record.record.owner = rows[i].shared;
		copy[SHARED].evidence.record.record.epoch = rows[i].shared_epoch;
		if (rows[i].is_foreign)
			strcpy(copy[SHARED].evidence.record.record.pv_uuid, "elsewhere");
		gate_decide(&policy, copy, COPIES, &verdict, &decision);
		if (decision.action != rows[i].wanted)
			fail_msg("row %zu: %s", i, gate_action_name(decision.action));
	}
}

/* On flash alone: only where it is allowed, the flash is this controller's own and whole, and nobody else was last. */
static void test_degraded(void **state)
{
	enum {
		NOT_ALLOWED,
		NO_CONTROLLER,
		OTHER_FLASH,
		NO_RECORD,
		HANDED_OVER,
		OUTDATED,
		SHARED_READABLE,
		READ_ERRORS,
		NO_AUTHORITY,
		FINE
	};

	(void)state;
	for (int wrong = NOT_ALLOWED; wrong <= FINE; wrong++) {
		struct gate_policy policy = { .controller = wrong == NO_CONTROLLER ? 0 : 'a',
			                      .is_degraded_allowed = wrong != NOT_ALLOWED };
		struct verdict verdict = { .kind = VERDICT_SINGLE,
			                   .exit = SVC_EXIT_IO,
			                   .authority = wrong == NO_AUTHORITY ? -1 : FLASH,
			                   .state = { STATE_AUTHORITY, STATE_UNREADABLE } };
		struct gate_decision decision;
		struct copy copy[COPIES];

		make_copies(copy, 'a', wrong == NO_CONTROLLER ? 0 : 'a');
		copy[SHARED].condition = wrong == SHARED_READABLE ? COPY_DAMAGED : COPY_UNREADABLE;
		copy[SHARED].evidence.record.present = false;
		if (wrong == OTHER_FLASH)
			strcpy(copy[FLASH].group, "flash-b");
		if (wrong == NO_RECORD)
			copy[FLASH].evidence.record.present = false;
		copy[FLASH].evidence.record.record.is_open = wrong != HANDED_OVER;
		copy[FLASH].evidence.record.record.is_outdated = wrong == OUTDATED;
		copy[FLASH].evidence.errors.count = wrong == READ_ERRORS;
		gate_decide(&policy, copy, COPIES, &verdict, &decision);
		if (decision.action != (wrong == FINE ? GATE_DEGRADED : GATE_QUESTION))
			fail_msg("case %d: %s", wrong, gate_action_name(decision.action));
		assert_int_equal(decision.exit, wrong == FINE          ? SVC_EXIT_DONE
		                                : wrong == OTHER_FLASH ? SVC_EXIT_CONFIG
		                                                       : SVC_EXIT_IO);
		assert_int_equal(decision.is_member[FLASH], wrong == FINE);
		assert_false(decision.is_member[SHARED]);
	}
}

/* On shared alone: the flash is dead, and the rest holds as above; closed is no matter, for a takeover notes itself on shared. */
static void test_degraded_shared(void **state)
{
	enum { NOT_ALLOWED, NO_CONTROLLER, NO_RECORD, OUTDATED, FLASH_READABLE, READ_ERRORS, NOT_USABLE, FINE, CLOSED };

	(void)state;
	for (int wrong = NOT_ALLOWED; wrong <= CLOSED; wrong++) {
		struct gate_policy policy = { .controller = wrong == NO_CONTROLLER ? 0 : 'a',
			                      .is_degraded_allowed = wrong != NOT_ALLOWED };
		struct verdict verdict = { .kind = VERDICT_SINGLE,
			                   .exit = SVC_EXIT_IO,
			                   .authority = SHARED,
			                   .state = { STATE_UNREADABLE, STATE_AUTHORITY } };
		struct gate_decision decision;
		struct copy copy[COPIES];

		make_copies(copy, 'a', wrong == NO_CONTROLLER ? 0 : 'a');
		copy[FLASH].condition = wrong == FLASH_READABLE ? COPY_DAMAGED : COPY_UNREADABLE;
		copy[FLASH].evidence.record.present = false;
		copy[SHARED].evidence.record.present = wrong != NO_RECORD && wrong != NO_CONTROLLER;
		copy[SHARED].evidence.record.record.is_open = wrong != CLOSED;
		copy[SHARED].evidence.record.record.is_outdated = wrong == OUTDATED;
		copy[SHARED].evidence.errors.count = wrong == READ_ERRORS;
		if (wrong == NOT_USABLE)
			copy[SHARED].condition = COPY_DAMAGED;
		gate_decide(&policy, copy, COPIES, &verdict, &decision);
		if (decision.action != (wrong >= FINE ? GATE_DEGRADED : GATE_QUESTION))
			fail_msg("case %d: %s", wrong, gate_action_name(decision.action));
		assert_int_equal(decision.is_member[SHARED], wrong >= FINE);
		assert_false(decision.is_member[FLASH]);
	}
}

/* A second path is no second leg, and what is no leg of a raid1 is never activated. */
static void test_members(void **state)
{
	struct gate_policy policy = { .controller = 'a' };
	struct verdict verdict = { .kind = VERDICT_IN_SYNC,
		                   .authority = -1,
		                   .state = { STATE_IN_SYNC, STATE_IN_SYNC } };
	struct gate_decision decision;
	struct copy copy[COPIES];

	(void)state;
	make_copies(copy, 'a', 'a');
	strcpy(copy[FLASH].group, "shared");
	gate_decide(&policy, copy, COPIES, &verdict, &decision);
	assert_int_equal(decision.action, GATE_ACTIVATE);
	assert_true(decision.is_member[0]);
	assert_false(decision.is_member[1]);
	make_copies(copy, 'a', 'a');
	copy[SHARED].evidence.lvm.type = MIRROR_OLD;
	gate_decide(&policy, copy, COPIES, &verdict, &decision);
	assert_int_equal(decision.action, GATE_QUESTION);
	assert_int_equal(decision.exit, SVC_EXIT_OPERATOR);
}

/* A damaged copy that may be the newer one is not overwritten unasked. */
static void test_may_be_newer(void **state)
{
	struct gate_policy policy = { .controller = 'a' };
	struct verdict verdict = { .kind = VERDICT_SINGLE,
		                   .exit = SVC_EXIT_DIFFER,
		                   .authority = FLASH,
		                   .state = { STATE_AUTHORITY, STATE_DAMAGED } };
	struct gate_decision decision;
	struct copy copy[COPIES];

	(void)state;
	make_copies(copy, 'a', 'a');
	gate_decide(&policy, copy, COPIES, &verdict, &decision);
	assert_int_equal(decision.action, GATE_REBUILD);
	reason_add(&verdict.reasons, REASON_MAY_BE_NEWER, SHARED, "it may");
	gate_decide(&policy, copy, COPIES, &verdict, &decision);
	assert_int_equal(decision.action, GATE_QUESTION);
}

/* Told to be the other controller: nothing that the records say is taken for this one's. */
static void test_wrong_controller(void **state)
{
	static const struct {
		char controller, flash; /* what it is told to be; whose flash it has */
		const char *key;        /* which copy svc.conf takes that flash for */
		const char *legs, *record_name;
		bool is_foreign; /* the record was copied there */
		bool is_wrong;
	} rows[] = {
		{ 'a', 'a', "flash-a", "", "", false, false },
		{ 'a', 'a', "flash-a", "flash-a flash-b shared", "flash-a", false, false },
		{ 'b', 'b', "flash-b", "flash-a flash-b shared", "flash-b", false, false },
		{ 'a', 'b', "flash-b", "", "", false, true },
		{ 'b', 'a', "flash-a", "flash-a flash-b shared", "flash-a", false, true },
		{ 'a', 'b', "flash-a", "", "", false, false }, /* nothing tells */
		{ 'a', 'b', "flash-a", "flash-a flash-b shared", "", false, true },
		{ 'a', 'a', "flash-a", "flash-b flash-a shared", "", false, true },
		{ 'a', 'b', "flash-a", "", "flash-b", false, true },
		{ 'b', 'a', "flash-b", "", "flash-a", false, true },
		{ 'a', 'b', "flash-a", "", "flash-b", true, false },
		{ 'a', 'a', "flash-a", "", "sda3", false, false },
		{ 0, 'b', "flash-b", "", "flash-b", false, false }, /* told nothing: that is another matter */
	};
	struct verdict verdict = { .kind = VERDICT_IN_SYNC,
		                   .authority = -1,
		                   .state = { STATE_IN_SYNC, STATE_IN_SYNC } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int owner = 0; owner < 3; owner++) {
			struct gate_policy policy = { .controller = rows[i].controller };
			char letter = "\0ab"[owner];
			struct gate_decision decision;
			struct copy copy[COPIES];
			bool is_told;

			strcpy(policy.legs, rows[i].legs);
			make_copies(copy, rows[i].flash, letter);
			strcpy(copy[FLASH].group, rows[i].key);
			copy[FLASH].evidence.record.present = true;
			strcpy(copy[FLASH].evidence.record.record.copy_name, rows[i].record_name);
			if (rows[i].is_foreign)
				strcpy(copy[FLASH].evidence.record.record.pv_uuid, "elsewhere");
			gate_decide(&policy, copy, COPIES, &verdict, &decision);
			is_told = decision.reasons.count && decision.reasons.item[0].id == REASON_WRONG_CONTROLLER;
			if (is_told != rows[i].is_wrong ||
			    (is_told && (decision.action != GATE_QUESTION || decision.exit != SVC_EXIT_CONFIG)))
				fail_msg("row %zu, owner %c: %s, exit %d", i, letter ? letter : '-',
				         gate_action_name(decision.action), (int)decision.exit);
			assert_int_equal(decision.is_member[FLASH], decision.action == GATE_ACTIVATE);
		}
}

/* No place for a record on what both controllers see: only where there is no other one is that no matter. */
static void test_no_place(void **state)
{
	static const struct {
		const char *legs;
		bool has_flash_area, has_shared_area, is_shared_usable;
		char controller;
		enum gate_action activating, rebuilding;
	} rows[] = {
		{ "", false, false, true, 'a', GATE_QUESTION, GATE_QUESTION },
		{ "", true, false, true, 'a', GATE_QUESTION, GATE_QUESTION },
		{ "", false, true, true, 'a', GATE_ACTIVATE, GATE_REBUILD },
		{ "", false, false, false, 'a', GATE_QUESTION, GATE_QUESTION },
		{ "", true, false, false, 'a', GATE_ACTIVATE, GATE_REBUILD },
		{ "flash-a flash-b shared", false, false, true, 'a', GATE_QUESTION, GATE_QUESTION },
		{ "flash-a shared", false, false, true, 'a', GATE_ACTIVATE, GATE_REBUILD },
		{ "flash-b shared", false, false, true, 'b', GATE_STANDBY, GATE_STANDBY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int rebuilds = 0; rebuilds < 2; rebuilds++) {
			struct gate_policy policy = { .controller = rows[i].controller };
			struct verdict verdict = { .kind = rebuilds ? VERDICT_STALE : VERDICT_IN_SYNC,
				                   .exit = rebuilds ? SVC_EXIT_DIFFER : SVC_EXIT_DONE,
				                   .authority = rebuilds ? SHARED : -1 };
			enum gate_action wanted = rebuilds ? rows[i].rebuilding : rows[i].activating;
			struct gate_decision decision;
			struct copy copy[COPIES];

			strcpy(policy.legs, rows[i].legs);
			make_copies(copy, rows[i].controller, 0);
			copy[FLASH].evidence.lvm.leg_index = 0;
			copy[FLASH].evidence.record.has_area = rows[i].has_flash_area;
			copy[SHARED].evidence.record.has_area = rows[i].has_shared_area;
			copy[SHARED].condition = rows[i].is_shared_usable ? COPY_USABLE : COPY_BLANK;
			gate_decide(&policy, copy, COPIES, &verdict, &decision);
			if (decision.action != wanted)
				fail_msg("row %zu: %s", i, gate_action_name(decision.action));
			if (wanted != GATE_QUESTION)
				continue;
			assert_int_equal(decision.exit, SVC_EXIT_OPERATOR);
			assert_int_equal(decision.reasons.item[0].id, REASON_NO_PLACE);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_owners_disagree),
		cmocka_unit_test(test_degraded),
		cmocka_unit_test(test_degraded_shared),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_may_be_newer),
		cmocka_unit_test(test_wrong_controller),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
