/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark "being rebuilt", in the copy's record: set before its first byte changes, cleared after the proof. */
#ifndef SVC_MARK_H
#define SVC_MARK_H

#include "dev/dev.h"
#include "model.h"

/*
 * Writes the record into the slot that does not hold the newest valid one, with the next sequence
 * number, and makes it durable. record->sequence is updated. 0, -EEXIST where no slot is valid and one holds something
 * that is no record, -EINVAL for a record that could not be read again, -EOVERFLOW where no number is left, or -errno:
 * of these, -EEXIST to -EOVERFLOW wrote nothing.
 */
int record_store(struct dev *area, struct record *record);

/* Whether the area's newest record is this one. 0, -ESTALE where another one was written since, or -errno. */
int record_check(struct dev *area, const struct record *record);

/*
 * Held by who reads records of a mirror in use and writes them again: the monitor and a rebuild, which know nothing of
 * each other on this host. To be given back with record_unlock. -ETIMEDOUT where it is not to be had within 10 s, -errno.
 */
int record_lock(void);
void record_unlock(int lock);

/*
 * The record a copy is to have while it is rebuilt from `right`: its own identity, the rebuild's state
 * and progress, everything else as it was.
 */
void mark_rebuilding(struct record *record, const struct copy *target, const char *pv_uuid, const struct copy *right,
                     enum rebuild_state state, uint64_t done_bytes, uint64_t total_bytes, int64_t now);

/*
 * The record of a copy whose rebuild from `right` is proven: right's generation and history. `legs`: a bit for
 * each leg that is rebuilt from it.
 */
void mark_whole(struct record *record, const struct copy *right, uint64_t legs, int64_t now);

/*
 * The record of a copy that was right before: others get its generation. To be durable before they have it, so
 * that none of them goes on unknown to this one. Returns false where there is nothing to write.
 */
bool mark_shared(struct record *record, uint64_t legs, int64_t now);

/*
 * The record of a copy whose superblock no longer tells that it holds more than its generation says, or that the kernel
 * is about to rebuild while the mirror is in use: as soon as it is whole it holds what the mirror does, and its record
 * does not say so yet. Returns false where there is nothing to write.
 */
bool mark_beyond(struct record *record, int64_t now);

/* Whether the copy has a record and it was written for this very PV. */
bool mark_is_own(const struct copy *copy);

/* A new record in place of one that was copied here from another device: nothing that it said holds here. */
void mark_own(struct record *record, const struct copy *right, int64_t now);

#endif
