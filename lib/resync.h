/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One resync from survey to proof: compare, judge, plan, ask, rebuild. Commands, console and boot call this. */
#ifndef SVC_RESYNC_H
#define SVC_RESYNC_H

#include <signal.h>

#include "plan/plan.h"
#include "rebuild/rebuild.h"
#include "rebuild/restore.h"
#include "survey.h"

struct resync_options {
	struct plan_wish wish;
	struct locate_options locate;
	const char *legs;           /* svc.conf's order of the legs; NULL or empty: not known */
	bool is_dry_run;            /* stop before the question */
	bool is_fingerprinted;      /* plan_id is wanted */
	const char *save_path;      /* --save */
	bool is_saving;             /* false: --no-save */
	const char *undo_directory; /* where undo files go without --save */
	uint64_t undo_limit_bytes;  /* 0: none */
	uint64_t rate;
	int64_t now;
	const volatile sig_atomic_t *stop;
	void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
	/*
	 * Shows the plan and asks; called when there is something to write. Returns 0 to go on, or the exit
	 * code to end with (SVC_EXIT_REFUSED). NULL: go on.
	 */
	int (*confirm)(void *context);
	void *context;
};

/* What came of it, for the report. */
struct resync {
	struct comparison comparison;
	struct verdict verdict; /* before anything was written */
	struct plan plan;
	struct outcome outcome;
	struct reasons refusals;  /* why nothing was written */
	struct reasons unreached; /* copies that were left out because they could not be read: not all is done */
	struct reasons remarks;   /* what is still to be done by hand */
	char undo_path[1100];     /* empty: nothing was saved */
	char unsaved[200];        /* ... and this is why, where it was to be saved; else empty */
	uint64_t save_most_bytes; /* how large that file may become; 0: no limit */
	bool is_planned;          /* the plan may be shown */
	bool has_restored;        /* --undo: there is something to put back */
	uint64_t restored[SVC_COPIES_MAX]; /* --undo: bytes that are to be, or were, put back */
	uint64_t lost[SVC_COPIES_MAX];     /* ... zeros for what could not be read when it was saved */
	bool is_done;                      /* every action was carried out and proven */
};

/*
 * Returns the exit code: 0 where the copies are, or were made, equal; else why not, in *refusals or
 * *error. Free with resync_free in any case. The survey's devices are open for reading; before anything is
 * written they are closed, and opened again for writing, exclusively.
 */
int resync_run(struct survey *survey, const struct resync_options *options, struct resync *resync,
               struct svc_error *error);
void resync_free(struct resync *resync);

/*
 * The two halves of resync_run, for who has the devices open already. resync_prepare compares, judges
 * and plans, and writes nothing; where it returns 0 and there are actions, resync_execute carries them
 * out: device[i] is copy i's device, open for writing, where resync->plan.is_member[i]. It locks nothing.
 */
int resync_prepare(struct survey *survey, const struct resync_options *options, struct resync *resync,
                   struct svc_error *error);
int resync_execute(const struct survey *survey, const struct resync_options *options, struct dev *const device[],
                   struct resync *resync, struct svc_error *error);

/*
 * --undo: puts back what `path` holds onto the copies of the survey's names, once options->confirm agreed (it
 * is called where there is something to put back). Returns the exit code; why not is in *refusals or *error.
 * resync->verdict is by the evidence alone, from before; there is no plan.
 */
int resync_undo(struct survey *survey, const struct resync_options *options, const char *path, struct resync *resync,
                struct svc_error *error);

#endif
