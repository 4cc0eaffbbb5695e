/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A socket that speaks plain NBD at this end and TLS with the server: nbdkit in between. */
#ifndef SVC_TUNNEL_H
#define SVC_TUNNEL_H

#include "dev/dev.h"

/*
 * Starts nbdkit for an nbds:// or nbds+unix:// URI and puts our end into *socket. It ends when that end is
 * closed by everybody, the kernel included. Whether the server can be reached shows in the handshake.
 * -ENOTSUP where nbdkit is not installed; -EMFILE and the like.
 */
int tunnel_open(const char *uri, const struct dev_options *options, int *socket, struct svc_error *error);

/*
 * The URI without the TLS parameters of its query: nbdkit takes them apart from it. False where it does not
 * fit. Pure.
 */
bool tunnel_uri(const char *uri, char *plain, size_t size);

#endif
