// SPDX-License-Identifier: GPL-2.0-or-later
/* Inodes, parsed from the table's bytes. Offsets: fs/ext4/ext4.h, struct ext4_inode. */
#include <errno.h>

#include "fs/fs_private.h"

enum {
	I_MODE = 0x00,
	I_SIZE_LO = 0x04,
	I_ATIME = 0x08, /* behind it ctime, mtime and dtime */
	I_MTIME = 0x10,
	I_GROUP = 0x18,
	I_LINKS = 0x1a,
	I_FLAGS = 0x20,
	I_VERSION = 0x24,
	I_BLOCK = 0x28,
	I_GENERATION = 0x64,
	I_FILE_ACL_LO = 0x68,
	I_SIZE_HIGH = 0x6c,
	I_FILE_ACL_HIGH = 0x76,
	I_CHECKSUM_LO = 0x7c,
	I_CHECKSUM_END = 0x7e,
	I_EXTRA_ISIZE = 0x80,
	I_CHECKSUM_HI = 0x82, /* behind it the extra bits of ctime, mtime and atime */
	I_MTIME_EXTRA = 0x88,
	I_MTIME_END = 0x8c,
	I_CRTIME = 0x90,
	I_CRTIME_END = 0x98,
	I_VERSION_HIGH = 0x98,
	I_PROJECT = 0x9c,
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

/* The times and their extra bits, the version, the checksum: they say that something was done, not what. */
bool inode_is_same(const uint8_t *left, const uint8_t *right, uint32_t bytes)
{
	static const struct {
		uint16_t first, end;
	} passing[] = { { I_ATIME, I_GROUP },
		        { I_VERSION, I_BLOCK },
		        { I_CHECKSUM_LO, I_CHECKSUM_END },
		        { I_CHECKSUM_HI, I_CRTIME },
		        { I_VERSION_HIGH, I_PROJECT } };
	uint32_t at = 0;

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]) && at < bytes; i++) {
		uint32_t end = passing[i].first < bytes ? passing[i].first : bytes;

		if (memcmp(left + at, right + at, end - at) != 0)
			return false;
		at = passing[i].end;
	}
	return at >= bytes || !memcmp(left + at, right + at, bytes - at);
}

uint64_t inode_offset(struct fs *fs, uint32_t number)
{
	uint32_t per_group = fs->ext2->super->s_inodes_per_group;
	struct group_layout layout;

	group_layout(fs, (number - 1) / per_group, &layout);
	return layout.inode_table.first * fs->block_bytes + (uint64_t)((number - 1) % per_group) * inode_bytes(fs);
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
