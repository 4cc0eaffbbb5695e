/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A progress bar with rate and ETA, to a terminal; a line of it whenever SIGUSR1 asks. */
#ifndef SVC_PROGRESS_H
#define SVC_PROGRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct progress {
	FILE *out;
	const char *what;                 /* "comparing" */
	bool is_shown;                    /* draw the bar all the time */
	volatile sig_atomic_t *requested; /* set by SIGUSR1; cleared here. May be NULL */
	struct timespec start;            /* CLOCK_MONOTONIC; set by the first update, and when it is warm */
	uint64_t start_bytes;             /* what was done by then */
	bool is_started, is_warm, is_drawn;
};

/* Fits compare_options.progress. */
void progress_update(void *progress, uint64_t done_bytes, uint64_t total_bytes);

/* Removes the bar. */
void progress_end(struct progress *progress);

/*
 * One line: "comparing  45 %  [#########...........]  210 MiB/s  ETA 0:03". Pure. elapsed_ms is the time
 * since the start; the rate and the ETA are left out while they mean nothing.
 */
void progress_format(const char *what, uint64_t done_bytes, uint64_t total_bytes, uint64_t elapsed_ms, char *text,
                     size_t size);

#endif
