/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dev.c knows of the backends; nobody outside this folder includes it. */
#ifndef SVC_DEV_BACKEND_H
#define SVC_DEV_BACKEND_H

#include <errno.h>

#include "dev/dev.h"

enum {
	DEV_PAGE_BYTES = 4096,     /* buffer alignment that direct access is happy with everywhere */
	DEV_SECTOR_BYTES = 512,    /* the kernel's sector: the least that direct access needs */
	DEV_ALIGN_MAX = 64 * 1024, /* largest block size of Linux and of the NBD protocol */
};

/* A locator in a sentence: cut where it would leave no room for the rest. */
#define LOCATOR "%.360s"

/* A block device or an image file. Errors as dev_open. */
int file_open(const char *path, const struct dev_options *options, struct dev **dev, struct svc_error *error);

/* An NBD server. Errors as dev_open. */
int nbd_dev_open(const char *uri, const struct dev_options *options, struct dev **dev, struct svc_error *error);

/* True where [offset, offset + length) lies within a device of `size` bytes; does not overflow. */
static inline bool dev_range_fits(uint64_t size, uint64_t offset, uint64_t length)
{
	return offset <= size && length <= size - offset;
}

/*
 * What a transfer failed with, -errno. A spot that the medium does not give back has many names: SCSI and NVMe disks
 * say ENODATA (block/blk-core.c, BLK_STS_MEDIUM) or EILSEQ (BLK_STS_PROTECTION), file systems with checksums EBADMSG.
 * Above, where a copy is judged and mended, they are one: -EIO.
 */
static inline int dev_failure(int number)
{
	return number == ENODATA || number == EILSEQ || number == EBADMSG ? -EIO : -number;
}

/* Opening it for writing, where nobody can tell when what was written is durable: -EROFS with a sentence. */
int dev_refuse_no_flush(const char *locator, struct svc_error *error);

#endif
