/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file's content, for looking at it: the first part of it, holes and unwritten blocks as zeros. */
#ifndef SVC_FS_READ_FILE_H
#define SVC_FS_READ_FILE_H

#include "fs/fs.h"

struct fs_file {
	uint64_t bytes;   /* its length */
	int64_t modified; /* seconds since 1970 */
	uint32_t generation;
	uint64_t birth;
	bool is_encrypted; /* what is read then says nothing */
};

/*
 * What the inode says. -ENOENT: there is no regular file with this number, or it was deleted; -EIO, -ENOMEM; with
 * a sentence.
 */
int fs_file_look(struct fs *fs, uint32_t inode, struct fs_file *file, struct svc_error *error);

/*
 * Its name from the root, raw bytes; "" where none leads to it. Reads all directories. -ENOMEM, with a sentence. The
 * caller frees it.
 */
int fs_file_path(struct fs *fs, uint32_t inode, char **path, struct svc_error *error);

/* Reads the first `room` bytes, or as many as there are, into buffer. *length: how many. -errno with a sentence. */
int fs_file_read(struct fs *fs, uint32_t inode, void *buffer, size_t room, size_t *length, struct svc_error *error);

#endif
