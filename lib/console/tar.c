// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 512, NAME_MAX_BYTES = 99, FILE_MAX_BYTES = 1 << 30 };

struct tar {
	int file; /* a second descriptor, for fsync; gzclose closes the other */
	gzFile out;
	int code; /* of the first failure */
};

int tar_create(const char *path, struct tar **tar)
{
	struct tar *made = calloc(1, sizeof(*made));
	int file, code;

	if (!made)
		return -ENOMEM;
	file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	made->file = file >= 0 ? dup(file) : -1;
	made->out = made->file >= 0 ? gzdopen(file, "wb9") : NULL;
	if (made->out) {
		*tar = made;
		return 0;
	}
	code = errno ? -errno : -ENOMEM;
	if (made->file >= 0)
		close(made->file);
	if (file >= 0)
		close(file);
	free(made);
	return code;
}

/* A full disk is told from a broken one: the first failure's reason is kept, zlib has it once. */
static int put(struct tar *tar, const void *bytes, size_t length)
{
	errno = 0;
	if (!tar->code && length && gzwrite(tar->out, bytes, (unsigned)length) != (int)length)
		tar->code = errno ? -errno : -EIO;
	return tar->code;
}

/* Fields' places: POSIX.1-1988, ustar. The checksum is the sum of all bytes, its own field being blanks. */
int tar_add(struct tar *tar, const char *name, const void *bytes, size_t length, int64_t modified)
{
	static const char zeros[BLOCK];
	char header[BLOCK] = "", sum_text[8];
	unsigned sum = 0;
	int code;

	if (strlen(name) > NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	if (length > FILE_MAX_BYTES)
		return -EFBIG;
	snprintf(header, 100, "%s", name);
	memcpy(header + 100, "0000644", 8);
	memcpy(header + 108, "0000000", 8);
	memcpy(header + 116, "0000000", 8);
	snprintf(header + 124, 12, "%011zo", length);
	snprintf(header + 136, 12, "%011" PRIo64, (uint64_t)(modified > 0 ? modified : 0) & 077777777777);
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257, "ustar", 6);
	memcpy(header + 263, "00", 2);
	memcpy(header + 265, "root", 5);
	memcpy(header + 297, "root", 5);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (uint8_t)header[i];
	snprintf(sum_text, sizeof(sum_text), "%06o", sum & 0777777);
	memcpy(header + 148, sum_text, 7); /* with its NUL; the blank after it stays */
	code = put(tar, header, BLOCK);
	if (!code)
		code = put(tar, bytes, length);
	return code ? code : put(tar, zeros, (BLOCK - length % BLOCK) % BLOCK);
}

int tar_finish(struct tar *tar)
{
	static const char end[2 * BLOCK];
	int code = put(tar, end, sizeof(end));

	errno = 0;
	if (gzclose(tar->out) != Z_OK && !code)
		code = errno ? -errno : -EIO;
	if (fsync(tar->file) && errno != EINVAL && !code)
		code = -errno;
	close(tar->file);
	free(tar);
	return code;
}
