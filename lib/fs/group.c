// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a group's metadata lies, as the descriptors say it, cut to what lies within the file system. */
#include "fs/fs_private.h"

bool fs_has_block(const struct fs *fs, uint64_t block)
{
	return block >= fs->first_block && block < fs->blocks;
}

struct run fs_clip(const struct fs *fs, uint64_t first, uint64_t count)
{
	if (!count || !fs_has_block(fs, first))
		return (struct run){ 0 };
	return (struct run){ first, count < fs->blocks - first ? count : fs->blocks - first };
}

struct run group_blocks(const struct fs *fs, uint32_t group)
{
	uint64_t per_group = fs->ext2->super->s_blocks_per_group;

	return fs_clip(fs, fs->first_block + group * per_group, per_group);
}

void group_layout(struct fs *fs, uint32_t group, struct group_layout *layout)
{
	struct ext2_super_block *super = fs->ext2->super;
	blk64_t super_block, old_block, new_block;
	uint64_t old_count = ext2fs_has_feature_meta_bg(super)
	                             ? super->s_first_meta_bg
	                             : (uint64_t)fs->ext2->desc_blocks + super->s_reserved_gdt_blocks;

	*layout = (struct group_layout){ 0 };
	ext2fs_super_and_bgd_loc2(fs->ext2, group, &super_block, &old_block, &new_block, NULL);
	/* Block 0 is the superblock's where blocks are larger than 1 KiB: 0 is only "none" elsewhere. */
	if (super_block || !group)
		layout->super = fs_clip(fs, super_block, 1);
	if (old_block)
		layout->descriptors = fs_clip(fs, old_block, old_count);
	else if (new_block)
		layout->descriptors = fs_clip(fs, new_block, 1);
	layout->block_bitmap = fs_clip(fs, ext2fs_block_bitmap_loc(fs->ext2, group), 1);
	layout->inode_bitmap = fs_clip(fs, ext2fs_inode_bitmap_loc(fs->ext2, group), 1);
	layout->inode_table = fs_clip(fs, ext2fs_inode_table_loc(fs->ext2, group), fs->ext2->inode_blocks_per_group);
}
