/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both paths looked at, at once, and judged: what every mode of svc-pathcheck begins with. */
#ifndef SVC_PATH_CHECK_H
#define SVC_PATH_CHECK_H

#include "locate/locate.h"
#include "path/path.h"
#include "path/probe.h"
#include "path/stale.h"

/* Where the paths and the local flash are, as configured or typed; empty: there is none. */
struct path_places {
	char path[PATHS][SVC_LOCATOR_SIZE];
	char flash[2][SVC_LOCATOR_SIZE];
};

struct path_check {
	struct path_probe probe[PATHS]; /* kept from one call to the next: a look may not have come back */
	struct path_stale stale;        /* so is this */
	struct path_facts facts[PATHS];
	struct path_expected expected;
	struct path_verdict verdict;
};

enum path_wish {
	COHERENCE_NOT_WANTED,
	COHERENCE_IF_POSSIBLE, /* tested where there are two paths and a place for it */
	COHERENCE_ASKED,       /* that it cannot be tested is a finding */
};

struct path_check_options {
	struct locate_options locate; /* dev.timeout_seconds: of every touch */
	const char *legs;             /* [mirror] legs; empty: not given */
	unsigned slow_ms;
	char controller;
	enum path_wish coherence;
};

/*
 * Sorts copies given as NAME=LOCATOR by what they are here. -EINVAL with a sentence where none of them is a
 * path to the shared volume, or one has a bad name.
 */
int path_places_parse(const char *const argument[], int arguments, struct path_places *places, struct svc_error *error);

/* Reads what the flash copies' metadata says of the shared one; nothing known where they cannot be read. */
void path_expect(const struct path_places *places, const struct path_check_options *options,
                 struct path_expected *expected);

/*
 * Looks and judges (*check begins with zeros); with coherence where that is asked for and nothing speaks against writing the probe slots.
 * An NBD path that was found stale stays so in every later call, in other processes too, until a test proves the opposite.
 * -EINVAL, -ENOMEM with a sentence; what is wrong with a path is in the verdict.
 */
int path_check(const struct path_places *places, const struct path_check_options *options, struct path_check *check,
               struct svc_error *error);

#endif
