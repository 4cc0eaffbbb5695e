/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every command needs at run time: signals, the configuration, the terminal. */
#ifndef SVC_RUNTIME_H
#define SVC_RUNTIME_H

#include <signal.h>

#include "locate/conf.h"
#include "locate/locate.h"
#include "options.h"
#include "survey.h"

extern volatile sig_atomic_t runtime_stop_wanted;     /* SIGINT, SIGTERM, SIGHUP */
extern volatile sig_atomic_t runtime_progress_wanted; /* SIGUSR1 */

struct runtime {
	struct svc_conf conf;
	const char *argument[SVC_COPIES_MAX]; /* the copies: as typed, or from the configuration */
	int arguments;
	char configured[SVC_COPIES_MAX][SVC_NAME_SIZE + SVC_LOCATOR_SIZE];
	char *typed; /* options and copies to type again, each after a blank */
	struct locate_options locate;
};

/*
 * Catches signals, reads the configuration (needed where no copies are typed or it was named; else only
 * if it is there) and settles which copies are meant. 0, or an exit code with *error set.
 * End with runtime_end after 0.
 */
int runtime_start(struct runtime *runtime, const struct common_options *common, char **typed, int count,
                  struct svc_error *error);
void runtime_end(struct runtime *runtime);

bool runtime_shows_progress(const struct common_options *common);
bool runtime_has_colour(void);
int runtime_width(void);

/* Says on stderr which copies could not be used, and what to do; but for those that are seen to (NULL: none is). */
void runtime_complain_findings(const struct command *command, const struct survey *survey,
                               const struct verdict *verdict, const bool is_seen_to[]);

#endif
