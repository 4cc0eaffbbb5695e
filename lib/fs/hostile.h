/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything this folder can do to an image, for the tests and the fuzz target that feed it bad ones. */
#ifndef SVC_FS_HOSTILE_H
#define SVC_FS_HOSTILE_H

#include <errno.h>
#include <stdlib.h>

#include "fs/fs.h"

/* What was promised of the result, checked; 0, or a line number. */
static int hostile_attribute(struct fs *const fs[], int copies, const struct bitset *differing, uint32_t unit_bytes)
{
	struct bitset *used = bitset_new(differing->bits);
	struct attribution owners;
	struct svc_error error;
	uint64_t bytes, expected = 0;
	int line = 0;

	if (fs_attribute(fs, copies, 0, differing, unit_bytes, &owners, &error)) {
		line = __LINE__;
		goto out;
	}
	bytes = owners.journal_bytes + owners.unknown_bytes;
	for (int i = 0; i < METADATA_KINDS; i++)
		bytes += owners.metadata_bytes[i];
	for (size_t i = 0; i < owners.files; i++)
		bytes += owners.file[i].bytes;
	for (int i = 0; i < copies && !line; i++)
		if (fs[i] && fs_mark_used(fs[i], unit_bytes, used, &error))
			line = __LINE__;
	for (uint64_t i = 0; i < differing->bits; i++)
		expected += bitset_test(used, i) && bitset_test(differing, i);
	if (!line && bytes != expected * unit_bytes)
		line = __LINE__;
	fs_attribution_free(&owners);
out:
	bitset_free(used);
	return line;
}

/* Reads it in every way there is. `other` is a sound copy of it, on-disk view, or NULL. 0, or a line number. */
static int hostile_read(struct dev *dev, struct fs *other)
{
	struct bitset *differing = bitset_new(dev->size_bytes / 1024);
	struct fs_evidence evidence;
	struct fs *fs[2] = { NULL, NULL };
	struct svc_error error;
	int line = 0;

	bitset_set_range(differing, 0, differing->bits);
	if (fs_read_evidence(dev, &evidence, &error) == -ENOMEM)
		line = __LINE__;
	if (!line && !fs_open(dev, FS_ON_DISK, &fs[0], &error) && other)
		fs_checksum_voice(other, fs[0], differing, 1024);
	if (!line && !fs_open(dev, FS_REPLAYED, &fs[1], &error))
		line = hostile_attribute(fs, 2, differing, 1024);
	fs_close(fs[1]);
	fs_close(fs[0]);
	bitset_free(differing);
	return line;
}

#endif
