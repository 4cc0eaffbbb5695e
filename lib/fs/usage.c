// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which units the file system uses, group by group from the block bitmaps. Read here rather than by
 * ext2fs_read_block_bitmap(), which would build a second bitmap in memory and stops at the first
 * damaged group.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/fs_private.h"

enum { BITMAPS_AT_ONCE_BYTES = 256 << 10 }; /* flex_bg lays the bitmaps of adjacent groups together */

struct usage {
	struct fs *fs;
	struct bitset *used;
	uint32_t units_per_block;
	uint8_t *bitmaps;    /* of the run of groups at hand */
	uint32_t run_groups; /* how many fit */
};

static void mark_units(struct usage *usage, uint64_t first, uint64_t count)
{
	if (first >= usage->used->bits)
		return;
	if (count > usage->used->bits - first)
		count = usage->used->bits - first;
	bitset_set_range(usage->used, first, count);
}

static void mark(struct usage *usage, struct run run)
{
	mark_units(usage, run.first * usage->units_per_block, run.count * usage->units_per_block);
}

static bool is_group_sound(struct fs *fs, uint32_t group, const struct group_layout *layout)
{
	return layout->block_bitmap.count && ext2fs_group_desc_csum_verify(fs->ext2, group);
}

/* The group was never written to: it holds its own metadata and nothing else. */
static bool is_uninit(struct fs *fs, uint32_t group)
{
	return ext2fs_has_group_desc_csum(fs->ext2) && ext2fs_bg_flags_test(fs->ext2, group, EXT2_BG_BLOCK_UNINIT);
}

static void mark_layout(struct usage *usage, const struct group_layout *layout)
{
	mark(usage, layout->super);
	mark(usage, layout->descriptors);
	mark(usage, layout->block_bitmap);
	mark(usage, layout->inode_bitmap);
	mark(usage, layout->inode_table);
}

/* The first bit in [from, limit) that is set, or clear; limit where there is none. */
static uint64_t find_bit(const uint8_t *bitmap, uint64_t from, uint64_t limit, bool is_set)
{
	uint64_t skip = is_set ? 0 : UINT64_MAX;

	while (from < limit) {
		if (!(from % 64) && limit - from >= 64 && get_le64(bitmap + from / 8) == skip)
			from += 64; /* bitmaps are mostly long runs */
		else if ((bitmap[from / 8] >> (from % 8) & 1) == is_set)
			return from;
		else
			from++;
	}
	return limit;
}

/* The bitmap's bits are clusters of the group; runs of set bits become runs of blocks. */
static void mark_bitmap(struct usage *usage, uint32_t group, const uint8_t *bitmap)
{
	struct fs *fs = usage->fs;
	unsigned shift = (unsigned)fs->ext2->cluster_ratio_bits;
	struct run blocks = group_blocks(fs, group);
	uint64_t clusters = (blocks.count + (1u << shift) - 1) >> shift;
	uint64_t first = find_bit(bitmap, 0, clusters, true);

	while (first < clusters) {
		uint64_t end = find_bit(bitmap, first, clusters, false);

		mark(usage, fs_clip(fs, blocks.first + (first << shift), (end - first) << shift));
		first = find_bit(bitmap, end, clusters, true);
	}
}

static void mark_group(struct usage *usage, uint32_t group, const uint8_t *bitmap)
{
	struct fs *fs = usage->fs;
	uint32_t bytes = (EXT2_CLUSTERS_PER_GROUP(fs->ext2->super) + 7) / 8;

	if (bitmap && ext2fs_block_bitmap_csum_verify(fs->ext2, group, (char *)bitmap, (int)bytes))
		mark_bitmap(usage, group, bitmap);
	else
		mark(usage, group_blocks(fs, group));
}

/* How many groups from `group` on have their bitmaps one behind the other, and have to be read. */
static uint32_t run_of_bitmaps(const struct usage *usage, uint32_t group, uint64_t first)
{
	struct fs *fs = usage->fs;
	uint32_t count = 1;

	while (count < usage->run_groups && group + count < fs->groups && !is_uninit(fs, group + count) &&
	       ext2fs_block_bitmap_loc(fs->ext2, group + count) == first + count && first + count < fs->blocks)
		count++;
	return count;
}

/* -ENOMEM only: what cannot be read counts as used. */
static int mark_run(struct usage *usage, uint32_t group, uint32_t count, uint64_t first)
{
	struct fs *fs = usage->fs;
	int r = fs_read(fs, usage->bitmaps, (size_t)count * fs->block_bytes, first * fs->block_bytes);

	for (uint32_t i = 0; i < count && r != -ENOMEM; i++) {
		uint8_t *bitmap = usage->bitmaps + (size_t)i * fs->block_bytes;
		int single = r;

		if (r < 0 && count > 1)
			single = fs_read(fs, bitmap, fs->block_bytes, (first + i) * fs->block_bytes);
		mark_group(usage, group + i, single ? NULL : bitmap);
	}
	return r == -ENOMEM ? r : 0;
}

static int mark_view(struct usage *usage)
{
	struct fs *fs = usage->fs;
	int r = 0;

	/* The boot block in front of the first group is nobody's free space. */
	mark_units(usage, 0, fs->first_block * usage->units_per_block);
	if (ext2fs_has_feature_mmp(fs->ext2->super))
		mark(usage, fs_clip(fs, fs->ext2->super->s_mmp_block, 1));
	for (uint32_t group = 0, count; group < fs->groups && !r; group += count) {
		struct group_layout layout;

		count = 1;
		group_layout(fs, group, &layout);
		if (!is_group_sound(fs, group, &layout)) {
			mark(usage, group_blocks(fs, group));
		} else if (!is_uninit(fs, group)) {
			count = run_of_bitmaps(usage, group, layout.block_bitmap.first);
			r = mark_run(usage, group, count, layout.block_bitmap.first);
		}
		for (uint32_t i = 0; i < count; i++) {
			if (i)
				group_layout(fs, group + i, &layout);
			if (i && !is_group_sound(fs, group + i, &layout))
				mark(usage, group_blocks(fs, group + i));
			mark_layout(usage, &layout);
		}
	}
	return r;
}

int fs_mark_used(struct fs *fs, uint32_t unit_bytes, struct bitset *used, struct svc_error *error)
{
	struct usage usage = { .fs = fs, .used = used, .units_per_block = fs->block_bytes / unit_bytes };
	int r;

	if (fs->is_uncertain) {
		bitset_set_range(used, 0, used->bits);
		return 0;
	}
	usage.run_groups = BITMAPS_AT_ONCE_BYTES / fs->block_bytes;
	if (usage.run_groups > fs->groups)
		usage.run_groups = fs->groups;
	usage.bitmaps = malloc((size_t)usage.run_groups * fs->block_bytes);
	if (!usage.bitmaps)
		return error_set(error, -ENOMEM, "out of memory");
	r = mark_view(&usage);
	/* What the journal frees still holds data that was not replayed over: count both views. */
	if (!r && fs->on_disk) {
		usage.fs = fs->on_disk;
		r = mark_view(&usage);
	}
	free(usage.bitmaps);
	return r ? error_set(error, r, "out of memory") : 0;
}
