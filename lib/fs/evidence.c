// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Evidence: superblock, group descriptors' checksums, the journal's superblock, the MMP block. A
 * handful of reads, so that it stays within milliseconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/fs_private.h"

enum {
	SUPER_OFFSET = 1024,
	MMP_MAGIC = 0x004d4d50, /* EXT4_MMP_MAGIC */
};

/* The times' fifth byte (s_wtime_hi and kin) extends them past 2038. */
static int64_t wide_time(uint32_t low, uint8_t high)
{
	return (int64_t)((uint64_t)high << 32 | low);
}

static void format_uuid(const uint8_t *raw, char text[EXT4_UUID_SIZE])
{
	char *at = text;

	for (size_t i = 0; i < 16; i++)
		at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", raw[i]);
}

static void read_super(const struct fs *fs, struct fs_evidence *evidence)
{
	struct ext2_super_block *super = fs->ext2->super;

	evidence->present = true;
	format_uuid(super->s_uuid, evidence->uuid);
	memcpy(evidence->label, super->s_volume_name, sizeof(super->s_volume_name));
	evidence->label[sizeof(super->s_volume_name)] = '\0';
	evidence->bytes = fs_bytes(fs);
	evidence->block_bytes = fs->block_bytes;
	evidence->is_clean = (super->s_state & (EXT2_VALID_FS | EXT2_ERROR_FS)) == EXT2_VALID_FS;
	evidence->has_errors = super->s_state & EXT2_ERROR_FS;
	evidence->needs_recovery = ext2fs_has_feature_journal_needs_recovery(super);
	evidence->write_time = wide_time(super->s_wtime, super->s_wtime_hi);
	evidence->mount_time = wide_time(super->s_mtime, super->s_mtime_hi);
	evidence->mount_count = super->s_mnt_count;
	evidence->lifetime_kib = super->s_kbytes_written;
	evidence->has_checksums = ext2fs_has_feature_metadata_csum(super);
	evidence->has_mmp = ext2fs_has_feature_mmp(super);
	evidence->mmp_interval_seconds = super->s_mmp_update_interval;
}

static bool are_checksums_valid(const struct fs *fs)
{
	/* orig_super is the one as read; super is what libext2fs made of it */
	if (!ext2fs_verify_csum_type(fs->ext2, fs->ext2->super) ||
	    !ext2fs_superblock_csum_verify(fs->ext2, fs->ext2->orig_super))
		return false;
	for (dgrp_t group = 0; group < fs->groups; group++)
		if (!ext2fs_group_desc_csum_verify(fs->ext2, group))
			return false;
	return true;
}

static int read_mmp(struct fs *fs, struct fs_evidence *evidence)
{
	struct mmp_struct *mmp;
	uint64_t block = fs->ext2->super->s_mmp_block;
	int r;

	if (!fs_has_block(fs, block))
		return 0;
	mmp = malloc(fs->block_bytes);
	if (!mmp)
		return -ENOMEM;
	r = fs_read(fs, mmp, fs->block_bytes, block * fs->block_bytes);
	if (!r && le32toh(mmp->mmp_magic) == MMP_MAGIC) {
		evidence->mmp_sequence = le32toh(mmp->mmp_seq);
		/* A mount that is slow to write it says so there (fs/ext4/mmp.c, kmmpd). */
		if (le16toh(mmp->mmp_check_interval) > evidence->mmp_interval_seconds)
			evidence->mmp_interval_seconds = le16toh(mmp->mmp_check_interval);
		evidence->mmp_time = (int64_t)le64toh(mmp->mmp_time);
		memcpy(evidence->mmp_node, mmp->mmp_nodename, sizeof(mmp->mmp_nodename));
		evidence->mmp_node[sizeof(mmp->mmp_nodename)] = '\0';
	}
	free(mmp);
	return r;
}

int fs_read_evidence(struct dev *leg, struct fs_evidence *evidence, struct svc_error *error)
{
	struct journal journal;
	struct fs *fs;
	int r;

	memset(evidence, 0, sizeof(*evidence)); /* the padding too: evidence is compared as bytes */
	r = fs_open_on_disk(leg, &fs, error);
	if (r == -EUCLEAN) /* not an ext4, or none that can be used; *error says which */
		return 0;
	if (r < 0)
		return r;
	read_super(fs, evidence);
	evidence->is_checksum_valid = evidence->has_checksums && are_checksums_valid(fs);
	r = journal_open(fs, &journal);
	if (!r)
		evidence->journal_sequence = journal.sequence;
	journal_close(&journal);
	if (r == -EIO || r == -ENOMEM) {
		error_set(error, r, "the ext4 journal's superblock cannot be read");
		goto out;
	}
	r = evidence->has_mmp ? read_mmp(fs, evidence) : 0;
	if (r)
		r = error_set(error, r == -ENOMEM ? r : -EIO,
		              "the ext4 multiple-mount protection block cannot be read");
out:
	fs_close(fs);
	return r;
}
