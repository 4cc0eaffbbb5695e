// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checksums by kind of block. libext2fs computes them; what it would trust in the block is checked
 * before. A difference in bytes that no checksum covers leaves no proof.
 */
#include "fs/verify.h"

#include "fs/journal_format.h"

enum {
	SUPER_BYTES = 1024,
	EXTENT_MAGIC = 0xf30a,
	EXTENT_ENTRY_BYTES = 12,
	EXTENT_TAIL_BYTES = 4,
};

static enum proof proof_of(int is_valid)
{
	return is_valid ? PROOF_RIGHT : PROOF_WRONG;
}

/* True where the sides are equal but for [from, to). */
static bool is_covered(const struct side *side, const uint8_t *other, size_t from, size_t to)
{
	return !memcmp(side->block, other, from) && !memcmp(side->block + to, other + to, side->fs->block_bytes - to);
}

static enum proof verify_super(struct side *side, uint64_t block, const uint8_t *other)
{
	/* the primary starts at byte 1024 of the device, a backup with its block */
	size_t from = block * side->fs->block_bytes < SUPER_BYTES ? SUPER_BYTES : 0;
	struct ext2_super_block *super = (struct ext2_super_block *)(side->block + from);

	if (from + SUPER_BYTES > side->fs->block_bytes || !is_covered(side, other, from, from + SUPER_BYTES))
		return PROOF_NONE;
	return proof_of(le16toh(super->s_magic) == EXT2_SUPER_MAGIC &&
	                ext2fs_superblock_csum_verify(side->fs->ext2, super));
}

/* libext2fs verifies descriptors in its own table: a backup's is put there for the moment. */
static bool is_descriptor_valid(struct fs *fs, uint32_t group, const uint8_t *raw, size_t bytes)
{
	uint8_t kept[EXT2_MAX_DESC_SIZE];
	void *place = ext2fs_group_desc(fs->ext2, fs->ext2->group_desc, group);
	bool is_valid;

	memcpy(kept, place, bytes);
	memcpy(place, raw, bytes);
	is_valid = ext2fs_group_desc_csum_verify(fs->ext2, group);
	memcpy(place, kept, bytes);
	return is_valid;
}

static enum proof verify_descriptors(struct side *side, const struct owned *owned, uint64_t block, const uint8_t *other)
{
	struct fs *fs = side->fs;
	const struct ext2_super_block *super = fs->ext2->super;
	size_t bytes = EXT2_DESC_SIZE(fs->ext2->super);
	uint32_t per_block = (uint32_t)(fs->block_bytes / bytes), groups;
	uint64_t index = block - owned->run.first;
	enum proof proof = PROOF_NONE;

	if (ext2fs_has_feature_meta_bg(fs->ext2->super) && owned->group / per_block >= super->s_first_meta_bg)
		index = owned->group / per_block;
	if (index * per_block >= fs->groups) /* reserved for growth: nothing covers it */
		return PROOF_NONE;
	groups = fs->groups - (uint32_t)index * per_block;
	if (groups > per_block)
		groups = per_block;
	if (!is_covered(side, other, 0, groups * bytes))
		return PROOF_NONE;
	for (uint32_t i = 0; i < groups && proof != PROOF_WRONG; i++)
		if (memcmp(side->block + i * bytes, other + i * bytes, bytes))
			proof = proof_of(is_descriptor_valid(fs, (uint32_t)index * per_block + i,
			                                     side->block + i * bytes, bytes));
	return proof;
}

static enum proof verify_bitmap(struct side *side, const struct owned *owned, const uint8_t *other)
{
	ext2_filsys ext2 = side->fs->ext2;
	bool is_inodes = owned->metadata == METADATA_INODE_BITMAP;
	uint32_t bits = is_inodes ? ext2->super->s_inodes_per_group : EXT2_CLUSTERS_PER_GROUP(ext2->super);
	int bytes = (int)(bits / 8);

	if (ext2fs_bg_flags_test(ext2, owned->group, is_inodes ? EXT2_BG_INODE_UNINIT : EXT2_BG_BLOCK_UNINIT) ||
	    !is_covered(side, other, 0, (size_t)bytes))
		return PROOF_NONE;
	if (is_inodes)
		return proof_of(ext2fs_inode_bitmap_csum_verify(ext2, owned->group, (char *)side->block, bytes));
	return proof_of(ext2fs_block_bitmap_csum_verify(ext2, owned->group, (char *)side->block, bytes));
}

static bool is_zero(const uint8_t *raw, size_t bytes)
{
	return !raw[0] && !memcmp(raw, raw + 1, bytes - 1);
}

/*
 * Every inode that differs. libext2fs calls an inode of zeros valid; here it proves nothing, for it
 * may as well be a lost write.
 */
static enum proof verify_inodes(struct side *side, const struct owned *owned, uint64_t block, const uint8_t *other)
{
	struct fs *fs = side->fs;
	uint32_t bytes = inode_bytes(fs), per_block = fs->block_bytes / bytes;
	uint64_t first = (block - owned->run.first) * per_block;
	bool has_wrong = false, has_right = false;

	for (uint32_t i = 0; i < per_block; i++) {
		uint8_t *raw = side->block + (size_t)i * bytes;
		uint64_t in_group = first + i;

		if (!memcmp(raw, other + (size_t)i * bytes, bytes))
			continue;
		if (in_group >= fs->ext2->super->s_inodes_per_group || is_zero(raw, EXT2_GOOD_OLD_INODE_SIZE) ||
		    is_zero(other + (size_t)i * bytes, EXT2_GOOD_OLD_INODE_SIZE))
			return PROOF_NONE;
		if (ext2fs_inode_csum_verify(
			    fs->ext2, owned->group * fs->ext2->super->s_inodes_per_group + (uint32_t)in_group + 1,
			    (struct ext2_inode_large *)raw))
			has_right = true;
		else
			has_wrong = true;
	}
	return has_wrong == has_right ? PROOF_NONE : proof_of(has_right);
}

static enum proof verify_mmp(struct side *side, const uint8_t *other)
{
	struct mmp_struct *mmp = (struct mmp_struct *)side->block;

	if (!is_covered(side, other, 0, sizeof(*mmp)))
		return PROOF_NONE;
	return proof_of(ext2fs_mmp_csum_verify(side->fs->ext2, mmp));
}

/* eh_max places the checksum: it must leave it within the block. */
static enum proof verify_extents(struct side *side, const struct inode *inode)
{
	size_t tail = (size_t)(get_le16(side->block + 4) + 1) * EXTENT_ENTRY_BYTES;

	if (!(inode->flags & EXT4_EXTENTS_FL))
		return PROOF_NONE; /* indirect blocks have none */
	if (get_le16(side->block) != EXTENT_MAGIC || tail + EXTENT_TAIL_BYTES > side->fs->block_bytes)
		return PROOF_WRONG;
	return proof_of(ext2fs_extent_block_csum_verify(side->fs->ext2, inode->number,
	                                                (struct ext3_extent_header *)side->block));
}

static enum proof verify_journal(struct side *side, const struct owned *owned, uint64_t block, const uint8_t *other)
{
	const struct journal *journal = &side->journal;
	uint64_t index = owned->logical + (block - owned->run.first);
	uint32_t type = get_be32(side->block + JH_TYPE);

	if (!side->has_journal || !journal_has_checksums(journal))
		return PROOF_NONE;
	if (!index)
		return is_covered(side, other, 0, JSB_BYTES) ? proof_of(journal_super_checksum_is_valid(side->block))
		                                             : PROOF_NONE;
	/* a logged copy of a block is covered by its tag only, and may be of any earlier round */
	if (get_be32(side->block + JH_MAGIC) != JOURNAL_MAGIC)
		return PROOF_NONE;
	if (type == JOURNAL_DESCRIPTOR || type == JOURNAL_REVOKE)
		return proof_of(journal_tail_is_valid(journal->seed, side->block, side->fs->block_bytes));
	if (type == JOURNAL_COMMIT)
		return proof_of(journal_commit_is_valid(journal->seed, side->block, side->fs->block_bytes));
	return PROOF_NONE;
}

static enum proof verify_metadata(struct side *side, const struct owned *owned, uint64_t block, const uint8_t *other)
{
	switch (owned->metadata) {
	case METADATA_SUPERBLOCK:
		return verify_super(side, block, other);
	case METADATA_DESCRIPTORS:
		return verify_descriptors(side, owned, block, other);
	case METADATA_BLOCK_BITMAP:
	case METADATA_INODE_BITMAP:
		return verify_bitmap(side, owned, other);
	case METADATA_INODE_TABLE:
		return verify_inodes(side, owned, block, other);
	case METADATA_MMP:
		return verify_mmp(side, other);
	case METADATA_OTHER:
	case METADATA_KINDS:
		break;
	}
	return PROOF_NONE;
}

enum proof verify_block(struct side *side, const struct owned *owned, uint64_t block, const uint8_t *other)
{
	ext2_filsys ext2 = side->fs->ext2;

	if (owned->inode && owned->kind == OWNER_MAPPING)
		return verify_extents(side, owned->inode);
	if (owned->class == OWNED_JOURNAL)
		return verify_journal(side, owned, block, other);
	if (owned->class == OWNED_METADATA)
		return verify_metadata(side, owned, block, other);
	if (owned->kind == OWNER_DIRECTORY)
		return proof_of(
			ext2fs_dir_block_csum_verify(ext2, owned->inode->number, (struct ext2_dir_entry *)side->block));
	if (owned->kind == OWNER_XATTR && block == owned->inode->xattr_block)
		return proof_of(ext2fs_ext_attr_block_csum_verify(ext2, owned->inode->number, block,
		                                                  (struct ext2_ext_attr_header *)side->block));
	return PROOF_NONE;
}
