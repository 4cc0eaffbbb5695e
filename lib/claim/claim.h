/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may write the mirror from now on, noted in the copies' records before it does. Whoever activates the mirror
 * claims it first; so a leg that was left behind shows by its generation, also where the kernel never came to
 * name it failed.
 *
 * A generation stands for one history. Copies that have the same one have been written together ever since; who has
 * another's in its history holds all of it and more. It is replaced whenever a leg that has it, or may have it, is
 * not among those that will be written.
 */
#ifndef SVC_CLAIM_H
#define SVC_CLAIM_H

#include "base/error.h"
#include "locate/locate.h"
#include "model.h"

struct claim_wish {
	bool is_member[SVC_COPIES_MAX]; /* the copies that will be written; by one path each */
	int authority;                  /* whose generation goes on; -1: any member's */
	bool is_shared_spared;          /* shared, where it is left out, is somebody else's by now, and not told so */
	char controller;                /* 'a', 'b', or 0: not configured */
	uint64_t promotions;            /* added to the epoch */
	uint64_t unseen;                /* bit per leg: it was not read, and may hold newer writes than the members */
	bool is_after_crash;            /* with promotions: the owner before had not closed it */
	uint8_t fresh[16];              /* a new generation, for where one is needed */
	int64_t now;                    /* seconds since 1970 */
};

/*
 * The records to be written, in this order. First those who have the generation learn that others will have it, or one
 * that comes after it: else a claim that is cut off would leave a leg that seems to be newer than what is written by
 * those who never heard of it. So does shared where it is left out. Then each gets its record; the shared one before the
 * others, for it is the one that both controllers see.
 */
struct claim {
	int items;
	struct {
		int copy;
		struct record record;
	} item[2 * SVC_COPIES_MAX];
	bool is_new_generation;
};

/*
 * Plans what the members' records are to say. Pure. Members whose PV has no place for a record get none. -EINVAL where
 * there is no member, or one that is not whole; -ESTALE where the members' generations differ: they are not in
 * sync; -EPROTONOSUPPORT where a record is of a newer version. With a sentence.
 */
int claim_plan(const struct copy *copy, int copies, const struct claim_wish *wish, struct claim *claim,
               struct svc_error *error);

/* The same for an orderly end: the members that say that they are open will say closed, and nothing else changes. */
void claim_plan_close(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX], int64_t now,
                      struct claim *claim);

/* A generation that nobody else has. 0 or -errno. */
int claim_make_generation(uint8_t generation[16]);

/* Writes the records and reads them back. area[i] is copy i's place for one, open for writing. -EIO ...; -EBADMSG. */
int claim_write(const struct claim *claim, const struct copy *copy, struct dev *const area[SVC_COPIES_MAX],
                struct svc_error *error);

/*
 * The same for copies that nobody has open: each is opened exclusively, and its evidence has to be what `copy` says;
 * else -ESTALE, and nothing is written.
 */
int claim_run(const struct claim *claim, const struct copy *copy, const struct locate_options *options,
              struct svc_error *error);

#endif
