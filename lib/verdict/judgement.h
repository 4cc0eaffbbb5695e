/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the steps of the verdict hand to one another; private to this folder. */
#ifndef SVC_JUDGEMENT_H
#define SVC_JUDGEMENT_H

#include "model.h"

struct judgement {
	const struct copy *copy;
	int copies;
	const struct comparison *comparison; /* NULL: evidence alone */
	bool is_final;                       /* nothing more will be compared */
	struct verdict *verdict;
	bool is_usable[SVC_COPIES_MAX]; /* a leg of this mirror, whole or not */
	bool is_member[SVC_COPIES_MAX]; /* usable, the first path to its copy, and whole */
	bool is_equal[SVC_COPIES_MAX];  /* a member of the newest history */
	bool is_torn;                   /* the newest members' counters differ by one */
};

/* Each step returns true where it decided the verdict. */
void judge_conditions(struct judgement *j); /* each copy by itself */
bool judge_paths(struct judgement *j);      /* two paths to one copy must show one volume */
bool judge_relation(struct judgement *j);   /* are they copies of one mirror at all */
bool judge_evidence(struct judgement *j);   /* evidence that is impossible: clones, swapped positions ... */
bool judge_bare(struct judgement *j);       /* no history at all, and yet every byte equal */
bool judge_history(struct judgement *j);    /* who is newest: fills is_equal */
bool judge_apart(struct judgement *j);      /* who was written while another was away, by the bitmaps alone */
bool judge_content(struct judgement *j);    /* the newest ones' content, and the copies beside them */

/* Among the copies set, the one the kernel itself would read first: lowest array position. -1: none. */
int judgement_first(const struct judgement *j, const bool set[]);
int judgement_count(const struct judgement *j, const bool set[]);
bool judgement_conclude(struct judgement *j, enum verdict_kind kind, int authority);

#endif
