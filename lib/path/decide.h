/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor does about what it sees: probes in, actions out. Pure; its memory is counts alone. */
#ifndef SVC_PATH_DECIDE_H
#define SVC_PATH_DECIDE_H

#include "path/control.h"

enum {
	DECIDE_GOOD_PROBES = 3, /* in a row, before a path that failed is used again */
	DECIDE_BAD_PROBES = 2,  /* in a row, before the path in use is given up */
	DECIDE_ACTIONS_MAX = 8,
};

struct decide_limits {
	unsigned good_probes, bad_probes;
};

struct decide_memory {
	unsigned good[PATHS], bad[PATHS]; /* probes in a row */
	bool was_ready[PATHS];            /* in the round before */
};

struct decide_input {
	bool is_configured[PATHS];
	bool may_use[PATHS]; /* fit, and known to be the volume that is meant */
	enum path_state state[PATHS];
	uint64_t rdev[PATHS];    /* of a path that may be used */
	bool is_given_up[PATHS]; /* the device under the control's one cannot come back; another one takes its place */
	bool is_lost[PATHS];     /* not merely slow: its connection is gone, or it gives errors */
	bool fails_over;         /* the control has both paths and moves between them by itself: multipath */
	struct control_state control;
	int pinned; /* enum path_kind, or -1 */
};

enum decide_verb {
	DECIDE_SET_PATHS, /* make the device out of the paths in `set` */
	DECIDE_FAIL,
	DECIDE_REINSTATE,
	DECIDE_USE,
};

struct decide_actions {
	unsigned count;
	struct {
		enum decide_verb verb;
		enum path_kind path;
	} item[DECIDE_ACTIONS_MAX];
	uint64_t set[PATHS]; /* for DECIDE_SET_PATHS: st_rdev, or 0 */
};

/* Not merely out of reach: I/O that went there would do harm. */
bool decide_is_wrong(enum path_state state);

/* Counts the probes of this round in *memory and says what to do. */
void decide(const struct decide_limits *limits, const struct decide_input *input, struct decide_memory *memory,
            struct decide_actions *actions);

#endif
