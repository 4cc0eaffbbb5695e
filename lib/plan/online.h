/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan for a mirror that is active on this host: the kernel writes, we say what. Pure. */
#ifndef SVC_PLAN_ONLINE_H
#define SVC_PLAN_ONLINE_H

#include "plan/plan.h"

/*
 * Goes on from plan->authority, plan->is_forced and plan->has_free, which plan_make has settled: targets,
 * members and actions. 0, or the exit code to refuse with and why in *refusals.
 */
int plan_make_online(const struct copy *copy, int copies, const struct verdict *verdict,
                     const struct comparison *comparison, const struct plan_wish *wish, struct plan *plan,
                     struct reasons *refusals);

#endif
