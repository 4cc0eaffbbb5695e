/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the running console share: run.c, run_away.c. */
#ifndef SVC_CONSOLE_RUN_PRIVATE_H
#define SVC_CONSOLE_RUN_PRIVATE_H

#include <signal.h>

#include "console/input.h"
#include "console/run.h"
#include "console/splatter.h"
#include "console/terminal.h"
#include "console/typed.h"

struct answered {
	char name[JOB_NAME_SIZE];
	uint64_t serial;
};

struct run {
	const struct run_options *options;
	struct console console;
	struct jobs jobs;
	struct terminal *terminal;
	struct input input;
	struct typed typed; /* line mode */
	struct splatter splatter;
	struct answered answered[JOBS_MAX * 2];
	size_t answers;
	char send[1100]; /* the support bundle to be sent when it is made */
	uint64_t splattered_ms, splatter_drawn_ms;
	bool is_splattered, is_whole, has_ended, is_first_scan;
	bool has_no_terminal; /* what is read was none, and is at its end */
	int exit;
};

/* The line is gone, or we were told to end. */
extern volatile sig_atomic_t run_is_gone;

/* Has a task done, or tells why not. */
void run_start(struct run *run, const struct request *request);

/* run_away.c: the terminal is somebody else's meanwhile, and the screen is drawn anew afterwards. */
void run_shell(struct run *run);
void run_reboot(struct run *run);
/* A support bundle over this line: it is made first, and sent when it is there. */
void run_send(struct run *run);
void run_send_now(struct run *run, struct job *job);

#endif
