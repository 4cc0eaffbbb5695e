/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console with its terminal, its jobs and its clock. */
#ifndef SVC_CONSOLE_RUN_H
#define SVC_CONSOLE_RUN_H

#include "console/console.h"

struct run_options {
	struct console_options console;
	struct task_options task;
	struct whose whose;         /* the copies, wherever they are named */
	const char *jobs_directory; /* NULL: the usual one */
	const char *terminal_type;  /* TERM; NULL: none */
	bool is_plain;              /* lines, whatever the terminal */
	const char *boot_file;      /* what the boot logic wrote down */
	const char *network_up;     /* brings the network up, in the boot; NULL: nothing needs it */
};

/* Runs on descriptors 0 and 1 until a person leaves, or the line is gone. An exit code; a sentence where it is 5, or there was no terminal. */
int console_run(const struct run_options *options, struct svc_error *error);

#endif
