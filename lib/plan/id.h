/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan in one word: what was confirmed is what is carried out, or nothing is. */
#ifndef SVC_PLAN_ID_H
#define SVC_PLAN_ID_H

#include "plan/plan.h"

enum { PLAN_ID_SIZE = 9 };

/*
 * Eight hexadecimal digits of the plan, the verdict behind it and the evidence of every copy: another one where any
 * of these is another. Evidence that moves by itself while the mirror runs (counters, times) is left out there.
 * Pure. Returns id.
 */
const char *plan_id(const struct plan *plan, const struct copy *copy, int copies, const struct verdict *verdict,
                    char id[PLAN_ID_SIZE]);

#endif
