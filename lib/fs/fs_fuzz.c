// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hostile images. An input is a sparse image, so that even one with a journal (1024 blocks at least)
 * stays small: le16 size in KiB, then records of le16 place in KiB and the 1024 bytes there; the rest
 * is zeros. The corpus: mke2fs -d of a few files, with features and journals of several kinds.
 */
#include "base/bytes.h"
#include "fs/hostile.h"

enum {
	KIB = 1024,
	IMAGE_KIB_MAX = 2048,
	RECORD_BYTES = 2 + KIB,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct dev *dev;
	uint8_t *image;
	size_t kib;

	if (length < 2)
		return 0;
	kib = get_le16(bytes);
	if (!kib || kib > IMAGE_KIB_MAX)
		return 0;
	image = calloc(kib, KIB);
	if (!image)
		return 0;
	for (size_t at = 2; at + RECORD_BYTES <= length; at += RECORD_BYTES)
		if (get_le16(bytes + at) < kib)
			memcpy(image + (size_t)get_le16(bytes + at) * KIB, bytes + at + 2, KIB);
	if (!dev_open_memory(image, kib * KIB, true, &dev)) {
		struct svc_error error;
		struct fs *other;

		if (fs_open(dev, FS_ON_DISK, &other, &error))
			other = NULL;
		if (hostile_read(dev, other))
			abort();
		fs_close(other);
		dev_close(dev);
	}
	free(image);
	return 0;
}
