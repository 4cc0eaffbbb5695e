/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads what the copy itself says of its history. Read-only, and never needs the mirror active. */
#ifndef SVC_EVIDENCE_H
#define SVC_EVIDENCE_H

#include "locate/locate.h"
#include "model.h"

/*
 * Fills copy->evidence (raid, unsettled, fs, record) through *access and settles copy->condition.
 * A copy that locate found unusable is left as it is. Never fails: what cannot be read is noted as
 * SVC-READ-ERROR or SVC-OPEN and makes the copy COPY_UNREADABLE.
 */
void evidence_read(struct copy *copy, int index, const struct access *access);

#endif
