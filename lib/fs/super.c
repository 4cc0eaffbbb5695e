// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is this a superblock? libext2fs trusts much of it, so everything it computes with is checked first.
 * Field offsets: fs/ext4/ext4.h, struct ext4_super_block.
 */
#include <errno.h>

#include "fs/fs_private.h"

enum {
	SB_INODES_COUNT = 0x00,
	SB_BLOCKS_COUNT = 0x04,
	SB_FIRST_DATA_BLOCK = 0x14,
	SB_LOG_BLOCK_SIZE = 0x18,
	SB_LOG_CLUSTER_SIZE = 0x1c,
	SB_BLOCKS_PER_GROUP = 0x20,
	SB_CLUSTERS_PER_GROUP = 0x24,
	SB_INODES_PER_GROUP = 0x28,
	SB_MAGIC = 0x38,
	SB_REV_LEVEL = 0x4c,
	SB_INODE_SIZE = 0x58,
	SB_FEATURE_INCOMPAT = 0x60,
	SB_FEATURE_RO_COMPAT = 0x64,
	SB_DESC_SIZE = 0xfe,
	SB_BLOCKS_COUNT_HI = 0x150,
};

struct geometry {
	uint64_t blocks;
	uint64_t groups;
	uint32_t block_bytes;
	uint32_t first_block;
	uint32_t blocks_per_group;
	uint32_t clusters_per_group;
	uint32_t inodes_per_group;
	uint32_t inode_bytes;
	uint32_t descriptor_bytes;
};

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static bool read_geometry(const uint8_t *raw, struct geometry *g)
{
	uint32_t incompat = get_le32(raw + SB_FEATURE_INCOMPAT);
	bool is_64bit = incompat & EXT4_FEATURE_INCOMPAT_64BIT;
	bool has_clusters = get_le32(raw + SB_FEATURE_RO_COMPAT) & EXT4_FEATURE_RO_COMPAT_BIGALLOC;
	bool is_dynamic = get_le32(raw + SB_REV_LEVEL) != EXT2_GOOD_OLD_REV;
	uint32_t log_block = get_le32(raw + SB_LOG_BLOCK_SIZE);
	uint32_t log_cluster = get_le32(raw + SB_LOG_CLUSTER_SIZE);

	if (log_block > EXT2_MAX_BLOCK_LOG_SIZE - EXT2_MIN_BLOCK_LOG_SIZE ||
	    log_cluster > EXT2_MAX_CLUSTER_LOG_SIZE - EXT2_MIN_CLUSTER_LOG_SIZE || log_cluster < log_block ||
	    (!has_clusters && log_cluster != log_block))
		return false;
	g->block_bytes = 1024u << log_block;
	g->blocks = get_le32(raw + SB_BLOCKS_COUNT);
	if (is_64bit)
		g->blocks |= (uint64_t)get_le32(raw + SB_BLOCKS_COUNT_HI) << 32;
	g->first_block = get_le32(raw + SB_FIRST_DATA_BLOCK);
	g->blocks_per_group = get_le32(raw + SB_BLOCKS_PER_GROUP);
	g->clusters_per_group = get_le32(raw + SB_CLUSTERS_PER_GROUP);
	g->inodes_per_group = get_le32(raw + SB_INODES_PER_GROUP);
	g->inode_bytes = is_dynamic ? get_le16(raw + SB_INODE_SIZE) : EXT2_GOOD_OLD_INODE_SIZE;
	g->descriptor_bytes = is_64bit ? get_le16(raw + SB_DESC_SIZE) : EXT2_MIN_DESC_SIZE;
	/* without bigalloc the field is the old s_frags_per_group, and equal to blocks_per_group */
	return (uint64_t)g->clusters_per_group << (log_cluster - log_block) == g->blocks_per_group;
}

/* The bounds of ext4_fill_super() and mke2fs; with them no table is larger than the file system. */
static bool is_geometry_sane(const struct geometry *g, const uint8_t *raw)
{
	uint32_t bits = g->block_bytes * 8;

	if (!is_power_of_two(g->inode_bytes) || g->inode_bytes < EXT2_GOOD_OLD_INODE_SIZE ||
	    g->inode_bytes > g->block_bytes)
		return false;
	if (!is_power_of_two(g->descriptor_bytes) || g->descriptor_bytes > EXT2_MAX_DESC_SIZE ||
	    g->descriptor_bytes < EXT2_MIN_DESC_SIZE ||
	    ((get_le32(raw + SB_FEATURE_INCOMPAT) & EXT4_FEATURE_INCOMPAT_64BIT) &&
	     g->descriptor_bytes < EXT2_MIN_DESC_SIZE_64BIT))
		return false;
	if (g->blocks_per_group < 256 || g->clusters_per_group < 8 || g->clusters_per_group > bits ||
	    g->clusters_per_group % 8)
		return false;
	if (!g->inodes_per_group || g->inodes_per_group > bits || g->inodes_per_group % 8)
		return false;
	if (g->first_block > (g->block_bytes == 1024) || g->first_block >= g->blocks)
		return false;
	return g->groups * g->inodes_per_group == get_le32(raw + SB_INODES_COUNT) &&
	       g->groups * g->descriptor_bytes < g->blocks * g->block_bytes &&
	       g->groups * g->inodes_per_group * g->inode_bytes < g->blocks * g->block_bytes;
}

int super_check(const uint8_t *raw, uint64_t leg_bytes, struct svc_error *error)
{
	struct geometry g = { 0 };

	if (get_le16(raw + SB_MAGIC) != EXT2_SUPER_MAGIC)
		return error_set(error, -EUCLEAN, "there is no ext4 superblock");
	if (get_le32(raw + SB_FEATURE_INCOMPAT) & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV)
		return error_set(error, -EUCLEAN, "it is the external journal of another file system");
	if (get_le32(raw + SB_REV_LEVEL) > EXT2_DYNAMIC_REV)
		return error_set(error, -EUCLEAN, "the ext4 superblock is of an unknown revision");
	if (!read_geometry(raw, &g))
		return error_set(error, -EUCLEAN, "the ext4 superblock's block or cluster size makes no sense");
	if (g.blocks > leg_bytes / g.block_bytes)
		return error_set(error, -EUCLEAN,
		                 "the ext4 file system has %llu blocks of %u bytes, more than the %llu bytes there are",
		                 (unsigned long long)g.blocks, g.block_bytes, (unsigned long long)leg_bytes);
	if (g.blocks <= g.first_block || !g.blocks_per_group)
		return error_set(error, -EUCLEAN, "the ext4 superblock's block count makes no sense");
	g.groups = (g.blocks - g.first_block + g.blocks_per_group - 1) / g.blocks_per_group;
	if (g.groups > UINT32_MAX || !is_geometry_sane(&g, raw))
		return error_set(error, -EUCLEAN, "the ext4 superblock's geometry makes no sense");
	return 0;
}
