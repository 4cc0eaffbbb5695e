/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serving this controller's direct path to the other one: qemu-nbd, without a cache, on the link's address alone.
 * The server is a process of its own and outlives us; it is found again by its command line.
 */
#ifndef SVC_PATH_EXPORT_H
#define SVC_PATH_EXPORT_H

#include <sys/types.h>

#include "path/setup.h"

struct export_options {
	const char *address; /* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT of the link */
	const char *name;    /* of the export; empty: shared */
	const char *client; /* the one that may connect: user of the PSK, or distinguished name; empty: who has a key */
	const char *tls_certificates; /* directory with ca-cert.pem, server-cert.pem, server-key.pem; empty: none */
	const char *tls_psk_file;     /* takes precedence; empty: none */
	bool is_told;                 /* also where this controller is the primary one */
	bool heeds_takeover;          /* refused while a takeover or hand-over is under way here; for all but those */
};

/*
 * Starts the server for paths->places.path[PATH_DIRECT], which is looked at first, and again once the server runs: where
 * this controller has become the primary one meanwhile, or is about to, the server is ended. Whoever takes over looks for
 * a server after that has begun, so that one of the two sees the other. 0 where it runs already too. With
 * a sentence: -EINVAL (no address, a key that is not there or not kept), -EPERM (the path is not fit, or this controller
 * is primary), -EAGAIN (a takeover is under way), -EBUSY (one with other settings runs), -ENOTSUP (qemu-nbd is not installed), -EIO (it does not start; its
 * words).
 */
int export_start(struct paths *paths, const struct export_options *options, struct svc_error *error);

/*
 * Where the other controller has the mirror, and reserved the volume: gets this controller's key in beside, so that the
 * array takes what is written through this server. Only what both the records and the array say counts, and never where
 * the mirror is active here. To be called after a look, and again later: a takeover takes the key away. 1: it was
 * done; 0: there was nothing to do; -errno with a sentence.
 */
int export_register(const struct paths *paths, struct svc_error *error);

/*
 * Ends the server and returns 0 once the process is gone: then no request of a client is under way any more, and
 * none can come. Else -ETIMEDOUT. 0 too where there is none.
 */
int export_stop(unsigned timeout_seconds, struct svc_error *error);

/* The server's process; 0: there is none. -1: that cannot be told. */
pid_t export_find(void);

/* Splits ADDRESS[:PORT]; the port is 10809 where there is none. False where it is neither, or "any". Pure. */
bool export_parse_address(const char *text, char *address, size_t size, unsigned *port);

#endif
