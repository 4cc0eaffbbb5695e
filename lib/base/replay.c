/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A main for fuzz targets without libFuzzer: runs every file named as an argument once. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t length = 0, room = 0;
	int failed = 1;

	if (!file)
		goto out;
	for (;;) {
		uint8_t *more;

		if (length == room) {
			room = room ? 2 * room : 64 << 10;
			more = realloc(bytes, room);
			if (!more)
				goto out;
			bytes = more;
		}
		length += fread(bytes + length, 1, room - length, file);
		if (ferror(file))
			goto out;
		if (feof(file))
			break;
	}
	LLVMFuzzerTestOneInput(bytes, length);
	failed = 0;
out:
	if (failed)
		perror(path);
	if (file)
		fclose(file);
	free(bytes);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	if (failed)
		fprintf(stderr, "%s: no files are given\n", argv[0]);
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed;
}
