/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Has the kernel carry out a plan for a mirror that is active on this host. */
#ifndef SVC_REBUILD_ONLINE_H
#define SVC_REBUILD_ONLINE_H

#include <signal.h>

#include "base/error.h"
#include "dev/mapper.h"
#include "locate/locate.h"
#include "plan/plan.h"
#include "rebuild/rebuild.h"

struct online_options {
	const volatile sig_atomic_t *stop;
	unsigned stall_seconds; /* give up waiting when nothing moves for so long; 0: 60 */
	void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
	void *context;
};

/*
 * Carries out the plan's ACTION_REFRESH and ACTION_REBUILD_ONLINE and waits until the kernel has done
 * it; the proof is the caller's. Never `repair`: that copies from the first leg, whichever it is. `access`
 * are the copies' devices, open for reading. -ESTALE: the mirror is not as the plan saw it, nothing was
 * done; -EINTR: stopped waiting, the kernel goes on by itself; -ETIMEDOUT: nothing moves; -EIO: the kernel
 * dropped a leg, or refused. With a sentence.
 */
int online_run(const struct plan *plan, const struct copy *copy, int copies, const struct access *access,
               const struct online_options *options, struct outcome *outcome, struct svc_error *error);

/*
 * The live table of a raid1 with the legs of `rebuild` (bit per leg) to be rebuilt: what asked for an
 * earlier rebuild or initial resync is left out. Pure. -EINVAL where the table is not a raid1's.
 */
int online_table(const char *parameters, uint64_t rebuild, char *text, size_t size);

#endif
