/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot did and why: to the kernel's log, the console and boot.json. */
#ifndef SVC_GATE_LOG_H
#define SVC_GATE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "report/report.h"

/* In memory that outlives the process that works: nothing in it points anywhere. */
struct gate_log {
	bool is_kept; /* false: a dry run, which leaves no trace in the kernel's log */
	struct boot_log boot;
};

/* One step, as a sentence. */
void log_step(struct gate_log *log, FILE *out, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Reasons, with their IDs. */
void log_reasons(struct gate_log *log, FILE *out, const struct reasons *reasons);

/* One line to the kernel's log, where there is one for us. `is_step`: nothing that has a reason's ID. */
void log_kmsg(const char *program, const char *text, bool is_step);

#endif
