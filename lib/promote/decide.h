/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which data a takeover goes on with, and what may be missing from it. Pure: no I/O, no clock, no globals. */
#ifndef SVC_PROMOTE_DECIDE_H
#define SVC_PROMOTE_DECIDE_H

#include "model.h"
#include "promote/fence.h"

enum promote_action {
	PROMOTE_REFUSE,  /* nothing is claimed or activated */
	PROMOTE_TAKE,    /* claim and activate the members */
	PROMOTE_ALREADY, /* the mirror is active here and this controller's: nothing is to be changed */
};

/* Whether a leg that was not read may hold newer writes that were acknowledged. */
enum promote_unseen {
	UNSEEN_NONE,   /* who has the generation was read */
	UNSEEN_CLOSED, /* its owner closed it in good order; only a start without shared since then would go unseen */
	UNSEEN_OPEN,   /* its owner did not close it, or nothing is known: it may have gone on without shared */
};

struct promote_wish {
	char controller;          /* 'a', 'b', or 0: not configured */
	int from;                 /* the copy that a person chose; -1: as the verdict says */
	bool is_confirmed;        /* --yes: also where the verdict does not name that copy */
	bool is_degraded_allowed; /* on this controller's flash alone */
	bool is_compared;         /* the verdict knows the content, not the history alone */
	int64_t beat_time;        /* the other controller's last sign of life, seconds since 1970; 0: none known */
	int64_t now;              /* seconds since 1970 */
};

struct promote_decision {
	enum promote_action action;
	enum svc_exit exit;
	int authority;                     /* -1: none */
	bool is_member[SVC_COPIES_MAX];    /* claimed and activated at once */
	bool is_refreshed[SVC_COPIES_MAX]; /* rebuilt from the members once they are active */
	bool is_forced;                    /* a person's choice; nothing else is overwritten by itself */
	bool has_peer_crashed;             /* the other controller had it open */
	enum promote_unseen unseen;
	uint64_t unseen_legs;   /* bit per leg */
	struct reasons reasons; /* why, where the verdict's own reasons do not say it */
};

/* The verdict is that of all copies that can be read, judged as final. */
void promote_decide(const struct promote_wish *wish, const struct copy *copy, int copies, const struct verdict *verdict,
                    struct promote_decision *decision);

/*
 * Whether the records of the legs that are under the active mirror say that it is this controller's. One that is being
 * brought up to date has an older record until that is proven. *other is the copy whose record speaks against it, or -1.
 * Pure.
 */
bool promote_is_ours(const struct copy *copy, int copies, char controller, int *other);

/* ---- closing.c ---- */

/* A bit for each leg that a usable copy is. Pure. */
uint64_t promote_legs(const struct copy *copy, int copies);

/* What the newest record, by its epoch, says of the other controller. Pure. */
enum fence_peer promote_peer(const struct copy *copy, int copies, char controller);

/*
 * Whether copy i's record, of a mirror that was stopped in good order, is to say so. A leg that was left behind stays open:
 * closed, it would seem to whoever reads it alone to be what was handed over. Pure.
 */
bool promote_is_to_close(const struct copy *copy, int copies, int i, char controller);

/*
 * Whether what this controller wrote to the end is on its flash, and not on shared. Where shared cannot be read the flash
 * tells it: its record who has the generation, its superblock whom the kernel has dropped since. Pure.
 */
bool promote_is_on_flash_alone(const struct copy *copy, int copies, char controller);

#endif
