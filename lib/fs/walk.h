/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One walk over everything a file system owns, for those who ask whose a block is. */
#ifndef SVC_FS_WALK_H
#define SVC_FS_WALK_H

#include "fs/fs_private.h"

enum owned_class {
	OWNED_METADATA,
	OWNED_JOURNAL,
	OWNED_BY_INODE,
};

struct owned {
	enum owned_class class;
	enum metadata_kind metadata; /* OWNED_METADATA */
	uint32_t group;              /* OWNED_METADATA, but for MMP and reserved inodes */
	enum owner_kind kind;        /* OWNED_BY_INODE */
	const struct inode *inode;   /* NULL where no inode owns it */
	uint64_t logical;            /* block within the file, or within the journal */
	struct run run;
};

struct walk_sink {
	/* A run of blocks. Not 0 ends the walk and is its result. */
	int (*owned)(void *context, const struct owned *owned);
	/* An inode in use, before its blocks; NULL: not wanted. */
	int (*inode)(void *context, const struct inode *inode);
	void *context;
};

/*
 * First the metadata at fixed places, by group, then the inodes in ascending order. Damage leaves out
 * what cannot be told. 0, -ENOMEM, or what a callback returned.
 */
int fs_walk(struct fs *fs, const struct walk_sink *sink);

/* xattr.c: the entries of an inode's attributes, in the inode and in its block. Not 0 ends it. */
struct xattr {
	uint8_t name_index;
	const char *name;
	size_t name_bytes;
	uint32_t value_inode; /* where large values lie in an inode of their own; 0: none */
	const uint8_t *value; /* NULL where it is not within the same area */
	size_t value_bytes;
};

typedef int (*xattr_fn)(void *context, const struct xattr *xattr);

int xattr_each_in_inode(const struct fs *fs, const struct inode *inode, xattr_fn fn, void *context);
int xattr_each_in_block(struct fs *fs, const struct inode *inode, xattr_fn fn, void *context);

#endif
