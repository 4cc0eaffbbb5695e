/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The legs of the mirror that is active here, and what the records must say of them. The daemon keeps nothing: the
 * kernel says which legs are in sync, the records who has the generation, and where they differ the records follow.
 */
#ifndef SVC_PATH_LEGS_H
#define SVC_PATH_LEGS_H

#include "claim/claim.h"
#include "path/check.h"

enum legs_change {
	LEGS_NONE,     /* the records say what is */
	LEGS_LOST,     /* a leg that has the generation is written no more: the others get a new one */
	LEGS_RETURNED, /* a leg that was away is in sync again */
	LEGS_OUTDATED, /* a leg that was left behind can be reached, and learns that it is outdated */
};

struct legs_state {
	bool is_active;                /* the mirror is active here */
	unsigned legs;                 /* 0: not known */
	char health[SVC_LEGS_MAX + 1]; /* per leg, as online_evidence has it */
	enum legs_change change;       /* what was written to the records */
	int error;                     /* 0, or -errno of looking or writing, with `why` */
	struct svc_error why;
};

/*
 * What the records have to say, given the copies as they are. Pure. *claim holds what is to be written; LEGS_NONE: nothing.
 * `fresh` is a new generation, `controller` this one.
 */
enum legs_change legs_plan(const struct copy *copy, int copies, char controller, const uint8_t fresh[16], int64_t now,
                           struct claim *claim);

/*
 * Looks at the mirror and at the copies in reach (the flash of this controller; shared by `device`, which may be empty),
 * and brings their records up to date, within legs_update_ms: a copy that does not answer takes its deadline, and the
 * records of the others are written all the same.
 */
void legs_update(const struct path_places *places, const char *device, const struct path_check_options *options,
                 struct legs_state *state);

/* How long that can take. */
uint64_t legs_update_ms(const struct path_check_options *options);

#endif
