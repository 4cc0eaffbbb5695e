/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out a plan: the one place from which copies are written. */
#ifndef SVC_REBUILD_H
#define SVC_REBUILD_H

#include <signal.h>

#include "base/bitset.h"
#include "base/error.h"
#include "dev/dev.h"
#include "plan/plan.h"
#include "rebuild/undo.h"

enum step_state { STEP_TODO, STEP_DONE, STEP_FAILED };

struct outcome {
	enum step_state step[PLAN_ACTIONS_MAX]; /* by action */
	uint64_t step_us[PLAN_ACTIONS_MAX];     /* how long each took, microseconds */
	uint64_t written_bytes;                 /* everything, metadata included */
	uint64_t writes;                        /* write calls */
	uint64_t content_bytes;                 /* of the legs */
	uint64_t proven_bytes;                  /* read back and found equal */
	uint64_t saved_bytes;                   /* size of the undo file */
};

struct rebuild_options {
	const char *lv;            /* as in locate_options */
	const char *save_path;     /* undo file to make, or to go on with (see undo_create); NULL: nothing is saved */
	uint64_t save_limit_bytes; /* 0: none */
	uint64_t rate;             /* bytes per second; 0: no limit */
	int64_t now;               /* seconds since 1970, for records and the undo file */
	const volatile sig_atomic_t *stop;
	void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
	void *context;
};

/* What the comparison found; `differing` is about the copies that have a leg already. */
struct rebuild_map {
	const struct bitset *differing; /* units that differ in some copy; NULL: nothing was compared */
	const struct bitset *unread;    /* units that some copy could not give: they may differ; NULL: none */
	const struct bitset *used;      /* units that some copy's file system uses */
	uint32_t unit_bytes;
};

/*
 * Executes plan->action in order. `copy` are the facts the plan was made from; device[i] is member i's
 * device, open for writing. Evidence is read again before the first write: -ESTALE where it changed.
 * -EINTR: stopped at a safe point, run again to go on; -EFBIG: over save_limit_bytes, and nothing was
 * written, else -ENOSPC; -EBADMSG: the
 * proof failed; -EIO and other -errno. With a sentence. Until the last action is done the targets are
 * marked as being rebuilt.
 */
int rebuild_run(const struct plan *plan, const struct copy *copy, int copies, struct dev *const device[],
                const struct rebuild_map *map, const struct rebuild_options *options, struct outcome *outcome,
                struct svc_error *error);

/* What the undo file of this rebuild says of itself. Pure. */
void rebuild_undo_header(const struct plan *plan, const struct copy *copy, int copies, int64_t now,
                         struct undo_header *header);

#endif
