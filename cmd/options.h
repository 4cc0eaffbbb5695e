/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options: one table a command, from which parsing and --help both come. */
#ifndef SVC_OPTIONS_H
#define SVC_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct option_row {
	int key;              /* the short option's letter, or a number from 256 on */
	const char *name;     /* the long option */
	const char *argument; /* what its value is called; NULL: none */
	const char *help;     /* NULL: not shown */
};

enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

/* What every command understands. */
struct common_options {
	const char *config; /* NULL: the default one */
	const char *lv;
	unsigned timeout_seconds; /* 0: as configured */
	bool is_json, is_dry_run, is_yes, is_quiet, is_verbose;
	enum progress_mode progress;
};

struct command {
	const char *name;     /* svc-compare */
	const char *synopsis; /* "[--fast|--allocated|--full] [COPY...]" */
	const char *summary;  /* one line */
	const struct option_row
		*rows; /* its own options, ended by a row without a name; before common ones of one name */
	int (*run)(int argc, char **argv);
	/* Takes one of its own options. Returns false after printing what is wrong with the value. */
	bool (*take)(void *options, int key, const char *value);
};

/*
 * Parses argv. Returns -1 to go on (the operands begin at *first), or the exit code to leave with:
 * after --help, --version and --explain (0), or after printing what is wrong (64).
 */
int options_parse(const struct command *command, int argc, char **argv, struct common_options *common, void *own,
                  int *first);

/* Prints "svc-compare: sentence" and the next step to stderr. */
void complain(const struct command *command, const char *text, const char *next);

/* An error of the library, and what to do next: what the library says, or else what its exit code calls for. */
void complain_error(const struct command *command, int exit, const struct svc_error *error);

/* Standard output did not take what was printed. Says so and returns the exit code for that. */
int complain_output(const struct command *command);

/* Standard output, for the one object of --json: it is printed, and none is owed at the end of the call. */
FILE *options_json(void);

/*
 * The end of a call. Where --json was given and the call failed before it had anything to report, its first complaint
 * is the object. What was printed and not taken is no success. Returns the exit code.
 */
int options_end(const struct command *command, int argc, char **argv, int code);

/* The command of this name ("svc-compare", or "compare"); NULL: this program has none. */
const struct command *command_find(const char *name);

extern const struct command svc_compare;
extern const struct command svc_resync;
extern const struct command svc_console;
extern const struct command svc_pathcheck;
extern const struct command svc_boot;
extern const struct command svc_promote;

#endif
