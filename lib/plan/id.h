/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan in one word: what was confirmed is what is carried out, or nothing is. */
#ifndef SVC_PLAN_ID_H
#define SVC_PLAN_ID_H

#include "plan/plan.h"

enum { PLAN_ID_SIZE = 9 };

/*
 * Eight hexadecimal digits of the plan, the verdict behind it, the evidence of every copy and the comparison's fingerprint
 * of their content: another one where any of these is another. What moves by itself while the mirror runs (counters,
 * times, content) is left out there. Pure. Returns id.
 */
const char *plan_id(const struct plan *plan, const struct copy *copy, int copies, const struct verdict *verdict,
                    uint64_t fingerprint, char id[PLAN_ID_SIZE]);

#endif
