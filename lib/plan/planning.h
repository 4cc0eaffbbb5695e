/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan in the making: what plan.c chooses and check.c refuses. */
#ifndef SVC_PLANNING_H
#define SVC_PLANNING_H

#include "plan/plan.h"

struct planning {
	const struct copy *copy;
	int copies;
	const struct verdict *verdict;
	const struct comparison *comparison;
	const struct plan_wish *wish;
	const int *leg_of;
	struct plan *plan;
	struct reasons *refusals;
};

/* A leg, but of a mirror that is not the authority's. */
bool planning_is_other_mirror(const struct planning *p, int i);

/* SVC-IN-USE: says who uses copy i, where that is known. Returns the exit code. */
int planning_refuse_live(const struct planning *p, int i);

/* Once targets and members are chosen: 0, or the exit code to refuse with and why in *refusals. */
int planning_check(struct planning *p);

#endif
