/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One round's state, and what its parts (round.c, act.c) call of each other. Private to this folder. */
#ifndef SVC_GATE_PARTS_H
#define SVC_GATE_PARTS_H

#include "gate/devices.h"
#include "gate/round.h"
#include "report/progress.h"
#include "resync.h"
#include "survey.h"

struct round {
	struct run *run;
	struct survey survey;
	struct gate_devices devices;
	struct resync resync; /* comparison and verdict are used without a rebuild too */
	struct gate_decision decision;
	struct progress progress;
	uint64_t seen_bytes; /* of the progress */
	struct svc_error error;
};

static inline struct gate_log *log_of(struct round *r)
{
	return &r->run->shared->log;
}

static inline FILE *out_of(const struct round *r)
{
	return r->run->options->out;
}

/* Seconds in which a step may do nothing at all. */
unsigned round_patience(const struct round *r);

/* What reads or writes tells how far it is: to the watch, and to who looks on. Between start and progress_end. */
void round_start_progress(struct round *r, const char *what);
void round_show_progress(void *context, uint64_t done_bytes, uint64_t total_bytes);

struct report round_report(const struct round *r);
void round_show_report(struct round *r);
void round_write_json(struct round *r, bool is_end);

/* The content, blank copies' included, into resync.comparison and the verdict. 0, or -errno with a sentence. */
int round_judge(struct round *r);

/* These return what the round ends with: an exit code, or ROUND_AGAIN. */
int act_on_decision(struct round *r);
int act_rebuild(struct round *r);
int act_question(struct round *r, enum svc_exit exit);

#endif
