/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the dm-raid superblock and write-intent bitmap of a leg. Formats: lib/evidence/raid.h. */
#ifndef SVC_SUPERBLOCK_H
#define SVC_SUPERBLOCK_H

#include "dev/dev.h"

/*
 * Makes the kernel take the leg for incomplete, from its first sector on: whoever activates the mirror
 * now gets a whole rebuild of it, never its data. `model` is a sound leg's metadata, used where this
 * one's superblock is not.
 */
int superblock_mark(struct dev *meta, struct dev *model, unsigned position);

/*
 * Makes the leg complete and in sync with `model`'s (which may be `meta` itself): the same counters,
 * `failed` as the legs named failed. has_all: every leg of the mirror is in sync, so that no region is
 * unsettled any more; else model's bits are kept, for the absent leg needs them when it returns.
 */
int superblock_settle(struct dev *meta, struct dev *model, unsigned position, uint64_t failed, bool has_all);

/* Whether the leg's superblock says just that. 0, -EBADMSG where it does not, or what reading gives. */
int superblock_prove(struct dev *meta, struct dev *model, unsigned position, uint64_t failed);

#endif
