/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a takeover, one after another. Nothing remembers how far it came: each step asks the kernel, the mount
 * table, the array or the records whether it is done already, so that a call goes on wherever another one was killed.
 */
#ifndef SVC_PROMOTE_STEPS_H
#define SVC_PROMOTE_STEPS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum step_id {
#define STEP(symbol, id, words) STEP_##symbol,
#include "promote/steps.def"
#undef STEP
	STEPS,
};

struct step_row {
	const char *id;    /* preflight, fence, ... */
	const char *words; /* what is being done */
};

extern const struct step_row steps_takeover[STEPS];

enum stage_state {
	STAGE_TODO,
	STAGE_DONE,    /* by this call */
	STAGE_SKIPPED, /* it was done already, or there is nothing to do */
	STAGE_FAILED,
};

enum { STEP_NOTHING_TO_DO = 1 }; /* what `perform` returns then */

struct step_ops {
	/* 1: it is done; 0: it is not; -errno with a sentence where that cannot be told. NULL: only reads, do it each time. */
	int (*is_done)(void *context, struct svc_error *error);
	/* 0, STEP_NOTHING_TO_DO, or -errno with a sentence. May be killed at any moment and called again. */
	int (*perform)(void *context, unsigned left_ms, struct svc_error *error);
};

struct steps {
	struct {
		enum stage_state state;
		uint64_t began_ms; /* by options->clock_ms; both 0: never begun */
		uint64_t ended_ms;
	} step[STEPS];
	int failed; /* which one; -1: none */
};

struct steps_options {
	const struct step_row *row; /* what is to be done; at most STEPS */
	int count;
	const struct step_ops *ops; /* for each row */
	void *context;
	uint64_t (*clock_ms)(void *context); /* monotonic */
	uint64_t deadline_ms;                /* by that clock; no step begins after it. 0: none */
	const volatile sig_atomic_t *stop;   /* no step begins where it is set; NULL: nothing stops it */
	bool is_dry_run;                     /* asks what is done, performs what has no is_done, changes nothing */
	/* After each change of a state: what is known so far, for who watches. NULL: nobody does. */
	void (*note)(void *context, const struct steps *steps);
};

/*
 * 0: all is done (a dry run: all that is not done is STAGE_TODO). Else the first failure: -ETIMEDOUT (the deadline),
 * -EINTR (stopped), -EIO (a step said that it did it, and it is not so), or what the step said; with a sentence. The
 * steps after it are STAGE_TODO.
 */
int steps_run(const struct steps_options *options, struct steps *steps, struct svc_error *error);

const char *step_state_name(enum stage_state state);

#endif
