/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/foreign.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

/*
 * All signatures libblkid looks for lie in the first 4 MiB (the farthest is VMFS's, at 2 MiB) or in the
 * last MiB (md 0.90 and 1.0, other RAIDs, the second GPT).
 */
enum {
	HEAD_BYTES = 4 << 20,
	TAIL_BYTES = 1 << 20,
	PIECE_BYTES = 256 << 10,
	SWEEP_BYTES = 1 << 20,
	EXT_SUPERBLOCK = 1024, /* the primary superblock's offset; s_magic is at 56, s_block_group_nr at 90 */
	EXT_MAGIC = 0xef53,
};

/*
 * libblkid is asked for these alone. What is on the disk may be there to do harm, and its rarer probes
 * are not all up to that: 2.38's ocfs probe copies up to 64 KiB of its own stack, by a length it takes
 * from the disk. What is not asked for still counts as data that is not recognised.
 */
static const struct {
	const char *type; /* libblkid's TYPE, and the name of the probe */
	const char *phrase;
} phrases[] = {
	{ "ext4", NULL }, /* NULL: a bare copy */
	{ "ext3", NULL },
	{ "ext2", NULL },
	{ "xfs", "an XFS file system" },
	{ "btrfs", "a Btrfs file system" },
	{ "vfat", "a FAT file system" },
	{ "exfat", "an exFAT file system" },
	{ "ntfs", "an NTFS file system" },
	{ "iso9660", "an ISO 9660 file system" },
	{ "squashfs", "a SquashFS file system" },
	{ "swap", "a swap area" },
	{ "swsuspend", "a hibernation image" },
	{ "jbd", "an external ext journal" },
	{ "crypto_LUKS", "a LUKS volume" },
	{ "BitLocker", "a BitLocker volume" },
	{ "linux_raid_member", "an md RAID member" },
	{ "isw_raid_member", "an Intel RAID member" },
	{ "ddf_raid_member", "a DDF RAID member" },
	{ "LVM1_member", "an LVM1 physical volume" },
	{ "DM_snapshot_cow", "a snapshot's store" },
	{ "drbd", "a DRBD backing device" },
	{ "bcache", "a bcache device" },
	{ "VMFS_volume_member", "a VMFS volume" },
	{ "zfs_member", "a ZFS pool member" },
};

enum { PHRASES = sizeof(phrases) / sizeof(phrases[0]) };

/*
 * Reads [start, end) of the device, into the memory file at the same place where there is one (fd >= 0), and clears
 * *is_blank where it is not all of one blank byte: erased flash reads as ones, discarded or new disks as zeros.
 */
static int look_at(struct dev *dev, int fd, uint64_t start, uint64_t end, uint8_t *buffer, bool *is_blank,
                   struct foreign *foreign)
{
	uint8_t first = 0;

	for (uint64_t at = start; at < end; at += PIECE_BYTES) {
		size_t length = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
		int error = dev_read(dev, buffer, length, at);
		bool is_uniform;

		if (error) {
			foreign->unread = (struct extent){ at, length };
			return error;
		}
		if (at == start)
			first = buffer[0];
		is_uniform = !memcmp(buffer, buffer + 1, length - 1);
		if (!is_uniform || buffer[0] != first || (first != 0 && first != 0xff))
			*is_blank = false;
		if (fd < 0 || (is_uniform && !buffer[0]))
			continue; /* a hole reads the same */
		if (pwrite(fd, buffer, length, (off_t)at) != (ssize_t)length)
			return -ENOSPC;
	}
	return 0;
}

/* The device's both ends, see look_at. */
static int look_at_ends(struct dev *dev, int fd, bool *is_blank, struct foreign *foreign)
{
	uint64_t size = dev->size_bytes;
	uint64_t head = size < HEAD_BYTES ? size : HEAD_BYTES;
	uint64_t tail = size - head < TAIL_BYTES ? head : size - TAIL_BYTES;
	uint8_t *buffer = dev_buffer(PIECE_BYTES);
	int error = buffer ? 0 : -ENOMEM;

	*is_blank = true;
	if (!error)
		error = look_at(dev, fd, 0, head, buffer, is_blank, foreign);
	if (!error)
		error = look_at(dev, fd, tail, size, buffer, is_blank, foreign);
	free(buffer);
	return error;
}

static void name_type(struct foreign *foreign, const char *type)
{
	for (size_t i = 0; i < PHRASES; i++)
		if (!strcmp(phrases[i].type, type)) {
			foreign->kind = phrases[i].phrase ? FOREIGN_OTHER : FOREIGN_EXT;
			snprintf(foreign->what, sizeof(foreign->what), "%s",
			         phrases[i].phrase ? phrases[i].phrase : "");
			return;
		}
	foreign->kind = FOREIGN_OTHER;
	snprintf(foreign->what, sizeof(foreign->what), "data of type %s", type);
}

static int choose_probes(blkid_probe probe)
{
	char *tables[] = { (char *)"dos", (char *)"gpt", NULL };
	char *types[PHRASES + 1] = { NULL };

	for (size_t i = 0; i < PHRASES; i++)
		types[i] = (char *)phrases[i].type;
	if (blkid_probe_enable_superblocks(probe, 1) || blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE) ||
	    blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_ONLYIN, types) ||
	    blkid_probe_enable_partitions(probe, 1) ||
	    blkid_probe_filter_partitions_type(probe, BLKID_FLTR_ONLYIN, tables))
		return -ENOMEM;
	return 0;
}

/* Returns 0 where libblkid named something, 1 where it knows nothing there, or -errno. */
static int ask_blkid(int fd, struct foreign *foreign)
{
	blkid_probe probe = blkid_new_probe();
	const char *type;
	int found, result = 1;

	if (!probe)
		return -ENOMEM;
	if (blkid_probe_set_device(probe, fd, 0, 0) || choose_probes(probe)) {
		result = -ENOMEM;
		goto out;
	}
	found = blkid_do_safeprobe(probe);
	if (found == -2) {
		foreign->kind = FOREIGN_OTHER;
		strcpy(foreign->what, "the signatures of several things at once (see wipefs)");
		result = 0;
	} else if (found == 0 && !blkid_probe_lookup_value(probe, "TYPE", &type, NULL)) {
		name_type(foreign, type);
		result = 0;
	} else if (found == 0 && !blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL)) {
		foreign->kind = FOREIGN_OTHER;
		snprintf(foreign->what, sizeof(foreign->what), "a partition table (%s)", type);
		result = 0;
	}
out:
	blkid_free_probe(probe);
	return result;
}

static bool has_superblock(const uint8_t *superblock, unsigned group, unsigned log_block)
{
	return get_le16(superblock + 56) == EXT_MAGIC && get_le16(superblock + 90) == group &&
	       get_le32(superblock + 24) == log_block;
}

const char foreign_rebuild_mark[FOREIGN_MARK_BYTES] = "svc rebuilding.";

/* libblkid refuses an ext4 whose superblock is damaged; it is a damaged copy all the same, not foreign. */
static int look_for_ext(struct dev *dev, struct foreign *foreign)
{
	uint8_t superblock[EXT_SUPERBLOCK];
	int error = 0;

	if (dev->size_bytes < 2 * EXT_SUPERBLOCK)
		return 0;
	foreign->unread = (struct extent){ EXT_SUPERBLOCK, sizeof(superblock) };
	error = dev_read(dev, superblock, sizeof(superblock), EXT_SUPERBLOCK);
	if (!error && get_le16(superblock + 56) == EXT_MAGIC) {
		foreign->kind = FOREIGN_EXT;
		return 0;
	}
	if (!error &&
	    !memcmp(superblock + (FOREIGN_MARK_OFFSET - EXT_SUPERBLOCK), foreign_rebuild_mark, FOREIGN_MARK_BYTES)) {
		foreign->kind = FOREIGN_EXT_CUT;
		strcpy(foreign->what, "a file system whose rebuild was not finished");
		return 0;
	}
	/* Group 1's backup, for block sizes of 1, 2 and 4 KiB: behind the 8 blocks per byte of a bitmap block. */
	for (unsigned log_block = 0; !error && log_block <= 2; log_block++) {
		uint64_t block = (uint64_t)1024 << log_block;
		uint64_t at = (block * 8 + (log_block == 0)) * block;

		if (at + sizeof(superblock) > dev->size_bytes)
			break;
		foreign->unread = (struct extent){ at, sizeof(superblock) };
		error = dev_read(dev, superblock, sizeof(superblock), at);
		if (!error && has_superblock(superblock, 1, log_block)) {
			foreign->kind = FOREIGN_EXT_CUT;
			snprintf(foreign->what, sizeof(foreign->what),
			         "an ext file system without its first superblock (a backup is at byte %llu)",
			         (unsigned long long)at);
			return 0;
		}
	}
	return error;
}

/* As ask_blkid; the ends are read only where it knows nothing. Takes fd over. */
static int ask_about_file(struct dev *dev, int fd, bool *is_blank, struct foreign *foreign)
{
	int result = ask_blkid(fd, foreign);
	int error = result > 0 ? look_at_ends(dev, -1, is_blank, foreign) : 0;

	close(fd);
	return error ? error : result;
}

/* What is no file of this host has no descriptor that libblkid could read from: it gets a memory file with both ends. */
static int ask_about_ends(struct dev *dev, bool *is_blank, struct foreign *foreign)
{
	int fd = memfd_create("svc-probe", MFD_CLOEXEC);
	int result = fd < 0 || ftruncate(fd, (off_t)dev->size_bytes) ? -errno : 0;

	if (!result)
		result = look_at_ends(dev, fd, is_blank, foreign);
	if (!result)
		result = ask_blkid(fd, foreign);
	if (fd >= 0)
		close(fd);
	return result;
}

int foreign_probe(struct dev *dev, struct foreign *foreign)
{
	int fd = dev_open_descriptor(dev);
	bool is_blank = false;
	int result;

	memset(foreign, 0, sizeof(*foreign));
	result = fd < 0 ? ask_about_ends(dev, &is_blank, foreign) : ask_about_file(dev, fd, &is_blank, foreign);
	if (result <= 0)
		return result;
	foreign->kind = is_blank ? FOREIGN_BLANK : FOREIGN_OTHER;
	strcpy(foreign->what, "data that is not recognised");
	return look_for_ext(dev, foreign);
}

/* How many bytes at the start are `blank`. */
static size_t blank_length(const uint8_t *bytes, size_t length, uint8_t blank)
{
	size_t n = 0;

	if (bytes[0] == blank && !memcmp(bytes, bytes + 1, length - 1))
		return length;
	while (n < length && bytes[n] == blank)
		n++;
	return n;
}

int foreign_is_all_blank(struct dev *dev, const volatile sig_atomic_t *stop,
                         void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes), void *context,
                         uint64_t *at)
{
	uint8_t *buffer = dev_buffer(SWEEP_BYTES);
	uint8_t blank = 0;
	int result = buffer ? 1 : -ENOMEM;

	*at = 0;
	while (result > 0 && *at < dev->size_bytes) {
		struct extent run;
		size_t length, same;
		int error;

		/* A hole is zeros: nobody has to read them. */
		if (*at && !blank && !dev_next_data(dev, *at, &run) && run.offset > *at) {
			*at = run.offset < dev->size_bytes ? run.offset : dev->size_bytes;
			continue;
		}
		length = dev->size_bytes - *at < SWEEP_BYTES ? (size_t)(dev->size_bytes - *at) : SWEEP_BYTES;
		error = stop && *stop ? -EINTR : dev_read(dev, buffer, length, *at);

		if (error) {
			result = error;
			break;
		}
		if (!*at && buffer[0] == 0xff) /* erased flash */
			blank = 0xff;
		same = blank_length(buffer, length, blank);
		*at += same;
		if (same < length)
			result = 0;
		else if (progress)
			progress(context, *at, dev->size_bytes);
	}
	free(buffer);
	return result;
}
