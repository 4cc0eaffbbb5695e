/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work on devices in a child process, and somebody who notices when it no longer gets on. A process that waits for a
 * dead device cannot be killed; it is left behind, and the boot goes on.
 */
#ifndef SVC_WATCH_H
#define SVC_WATCH_H

#include <signal.h>
#include <stdatomic.h>

/* Shared by both processes. */
struct watch {
	atomic_uint beats;         /* goes up whenever something was done */
	atomic_uint limit_seconds; /* without a beat and hardly using the processor; 0: no limit */
	char step[160];            /* what is being done */
};

/* Memory for both processes, zeros; NULL where there is none. Freed when they end. */
void *watch_memory(size_t size);

void watch_step(struct watch *watch, unsigned limit_seconds, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void watch_beat(struct watch *watch);

/*
 * Runs work(context) in a child and returns what it returned (an exit status), 128 + N where signal N ended it, -errno
 * where it could not be started, or -ETIMEDOUT where it was given up. SIGTERM is sent to it once where *stop is set.
 */
int watch_run(struct watch *watch, int (*work)(void *context), void *context, const volatile sig_atomic_t *stop);

#endif
