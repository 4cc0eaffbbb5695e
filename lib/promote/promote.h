/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror taken over, handed over, or looked at: in a child process with a deadline, one at a time on a host. What
 * came of it is plain data, in memory that both processes see; svc-promote(8) has the words.
 */
#ifndef SVC_PROMOTE_H
#define SVC_PROMOTE_H

#include <signal.h>
#include <stdio.h>

#include "locate/conf.h"
#include "locate/locate.h"
#include "promote/decide.h"
#include "promote/fence.h"
#include "promote/steps.h"

#define PROMOTE_JSON_PATH "/run/svc/promote.json"
#define PROMOTE_LOCK_PATH "/run/svc/promote.lock"

enum { PROMOTE_TIMEOUT_SECONDS = 60 };

enum promote_verb { PROMOTE_TAKEOVER, PROMOTE_DEMOTE, PROMOTE_STATUS };

enum promote_role {
	ROLE_UNKNOWN,
	ROLE_STANDBY, /* the mirror is not active here */
	ROLE_PRIMARY, /* active, this controller's by its record, mounted writable where it is to be */
	ROLE_FAILED,  /* active, and something of the rest is not so */
};

struct promote_options {
	enum promote_verb verb;
	const struct svc_conf *conf;
	struct locate_options locate;
	const char *const *argument; /* the copies, as survey_open takes them */
	int arguments;
	bool is_typed; /* the copies, or the mirror's name, come from the command line and not from svc.conf */
	const char
		*config;   /* the configuration's file where it was named, for the rebuild in the background; or NULL */
	const char *from;  /* the name of a copy, or NULL */
	char controller;   /* 'a', 'b', or 0: not configured */
	bool is_confirmed; /* --yes */
	bool is_peer_fenced;
	bool is_dry_run;
	unsigned timeout_seconds; /* 0: PROMOTE_TIMEOUT_SECONDS */
	const volatile sig_atomic_t *stop;
	FILE *out; /* what is found and done, as it happens; NULL: nowhere */
};

struct promote_result {
	enum promote_verb verb;
	enum svc_exit exit;
	bool is_dry_run;
	char controller;
	enum promote_role role;
	int path;                           /* that shared was read by, enum path_kind; -1: it was not read */
	char device[2 * LVM_NAME_SIZE + 8]; /* /dev/VG/LV; empty: not known */
	char mountpoint[CONF_PATH_SIZE];    /* empty: it is not mounted by this */
	bool is_judged;
	enum verdict_kind verdict;
	char authority[SVC_NAME_SIZE]; /* empty: none */
	enum fence_proof proof;
	bool has_peer_crashed;
	enum promote_unseen unseen;
	int64_t beat_age_seconds; /* of the other controller's last sign of life; -1: none known */
	bool is_refreshed[SVC_COPIES_MAX];
	int copies;
	char name[SVC_COPIES_MAX][SVC_NAME_SIZE]; /* of the copies: the reasons and is_refreshed are about these */
	char legs[SVC_LEGS_MAX + 1];              /* --status: the legs' health by the kernel's word */
	const struct step_row *row;               /* what the steps are */
	int count;
	struct steps steps;
	struct reasons reasons;
	struct svc_error error; /* text empty: none */
};

/* *result is to be given back with promote_free. Returns the exit code, which is in it too. */
enum svc_exit promote_run(const struct promote_options *options, struct promote_result **result);
void promote_free(struct promote_result *result);

const char *promote_verb_name(enum promote_verb verb);  /* promote, demote, status */
const char *promote_role_name(enum promote_role role);  /* primary, standby ... */
const char *promote_proof_name(enum fence_proof proof); /* reservation ...; NULL: none */

#endif
