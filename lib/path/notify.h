/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon tells the system: systemd, the journal, node_exporter. None of them has to be there. */
#ifndef SVC_NOTIFY_H
#define SVC_NOTIFY_H

#include <stdint.h>
#include <stdio.h>

/* sd_notify(3): "READY=1", "WATCHDOG=1", ... to $NOTIFY_SOCKET. */
void notify_systemd(const char *state);

/* Tells systemd, where it watches us, to let at least so long pass between two signs of life, whatever the unit says. */
void notify_watchdog(uint64_t least_ms);

struct notify_field {
	const char *name; /* SVC_PATH ...: upper case; NULL ends the list */
	const char *value;
};

/*
 * One event, with fields, to the journal (systemd.io/JOURNAL_NATIVE_PROTOCOL), or as a line to stderr where there is no
 * journal or it is a terminal. `priority` as in syslog(3).
 */
void notify_event(int priority, const struct notify_field *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A file that readers see whole or not at all: write to *out, then end. 0 or -errno. */
int notify_file_begin(const char *path, FILE **out);
int notify_file_end(const char *path, FILE *out);

#endif
