/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of inodes: one walk over all directories, whatever number of names is asked for. */
#ifndef SVC_FS_PATHS_H
#define SVC_FS_PATHS_H

#include "fs/fs_private.h"

/* A directory, or an inode that a name is wanted for. */
struct named {
	uint32_t inode;
	uint32_t parent; /* the directory that names it; 0: none found */
	size_t name;     /* offset of its name, NUL-terminated, in paths.text */
};

struct named_list {
	struct named *item; /* ascending by inode, each once */
	size_t count;
	size_t room;
};

struct paths {
	struct fs *fs;
	struct named_list directories;
	struct named_list wanted;
	char *text;
	size_t text_bytes;
	size_t text_room;
};

/* Inodes must come in ascending order; the same one again does no harm. -ENOMEM. */
int paths_add_directory(struct paths *paths, uint32_t inode);
int paths_want(struct paths *paths, uint32_t inode);

/* Reads the directories. -ENOMEM; what cannot be read names nothing. */
int paths_read(struct paths *paths);

/* The first name found for a wanted inode, from the root; "" where no name leads to it. NULL: no memory. */
char *paths_get(const struct paths *paths, uint32_t inode);

void paths_free(struct paths *paths);

#endif
