// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which blocks an inode maps: extent trees (fs/ext4/ext4_extents.h) and indirect blocks. Walked here
 * rather than by ext2fs_block_iterate3(): in runs instead of blocks, and bounded on a hostile disk,
 * because no mapping block is followed twice and logical numbers only grow.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bitset.h"
#include "fs/fs_private.h"

enum {
	EXTENT_MAGIC = 0xf30a,
	EXTENT_ENTRY_BYTES = 12, /* header, index and leaf entries alike */
	EXTENT_INIT_MAX = 32768, /* a greater length marks preallocated, unwritten blocks */
	DIRECT_BLOCKS = 12,
};

struct walk {
	struct fs *fs;
	const struct map_sink *sink;
	struct run pending; /* of data, not yet handed over */
	uint64_t pending_logical;
};

static int emit_node(struct walk *walk, uint64_t logical, uint64_t block)
{
	return walk->sink->run(walk->sink->context, true, logical, block, 1);
}

static int flush(struct walk *walk)
{
	struct run run = walk->pending;

	walk->pending.count = 0;
	return run.count ? walk->sink->run(walk->sink->context, false, walk->pending_logical, run.first, run.count) : 0;
}

static int emit_data(struct walk *walk, uint64_t logical, uint64_t block)
{
	int r = 0;

	if (walk->pending.count && block == walk->pending.first + walk->pending.count &&
	    logical == walk->pending_logical + walk->pending.count) {
		walk->pending.count++;
		return 0;
	}
	r = flush(walk);
	walk->pending = (struct run){ block, 1 };
	walk->pending_logical = logical;
	return r;
}

/*
 * The node at `block` of the tree, in the buffer of its level; *node is NULL where there is nothing to
 * follow: outside the file system, seen before, or unreadable.
 */
static int load_node(struct walk *walk, uint64_t block, unsigned level, const uint8_t **node)
{
	struct fs *fs = walk->fs;
	int r;

	*node = NULL;
	if (level >= FS_TREE_DEPTH_MAX || !fs_has_block(fs, block) || bitset_test(walk->sink->seen, block))
		return 0;
	if (!fs->node[level]) {
		fs->node[level] = malloc(fs->block_bytes);
		if (!fs->node[level])
			return -ENOMEM;
	}
	bitset_set(walk->sink->seen, block);
	r = fs_read_block(fs, block, fs->node[level]);
	if (!r)
		*node = fs->node[level];
	return r == -ENOMEM ? r : 0;
}

static unsigned extent_entries(const uint8_t *node, size_t bytes)
{
	unsigned entries = get_le16(node + 2);

	if (get_le16(node) != EXTENT_MAGIC || entries > get_le16(node + 4) ||
	    (size_t)(entries + 1) * EXTENT_ENTRY_BYTES > bytes)
		return 0;
	return entries;
}

static uint64_t extent_physical(const uint8_t *low, const uint8_t *high)
{
	return get_le32(low) | (uint64_t)get_le16(high) << 32;
}

static int walk_leaf(struct walk *walk, const uint8_t *node, unsigned entries, uint64_t from, uint64_t limit)
{
	for (unsigned i = 1; i <= entries; i++) {
		const uint8_t *entry = node + (size_t)i * EXTENT_ENTRY_BYTES;
		uint64_t logical = get_le32(entry);
		uint64_t count = get_le16(entry + 4);
		bool is_unwritten = count > EXTENT_INIT_MAX;
		struct run run;
		int r;

		if (is_unwritten)
			count -= EXTENT_INIT_MAX;
		if (logical < from || logical + count > limit)
			return 0;
		from = logical + count;
		run = fs_clip(walk->fs, extent_physical(entry + 8, entry + 6), count);
		if (run.count != count || (is_unwritten && walk->sink->is_content))
			continue;
		r = count ? walk->sink->run(walk->sink->context, false, logical, run.first, count) : 0;
		if (r)
			return r;
	}
	return 0;
}

static int walk_extents(struct walk *walk, const uint8_t *node, size_t bytes, unsigned depth, unsigned level,
                        uint64_t from, uint64_t limit)
{
	unsigned entries = extent_entries(node, bytes);

	if (!entries || get_le16(node + 6) != depth)
		return 0;
	if (!depth)
		return walk_leaf(walk, node, entries, from, limit);
	for (unsigned i = 1; i <= entries; i++) {
		const uint8_t *entry = node + (size_t)i * EXTENT_ENTRY_BYTES;
		uint64_t logical = get_le32(entry);
		uint64_t block = extent_physical(entry + 4, entry + 8);
		uint64_t end = i < entries ? get_le32(entry + EXTENT_ENTRY_BYTES) : limit;
		const uint8_t *child;
		int r;

		if (logical < from || logical >= limit || end <= logical || end > limit)
			return 0;
		from = end;
		r = load_node(walk, block, level, &child);
		if (r || !child) {
			if (r)
				return r;
			continue;
		}
		r = emit_node(walk, logical, block);
		if (!r)
			r = walk_extents(walk, child, walk->fs->block_bytes, depth - 1, level + 1, logical, end);
		if (r)
			return r;
	}
	return 0;
}

/* `levels` of indirection above the data; the tree under `block` starts at `logical`. */
static int walk_indirect(struct walk *walk, uint64_t block, unsigned levels, unsigned level, uint64_t logical)
{
	uint64_t per_block = walk->fs->block_bytes / 4, span = 1;
	const uint8_t *node;
	int r;

	if (!block)
		return 0;
	if (!levels)
		return fs_has_block(walk->fs, block) ? emit_data(walk, logical, block) : 0;
	r = load_node(walk, block, level, &node);
	if (r || !node)
		return r;
	r = emit_node(walk, logical, block);
	for (unsigned i = 1; i < levels; i++)
		span *= per_block;
	for (uint64_t i = 0; !r && i < per_block; i++)
		r = walk_indirect(walk, get_le32(node + i * 4), levels - 1, level + 1, logical + i * span);
	return r;
}

static int walk_blocks(struct walk *walk, const uint8_t *map)
{
	uint64_t per_block = walk->fs->block_bytes / 4;
	uint64_t logical = 0, span = 1;
	int r = 0;

	for (unsigned i = 0; !r && i < DIRECT_BLOCKS; i++, logical++)
		r = walk_indirect(walk, get_le32(map + i * 4), 0, 0, logical);
	for (unsigned levels = 1; !r && levels <= 3; levels++) {
		span *= per_block;
		r = walk_indirect(walk, get_le32(map + (DIRECT_BLOCKS + levels - 1) * 4), levels, 0, logical);
		logical += span;
	}
	return r ? r : flush(walk);
}

/* Devices, pipes and sockets keep their number, short symlinks their target, in i_block. */
static bool has_map(const struct inode *inode)
{
	if (inode->flags & EXT4_INLINE_DATA_FL)
		return false;
	if (LINUX_S_ISREG(inode->mode) || LINUX_S_ISDIR(inode->mode))
		return true;
	return LINUX_S_ISLNK(inode->mode) && (inode->flags & EXT4_EXTENTS_FL || inode->size >= FS_INODE_MAP_BYTES);
}

int fs_map_inode(struct fs *fs, const struct inode *inode, const struct map_sink *sink)
{
	struct walk walk = { .fs = fs, .sink = sink };
	bool is_reserved = inode_is_reserved(fs, inode->number); /* the resize inode has a mode, the bad blocks none */

	if (!is_reserved && !has_map(inode))
		return 0;
	if (inode->flags & EXT4_EXTENTS_FL) {
		unsigned depth = get_le16(inode->map + 6);

		if (depth > FS_TREE_DEPTH_MAX)
			return 0;
		return walk_extents(&walk, inode->map, FS_INODE_MAP_BYTES, depth, 0, 0, (uint64_t)1 << 32);
	}
	return walk_blocks(&walk, inode->map);
}
