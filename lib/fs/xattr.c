// SPDX-License-Identifier: GPL-2.0-or-later
/* Extended attributes (fs/ext4/xattr.h): a list of entries, and their values counted from a base. */
#include <errno.h>
#include <stdlib.h>

#include "fs/walk.h"

#define XATTR_MAGIC 0xea020000u

enum {
	XE_NAME_BYTES = 0,
	XE_NAME_INDEX = 1,
	XE_VALUE_OFFSET = 2,
	XE_VALUE_INODE = 4,
	XE_VALUE_BYTES = 8,
	XE_NAME = 16,
	XATTR_BLOCK_HEADER = 32,
	XATTR_INODE_HEADER = 4,
};

/* Entries from `first` on in an area of `bytes`; value offsets count from `base`. */
static int each_entry(const uint8_t *area, size_t bytes, size_t first, size_t base, xattr_fn fn, void *context)
{
	int r = 0;

	for (size_t at = first; !r && at + XE_NAME <= bytes && get_le32(area + at);) {
		struct xattr xattr = {
			.name_index = area[at + XE_NAME_INDEX],
			.name = (const char *)area + at + XE_NAME,
			.name_bytes = area[at + XE_NAME_BYTES],
			.value_inode = get_le32(area + at + XE_VALUE_INODE),
			.value_bytes = get_le32(area + at + XE_VALUE_BYTES),
		};
		size_t value = base + get_le16(area + at + XE_VALUE_OFFSET);

		at += (XE_NAME + xattr.name_bytes + 3) & ~(size_t)3;
		if (at > bytes)
			break;
		if (!xattr.value_inode && value <= bytes && xattr.value_bytes <= bytes - value)
			xattr.value = area + value;
		r = fn(context, &xattr);
	}
	return r;
}

int xattr_each_in_inode(const struct fs *fs, const struct inode *inode, xattr_fn fn, void *context)
{
	size_t bytes = inode_bytes(fs), at;

	if (bytes <= EXT2_GOOD_OLD_INODE_SIZE)
		return 0;
	at = EXT2_GOOD_OLD_INODE_SIZE + get_le16(inode->raw + EXT2_GOOD_OLD_INODE_SIZE);
	if (at % 4 || at + XATTR_INODE_HEADER > bytes || get_le32(inode->raw + at) != XATTR_MAGIC)
		return 0;
	at += XATTR_INODE_HEADER;
	return each_entry(inode->raw, bytes, at, at, fn, context);
}

int xattr_each_in_block(struct fs *fs, const struct inode *inode, xattr_fn fn, void *context)
{
	uint8_t *block;
	int r = 0;

	if (!fs_has_block(fs, inode->xattr_block))
		return 0;
	block = malloc(fs->block_bytes);
	if (!block)
		return -ENOMEM;
	if (!fs_read_block(fs, inode->xattr_block, block) && get_le32(block) == XATTR_MAGIC)
		r = each_entry(block, fs->block_bytes, XATTR_BLOCK_HEADER, 0, fn, context);
	free(block);
	return r;
}
