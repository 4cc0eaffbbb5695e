/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all backends share: dispatch, range checks, and the bounce buffer for requests that are not aligned. */
#include "dev/dev.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <strings.h>

#include "dev/backend.h"

enum { BOUNCE_BYTES = 256 * 1024 };

static bool is_aligned(const struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	unsigned align = dev->align_bytes;
	/* Memory needs the DMA alignment only, which is never more than a page, also on devices with larger blocks. */
	unsigned memory = align < DEV_PAGE_BYTES ? align : DEV_PAGE_BYTES;

	return align <= 1 || (offset % align == 0 && length % align == 0 && (uintptr_t)buffer % memory == 0);
}

/* One step of an unaligned request: the aligned window, and which part of it is meant. */
struct window {
	uint64_t start;
	size_t length;
	size_t skip; /* bytes before the meant part */
	size_t take; /* bytes of the meant part */
};

static struct window window_at(const struct dev *dev, uint64_t offset, size_t length, size_t room)
{
	uint64_t align = dev->align_bytes;
	struct window w = { .start = offset - offset % align };
	uint64_t left;

	w.skip = (size_t)(offset - w.start);
	w.take = length < room - w.skip ? length : room - w.skip;
	w.length = (size_t)((w.skip + w.take + align - 1) / align * align);
	/* A device may end in a part of a block (a file behind an NBD server). */
	left = dev->size_bytes - w.start;
	if (w.length > left)
		w.length = (size_t)left;
	return w;
}

/* Room for a bounced request: enough for all of it with its edges, or a good chunk. */
static size_t bounce_room(const struct dev *dev, size_t length)
{
	size_t align = dev->align_bytes;
	size_t most = BOUNCE_BYTES > 2 * align ? BOUNCE_BYTES : 2 * align;

	if (length > most - 2 * align)
		return most;
	return (length + 2 * align - 1) / align * align;
}

static int read_bounced(struct dev *dev, unsigned char *to, size_t length, uint64_t offset)
{
	unsigned char small[2 * DEV_SECTOR_BYTES] __attribute__((aligned(DEV_SECTOR_BYTES)));
	size_t room = bounce_room(dev, length);
	bool fits = room <= sizeof(small) && dev->align_bytes <= DEV_SECTOR_BYTES;
	unsigned char *bounce = fits ? small : dev_buffer(room);
	int r = bounce ? 0 : -ENOMEM;

	while (!r && length) {
		struct window w = window_at(dev, offset, length, room);

		r = dev->ops->pread(dev, bounce, w.length, w.start);
		if (r)
			break;
		memcpy(to, bounce + w.skip, w.take);
		to += w.take;
		offset += w.take;
		length -= w.take;
	}
	if (!fits)
		free(bounce);
	return r;
}

int dev_check(const struct dev *dev, const char *locator)
{
	struct stat now;
	bool is_block;

	if (!dev->identity[0] && !dev->identity[1])
		return 0;
	if (stat(locator, &now))
		return -errno;
	is_block = S_ISBLK(now.st_mode);
	if (dev->identity[0] != (is_block ? 0 : now.st_dev) ||
	    dev->identity[1] != (is_block ? now.st_rdev : now.st_ino))
		return -ESTALE;
	return !is_block && (uint64_t)now.st_size < dev->size_bytes ? -ESTALE : 0;
}

int dev_refuse_no_flush(const char *locator, struct svc_error *error)
{
	error_set(error, -EROFS, LOCATOR ": the server has no flush, so that nothing written to it is safe", locator);
	error_next(error, "%s", reason_row(REASON_NO_FLUSH)->next);
	return -EROFS;
}

int dev_read(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	if (!dev_range_fits(dev->size_bytes, offset, length))
		return -ENXIO;
	if (!length)
		return 0;
	if (is_aligned(dev, buffer, length, offset))
		return dev->ops->pread(dev, buffer, length, offset);
	return read_bounced(dev, buffer, length, offset);
}

int dev_read_rest(struct dev *dev, void *buffer, size_t length, uint64_t offset, size_t *lost_bytes)
{
	size_t block = dev->align_bytes > DEV_SECTOR_BYTES ? dev->align_bytes : DEV_SECTOR_BYTES;
	unsigned char *to = buffer;
	int r = dev_read(dev, buffer, length, offset);

	*lost_bytes = 0;
	if (r != -EIO)
		return r;
	for (r = 0; length && !r;) {
		size_t part = block - (size_t)(offset % block);

		if (part > length)
			part = length;
		r = dev_read(dev, to, part, offset);
		if (r == -EIO) {
			memset(to, 0, part);
			*lost_bytes += part;
			r = 0;
		}
		to += part;
		offset += part;
		length -= part;
	}
	return r;
}

static int write_window(struct dev *dev, unsigned char *bounce, const unsigned char *from, const struct window *w)
{
	int r = 0;

	if (w->take != w->length)
		r = dev->ops->pread(dev, bounce, w->length, w->start);
	if (r)
		return r;
	memcpy(bounce + w->skip, from, w->take);
	return dev->ops->pwrite(dev, bounce, w->length, w->start);
}

static int write_bounced(struct dev *dev, const unsigned char *from, size_t length, uint64_t offset)
{
	/*
	 * Two threads that write neighbouring parts of one block would undo each other's part. Whoever
	 * shares a block with somebody is not aligned and comes through here, so one lock is enough; such
	 * writes are few (records, superblocks).
	 */
	static pthread_mutex_t partial = PTHREAD_MUTEX_INITIALIZER;
	size_t room = bounce_room(dev, length);
	unsigned char *bounce = dev_buffer(room);
	int r = bounce ? 0 : -ENOMEM;

	pthread_mutex_lock(&partial);
	while (!r && length) {
		struct window w = window_at(dev, offset, length, room);

		r = write_window(dev, bounce, from, &w);
		from += w.take;
		offset += w.take;
		length -= w.take;
	}
	pthread_mutex_unlock(&partial);
	free(bounce);
	return r;
}

int dev_write(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	if (dev->is_read_only || !dev->ops->pwrite)
		return -EROFS;
	if (!dev_range_fits(dev->size_bytes, offset, length))
		return -ENXIO;
	if (!length)
		return 0;
	if (is_aligned(dev, buffer, length, offset))
		return dev->ops->pwrite(dev, buffer, length, offset);
	return write_bounced(dev, buffer, length, offset);
}

int dev_flush(struct dev *dev)
{
	return dev->ops->flush ? dev->ops->flush(dev) : 0;
}

int dev_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	int r = -ENOTSUP;

	*run = (struct extent){ .offset = dev->size_bytes };
	if (offset >= dev->size_bytes)
		return 0;
	if (dev->ops->next_data)
		r = dev->ops->next_data(dev, offset, run);
	if (r == -ENOTSUP) {
		*run = (struct extent){ .offset = offset, .length = dev->size_bytes - offset };
		return 0;
	}
	return r;
}

int dev_open_descriptor(struct dev *dev)
{
	return dev->ops->open_descriptor ? dev->ops->open_descriptor(dev) : -ENOTSUP;
}

int dev_open_uncached(struct dev *dev, struct dev **medium)
{
	*medium = NULL;
	return dev->ops->open_uncached ? dev->ops->open_uncached(dev, medium) : -ENOTSUP;
}

void dev_forget(struct dev *dev)
{
	if (dev->ops->forget)
		dev->ops->forget(dev);
}

static bool is_identity(const uint64_t x[2], const uint64_t y[2])
{
	return (x[0] || x[1]) && x[0] == y[0] && x[1] == y[1];
}

bool dev_is_same(const struct dev *x, const struct dev *y)
{
	return is_identity(x->identity, y->identity) || is_identity(x->backing, y->identity) ||
	       is_identity(x->identity, y->backing) ||
	       (is_identity(x->backing, y->backing) && x->backing_offset_bytes == y->backing_offset_bytes);
}

const char *dev_strerror(int number)
{
	/* "Invalid exchange": a SCSI reservation conflict (block/blk-core.c, BLK_STS_NEXUS or BLK_STS_RESV_CONFLICT). */
	return number == EBADE ? "the drive array refuses it: another controller holds the reservation"
	                       : strerror(number);
}

void dev_close(struct dev *dev)
{
	if (dev)
		dev->ops->close(dev);
}

void *dev_buffer(size_t length)
{
	if (length > SIZE_MAX - DEV_PAGE_BYTES)
		return NULL;
	return aligned_alloc(DEV_PAGE_BYTES, (length + DEV_PAGE_BYTES - 1) / DEV_PAGE_BYTES * DEV_PAGE_BYTES);
}

bool dev_is_uri(const char *locator)
{
	static const char *const scheme[] = { "nbd://", "nbds://", "nbd+unix://", "nbds+unix://" };

	for (size_t i = 0; i < sizeof(scheme) / sizeof(scheme[0]); i++)
		if (!strncasecmp(locator, scheme[i], strlen(scheme[i])))
			return true;
	return false;
}

int dev_open(const char *locator, const struct dev_options *options, struct dev **dev, struct svc_error *error)
{
	*dev = NULL;
	if (dev_is_uri(locator))
		return nbd_dev_open(locator, options, dev, error);
	return file_open(locator, options, dev, error);
}
