/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who listens for a lost NBD connection (attach.h, nbd_watch), in a process of its own: the monitor may itself be
 * waiting for a request that went there.
 */
#ifndef SVC_PATH_WATCH_H
#define SVC_PATH_WATCH_H

#include <sys/types.h>

#include "model.h"

struct path_watch {
	pid_t child;
	char uri[SVC_LOCATOR_SIZE];
};

/* Starts it, or starts it anew where it has ended or watches another URI; an empty one ends it. It dies with us. */
void path_watch_keep(struct path_watch *watch, const char *uri);

#endif
