/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads what the copy itself says of its history. Read-only, and never needs the mirror active. */
#ifndef SVC_EVIDENCE_H
#define SVC_EVIDENCE_H

#include "base/bitset.h"
#include "locate/locate.h"
#include "model.h"

/*
 * Fills copy->evidence (raid, unsettled, fs, record) through *access and settles copy->condition.
 * A copy that locate found unusable is left as it is. Never fails: what cannot be read is noted as
 * SVC-READ-ERROR or SVC-OPEN and makes the copy COPY_UNREADABLE.
 */
void evidence_read(struct copy *copy, int index, const struct access *access);

/* The record alone. */
void evidence_read_record(struct copy *copy, int index, const struct access *access);

/*
 * Reads the copy's unsettled regions again, one bit per region of evidence.unsettled.region_bytes.
 * *regions is NULL where the evidence has none that can be relied on. 0, -EIO or -ENOMEM with a sentence.
 */
int evidence_unsettled_map(const struct copy *copy, const struct access *access, struct bitset **regions,
                           struct svc_error *error);

#endif
