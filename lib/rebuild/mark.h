/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark "being rebuilt", in the copy's record: set before its first byte changes, cleared after the proof. */
#ifndef SVC_MARK_H
#define SVC_MARK_H

#include "dev/dev.h"
#include "model.h"

/*
 * Writes the record into the slot that does not hold the newest valid one, with the next sequence
 * number, and makes it durable. record->sequence is updated. 0 or -errno.
 */
int record_store(struct dev *area, struct record *record);

/*
 * The record a copy is to have while it is rebuilt from `right`: its own identity, the rebuild's state
 * and progress, everything else as it was.
 */
void mark_rebuilding(struct record *record, const struct copy *target, const char *pv_uuid, const struct copy *right,
                     enum rebuild_state state, uint64_t done_bytes, uint64_t total_bytes, int64_t now);

/* The record of a copy whose rebuild from `right` is proven: right's generation and history. */
void mark_whole(struct record *record, const struct copy *right, int64_t now);

/* Whether the copy has a record and it was written for this very PV. */
bool mark_is_own(const struct copy *copy);

/* A new record in place of one that was copied here from another device: nothing that it said holds here. */
void mark_own(struct record *record, const struct copy *right, int64_t now);

#endif
