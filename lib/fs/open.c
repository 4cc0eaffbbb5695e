// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "fs/fs_private.h"

enum {
	SUPER_OFFSET = 1024,
	SUPER_BYTES = 1024,
	OPEN_FLAGS = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | EXT2_FLAG_FORCE | EXT2_FLAG_IGNORE_CSUM_ERRORS,
};

/* Features whose blocks and maps are laid out in ways this code knows. */
static const uint32_t known_incompat =
	EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG |
	EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_MMP |
	EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_CSUM_SEED |
	EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT4_FEATURE_INCOMPAT_INLINE_DATA | EXT4_FEATURE_INCOMPAT_ENCRYPT |
	EXT4_FEATURE_INCOMPAT_CASEFOLD;

static void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	if (fs->ext2)
		ext2fs_free(fs->ext2);
	io_drop_cache(fs);
	for (size_t i = 0; i < FS_TREE_DEPTH_MAX; i++)
		free(fs->node[i]);
	free(fs->overlay.item);
	free(fs);
}

void fs_close(struct fs *fs)
{
	if (!fs)
		return;
	fs_free(fs->on_disk);
	fs_free(fs);
}

/* Reads superblock and group descriptors of the view that fs->overlay makes. */
static int load(struct fs *fs, struct svc_error *error)
{
	uint8_t raw[SUPER_BYTES];
	errcode_t failed;
	int r;

	if (fs->dev->size_bytes < SUPER_OFFSET + SUPER_BYTES)
		return error_set(error, -EUCLEAN, "it is too small for a file system");
	r = fs_read(fs, raw, sizeof(raw), SUPER_OFFSET);
	if (r < 0)
		return error_set(error, r == -ENOMEM ? r : -EIO, "the ext4 superblock cannot be read");
	r = super_check(raw, fs->dev->size_bytes, error);
	if (r < 0)
		return r;
	failed = io_open_ext2(fs, OPEN_FLAGS);
	if (failed == EXT2_ET_NO_MEMORY || failed == ENOMEM)
		return error_set(error, -ENOMEM, "out of memory");
	if (failed > 0 && failed < 256) /* an errno, not a number of libext2fs's own table */
		return error_set(error, -EIO, "the ext4 group descriptors cannot be read");
	if (failed)
		return error_set(error, -EUCLEAN, "libext2fs cannot make sense of the ext4 superblock (error %ld)",
		                 failed);
	fs->block_bytes = fs->ext2->blocksize;
	fs->blocks = ext2fs_blocks_count(fs->ext2->super);
	fs->first_block = fs->ext2->super->s_first_data_block;
	fs->groups = fs->ext2->group_desc_count;
	fs->is_uncertain = fs->ext2->super->s_feature_incompat & ~known_incompat;
	return 0;
}

int fs_open_on_disk(struct dev *leg, struct fs **out, struct svc_error *error)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	int r;

	*out = NULL;
	if (!fs)
		return error_set(error, -ENOMEM, "out of memory");
	fs->dev = leg;
	r = load(fs, error);
	if (r < 0)
		fs_free(fs);
	else
		*out = fs;
	return r;
}

/*
 * What the journal holds for `base`. 0 with an overlay, which may be empty; -EUCLEAN: it holds
 * something that cannot be told.
 */
static int read_journal(struct fs *base, struct overlay *overlay)
{
	struct journal journal;
	int r;

	/* Without the flag the kernel wipes the log unread (ext4_load_journal). */
	if (!ext2fs_has_feature_journal(base->ext2->super) ||
	    !ext2fs_has_feature_journal_needs_recovery(base->ext2->super))
		return 0;
	r = journal_open(base, &journal);
	if (!r)
		r = journal_replay(&journal, overlay);
	journal_close(&journal);
	return r == -ENOENT || r == -EIO ? -EUCLEAN : r;
}

/* Makes the view above `base`, which it takes over. */
static int open_replayed(struct fs *base, struct overlay *overlay, struct fs **out, struct svc_error *error)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs) {
		free(overlay->item);
		fs_free(base);
		return error_set(error, -ENOMEM, "out of memory");
	}
	fs->dev = base->dev;
	fs->block_bytes = base->block_bytes; /* what the overlay's numbers count */
	fs->overlay = *overlay;
	r = load(fs, error);
	if (!r && fs->block_bytes == base->block_bytes) {
		fs->on_disk = base;
		*out = fs;
		return 0;
	}
	fs_free(fs);
	if (r == -EUCLEAN || !r) { /* replaying would ruin it: nothing above the medium can be relied on */
		base->is_uncertain = true;
		*out = base;
		return 0;
	}
	fs_free(base);
	return r;
}

int fs_open(struct dev *leg, enum fs_view view, struct fs **out, struct svc_error *error)
{
	struct overlay overlay = { 0 };
	struct fs *base;
	int r;

	*out = NULL;
	r = fs_open_on_disk(leg, &base, error);
	if (r < 0)
		return r;
	if (view == FS_ON_DISK) {
		*out = base;
		return 0;
	}
	r = read_journal(base, &overlay);
	if (r == -ENOMEM) {
		fs_free(base);
		return error_set(error, r, "out of memory");
	}
	if (r < 0)
		base->is_uncertain = true;
	if (r < 0 || !overlay.count) {
		free(overlay.item);
		*out = base;
		return 0;
	}
	return open_replayed(base, &overlay, out, error);
}

uint32_t fs_block_bytes(const struct fs *fs)
{
	return fs->block_bytes;
}

uint64_t fs_bytes(const struct fs *fs)
{
	return fs->blocks * fs->block_bytes;
}

bool fs_is_uncertain(const struct fs *fs)
{
	return fs->is_uncertain;
}
