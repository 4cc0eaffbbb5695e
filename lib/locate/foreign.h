/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on a device that carries no PV label: libblkid knows. */
#ifndef SVC_FOREIGN_H
#define SVC_FOREIGN_H

#include <signal.h>

#include "dev/dev.h"

enum foreign_kind {
	FOREIGN_BLANK,   /* nothing at either end */
	FOREIGN_EXT,     /* ext2, ext3 or ext4: a bare copy */
	FOREIGN_EXT_CUT, /* an ext file system whose first superblock is gone; a backup is there, or our mark */
	FOREIGN_OTHER,   /* something, told by what[] */
};

/* Over an ext superblock's s_wtime to s_minor_rev_level, s_magic among them: this copy is being rebuilt. */
enum { FOREIGN_MARK_OFFSET = 1024 + 48, FOREIGN_MARK_BYTES = 16 };
extern const char foreign_rebuild_mark[FOREIGN_MARK_BYTES];

struct foreign {
	enum foreign_kind kind;
	char what[160];       /* a phrase with its article: "an XFS file system", "a LUKS volume" */
	struct extent unread; /* where the result is -EIO: what could not be read */
};

/*
 * Looks at both ends of the device, or for what libblkid knows on an image file. 0; -ENOMEM or what the memory file
 * gave; or dev_read's -errno, and foreign->unread then says where.
 */
int foreign_probe(struct dev *dev, struct foreign *foreign);

/*
 * Reads all of a device that is blank at both ends. 1: it is blank altogether; 0: there is something at *at; -errno: it
 * cannot be read at *at; -EINTR: stopped. `progress` may be NULL.
 */
int foreign_is_all_blank(struct dev *dev, const volatile sig_atomic_t *stop,
                         void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes), void *context,
                         uint64_t *at);

#endif
