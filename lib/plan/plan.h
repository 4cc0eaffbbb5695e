/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: which copies are rebuilt from which, as an ordered list of actions, or why not. Pure: no
 * I/O, no clock, no globals. What is shown by --dry-run is this very list; nothing else is ever written.
 */
#ifndef SVC_PLAN_H
#define SVC_PLAN_H

#include "model.h"

/* What the user asked for. */
struct plan_wish {
	int from;                /* --from: copy index, or -1 */
	bool to[SVC_COPIES_MAX]; /* --to */
	bool has_to;
	bool is_allocated; /* --allocated: leave blocks that no file system uses as they are */
	bool is_forced;    /* the choice that --from makes is confirmed by name */
};

enum action_kind {
	ACTION_MARK,       /* the target's record and superblock say that it is being rebuilt */
	ACTION_LAYOUT,     /* PV label, volume group metadata and an empty record: the target had none */
	ACTION_USED,       /* differing blocks that are in use */
	ACTION_FREE,       /* differing blocks that are not */
	ACTION_PROVE,      /* what was written is read back and compared */
	ACTION_METADATA,   /* the newest volume group metadata text */
	ACTION_SUPERBLOCK, /* dm-raid superblock and bitmap: this leg is complete and in sync */
	ACTION_FORGIVE,    /* the same on a copy that was right before: it no longer names the target failed */
	ACTION_UNMARK,     /* the record says that the copy is whole */
	/* Where the mirror is active here, the kernel writes: */
	ACTION_REFRESH,        /* it takes the leg back and recovers what its bitmap says changed since */
	ACTION_REBUILD_ONLINE, /* it rebuilds the leg from its first byte */
};

struct action {
	enum action_kind kind;
	int copy;
	uint64_t bytes; /* to be written; for ACTION_PROVE: to be read */
};

enum { PLAN_ACTIONS_MAX = 9 * SVC_COPIES_MAX };

struct plan {
	int authority;
	bool is_forced; /* a history is given up: --from against or without a verdict */
	bool is_online; /* the mirror is active on this host: the kernel writes the legs, nothing else does */
	bool is_saved;  /* what is overwritten is saved first; resync_run settles it */
	bool is_target[SVC_COPIES_MAX];
	bool is_whole[SVC_COPIES_MAX];      /* a target without a usable layout: all of it is written */
	bool is_compared[SVC_COPIES_MAX];   /* targets: where it differs is known; else every block is looked at */
	bool is_left[SVC_COPIES_MAX];       /* neither right nor rebuilt, because --to does not name it */
	bool is_member[SVC_COPIES_MAX];     /* authority, its equals and the targets: equal when all is done */
	unsigned leg_index[SVC_COPIES_MAX]; /* members: the array position each one has */
	bool has_free;                      /* blocks not in use are made equal too */
	uint64_t failed_devices;            /* what the members' superblocks name failed in the end: absent legs */
	bool is_absent_unsettled;           /* absent legs may differ anywhere: they are recovered whole later */
	struct action action[PLAN_ACTIONS_MAX];
	int actions;
	uint64_t bytes; /* content to be written, all targets */
};

/*
 * Makes the plan. Returns 0 (with no actions where nothing is to be done), or the exit code to refuse
 * with: 2 an operator must choose, 3 nothing to rebuild from, 4 unsafe, 5 a copy cannot be reached.
 * *refusals then says why. leg_of maps a copy to its array position where only the configuration knows
 * it (a blank device), or -1.
 */
int plan_make(const struct copy *copy, int copies, const struct verdict *verdict, const struct comparison *comparison,
              const struct plan_wish *wish, const int leg_of[SVC_COPIES_MAX], struct plan *plan,
              struct reasons *refusals);

/* The path over which copy i is reached: its first usable one, or the first that can be read at all. Pure. */
int plan_path(const struct copy *copy, int copies, int i);

/* What is left to be done by hand once the plan is carried out. */
void plan_remarks(const struct plan *plan, const struct copy *copy, int copies, struct reasons *remarks);

/* "mark", "layout" ...: the words of the JSON. */
const char *action_name(enum action_kind kind);

/* What the action does, for people: "flash-a: overwrite 4096 differing bytes in use from shared". */
void action_describe(const struct plan *plan, const struct copy *copy, const struct action *action, char *text,
                     size_t size);

#endif
