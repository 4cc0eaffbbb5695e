/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One at a time on this host: a round of the boot, or the work that a person has started at a console. They share the
 * lock of console/jobs.h's work lane, so that a round waits for work that outlived its console, and the console says
 * that other work is under way while a round does something.
 */
#ifndef SVC_TURN_H
#define SVC_TURN_H

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"
#include "gate/watch.h"

struct turn {
	int lock;             /* -1: there is no such place, and nobody else to wait for */
	char directory[1040]; /* of the jobs: it changes as their work gets on */
};

/* What forks inherit is the same lock. `directory` NULL: the consoles' own. */
void turn_open(struct turn *turn, const char *directory);
/* Gives it back. A process that was left behind keeps the file open, but not the lock. */
void turn_close(struct turn *turn);

/*
 * Waits for as long as the work gets on. 0; -EBUSY, with a sentence, where it has not for limit_seconds; -EINTR where
 * *stop was set. Whoever has it already gets it at once.
 */
int turn_take(const struct turn *turn, unsigned limit_seconds, struct watch *watch, const volatile sig_atomic_t *stop,
              struct svc_error *error);
void turn_give(const struct turn *turn);

#endif
