/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device access: one ops table for block devices and image files, NBD servers, memory, a slice of
 * another device (a leg), and an error-injecting wrapper. Nothing above this folder knows which it is.
 */
#ifndef SVC_DEV_H
#define SVC_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model.h"

struct dev;

struct dev_ops {
	/*
	 * Whole transfer or failure: 0, or -errno (-EIO for a short one). Called from several threads at
	 * once. Offset, length and buffer are multiples of dev->align_bytes and lie within the device.
	 */
	int (*pread)(struct dev *dev, void *buffer, size_t length, uint64_t offset);
	int (*pwrite)(struct dev *dev, const void *buffer, size_t length, uint64_t offset);
	int (*flush)(struct dev *dev); /* what was written is durable when it returns 0 */
	/*
	 * The next run of bytes at or after `offset` that may hold something other than zeros; a run of
	 * length 0 says that there is none. NULL, or -ENOTSUP: everything may.
	 */
	int (*next_data)(struct dev *dev, uint64_t offset, struct extent *run);
	/* Another view of the medium, see dev_open_uncached; NULL: there is none. */
	int (*open_uncached)(struct dev *dev, struct dev **medium);
	void (*close)(struct dev *dev); /* frees the dev itself too */
};

struct dev {
	const struct dev_ops *ops;
	uint64_t size_bytes;
	unsigned align_bytes; /* what direct access needs; 1: anything goes */
	unsigned parallel;    /* how many reads at once are worth it */
	unsigned chunk_bytes; /* how long a read is worth it, a power of two; 0: no matter */
	bool is_block;        /* a local block device */
	bool is_remote;       /* reached over the network */
	bool is_live;         /* mounted, held by device-mapper, or otherwise in use on this host */
	bool is_read_only;    /* cannot be written at all */
	uint64_t identity[2]; /* same device, same numbers: st_dev and st_ino, or 0 and st_rdev; 0, 0: unknown */
};

enum dev_access {
	DEV_READ,  /* opens read-only: the medium cannot be written through it */
	DEV_WRITE, /* read and write, exclusively (O_EXCL on a block device) */
};

struct dev_options {
	enum dev_access access;
	unsigned timeout_seconds;     /* for every touch of an NBD server, connecting included; 0: 10 */
	const char *tls_certificates; /* directory for nbds://, as libnbd has it; NULL: libnbd's default */
	const char *tls_psk_file;     /* NULL: certificates */
	const char *tls_username;
};

/*
 * Opens what a locator names: a block device (always O_DIRECT), an image file, or an NBD URI.
 * Errors: -errno with a sentence that names the locator: -ENOENT, -EACCES, -EISDIR (a directory),
 * -ENODEV (a character device, socket ...: never a copy), -ETIMEDOUT, -ECONNREFUSED, -EIO,
 * -EHOSTUNREACH, -ECONNRESET, -EINVAL (a URI that libnbd refuses); for DEV_WRITE also -EBUSY, -EROFS.
 */
int dev_open(const char *locator, const struct dev_options *options, struct dev **dev, struct svc_error *error);

/* True where the locator is an NBD URI (nbd, nbds, nbd+unix, nbds+unix) rather than a path. Pure. */
bool dev_is_uri(const char *locator);

/* A device over `bytes` of memory, which the caller keeps. */
int dev_open_memory(void *memory, uint64_t bytes, bool is_read_only, struct dev **dev);

/*
 * A device made of pieces of `base`, one after another in the order given; `base` stays open and the
 * caller's. -EINVAL where a piece lies beyond the end of base.
 */
int dev_open_slice(struct dev *base, const struct extent *piece, size_t pieces, struct dev **slice);

/*
 * Reads, any alignment: bounces where the device needs alignment. 0 or -errno; -ENXIO past the end.
 * Thread-safe.
 */
int dev_read(struct dev *dev, void *buffer, size_t length, uint64_t offset);

/* The same for writing. A partial block is read, changed and written. -EROFS where opened DEV_READ. */
int dev_write(struct dev *dev, const void *buffer, size_t length, uint64_t offset);
int dev_flush(struct dev *dev);
int dev_next_data(struct dev *dev, uint64_t offset, struct extent *run);
void dev_close(struct dev *dev); /* NULL is fine */

/*
 * A second, read-only view of the same medium that does not come out of this host's page cache, for reading
 * back what was written. Close it before `dev`. -ENOTSUP where there is no other view than `dev` itself.
 */
int dev_open_uncached(struct dev *dev, struct dev **medium);

/* An aligned buffer good for any device's direct access (4 KiB). Free with free(). */
void *dev_buffer(size_t length);

#endif
