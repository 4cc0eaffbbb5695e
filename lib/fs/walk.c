// SPDX-License-Identifier: GPL-2.0-or-later
#include "fs/walk.h"

#include <errno.h>
#include <stdlib.h>

enum { TABLE_AT_ONCE_BYTES = 64 << 10 };

struct walker {
	struct fs *fs;
	const struct walk_sink *sink;
	struct bitset *seen;       /* mapping blocks followed */
	const struct inode *inode; /* at hand */
	uint8_t *bitmap;           /* of the inodes of the group at hand */
	uint8_t *table;            /* a run of the inode table */
	size_t table_blocks;       /* how many fit */
};

static int give_metadata(struct walker *walker, enum metadata_kind kind, uint32_t group, struct run run)
{
	struct owned owned = { .class = OWNED_METADATA, .metadata = kind, .group = group, .run = run };

	return run.count ? walker->sink->owned(walker->sink->context, &owned) : 0;
}

/* With bigalloc a file owns whole clusters, whatever part of them it maps. */
static struct run whole_clusters(const struct fs *fs, uint64_t first, uint64_t count)
{
	uint64_t ratio = (uint64_t)1 << fs->ext2->cluster_ratio_bits;
	uint64_t end = (first + count + ratio - 1) / ratio * ratio;

	first -= first % ratio;
	return fs_clip(fs, first, end - first);
}

static int walk_group_metadata(struct walker *walker, uint32_t group)
{
	struct group_layout layout;
	int r;

	group_layout(walker->fs, group, &layout);
	r = give_metadata(walker, METADATA_SUPERBLOCK, group, layout.super);
	if (!r)
		r = give_metadata(walker, METADATA_DESCRIPTORS, group, layout.descriptors);
	if (!r)
		r = give_metadata(walker, METADATA_BLOCK_BITMAP, group, layout.block_bitmap);
	if (!r)
		r = give_metadata(walker, METADATA_INODE_BITMAP, group, layout.inode_bitmap);
	if (!r)
		r = give_metadata(walker, METADATA_INODE_TABLE, group, layout.inode_table);
	return r;
}

/* What is left of the clusters that the group's metadata lies in: nothing else gets them. */
static int walk_cluster_rests(struct walker *walker, uint32_t group)
{
	struct group_layout layout;
	int r = 0;

	group_layout(walker->fs, group, &layout);
	for (unsigned i = 0; i < 5 && !r; i++) {
		const struct run places[] = { layout.super, layout.descriptors, layout.block_bitmap,
			                      layout.inode_bitmap, layout.inode_table };

		if (places[i].count)
			r = give_metadata(walker, METADATA_OTHER, group,
			                  whole_clusters(walker->fs, places[i].first, places[i].count));
	}
	return r;
}

static int walk_metadata(struct walker *walker)
{
	struct fs *fs = walker->fs;
	struct run mmp = { 0 };
	int r = 0;

	if (ext2fs_has_feature_mmp(fs->ext2->super))
		mmp = fs_clip(fs, fs->ext2->super->s_mmp_block, 1);
	for (uint32_t group = 0; group < fs->groups && !r; group++)
		r = walk_group_metadata(walker, group);
	if (!r)
		r = give_metadata(walker, METADATA_MMP, 0, mmp);
	if (!r && fs->first_block) /* the boot block */
		r = give_metadata(walker, METADATA_OTHER, 0, (struct run){ 0, fs->first_block });
	for (uint32_t group = 0; fs->ext2->cluster_ratio_bits && group < fs->groups && !r; group++)
		r = walk_cluster_rests(walker, group);
	return !r && fs->ext2->cluster_ratio_bits && mmp.count
	               ? give_metadata(walker, METADATA_OTHER, 0, whole_clusters(fs, mmp.first, 1))
	               : r;
}

static int give_inode_run(struct walker *walker, enum owner_kind kind, uint64_t logical, struct run run)
{
	struct fs *fs = walker->fs;
	struct owned owned = {
		.class = OWNED_BY_INODE,
		.metadata = METADATA_OTHER,
		.kind = kind,
		.inode = walker->inode,
		.logical = logical,
		.run = run,
	};

	if (walker->inode->number == fs->ext2->super->s_journal_inum)
		owned.class = OWNED_JOURNAL;
	else if (inode_is_reserved(fs, walker->inode->number))
		owned.class = OWNED_METADATA;
	return run.count ? walker->sink->owned(walker->sink->context, &owned) : 0;
}

static int on_mapped(void *context, bool is_node, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct walker *walker = context;
	enum owner_kind kind = OWNER_FILE;

	if (is_node)
		kind = OWNER_MAPPING;
	else if (LINUX_S_ISDIR(walker->inode->mode))
		kind = OWNER_DIRECTORY;
	else if (walker->inode->flags & EXT4_EA_INODE_FL)
		kind = OWNER_XATTR;
	return give_inode_run(walker, kind, logical, whole_clusters(walker->fs, physical, count));
}

static int walk_inode(struct walker *walker, const struct inode *inode)
{
	struct fs *fs = walker->fs;
	struct map_sink map = { .run = on_mapped, .context = walker, .seen = walker->seen };
	int r = 0;

	if (!inode->mode && !inode_is_reserved(fs, inode->number))
		return 0;
	walker->inode = inode;
	if (walker->sink->inode)
		r = walker->sink->inode(walker->sink->context, inode);
	if (!r)
		r = fs_map_inode(fs, inode, &map);
	if (!r && inode->xattr_block && fs_has_block(fs, inode->xattr_block))
		r = give_inode_run(walker, OWNER_XATTR, 0, whole_clusters(fs, inode->xattr_block, 1));
	return r;
}

/* Inodes of the group that may be in use: the rest of its table was never initialised. */
static uint32_t inodes_to_look_at(struct fs *fs, uint32_t group)
{
	uint32_t count = fs->ext2->super->s_inodes_per_group;
	uint32_t unused = ext2fs_bg_itable_unused(fs->ext2, group);

	if (!ext2fs_has_group_desc_csum(fs->ext2) || !ext2fs_group_desc_csum_verify(fs->ext2, group))
		return count;
	if (ext2fs_bg_flags_test(fs->ext2, group, EXT2_BG_INODE_UNINIT))
		return 0;
	return unused < count ? count - unused : 0;
}

/* Where the bitmap cannot be relied on, every inode with a mode is looked at. */
static void load_bitmap(struct walker *walker, uint32_t group, struct run place)
{
	struct fs *fs = walker->fs;
	uint32_t bytes = fs->ext2->super->s_inodes_per_group / 8;

	if (!place.count || fs_read_block(fs, place.first, walker->bitmap) ||
	    !ext2fs_inode_bitmap_csum_verify(fs->ext2, group, (char *)walker->bitmap, (int)bytes))
		memset(walker->bitmap, 0xff, bytes);
}

static bool is_any_used(const struct walker *walker, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (walker->bitmap[i / 8] >> (i % 8) & 1)
			return true;
	return false;
}

static int walk_table_run(struct walker *walker, uint32_t group, uint64_t block, uint32_t from, uint32_t to)
{
	struct fs *fs = walker->fs;
	uint32_t per_group = fs->ext2->super->s_inodes_per_group, bytes = inode_bytes(fs);
	size_t length = ((size_t)(to - from) * bytes + fs->block_bytes - 1) / fs->block_bytes * fs->block_bytes;
	int r = fs_read(fs, walker->table, length, block * fs->block_bytes);

	if (r)
		return r == -ENOMEM ? r : 0;
	for (uint32_t i = from; i < to && !r; i++) {
		struct inode inode;

		if (!(walker->bitmap[i / 8] >> (i % 8) & 1))
			continue;
		inode_parse(fs, group * per_group + i + 1, walker->table + (size_t)(i - from) * bytes, &inode);
		r = walk_inode(walker, &inode);
	}
	return r;
}

static int walk_group_inodes(struct walker *walker, uint32_t group)
{
	struct fs *fs = walker->fs;
	uint32_t per_block = fs->block_bytes / inode_bytes(fs);
	uint32_t count = inodes_to_look_at(fs, group), from = 0;
	struct group_layout layout;
	int r = 0;

	if (!count)
		return 0;
	group_layout(fs, group, &layout);
	if (count > layout.inode_table.count * per_block)
		count = (uint32_t)(layout.inode_table.count * per_block);
	load_bitmap(walker, group, layout.inode_bitmap);
	while (from < count && !r) {
		uint32_t to = from, end;

		while (to < count && to - from < walker->table_blocks * per_block) {
			end = count - to < per_block ? count : to + per_block;
			if (!is_any_used(walker, to, end))
				break;
			to = end;
		}
		if (to > from)
			r = walk_table_run(walker, group, layout.inode_table.first + from / per_block, from, to);
		else
			to = count - from < per_block ? count : from + per_block;
		from = to;
	}
	return r;
}

int fs_walk(struct fs *fs, const struct walk_sink *sink)
{
	struct walker walker = { .fs = fs, .sink = sink };
	int r;

	walker.table_blocks = TABLE_AT_ONCE_BYTES / fs->block_bytes;
	if (walker.table_blocks > fs->ext2->inode_blocks_per_group)
		walker.table_blocks = fs->ext2->inode_blocks_per_group;
	walker.seen = bitset_new(fs->blocks);
	walker.bitmap = malloc(fs->block_bytes);
	walker.table = malloc(walker.table_blocks * fs->block_bytes);
	r = walker.seen && walker.bitmap && walker.table ? 0 : -ENOMEM;
	if (!r)
		r = walk_metadata(&walker);
	for (uint32_t group = 0; group < fs->groups && !r; group++)
		r = walk_group_inodes(&walker, group);
	free(walker.table);
	free(walker.bitmap);
	bitset_free(walker.seen);
	return r;
}
