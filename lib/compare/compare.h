/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the content of copies. Reads each wanted byte once per copy; writes nothing. */
#ifndef SVC_COMPARE_H
#define SVC_COMPARE_H

#include <signal.h>

#include "base/error.h"
#include "locate/locate.h"
#include "model.h"

struct compare_options {
	bool is_fingerprinted;  /* comparison->fingerprint is wanted */
	bool owners_each;       /* say copy by copy whose the differing blocks are: comparison->copy[].owners */
	enum compare_mode mode; /* COMPARE_FAST: only map what is in use; nothing is `done` then */
	const volatile sig_atomic_t *stop; /* set by a signal handler: stop soon; or NULL */
	/* Called a few times a second from the calling thread; or NULL. Bytes per copy. */
	void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
	void *context;
};

/*
 * Compares every usable copy whose leg is as long as the reference's against the reference (a second
 * path to a copy: against the first one), and says whose the differing blocks are. What cannot be read
 * ends in comparison->copy[].errors, never in "equal".
 * Errors: -EINTR (stopped), -ENOMEM; *comparison is not `done` then. Free with compare_free in any case.
 */
int compare_run(const struct copy *copy, int copies, const struct access *access, int reference,
                const struct compare_options *options, struct comparison *comparison, struct svc_error *error);

void compare_free(struct comparison *comparison);

#endif
