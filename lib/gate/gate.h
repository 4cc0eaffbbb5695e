/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate: what happens at boot before anything activates the mirror. Judge, rebuild where the authority is known, ask
 * where it is not, claim, activate. Nothing else activates it, and nothing here waits without end.
 */
#ifndef SVC_GATE_H
#define SVC_GATE_H

#include <signal.h>
#include <stdio.h>

#include "gate/log.h"
#include "gate/policy.h"
#include "locate/conf.h"
#include "locate/locate.h"

#define GATE_JSON_PATH "/run/svc/boot.json"

struct gate_options {
	const struct svc_conf *conf;
	struct gate_policy policy;
	struct locate_options locate;
	bool is_dry_run;                    /* nothing is written, activated or asked */
	const char *jobs_directory;         /* where the consoles note their work; NULL: their usual place */
	const char *json_path;              /* written at the end; NULL: not */
	FILE *json;                         /* the same, to here; NULL: not */
	FILE *out;                          /* the report and what is done; NULL: nowhere */
	int width;                          /* of `out`, columns */
	bool is_verbose;                    /* all evidence, to `out` */
	bool has_progress;                  /* shown on stderr while something is read or written */
	const char *const *const *programs; /* for a person at the console: see ask_person */
	const volatile sig_atomic_t *stop;
};

/* Returns the exit code of the boot: 0 the mirror is active, or as policy wants it; else it goes on without it. */
enum svc_exit gate_run(const struct gate_options *options);

/* Where svc.conf cannot be used: nothing is looked at, and that is noted wherever else the result would be. */
enum svc_exit gate_end_unconfigured(const struct gate_options *options, const char *why);

#endif
