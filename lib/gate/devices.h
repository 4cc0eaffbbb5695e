/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of the copies, brought up: waited for, and shared over NBD where the direct path is dead. */
#ifndef SVC_GATE_DEVICES_H
#define SVC_GATE_DEVICES_H

#include "gate/gate.h"
#include "gate/watch.h"

/* The copies to be surveyed, one path to each: NAME=LOCATOR. */
struct gate_devices {
	char argument[SVC_COPIES_MAX][SVC_NAME_SIZE + SVC_LOCATOR_SIZE];
	const char *pointer[SVC_COPIES_MAX]; /* to the above, as survey_open takes them */
	int count;
};

/* What does not come up in time is left as it is: reading its evidence will say what is wrong with it. */
void devices_bring_up(const struct gate_options *options, struct watch *watch, struct gate_log *log,
                      struct gate_devices *devices);

#endif
