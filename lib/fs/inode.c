// SPDX-License-Identifier: GPL-2.0-or-later
/* Inodes, parsed from the table's bytes. Offsets: fs/ext4/ext4.h, struct ext4_inode. */
#include <errno.h>

#include "fs/fs_private.h"

enum {
	I_MODE = 0x00,
	I_SIZE_LO = 0x04,
	I_MTIME = 0x10,
	I_LINKS = 0x1a,
	I_FLAGS = 0x20,
	I_BLOCK = 0x28,
	I_GENERATION = 0x64,
	I_FILE_ACL_LO = 0x68,
	I_SIZE_HIGH = 0x6c,
	I_FILE_ACL_HIGH = 0x76,
	I_EXTRA_ISIZE = 0x80,
	I_MTIME_EXTRA = 0x88,
	I_MTIME_END = 0x8c,
	I_CRTIME = 0x90,
	I_CRTIME_END = 0x98,
};

uint32_t inode_bytes(const struct fs *fs)
{
	return EXT2_INODE_SIZE(fs->ext2->super);
}

void inode_parse(const struct fs *fs, uint32_t number, const uint8_t *raw, struct inode *inode)
{
	uint32_t bytes = inode_bytes(fs);

	*inode = (struct inode){
		.number = number,
		.mode = get_le16(raw + I_MODE),
		.links = get_le16(raw + I_LINKS),
		.flags = get_le32(raw + I_FLAGS),
		.generation = get_le32(raw + I_GENERATION),
		.size = get_le32(raw + I_SIZE_LO) | (uint64_t)get_le32(raw + I_SIZE_HIGH) << 32,
		.xattr_block = get_le32(raw + I_FILE_ACL_LO),
		.raw = raw,
		.map = raw + I_BLOCK,
	};
	if (ext2fs_has_feature_64bit(fs->ext2->super))
		inode->xattr_block |= (uint64_t)get_le16(raw + I_FILE_ACL_HIGH) << 32;
	inode->modified = (int32_t)get_le32(raw + I_MTIME);
	if (bytes >= I_MTIME_END && EXT2_GOOD_OLD_INODE_SIZE + get_le16(raw + I_EXTRA_ISIZE) >= I_MTIME_END)
		inode->modified += (int64_t)(get_le32(raw + I_MTIME_EXTRA) & 3) << 32; /* its epoch bits */
	if (bytes >= I_CRTIME_END && EXT2_GOOD_OLD_INODE_SIZE + get_le16(raw + I_EXTRA_ISIZE) >= I_CRTIME_END)
		inode->birth = get_le64(raw + I_CRTIME);
}

int inode_read(struct fs *fs, uint32_t number, uint8_t *raw, struct inode *inode)
{
	uint32_t per_group = fs->ext2->super->s_inodes_per_group;
	uint32_t group = (number - 1) / per_group;
	uint64_t byte = (uint64_t)((number - 1) % per_group) * inode_bytes(fs);
	struct group_layout layout;
	int r;

	if (!number || group >= fs->groups)
		return -ENOENT;
	group_layout(fs, group, &layout);
	if (byte + inode_bytes(fs) > layout.inode_table.count * fs->block_bytes)
		return -ENOENT;
	r = fs_read_cached(fs, raw, inode_bytes(fs), layout.inode_table.first * fs->block_bytes + byte);
	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	inode_parse(fs, number, raw, inode);
	return 0;
}

bool inode_is_reserved(const struct fs *fs, uint32_t number)
{
	const struct ext2_super_block *super = fs->ext2->super;

	if (number == EXT2_ROOT_INO)
		return false;
	return number < EXT2_FIRST_INODE(super) ||
	       (ext2fs_has_feature_quota(fs->ext2->super) &&
	        (number == super->s_usr_quota_inum || number == super->s_grp_quota_inum ||
	         number == super->s_prj_quota_inum)) ||
	       (super->s_orphan_file_inum && number == super->s_orphan_file_inum);
}
