/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs and child processes, each with a deadline: nothing here waits for what cannot be killed. */
#ifndef SVC_SPAWN_H
#define SVC_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

enum {
	SPAWN_OUT_SIZE = 16384,
	SPAWN_ERR_SIZE = 2048,
};

/* What a program printed: text that others wrote, NUL-terminated, cut where it is longer. */
struct spawn_output {
	char out[SPAWN_OUT_SIZE];
	char err[SPAWN_ERR_SIZE];
	bool is_cut; /* there was more than fits */
};

/*
 * Runs argv[0] (looked up in PATH) with this environment, in a process group of its own; its standard input
 * is `input`, or /dev/null where that is NULL. *output may be NULL.
 *
 * Returns its exit status, 128 + N where signal N ended it, or -errno: -ENOENT, -EACCES ... where it could not be
 * started; -ETIMEDOUT where it was not done within deadline_ms (not 0): its process group is killed then, and what
 * does not even die of that (a process in uninterruptible sleep on a dead device) is left behind.
 * A daemon that it leaves behind in good order may keep its output open: that is not waited for.
 */
int spawn_run(const char *const argv[], const char *input, unsigned deadline_ms, struct spawn_output *output);

/*
 * Waits for a child to end, at most deadline_ms. Returns as spawn_run: its exit status, 128 + N, or -ETIMEDOUT,
 * after which the child is still there.
 */
int spawn_wait(pid_t child, unsigned deadline_ms);

/* Kills a child (of a group of its own: all of the group) and reaps it if it dies soon; else it is left behind. */
void spawn_abandon(pid_t child);

#endif
