/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rebuild under way, and the parts that it is made of. For the files of this folder alone. */
#ifndef SVC_REBUILD_PARTS_H
#define SVC_REBUILD_PARTS_H

#include <errno.h>
#include <string.h>

#include "locate/foreign.h"
#include "locate/locate.h"
#include "locate/vg.h"
#include "rebuild/rebuild.h"
#include "rebuild/saver.h"

/* A copy that the plan touches, opened through a saver. */
struct member {
	struct dev *saver;
	struct access over;     /* leg, meta and record over the saver: what is written goes through it */
	struct access plain;    /* the same without it: for many readers at once */
	struct copy now;        /* as it was just before the first write */
	struct record record;   /* as last written */
	struct bitset *written; /* units of the leg */
	uint64_t copied_bytes;  /* content, by the content actions that are done */
	uint64_t durable_bytes; /* content up to the last durable progress */
	uint64_t durable_us;    /* when that was, by rebuild_now_us */
	uint64_t checked_us;    /* when the record was last seen to be the one written last */
};

struct rebuild {
	const struct plan *plan;
	const struct copy *copy;
	int copies;
	struct dev *const *device;
	const struct rebuild_map *map;
	const struct rebuild_options *options;
	struct outcome *outcome;
	struct svc_error *error;
	struct undo *undo;
	struct member member[SVC_COPIES_MAX];
	struct bitset *pass; /* units that the content action at hand looks at */
	uint32_t unit_bytes;
	uint64_t leg_bytes;
	uint64_t run;    /* a number of chance in this run's marks: no other's undo file takes them for its own */
	int target;      /* of the action at hand */
	bool is_begun;   /* something may have been written */
	bool is_checked; /* check_sources was asked */
};

static inline const struct copy *rebuild_authority(const struct rebuild *r)
{
	return &r->copy[r->plan->authority];
}

static inline struct access *rebuild_authority_access(struct rebuild *r)
{
	return &r->member[r->plan->authority].plain;
}

/* Without a record and without a dm-raid superblock the mark is over the file system's own magic number. */
static inline bool rebuild_is_fs_marked(const struct rebuild *r, int i)
{
	return rebuild_authority(r)->evidence.lvm.type != MIRROR_RAID1 && !r->member[i].over.record;
}

/* The unit with the mark, where that is in the file system's superblock: it comes last. */
static inline uint64_t rebuild_marked_unit(const struct rebuild *r)
{
	return FOREIGN_MARK_OFFSET / r->unit_bytes;
}

/* "NAME: what: why", into r->error. Returns code. */
int rebuild_failed(struct rebuild *r, int i, int code, const char *what);

/* Finds the member's leg anew, once through the saver and once beside it. */
int member_locate(struct rebuild *r, int i);
void member_close_legs(struct access *access);
/* A bootloader area too small for a record is none. */
void member_drop_small_area(struct access *over);

/* saving.c: the undo file. */
int rebuild_open_undo(struct rebuild *r);
int rebuild_save_witnesses(struct rebuild *r);
int rebuild_explain_undo(struct rebuild *r, int code); /* why an action failed: saving did, and no copy */

/* The actions, on member i. 0 or -errno with a sentence. */
int rebuild_mark(struct rebuild *r, int i); /* marking.c */
int rebuild_lay_out(struct rebuild *r, int i);
int rebuild_unmark(struct rebuild *r, int i);
/* Whether the metadata that it is about to get has its leg where it was found. 0, -EREMCHG, -ENOMEM. */
int rebuild_check_place(struct rebuild *r, int i, const struct vg *vg);
int rebuild_copy_content(struct rebuild *r, int i, bool wants_used); /* copying.c */
int rebuild_prove(struct rebuild *r, int i);                         /* proving.c */
int rebuild_update_text(struct rebuild *r, int i);                   /* settling.c */
int rebuild_settle(struct rebuild *r, int i);
int rebuild_forgive(struct rebuild *r, int i);

/* Whether the record of member i is as it was read, or written last: else somebody else writes to it too: -EUSERS. */
int rebuild_check_mark(struct rebuild *r, int i);

/*
 * proving.c: member i's medium has what the action at hand wrote through the saver. For every action but those on
 * content: what the kernel and LVM go by is proven like the data.
 */
int rebuild_prove_metadata(struct rebuild *r, int i);

/*
 * What dev_open_uncached gives, or `dev` itself where it has no other view. *closed is to be closed, NULL or not.
 */
int rebuild_open_medium(struct dev *dev, struct dev **medium, struct dev **closed);

/* The record says how far the content is. */
int rebuild_store_mark(struct rebuild *r, int i, struct dev *area, const char *pv_uuid, enum rebuild_state state);

/* Microseconds of the monotonic clock. */
uint64_t rebuild_now_us(void);

/* Bit per leg of the plan's targets. */
uint64_t rebuild_target_legs(const struct rebuild *r);

#endif
