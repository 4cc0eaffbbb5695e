/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's decisions: single rounds by table, and every course of events of a model kernel by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "path/decide.h"

#define DIRECT makedev(8, 0)
#define NBD makedev(43, 0)

static const struct decide_limits limits = { .good_probes = 3, .bad_probes = 2 };

/*
 * A row is one round. Paths are two letters each, of what is seen and of what the kernel has: g good, d down, w wrong;
 * A in use or ready, F failed, - not in the device. `counts` are good probes before this round (of direct, of nbd).
 */
static const struct {
	const char *name, *direct, *nbd;
	int active, pinned;
	unsigned good[PATHS], bad[PATHS];
	const char *actions; /* letters: S set, F fail, R reinstate, U use; d or n behind */
} rows[] = {
	{ "all is well", "gA", "gA", PATH_DIRECT, -1, { 9, 9 }, { 0, 0 }, "" },
	{ "nothing seen before", "gA", "gA", PATH_DIRECT, -1, { 0, 0 }, { 0, 0 }, "" },
	{ "the kernel moved to nbd", "dF", "gA", PATH_NBD, -1, { 0, 9 }, { 1, 0 }, "" },
	{ "direct returns, first good probe", "gF", "gA", PATH_NBD, -1, { 0, 9 }, { 1, 0 }, "" },
	{ "second", "gF", "gA", PATH_NBD, -1, { 1, 9 }, { 0, 0 }, "" },
	{ "third: proven", "gF", "gA", PATH_NBD, -1, { 2, 9 }, { 0, 0 }, "RdUd" },
	{ "reinstated by hand, not proven", "gA", "gA", PATH_NBD, -1, { 0, 9 }, { 0, 0 }, "" },
	{ "a bad probe of the path in use", "dA", "gA", PATH_DIRECT, -1, { 0, 9 }, { 0, 0 }, "" },
	{ "two of them", "dA", "gA", PATH_DIRECT, -1, { 0, 9 }, { 1, 0 }, "FdUn" },
	{ "the last path is left to the kernel", "dA", "dF", PATH_DIRECT, -1, { 0, 0 }, { 7, 7 }, "" },
	{ "the last path and it is wrong", "wA", "dF", PATH_DIRECT, -1, { 0, 0 }, { 0, 7 }, "Fd" },
	{ "nbd in reserve is down", "gA", "dA", PATH_DIRECT, -1, { 9, 0 }, { 0, 0 }, "Fn" },
	{ "nbd in reserve is wrong", "gA", "wA", PATH_DIRECT, -1, { 9, 0 }, { 0, 0 }, "S" },
	{ "nbd in use turns out wrong", "dF", "wA", PATH_NBD, -1, { 0, 0 }, { 9, 0 }, "Fn" },
	{ "nbd wrong, direct good", "gA", "wA", PATH_NBD, -1, { 9, 0 }, { 0, 0 }, "S" },
	{ "both dead, nbd returns: at once", "dF", "gF", -1, -1, { 0, 0 }, { 9, 9 }, "Rn" },
	{ "both dead, both return", "gF", "gF", -1, -1, { 0, 0 }, { 9, 9 }, "Rd" },
	{ "wrong ones never return", "wF", "wF", -1, -1, { 0, 0 }, { 9, 9 }, "" },
	{ "pinned to nbd", "gA", "gA", PATH_DIRECT, PATH_NBD, { 9, 9 }, { 0, 0 }, "Un" },
	{ "pinned to nbd, and there", "gA", "gA", PATH_NBD, PATH_NBD, { 9, 9 }, { 0, 0 }, "" },
	{ "pinned to nbd, which is dead", "gA", "dA", PATH_NBD, PATH_NBD, { 9, 0 }, { 0, 5 }, "FnUd" },
	{ "pinned to nbd, which is wrong", "gA", "wF", PATH_DIRECT, PATH_NBD, { 9, 0 }, { 0, 5 }, "S" },
	{ "nbd is new, not proven", "gA", "g-", PATH_DIRECT, -1, { 9, 1 }, { 0, 0 }, "" },
	{ "nbd is new and proven", "gA", "g-", PATH_DIRECT, -1, { 9, 2 }, { 0, 0 }, "S" },
	{ "a wrong one is never added", "gA", "w-", PATH_DIRECT, -1, { 9, 0 }, { 0, 0 }, "" },
};

static void fill(struct decide_input *input, int path, const char *letters)
{
	static const enum path_state state[] = {
		['g' - 'a'] = PATH_GOOD, ['d' - 'a'] = PATH_DOWN, ['l' - 'a'] = PATH_DOWN, ['w' - 'a'] = PATH_STALE
	};

	input->is_configured[path] = true;
	input->state[path] = state[letters[0] - 'a'];
	input->may_use[path] = letters[0] == 'g';
	input->rdev[path] = input->may_use[path] ? (path == PATH_DIRECT ? DIRECT : NBD) : 0;
	input->control.path[path].is_in = letters[1] != '-';
	input->control.path[path].is_failed = letters[1] == 'F';
	input->control.path[path].rdev = letters[1] == '-' ? 0 : path == PATH_DIRECT ? DIRECT : NBD;
}

static void spell(const struct decide_actions *actions, char *text)
{
	for (unsigned i = 0; i < actions->count; i++) {
		*text++ = "SFRU"[actions->item[i].verb];
		if (actions->item[i].verb != DECIDE_SET_PATHS)
			*text++ = actions->item[i].path == PATH_DIRECT ? 'd' : 'n';
	}
	*text = '\0';
}

static void rounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decide_input input = { .fails_over = true, .pinned = rows[i].pinned };
		struct decide_memory memory = { 0 };
		struct decide_actions actions;
		char text[2 * DECIDE_ACTIONS_MAX + 1];

		memcpy(memory.good, rows[i].good, sizeof(memory.good));
		memcpy(memory.bad, rows[i].bad, sizeof(memory.bad));
		fill(&input, PATH_DIRECT, rows[i].direct);
		fill(&input, PATH_NBD, rows[i].nbd);
		input.control.is_set_up = true;
		input.control.active = rows[i].active;
		decide(&limits, &input, &memory, &actions);
		spell(&actions, text);
		if (strcmp(text, rows[i].actions) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, text, rows[i].actions);
	}
}

/* A write failed, which no look sees: what was good before it says nothing of the path after it. */
static void what_the_kernel_failed_begins_anew(void **state)
{
	static const char *const actions[] = { "", "", "RdUd" };
	struct decide_input input = { .fails_over = true, .pinned = -1 };
	struct decide_memory memory = { 0 };
	struct decide_actions done;
	char text[2 * DECIDE_ACTIONS_MAX + 1];

	(void)state;
	fill(&input, PATH_DIRECT, "gA");
	fill(&input, PATH_NBD, "gA");
	input.control.is_set_up = true;
	for (int i = 0; i < 9; i++) {
		input.control.active = PATH_DIRECT;
		decide(&limits, &input, &memory, &done);
		assert_int_equal(done.count, 0);
	}
	fill(&input, PATH_DIRECT, "gF");
	input.control.active = PATH_NBD;
	for (int i = 0; i < 3; i++) {
		decide(&limits, &input, &memory, &done);
		spell(&done, text);
		assert_string_equal(text, actions[i]);
	}
}

/* A device that lies on one path, or with '-' in `nbd` and `direct` on none; l: down, and lost and not merely slow. */
static void single(void **state)
{
	static const struct {
		const char *name, *direct, *nbd;
		int active, pinned;
		unsigned good[PATHS], bad[PATHS];
		const char *actions;
	} row[] = {
		{ "all is well", "gA", "g-", PATH_DIRECT, -1, { 9, 9 }, { 0, 0 }, "" },
		{ "nbd was chosen", "g-", "gA", PATH_NBD, PATH_NBD, { 9, 9 }, { 0, 0 }, "" },
		{ "the other one is never moved to", "lA", "g-", PATH_DIRECT, -1, { 0, 9 }, { 9, 0 }, "" },
		{ "nbd in use is lost, one probe", "g-", "lA", PATH_NBD, PATH_NBD, { 9, 0 }, { 0, 0 }, "" },
		{ "two of them", "g-", "lA", PATH_NBD, PATH_NBD, { 9, 0 }, { 0, 1 }, "Fn" },
		{ "nbd in use is merely slow", "g-", "dA", PATH_NBD, PATH_NBD, { 9, 0 }, { 0, 9 }, "" },
		{ "nbd in use turns out wrong", "g-", "wA", PATH_NBD, PATH_NBD, { 9, 0 }, { 0, 0 }, "Fn" },
		{ "direct in use turns out wrong", "wA", "g-", PATH_DIRECT, -1, { 0, 9 }, { 0, 0 }, "Fd" },
		{ "on none, nbd returns", "g-", "g-", -1, PATH_NBD, { 9, 1 }, { 0, 0 }, "" },
		{ "and is proven", "g-", "g-", -1, PATH_NBD, { 9, 2 }, { 0, 0 }, "Un" },
		{ "and is wrong", "g-", "w-", -1, PATH_NBD, { 9, 0 }, { 0, 0 }, "" },
		{ "nobody chose", "g-", "g-", -1, -1, { 9, 9 }, { 0, 0 }, "Un" },
		{ "direct was chosen", "g-", "g-", -1, PATH_DIRECT, { 9, 9 }, { 0, 0 }, "Ud" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct decide_input input = { .pinned = row[i].pinned };
		struct decide_memory memory = { 0 };
		struct decide_actions actions;
		char text[2 * DECIDE_ACTIONS_MAX + 1];

		memcpy(memory.good, row[i].good, sizeof(memory.good));
		memcpy(memory.bad, row[i].bad, sizeof(memory.bad));
		fill(&input, PATH_DIRECT, row[i].direct);
		fill(&input, PATH_NBD, row[i].nbd);
		input.is_lost[PATH_DIRECT] = row[i].direct[0] == 'l';
		input.is_lost[PATH_NBD] = row[i].nbd[0] == 'l';
		input.control.is_set_up = true;
		input.control.active = row[i].active;
		decide(&limits, &input, &memory, &actions);
		spell(&actions, text);
		if (strcmp(text, row[i].actions) != 0)
			fail_msg("%s: %s, not %s", row[i].name, text, row[i].actions);
	}
}

/* A new table has the paths that are ready or proven, under their numbers of now, and never a failed one. */
static void tables(void **state)
{
	struct decide_memory memory = { .good = { 9, 2 } };
	struct decide_input input = { .fails_over = true, .pinned = -1 };
	struct decide_actions actions;

	(void)state;
	fill(&input, PATH_DIRECT, "g-");
	fill(&input, PATH_NBD, "d-");
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.item[0].verb, DECIDE_SET_PATHS);
	assert_int_equal(actions.set[PATH_DIRECT], DIRECT);
	assert_int_equal(actions.set[PATH_NBD], 0);

	/* The direct device came back under another number. */
	memory = (struct decide_memory){ .good = { 2, 9 } };
	fill(&input, PATH_DIRECT, "gF");
	fill(&input, PATH_NBD, "gA");
	input.control.is_set_up = true;
	input.control.active = PATH_NBD;
	input.rdev[PATH_DIRECT] = makedev(8, 32);
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.count, 1);
	assert_int_equal(actions.item[0].verb, DECIDE_SET_PATHS);
	assert_int_equal(actions.set[PATH_DIRECT], makedev(8, 32));
	assert_int_equal(actions.set[PATH_NBD], NBD);

	/* Both dead; nbd is back as another device, and the number that the table has was given up. */
	memory = (struct decide_memory){ .bad = { 9, 0 } };
	fill(&input, PATH_DIRECT, "dF");
	fill(&input, PATH_NBD, "gF");
	input.control.active = -1;
	input.rdev[PATH_NBD] = makedev(43, 16);
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.count, 1);
	assert_int_equal(actions.item[0].verb, DECIDE_SET_PATHS);
	assert_int_equal(actions.set[PATH_DIRECT], 0);
	assert_int_equal(actions.set[PATH_NBD], makedev(43, 16));

	/* What was given up leaves, where another one is ready. */
	memory = (struct decide_memory){ .good = { 9, 0 } };
	fill(&input, PATH_DIRECT, "gA");
	fill(&input, PATH_NBD, "dF");
	input.control.active = PATH_DIRECT;
	input.is_given_up[PATH_NBD] = true;
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.count, 1);
	assert_int_equal(actions.item[0].verb, DECIDE_SET_PATHS);
	assert_int_equal(actions.set[PATH_DIRECT], DIRECT);
	assert_int_equal(actions.set[PATH_NBD], 0);
	input.is_given_up[PATH_NBD] = false;
	fill(&input, PATH_NBD, "gF");
	input.rdev[PATH_NBD] = makedev(43, 16);

	/* With direct in use it waits until it is proven; the old number is never reinstated. */
	memory = (struct decide_memory){ .good = { 9, 0 } };
	fill(&input, PATH_DIRECT, "gA");
	input.control.active = PATH_DIRECT;
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.count, 0);

	/* A wrong path leaves, and the other one stays. */
	memory = (struct decide_memory){ .good = { 9, 0 } };
	fill(&input, PATH_DIRECT, "gA");
	fill(&input, PATH_NBD, "wF");
	input.control.active = PATH_DIRECT;
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.item[0].verb, DECIDE_SET_PATHS);
	assert_int_equal(actions.set[PATH_DIRECT], DIRECT);
	assert_int_equal(actions.set[PATH_NBD], 0);

	/* nbd is new; direct has failed and is not proven: it stays out, or it would be tried. */
	memory = (struct decide_memory){ .good = { 0, 2 }, .bad = { 5, 0 } };
	fill(&input, PATH_DIRECT, "dF");
	fill(&input, PATH_NBD, "g-");
	input.control.active = -1;
	decide(&limits, &input, &memory, &actions);
	assert_int_equal(actions.item[0].verb, DECIDE_SET_PATHS);
	assert_int_equal(actions.set[PATH_DIRECT], 0);
	assert_int_equal(actions.set[PATH_NBD], NBD);
}

static uint64_t seed = 1;

static unsigned chance(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

/* What the kernel does by itself: it leaves a dead path for one that is ready. */
static void kernel_moves(struct control_state *kernel, const char seen[PATHS])
{
	for (int i = 0; i < PATHS; i++)
		if (kernel->active == i && seen[i] == 'd')
			kernel->path[i].is_failed = true;
	if (kernel->active >= 0 && kernel->path[kernel->active].is_in && !kernel->path[kernel->active].is_failed)
		return;
	kernel->active = -1;
	for (int i = PATHS - 1; i >= 0; i--)
		if (kernel->path[i].is_in && !kernel->path[i].is_failed)
			kernel->active = i;
}

static void apply(struct control_state *kernel, const struct decide_actions *actions)
{
	for (unsigned i = 0; i < actions->count; i++) {
		int path = (int)actions->item[i].path;

		switch (actions->item[i].verb) {
		case DECIDE_FAIL:
			kernel->path[path].is_failed = true;
			break;
		case DECIDE_REINSTATE:
			kernel->path[path].is_failed = false;
			break;
		case DECIDE_USE:
			assert_true(kernel->path[path].is_in && !kernel->path[path].is_failed);
			kernel->active = path;
			break;
		default:
			kernel->is_set_up = true;
			kernel->active = -1;
			for (int p = 0; p < PATHS; p++) {
				kernel->path[p].is_in = actions->set[p] != 0;
				kernel->path[p].is_failed = false;
				kernel->path[p].rdev = actions->set[p];
			}
		}
	}
}

/*
 * Through any course of events: after a round no wrong path is ready or in use; what both paths' being good for long
 * enough leads to is direct in use and both ready; and what is quiet stays quiet.
 */
static void any_course_of_events(void **state)
{
	static const char what[] = "gggdw";
	struct decide_input input = { .fails_over = true, .pinned = -1 };
	struct decide_memory memory = { 0 };
	struct decide_actions actions;
	struct control_state kernel = { .active = -1 };
	char letters[PATHS][3], seen[PATHS] = "gg";

	(void)state;
	for (int n = 0; n < 200000; n++) {
		bool is_calm = n % 50 >= 40;

		for (int i = 0; i < PATHS; i++) {
			if (is_calm)
				seen[i] = 'g';
			else if (!chance(4))
				seen[i] = what[chance(5)];
		}
		/* The daemon is killed and begins anew. */
		if (!chance(100))
			memset(&memory, 0, sizeof(memory));
		kernel_moves(&kernel, seen);
		for (int i = 0; i < PATHS; i++) {
			snprintf(letters[i], sizeof(letters[i]), "%c%c", seen[i],
			         !kernel.path[i].is_in      ? '-'
			         : kernel.path[i].is_failed ? 'F'
			                                    : 'A');
			fill(&input, i, letters[i]);
		}
		input.control = kernel;
		decide(&limits, &input, &memory, &actions);
		apply(&kernel, &actions);
		kernel_moves(&kernel, seen);
		for (int i = 0; i < PATHS; i++)
			if (seen[i] == 'w')
				assert_true(!kernel.path[i].is_in || kernel.path[i].is_failed);
		if (n % 50 == 49) {
			assert_int_equal(actions.count, 0);
			assert_int_equal(kernel.active, PATH_DIRECT);
			for (int i = 0; i < PATHS; i++)
				assert_true(kernel.path[i].is_in && !kernel.path[i].is_failed);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounds),
		cmocka_unit_test(what_the_kernel_failed_begins_anew),
		cmocka_unit_test(single),
		cmocka_unit_test(tables),
		cmocka_unit_test(any_course_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
