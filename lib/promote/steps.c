/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promote/steps.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

const struct step_row steps_takeover[STEPS] = {
#define STEP(symbol, id, words) { id, words },
#include "promote/steps.def"
#undef STEP
};

const char *step_state_name(enum stage_state state)
{
	static const char *const name[] = {
		[STAGE_TODO] = "todo", [STAGE_DONE] = "done", [STAGE_SKIPPED] = "skipped", [STAGE_FAILED] = "failed"
	};

	return name[state];
}

static int check_time(const struct steps_options *options, int id, struct svc_error *error)
{
	if (options->stop && *options->stop)
		return error_set(error, -EINTR, "stopped before %s", options->row[id].words);
	if (options->deadline_ms && options->clock_ms(options->context) >= options->deadline_ms)
		return error_set(error, -ETIMEDOUT, "the time was over before %s", options->row[id].words);
	return 0;
}

static unsigned left_ms(const struct steps_options *options)
{
	uint64_t now = options->clock_ms(options->context);
	uint64_t left = now < options->deadline_ms ? options->deadline_ms - now : 1;

	return !options->deadline_ms || left > UINT_MAX ? UINT_MAX : (unsigned)left;
}

/* Does what is not done, and looks whether it is so then. *state says what came of it. */
static int run_step(const struct steps_options *options, int id, enum stage_state *state, struct svc_error *error)
{
	const struct step_ops *ops = &options->ops[id];
	int code = ops->is_done ? ops->is_done(options->context, error) : 0;

	if (code < 0)
		return code;
	if (code) {
		*state = STAGE_SKIPPED;
		return 0;
	}
	if (options->is_dry_run && ops->is_done)
		return 0;
	if (!ops->perform)
		return error_set(error, -ENOSYS, "%s: this program cannot do that", options->row[id].words);
	code = ops->perform(options->context, left_ms(options), error);
	if (code < 0)
		return code;
	*state = code == STEP_NOTHING_TO_DO ? STAGE_SKIPPED : STAGE_DONE;
	if (code == STEP_NOTHING_TO_DO || !ops->is_done)
		return 0;
	code = ops->is_done(options->context, error);
	if (!code)
		error_set(error, -EIO, "%s: it was done, and is not so", options->row[id].words);
	return code > 0 ? 0 : code ? code : -EIO;
}

static void note(const struct steps_options *options, const struct steps *steps)
{
	if (options->note)
		options->note(options->context, steps);
}

int steps_run(const struct steps_options *options, struct steps *steps, struct svc_error *error)
{
	int code = 0;

	memset(steps, 0, sizeof(*steps));
	steps->failed = -1;
	for (int id = 0; id < options->count && !code; id++) {
		code = check_time(options, id, error);
		if (code) {
			steps->failed = id;
			break;
		}
		steps->step[id].began_ms = options->clock_ms(options->context);
		note(options, steps);
		code = run_step(options, id, &steps->step[id].state, error);
		steps->step[id].ended_ms = options->clock_ms(options->context);
		if (code) {
			steps->step[id].state = STAGE_FAILED;
			steps->failed = id;
		}
		note(options, steps);
	}
	return code;
}
