/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the survey to what is done about the verdict, once. Private to this folder. */
#ifndef SVC_ROUND_H
#define SVC_ROUND_H

#include "gate/decide.h"
#include "gate/gate.h"
#include "gate/turn.h"
#include "gate/watch.h"

enum { ROUND_AGAIN = -1 };

/* Outlives the process that works. */
struct shared {
	struct watch watch;
	struct gate_log log;
	char device[2 * LVM_NAME_SIZE + 8]; /* /dev/VG/LV, once it is known */
	bool has_rebuilt;
	bool is_active;
};

struct run {
	const struct gate_options *options;
	struct gate_policy policy; /* a second try is more careful */
	struct shared *shared;
	struct turn turn; /* at the copies; not where nothing is done to them */
	bool is_rebuilt;  /* since a person was last asked: once is enough */
};

/* The exit code, or ROUND_AGAIN. */
int round_run(struct run *run);

struct boot_report round_boot_report(const struct run *run, const char *action);
/* To the file, and at the end to `json` too. */
void gate_write_json(struct run *run, const struct report *report, bool is_end);

#endif
