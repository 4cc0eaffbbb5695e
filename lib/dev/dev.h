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
	 * Whole transfer or failure: 0, or -errno (-EIO for a short one, and for a spot that the medium does not
	 * give back, whatever the kernel calls it). Called from several threads at once. Offset, length and buffer
	 * are multiples of dev->align_bytes, but for a device that ends in a part of a block, and lie within it.
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
	/* See dev_forget; NULL: nothing is cached. */
	void (*forget)(struct dev *dev);
	/* See dev_open_descriptor; NULL: it has none. */
	int (*open_descriptor)(struct dev *dev);
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
	bool has_no_flush;    /* what is written is never known to be durable: not opened for writing */
	uint64_t identity[2]; /* same device, same numbers: st_dev and st_ino, or 0 and st_rdev; 0, 0: unknown */
	uint64_t backing[2];  /* of a loop device: the identity of the file behind it; else 0, 0 */
	uint64_t backing_offset_bytes; /* where in that file it begins */
};

enum { DEV_TIMEOUT_SECONDS = 10 }; /* where dev_options has 0 */

enum dev_access {
	DEV_READ,  /* opens read-only: the medium cannot be written through it */
	DEV_WRITE, /* read and write, exclusively (O_EXCL on a block device) */
	/* Read and write beside others who use it: for a place of one's own on it, as the record's area is. */
	DEV_WRITE_BESIDE,
};

struct dev_options {
	enum dev_access access;
	unsigned
		timeout_seconds; /* for every touch of an NBD server, and a block device's first answer; 0: DEV_TIMEOUT_SECONDS */
	const char *tls_certificates; /* directory for nbds://, as libnbd has it; NULL: libnbd's default */
	const char *tls_psk_file;     /* NULL: certificates */
	const char *tls_username;
};

/*
 * Opens what a locator names: a block device (always O_DIRECT), an image file, or an NBD URI.
 * Errors: -errno with a sentence that names the locator: -ENOENT, -EACCES, -EISDIR (a directory),
 * -ENODEV (a character device, socket ...: never a copy), -ETIMEDOUT, -ECONNREFUSED, -EIO,
 * -EHOSTUNREACH, -ECONNRESET, -EINVAL (a URI that libnbd refuses); for writing also -EBUSY, -EROFS
 * (an export without flush too).
 */
int dev_open(const char *locator, const struct dev_options *options, struct dev **dev, struct svc_error *error);

/*
 * Whether the locator still leads to what was opened by it, as long as it was then. 0; -ESTALE where it is another device
 * or file, or a shorter one; -errno. An NBD server's export is not known by a name of ours: 0.
 */
int dev_check(const struct dev *dev, const char *locator);

/* True where the locator is an NBD URI (nbd, nbds, nbd+unix, nbds+unix) rather than a path. Pure. */
bool dev_is_uri(const char *locator);

/* Whether both are known to be one medium: the same device, or a loop device and its file. */
bool dev_is_same(const struct dev *x, const struct dev *y);

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

/*
 * Reads what there is: where dev_read gives -EIO, block by block, and what the medium does not give back is zeros.
 * *lost_bytes is how much.
 */
int dev_read_rest(struct dev *dev, void *buffer, size_t length, uint64_t offset, size_t *lost_bytes);

/* The same as dev_read for writing. A partial block is read, changed and written. -EROFS where opened DEV_READ. */
int dev_write(struct dev *dev, const void *buffer, size_t length, uint64_t offset);
int dev_flush(struct dev *dev);
int dev_next_data(struct dev *dev, uint64_t offset, struct extent *run);
void dev_close(struct dev *dev); /* NULL is fine */

/* strerror() of a positive errno that a device gave; what a drive array refuses is called what it is. */
const char *dev_strerror(int number);

/*
 * A second, read-only view of the same medium that does not come out of this host's page cache, for reading
 * back what was written. Close it before `dev`. -ENOTSUP where there is no other view than `dev` itself; then what
 * was flushed has been dropped from the cache as far as that goes.
 */
int dev_open_uncached(struct dev *dev, struct dev **medium);

/*
 * Drops from this host's cache what was flushed, as far as that goes: the medium was seen not to have it, and nobody is
 * to read it any more.
 */
void dev_forget(struct dev *dev);

/*
 * A descriptor of its own for reading an image file, for a library that wants one and takes from it what it needs.
 * Close it. -ENOTSUP where it is no file, whose reads dev_read alone knows to align and to end in time; or -errno.
 */
int dev_open_descriptor(struct dev *dev);

/* An aligned buffer good for any device's direct access (4 KiB). Free with free(). */
void *dev_buffer(size_t length);

#endif
