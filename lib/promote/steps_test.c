/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps in their order, killed before and after each effect and called again: the same end, each effect once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "promote/steps.h"

/* What outlives a call, as the kernel and the records do; and what shall happen to the call. */
static struct world {
	bool is_done[STEPS];
	unsigned effects[STEPS];
	unsigned order[2 * STEPS];
	unsigned performed;
	int dying;      /* at this step; -1: never */
	bool dies_late; /* after its effect */
	int failing;    /* this step fails; -1: none */
	int lying;      /* this one says that it did it, and did not; -1: none */
	int idle;       /* this one has nothing to do; -1: none */
	int blind;      /* of this one it cannot be told whether it is done; -1: none */
	uint64_t now_ms;
	uint64_t step_ms;
	unsigned left_ms; /* what the last step was given */
	unsigned notes;
} world;

static jmp_buf death;

static int ask(int id, struct svc_error *error)
{
	if (world.blind == id)
		return error_set(error, -EIO, "cannot be told");
	return world.is_done[id];
}

static int perform(int id, unsigned left_ms, struct svc_error *error)
{
	world.left_ms = left_ms;
	world.now_ms += world.step_ms;
	if (world.dying == id && !world.dies_late)
		longjmp(death, 1);
	if (world.failing == id)
		return error_set(error, -EBUSY, "it fails");
	if (world.idle == id)
		return STEP_NOTHING_TO_DO;
	if (world.lying != id) {
		world.is_done[id] = true;
		world.effects[id]++;
	}
	world.order[world.performed++ % (2 * STEPS)] = (unsigned)id;
	if (world.dying == id)
		longjmp(death, 1);
	return 0;
}

/* Each step has functions of its own, as the real ones have. */
#define STEP(symbol, id, words)                                                               \
	static int ask_##symbol(void *context, struct svc_error *error)                       \
	{                                                                                     \
		(void)context;                                                                \
		return ask(STEP_##symbol, error);                                             \
	}                                                                                     \
	static int perform_##symbol(void *context, unsigned left_ms, struct svc_error *error) \
	{                                                                                     \
		(void)context;                                                                \
		return perform(STEP_##symbol, left_ms, error);                                \
	}
#include "promote/steps.def"
#undef STEP

static const struct step_ops all_ops[STEPS] = {
#define STEP(symbol, id, words) { ask_##symbol, perform_##symbol },
#include "promote/steps.def"
#undef STEP
};

static uint64_t clock_ms(void *context)
{
	(void)context;
	return world.now_ms;
}

static void note(void *context, const struct steps *steps)
{
	(void)context;
	(void)steps;
	world.notes++;
}

static const struct world quiet = { .dying = -1, .failing = -1, .lying = -1, .idle = -1, .blind = -1, .now_ms = 1000 };

static struct steps_options options;

static int set_up(void **state)
{
	(void)state;
	world = quiet;
	options = (struct steps_options){
		.row = steps_takeover, .count = STEPS, .ops = all_ops, .clock_ms = clock_ms, .note = note
	};
	return 0;
}

static void check_states(const struct steps *steps, enum stage_state before, int at, enum stage_state there)
{
	for (int id = 0; id < STEPS; id++)
		assert_int_equal(steps->step[id].state, id < at ? before : id == at ? there : STAGE_TODO);
}

static void test_all(void **state)
{
	struct svc_error error;
	struct steps steps;

	(void)state;
	world.step_ms = 10;
	assert_int_equal(steps_run(&options, &steps, &error), 0);
	check_states(&steps, STAGE_DONE, STEPS, STAGE_DONE);
	assert_int_equal(steps.failed, -1);
	assert_int_equal(world.performed, STEPS);
	assert_int_equal(world.notes, 2 * STEPS);
	assert_int_equal(world.left_ms, UINT_MAX);
	for (unsigned id = 0; id < STEPS; id++) {
		assert_int_equal(world.order[id], id);
		assert_int_equal(steps.step[id].began_ms, 1000 + 10 * id);
		assert_int_equal(steps.step[id].ended_ms, 1010 + 10 * id);
	}
	/* Once more: nothing is changed. */
	assert_int_equal(steps_run(&options, &steps, &error), 0);
	check_states(&steps, STAGE_SKIPPED, STEPS, STAGE_SKIPPED);
	assert_int_equal(world.performed, STEPS);
}

static void test_killed(void **state)
{
	struct svc_error error;
	struct steps steps;

	for (volatile int at = 0; at < STEPS; at++)
		for (volatile int late = 0; late < 2; late++) {
			set_up(state);
			world.dying = at;
			world.dies_late = late;
			if (!setjmp(death)) {
				steps_run(&options, &steps, &error);
				fail_msg("%s: it was not killed", steps_takeover[at].id);
			}
			world.dying = -1;
			assert_int_equal(steps_run(&options, &steps, &error), 0);
			for (int id = 0; id < STEPS; id++) {
				assert_true(world.is_done[id]);
				assert_int_equal(world.effects[id], 1);
				assert_int_equal(steps.step[id].state, id < at + late ? STAGE_SKIPPED : STAGE_DONE);
			}
		}
}

static void test_failures(void **state)
{
	struct svc_error error;
	struct steps steps;

	for (int at = 0; at < STEPS; at++) {
		set_up(state);
		world.failing = at;
		assert_int_equal(steps_run(&options, &steps, &error), -EBUSY);
		assert_string_equal(error.text, "it fails");
		assert_int_equal(steps.failed, at);
		check_states(&steps, STAGE_DONE, at, STAGE_FAILED);
		assert_int_equal(world.performed, at);
		set_up(state);
		world.lying = at;
		assert_int_equal(steps_run(&options, &steps, &error), -EIO);
		check_states(&steps, STAGE_DONE, at, STAGE_FAILED);
		set_up(state);
		world.blind = at;
		assert_int_equal(steps_run(&options, &steps, &error), -EIO);
		assert_string_equal(error.text, "cannot be told");
		check_states(&steps, STAGE_DONE, at, STAGE_FAILED);
		assert_int_equal(world.performed, at);
	}
}

static void test_nothing_to_do(void **state)
{
	struct svc_error error;
	struct steps steps;

	(void)state;
	world.idle = STEP_REFRESH;
	assert_int_equal(steps_run(&options, &steps, &error), 0);
	assert_int_equal(steps.step[STEP_REFRESH].state, STAGE_SKIPPED);
	assert_int_equal(steps.step[STEP_PROOF].state, STAGE_DONE);
}

static void test_missing(void **state)
{
	struct step_ops ops[STEPS];
	struct svc_error error;
	struct steps steps;

	(void)state;
	memcpy(ops, all_ops, sizeof(ops));
	ops[STEP_MOUNT].perform = NULL;
	options.ops = ops;
	assert_int_equal(steps_run(&options, &steps, &error), -ENOSYS);
	check_states(&steps, STAGE_DONE, STEP_MOUNT, STAGE_FAILED);
}

static void test_deadline(void **state)
{
	volatile sig_atomic_t stop = 1;
	struct svc_error error;
	struct steps steps;

	(void)state;
	world.step_ms = 100;
	options.deadline_ms = 1000 + 250;
	assert_int_equal(steps_run(&options, &steps, &error), -ETIMEDOUT);
	assert_int_equal(world.performed, 3);
	assert_int_equal(world.left_ms, 50);
	assert_int_equal(steps.failed, 3);
	check_states(&steps, STAGE_DONE, 3, STAGE_TODO); /* it never began */
	set_up(state);
	options.stop = &stop;
	assert_int_equal(steps_run(&options, &steps, &error), -EINTR);
	assert_int_equal(world.performed, 0);
}

static void test_dry_run(void **state)
{
	struct step_ops ops[STEPS];
	struct svc_error error;
	struct steps steps;

	(void)state;
	memcpy(ops, all_ops, sizeof(ops));
	ops[STEP_VERDICT].is_done = NULL; /* it only reads */
	options.ops = ops;
	options.is_dry_run = true;
	world.is_done[STEP_FENCE] = true;
	assert_int_equal(steps_run(&options, &steps, &error), 0);
	for (int id = 0; id < STEPS; id++)
		assert_int_equal(steps.step[id].state, id == STEP_FENCE     ? STAGE_SKIPPED
		                                       : id == STEP_VERDICT ? STAGE_DONE
		                                                            : STAGE_TODO);
	assert_int_equal(world.performed, 1);
}

/* Whoever writes has proven and judged first; what repairs is behind what activates. */
static void test_order(void **state)
{
	(void)state;
	assert_true(STEP_FENCE < STEP_EVIDENCE && STEP_EVIDENCE < STEP_VERDICT && STEP_VERDICT < STEP_CLAIM);
	assert_true(STEP_CLAIM < STEP_ACTIVATE && STEP_ACTIVATE < STEP_REPAIR && STEP_REPAIR < STEP_MOUNT);
	assert_true(STEP_MOUNT < STEP_REFRESH && STEP_REFRESH < STEP_PROOF);
	for (int id = 0; id < STEPS; id++)
		assert_true(*steps_takeover[id].id && *steps_takeover[id].words);
	assert_string_equal(steps_takeover[STEP_FENCE].id, "fence");
	assert_string_equal(step_state_name(STAGE_SKIPPED), "skipped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all, set_up),      cmocka_unit_test_setup(test_killed, set_up),
		cmocka_unit_test_setup(test_failures, set_up), cmocka_unit_test_setup(test_nothing_to_do, set_up),
		cmocka_unit_test_setup(test_missing, set_up),  cmocka_unit_test_setup(test_deadline, set_up),
		cmocka_unit_test_setup(test_dry_run, set_up),  cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
