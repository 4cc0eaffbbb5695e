// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading through the journal's overlay, and a libext2fs io_manager on top of it. Nothing here can
 * write: the manager refuses with EROFS, whatever libext2fs may come to want.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/fs_private.h"

/* JBD2_MAGIC_NUMBER, big-endian (include/linux/jbd2.h). */
static const uint8_t journal_magic[4] = { 0xc0, 0x3b, 0x39, 0x98 };

static size_t overlay_find(const struct overlay *overlay, uint64_t block)
{
	size_t low = 0, high = overlay->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (overlay->item[middle].block < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Lays one overlay block over the part of [offset, offset + length) that it replaces. */
static int overlay_apply(struct fs *fs, const struct overlay_block *item, uint8_t *buffer, size_t length,
                         uint64_t offset)
{
	uint64_t start = item->block * fs->block_bytes;
	uint64_t from = start > offset ? start : offset;
	uint64_t to = start + fs->block_bytes < offset + length ? start + fs->block_bytes : offset + length;
	int r = dev_read(fs->dev, buffer + (from - offset), to - from, item->source * fs->block_bytes + (from - start));

	if (r < 0)
		return r;
	for (uint64_t at = from; item->is_escaped && at < to && at - start < sizeof(journal_magic); at++)
		buffer[at - offset] = journal_magic[at - start];
	return 0;
}

int fs_read(struct fs *fs, void *buffer, size_t length, uint64_t offset)
{
	int r;

	if (!length)
		return 0;
	r = dev_read(fs->dev, buffer, length, offset);
	if (r < 0 || !fs->overlay.count)
		return r;
	for (size_t i = overlay_find(&fs->overlay, offset / fs->block_bytes); i < fs->overlay.count; i++) {
		const struct overlay_block *item = &fs->overlay.item[i];

		if (item->block * fs->block_bytes >= offset + length)
			break;
		r = overlay_apply(fs, item, buffer, length, offset);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct cache_slot *find_cached(const struct fs *fs, uint64_t offset)
{
	for (size_t i = 0; i < FS_CACHE_SLOTS; i++)
		if (offset >= fs->slot[i].offset && offset - fs->slot[i].offset < fs->slot[i].length)
			return &fs->slot[i];
	return NULL;
}

/*
 * How much to read from a block on that is not in the cache. Who reads one block after another, or every second one as
 * small directories with their files between them, is given several at once; one far from any costs no more than itself.
 */
static size_t window_at(const struct fs *fs, uint64_t base)
{
	uint64_t block = fs->block_bytes;
	bool goes_on = (base >= block && find_cached(fs, base - block)) ||
	               (base >= 2 * block && find_cached(fs, base - 2 * block));
	size_t window = goes_on && block < FS_CACHE_BYTES ? FS_CACHE_BYTES : block;

	return fs_bytes(fs) - base < window ? fs_bytes(fs) - base : window;
}

int fs_read_cached(struct fs *fs, void *buffer, size_t length, uint64_t offset)
{
	uint64_t base = offset - offset % fs->block_bytes;
	const struct cache_slot *found = find_cached(fs, offset);
	struct cache_slot *slot = &fs->slot[fs->next_slot];
	size_t window;
	int r;

	if (found) {
		memcpy(buffer, found->data + (offset - found->offset), length);
		return 0;
	}
	window = window_at(fs, base);
	if (!slot->data) {
		slot->data = malloc(fs->block_bytes > FS_CACHE_BYTES ? fs->block_bytes : FS_CACHE_BYTES);
		if (!slot->data)
			return -ENOMEM;
	}
	slot->length = 0;
	r = fs_read(fs, slot->data, window, base);
	if (r < 0) /* the fault may lie beside what is wanted */
		return fs_read(fs, buffer, length, offset);
	slot->offset = base;
	slot->length = window;
	fs->next_slot = (fs->next_slot + 1) % FS_CACHE_SLOTS;
	memcpy(buffer, slot->data + (offset - base), length);
	return 0;
}

int fs_read_block(struct fs *fs, uint64_t block, void *buffer)
{
	if (block >= fs->blocks)
		return -ENXIO;
	return fs_read_cached(fs, buffer, fs->block_bytes, block * fs->block_bytes);
}

void io_drop_cache(struct fs *fs)
{
	for (size_t i = 0; i < FS_CACHE_SLOTS; i++) {
		free(fs->slot[i].data);
		fs->slot[i] = (struct cache_slot){ 0 };
	}
}

/* io_manager->open() is given a name and nothing else. */
static _Thread_local struct fs *opening;
static struct struct_io_manager manager;

static errcode_t svc_open(const char *name, int flags, io_channel *out)
{
	io_channel channel = calloc(1, sizeof(*channel));

	if (flags & IO_FLAG_RW || !opening) {
		free(channel);
		return EROFS;
	}
	if (!channel)
		return EXT2_ET_NO_MEMORY;
	channel->name = strdup(name);
	if (!channel->name) {
		free(channel);
		return EXT2_ET_NO_MEMORY;
	}
	channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	channel->manager = &manager;
	channel->block_size = 1024;
	channel->refcount = 1;
	channel->private_data = opening;
	*out = channel;
	return 0;
}

static errcode_t svc_close(io_channel channel)
{
	if (--channel->refcount > 0)
		return 0;
	free(channel->name);
	free(channel);
	return 0;
}

static errcode_t svc_set_blksize(io_channel channel, int bytes)
{
	channel->block_size = bytes;
	return 0;
}

/* A negative count is a number of bytes (lib/ext2fs/unix_io.c). */
static errcode_t svc_read_blk64(io_channel channel, unsigned long long block, int count, void *data)
{
	struct fs *fs = channel->private_data;
	uint64_t bytes = count < 0 ? (uint64_t)(-(int64_t)count) : (uint64_t)count * (uint64_t)channel->block_size;
	uint64_t limit = fs->dev->size_bytes;
	int r;

	if (bytes > limit || block > (limit - bytes) / (uint64_t)channel->block_size)
		return EXT2_ET_SHORT_READ;
	r = fs_read(fs, data, bytes, block * (uint64_t)channel->block_size);
	return r < 0 ? -r : 0;
}

static errcode_t svc_read_blk(io_channel channel, unsigned long block, int count, void *data)
{
	return svc_read_blk64(channel, block, count, data);
}

static errcode_t svc_write_blk64(io_channel channel, unsigned long long block, int count, const void *data)
{
	(void)channel, (void)block, (void)count, (void)data;
	return EROFS;
}

static errcode_t svc_write_blk(io_channel channel, unsigned long block, int count, const void *data)
{
	return svc_write_blk64(channel, block, count, data);
}

static errcode_t svc_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "svc",
	.open = svc_open,
	.close = svc_close,
	.set_blksize = svc_set_blksize,
	.read_blk = svc_read_blk,
	.read_blk64 = svc_read_blk64,
	.write_blk = svc_write_blk,
	.write_blk64 = svc_write_blk64,
	.flush = svc_flush,
};

errcode_t io_open_ext2(struct fs *fs, int flags)
{
	errcode_t r;

	opening = fs;
	r = ext2fs_open2("svc", NULL, flags, 0, 0, &manager, &fs->ext2);
	opening = NULL;
	return r;
}
