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

/* What the kernel's nbd driver has to be told of a connection. */
struct nbd_kernel_export {
	int socket; /* after the handshake */
	uint64_t size_bytes;
	uint64_t flags;         /* transmission flags, linux/nbd.h */
	unsigned align_bytes;   /* the export's minimum block size; 1: anything goes */
	uint32_t request_bytes; /* longest read or write to ask of it */
};

/*
 * Connects, shakes hands without TLS and hands the socket over; the caller closes it. `tunnel`, where it is
 * not -1, is a socket to a server, used instead of the URI's address, and closed. Errors as connection_open.
 */
int handle_open_for_kernel(const char *uri, int tunnel, const struct dev_options *options,
                           struct nbd_kernel_export *export, struct svc_error *error);

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
