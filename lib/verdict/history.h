/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the histories of two copies relate. Pure. */
#ifndef SVC_HISTORY_H
#define SVC_HISTORY_H

#include "model.h"

enum relation {
	RELATION_SAME,  /* written together to the end */
	RELATION_TORN,  /* the same, but stopped between two superblock writes */
	RELATION_NEWER, /* the first has everything of the second, and more */
	RELATION_OLDER,
	RELATION_SPLIT, /* each has what the other lacks */
	RELATION_UNKNOWN,
};

/*
 * Relates x to y, two usable copies of one mirror, neither of them a rebuild's target.
 * `present` has a bit for each leg that a usable copy was given for. *why is the reason that tells.
 *
 * dm-raid: X accuses Y when X's failed_devices names Y's position: X went on without Y. Who accuses and
 * is not accused dominates. Both accusing is a split (mdadm's test too), unless a third leg that was
 * not given may dominate both. No accusation and equal counters: one history.
 * Records: DRBD's rule on generations. A record can decide what the superblocks leave open and can
 * contradict them; it never turns a split into anything milder.
 */
enum relation history_relate(const struct copy *x, const struct copy *y, uint64_t present, enum reason_id *why);

/* Whether x's superblock names y failed: x belongs, or belonged, to a mirror that went on without y. */
bool history_accuses(const struct copy *x, const struct copy *y);

/*
 * Whether this copy holds, or may hold, more than its record's generation says. It went on without a leg that has that
 * very generation: a leg that fails is named in the superblocks at once, and a new generation is noted a moment later.
 * Or its record says so. A claim that does not say who may have the generation (legs 0) cannot rule it out.
 */
bool history_is_beyond(const struct copy *copy);

/* Whether this copy was being rebuilt, by svc-resync or by the kernel, and was not finished. */
bool history_is_unfinished(const struct copy *copy, enum reason_id *why);

#endif
