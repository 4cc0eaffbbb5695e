/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inodes that own differing units, gathered over the views of several copies. */
#ifndef SVC_FS_OWNERS_H
#define SVC_FS_OWNERS_H

#include "fs/fs_private.h"

/*
 * What makes an inode of one copy the same as one of another copy. The kernel draws generations at random; mke2fs and
 * debugfs leave them 0, and two files that they made within a second are told apart by their names alone.
 */
struct identity {
	uint32_t inode;
	uint32_t generation;
	uint64_t birth;
	uint16_t type; /* the mode's S_IFMT part */
};

struct owner {
	struct identity identity;
	enum owner_kind kind;
	int copy;           /* whose view named it first */
	uint64_t named_by;  /* bit per copy: its view did */
	uint32_t named_as;  /* the inode whose name is its own: another one for the inode of a large attribute */
	uint64_t bytes;     /* differing, in what it has on any copy */
	uint64_t new_bytes; /* of these, in the view at hand: what no earlier view named */
	char *path;         /* NULL until resolved */
};

struct owners {
	struct owner *item;
	size_t count;
	size_t room;
	size_t first; /* of the view at hand */
};

struct identity identity_of(const struct inode *inode);
int identity_compare(const struct identity *a, const struct identity *b);

/* Adds to the view at hand, whose inodes come in ascending order. -ENOMEM. */
int owners_add(struct owners *owners, const struct inode *inode, enum owner_kind kind, int copy, uint64_t bytes,
               uint64_t new_bytes);

/*
 * Puts together what the view at hand has in common with earlier ones; the rest stays, from owners->first on. First by
 * what their inodes say; then, when they have their paths, those whose generation says nothing.
 */
void owners_merge(struct owners *owners);
void owners_merge_by_name(struct owners *owners);

/* Sorts all, and starts a new view behind them. */
void owners_end_view(struct owners *owners);

bool identity_is_weak(const struct identity *identity);
void owners_free(struct owners *owners);

#endif
