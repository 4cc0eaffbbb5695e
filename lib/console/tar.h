/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gzip'ed tar of small files made in memory (POSIX.1-1988 ustar): 0100644, root, names of at most 99 bytes. */
#ifndef SVC_CONSOLE_TAR_H
#define SVC_CONSOLE_TAR_H

#include <stddef.h>
#include <stdint.h>

struct tar;

/* Makes a new file. -errno. */
int tar_create(const char *path, struct tar **tar);

/* -ENAMETOOLONG, -EFBIG, -EIO. */
int tar_add(struct tar *tar, const char *name, const void *bytes, size_t length, int64_t modified);

/* Ends and closes it, synced. -EIO: it is not whole. */
int tar_finish(struct tar *tar);

#endif
