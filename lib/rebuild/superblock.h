/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the dm-raid superblock and write-intent bitmap of a leg. Formats: lib/evidence/raid.h. */
#ifndef SVC_SUPERBLOCK_H
#define SVC_SUPERBLOCK_H

#include "dev/dev.h"

/* Which regions are left unsettled, for legs that are absent. */
enum superblock_bits {
	BITS_NONE, /* every leg is in sync */
	BITS_KEEP, /* those that the model has: an absent leg missed no other writes */
	BITS_ALL,  /* all: an absent leg is to be recovered whole, for nobody knows what it holds */
};

/*
 * Makes the kernel take the leg for incomplete, from its first sector on: whoever activates the mirror
 * now gets a whole rebuild of it, never its data. `model` is the authority's metadata; all but the counters
 * is taken from it where this leg's superblock is damaged. `run` tells this run's mark from any other's.
 */
int superblock_mark(struct dev *meta, struct dev *model, uint64_t run);

/*
 * Writes the bitmap that `model`'s (which may be `meta` itself) calls for, and flushes it. -EBADMSG where model's means
 * nothing, -ENOSPC where it does not fit.
 */
int superblock_settle_bitmap(struct dev *meta, struct dev *model, enum superblock_bits bits);

/*
 * Makes the leg complete and in sync with `model`'s: the same counters, `failed` as the legs named failed. It vouches
 * for the bitmap: that has to be on the medium before.
 */
int superblock_settle(struct dev *meta, struct dev *model, unsigned position, uint64_t failed);

#endif
