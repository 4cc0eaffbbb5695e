/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at a path, in a child process: whoever touches a dead device may never come back, and the one who
 * asks must. What it finds comes back through shared memory.
 */
#ifndef SVC_PATH_PROBE_H
#define SVC_PATH_PROBE_H

#include <sys/types.h>

#include "locate/locate.h"
#include "path/path.h"

struct path_probe {
	enum path_kind kind;
	const char *locator;                  /* as configured */
	const struct locate_options *options; /* dev.timeout_seconds is the deadline; 0: PATH_TIMEOUT_SECONDS */
	/* Of the probe under way, and of one that never came back; start with zeros. */
	struct path_facts *shared;
	pid_t child, stuck;
	uint64_t end_ms;
};

/*
 * Starts looking, and takes what was found within the deadline. One look at a time; after one that never came
 * back the next says so at once, until that one is gone. Only *facts tells what went wrong.
 */
void path_probe_start(struct path_probe *probe);
void path_probe_finish(struct path_probe *probe, struct path_facts *facts);

/*
 * Calls `work` in a child process for at most deadline_ms, with memory shared with the parent. Returns what it
 * returned (0 or -errno), -ETIMEDOUT, or -EIO where it crashed. *stuck, 0 at first and the caller's for calls of this
 * kind, is a child that not even SIGKILL ended: while there is one the next call says -ETIMEDOUT at once, so that a dead
 * device has one process waiting for it and not one more with each call.
 */
int path_call(pid_t *stuck, int (*work)(void *shared), void *shared, unsigned deadline_ms);

/* The same, but a child that is not done by then goes on: for what is better ended late than broken off. */
int path_call_on(pid_t *stuck, int (*work)(void *shared), void *shared, unsigned deadline_ms);

/* Memory that a child shares with its parent. NULL: there is none. */
void *path_memory(size_t size);
void path_memory_free(void *memory, size_t size);

/* CLOCK_MONOTONIC in milliseconds, and in microseconds. */
uint64_t path_now_ms(void);
uint64_t path_now_us(void);

#endif
