/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Getting a libnbd handle connected, and running it from poll. */
#ifndef SVC_NBD_HANDLE_H
#define SVC_NBD_HANDLE_H

#include <libnbd.h>
#include <time.h>

#include "dev/nbd_connection.h"

/* As connection_open; the handle is closed with nbd_close. */
int handle_open(const char *uri, const struct dev_options *options, int stop_fd, struct nbd_handle **nbd,
                struct nbd_export *export, struct svc_error *error);

/* What to poll the handle's socket for. */
short handle_events(struct nbd_handle *nbd);

/* Runs libnbd for what poll saw. An error of the socket is left to libnbd to find. */
int handle_notify(struct nbd_handle *nbd, short seen);

/* What a request returns for an errno of libnbd (0 for 0). */
int handle_error(int code);

/* CLOCK_MONOTONIC, `seconds` from now. */
struct timespec deadline_after(unsigned seconds);

/* For poll: rounded up, so that one that timed out is really past the deadline. 0: past it. */
int deadline_milliseconds(const struct timespec *deadline);

#endif
