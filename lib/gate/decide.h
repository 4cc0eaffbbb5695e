/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot does about a verdict. Pure: no I/O, no clock, no globals. */
#ifndef SVC_DECIDE_H
#define SVC_DECIDE_H

#include "gate/policy.h"
#include "model.h"

enum gate_action {
	GATE_PASS,     /* leave everything alone and go on */
	GATE_STANDBY,  /* the other controller's: leave everything alone and go on */
	GATE_ACTIVATE, /* claim and activate the members */
	GATE_DEGRADED, /* the same with one copy alone: this controller's flash, or shared */
	GATE_REBUILD,  /* svc-resync, then judge again */
	GATE_QUESTION, /* ask a person; nobody there: go on without the mirror */
};

struct gate_decision {
	enum gate_action action;
	enum svc_exit exit;             /* of the boot, if it ends with this */
	bool is_member[SVC_COPIES_MAX]; /* to be claimed and activated */
	struct reasons reasons;         /* why, where the verdict's own reasons do not say it */
};

/*
 * Whether this is the controller that it is told to be comes first, then ownership: the record with the most
 * promotions says whose the mirror is. Where none says it, controller b stands by. Then the verdict and the policy.
 */
void gate_decide(const struct gate_policy *policy, const struct copy *copy, int copies, const struct verdict *verdict,
                 struct gate_decision *decision);

/* "pass", "standby", "activate" ...: the words of the JSON. */
const char *gate_action_name(enum gate_action action);

#endif
