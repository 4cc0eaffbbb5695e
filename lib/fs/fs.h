/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ext4 inside a leg, read through libext2fs on top of any `struct dev`, never written. A journal
 * that still has to be replayed is replayed in memory only: reads see the blocks as the kernel would
 * leave them after mounting. libext2fs stays in this folder.
 */
#ifndef SVC_FS_H
#define SVC_FS_H

#include "base/bitset.h"
#include "base/error.h"
#include "dev/dev.h"
#include "model.h"

struct fs;

enum fs_view {
	FS_ON_DISK,  /* the blocks as they are */
	FS_REPLAYED, /* with the journal's committed transactions laid over them */
};

/*
 * Evidence from the superblock, the journal's superblock and the MMP block. 0, also where there is no
 * usable ext4 (evidence->present is false then, and *error has the sentence that says why: no
 * superblock, one that makes no sense, a file system larger than the leg); -errno only for a failed
 * read, with a sentence.
 */
int fs_read_evidence(struct dev *leg, struct fs_evidence *evidence, struct svc_error *error);

/*
 * Opens the file system. Damage short of an unusable superblock does not stop it: wrong checksums are
 * ignored here (fs_read_evidence reports them). -EUCLEAN: no usable file system; -EIO, -ENOMEM.
 */
int fs_open(struct dev *leg, enum fs_view view, struct fs **fs, struct svc_error *error);
void fs_close(struct fs *fs);

uint32_t fs_block_bytes(const struct fs *fs);
uint64_t fs_bytes(const struct fs *fs); /* size of the file system */

/* True where the journal holds what cannot be replayed in memory (fast commits, a broken journal that
 * still needs recovery): the block maps are then not to be relied on and everything counts as used. */
bool fs_is_uncertain(const struct fs *fs);

/*
 * Sets the bits of all units the file system uses: data, metadata, journal, group descriptors and the
 * blocks reserved for their growth. A unit is `unit_bytes` long (a power of two, 1 KiB or more, no
 * more than the block size). What the file system cannot tell (a group whose bitmap is unreadable,
 * an uncertain journal) counts as used. Units at or past used->bits are ignored.
 * -errno with a sentence only for a failed read or lack of memory.
 */
int fs_mark_used(struct fs *fs, uint32_t unit_bytes, struct bitset *used, struct svc_error *error);

/*
 * Says whose the differing units are. fs[i] is copy i's file system (FS_REPLAYED), or NULL; `first` is
 * the copy that is asked first: the sums, which count each differing unit exactly once, are by its view, and
 * files that several copies have bear its names. Every copy names the files that it alone has. Differing units
 * that no file system uses are not counted. A file whose inode alone differs, or that a copy does not have although none
 * of its blocks differ, is named with 0 bytes; other times alone make no difference.
 * Names are raw bytes, empty where is_deleted. Bounded: loops and absurd trees on a hostile disk end.
 */
int fs_attribute(struct fs *const fs[], int copies, int first, const struct bitset *differing, uint32_t unit_bytes,
                 struct attribution *owners, struct svc_error *error);
void fs_attribution_free(struct attribution *owners);

/*
 * Whether metadata checksums tell which side is right in *every* differing unit (FS_ON_DISK views).
 * Blocks without a checksum (file data, any block without metadata_csum) make it CHECKSUM_SILENT.
 */
enum checksum_voice fs_checksum_voice(struct fs *reference, struct fs *copy, const struct bitset *differing,
                                      uint32_t unit_bytes);

#endif
