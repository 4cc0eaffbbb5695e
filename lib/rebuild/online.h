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
 * Whether `now`, read after the kernel has done it, proves that every target is as the authority. What could not be
 * read proves nothing, on either side: a comparison lists the authority's unread blocks with the authority. Pure.
 * 0, -EIO (the authority does not read) or -EBADMSG (a target does not, or differs), with a sentence.
 */
int online_judge(const struct plan *plan, const struct copy *copy, int copies, const struct comparison *now,
                 struct svc_error *error);

/*
 * Before the kernel is asked: the targets' records say that their generation is no more than a part of what they will
 * hold, until online_note; and the authority's that the targets may have its own, for they may go on without it as soon as they are whole. Written beside the active
 * mirror. 0 or -errno with a sentence.
 */
int online_announce(const struct plan *plan, const struct copy *copy, int copies, const struct dev_options *options,
                    int64_t now, struct svc_error *error);

/*
 * When the result is proven: the targets' records get the authority's generation, which is what they hold now. Left
 * as they were, they would contradict the superblocks as soon as the mirror is split, or call a leg older that went on
 * alone. Written beside the active mirror, which has no part in them. 0 or -errno with a sentence.
 */
int online_note(const struct plan *plan, const struct copy *copy, int copies, const struct dev_options *options,
                int64_t now, struct svc_error *error);

/*
 * Whether the legs' health is still what the plan was made for; a leg of `wanted` (bit per leg) that was being
 * recovered may be whole by now, for that is what it is waited for. Any other leg that became a source meanwhile was
 * judged by nobody. Pure.
 */
bool online_is_as_planned(const char *planned, const char *now, uint64_t wanted);

/*
 * The live table of a raid1 with the legs of `rebuild` (bit per leg) to be rebuilt: what asked for an
 * earlier rebuild or initial resync is left out. Pure. -EINVAL where the table is not a raid1's.
 */
int online_table(const char *parameters, uint64_t rebuild, char *text, size_t size);

#endif
