/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images for this folder's tests, made by the real tools. Included by one test program each. */
#ifndef SVC_FS_TEST_IMAGE_H
#define SVC_FS_TEST_IMAGE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/fs_private.h"

static char test_folder[64];

/* Runs a shell command in the test's folder; its output goes to the file "out". */
__attribute__((format(printf, 1, 2), unused)) static void run(const char *format, ...)
{
	char command[4096], line[4600];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "cd %s && { %s\n} >out 2>&1", test_folder, command);
	status = system(line);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 2) /* e2fsck: 1 and 2 say that it repaired */
		fail_msg("%s: status %d", command, status);
}

__attribute__((unused)) static char *path_of(const char *name)
{
	static char path[4][384];
	static unsigned next;
	char *at = path[next++ % 4];

	snprintf(at, sizeof(path[0]), "%s/%s", test_folder, name);
	return at;
}

__attribute__((unused)) static char *read_file(const char *name, size_t *bytes)
{
	FILE *file = fopen(path_of(name), "rb");
	struct stat status;
	char *text;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	text = malloc((size_t)status.st_size + 1);
	assert_non_null(text);
	*bytes = fread(text, 1, (size_t)status.st_size, file);
	text[*bytes] = '\0';
	fclose(file);
	return text;
}

__attribute__((unused)) static void write_file(const char *name, const void *data, size_t bytes)
{
	FILE *file = fopen(path_of(name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* Writes to an image at an offset. */
__attribute__((unused)) static void poke(const char *name, uint64_t offset, const void *data, size_t bytes)
{
	int fd = open(path_of(name), O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
	close(fd);
}

__attribute__((unused)) static void peek(const char *name, uint64_t offset, void *data, size_t bytes)
{
	int fd = open(path_of(name), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, data, bytes, (off_t)offset), bytes);
	close(fd);
}

__attribute__((unused)) static void flip(const char *name, uint64_t offset)
{
	uint8_t byte;

	peek(name, offset, &byte, 1);
	byte ^= 0x55;
	poke(name, offset, &byte, 1);
}

/* Commands to debugfs, one per line. */
__attribute__((unused)) static void debugfs(const char *image, const char *commands)
{
	write_file("commands", commands, strlen(commands));
	run("debugfs -w -f commands %s", image);
}

__attribute__((unused)) static struct dev *open_image(const char *name)
{
	struct dev_options options = { .access = DEV_READ };
	struct svc_error error;
	struct dev *dev;

	if (dev_open(path_of(name), &options, &dev, &error))
		fail_msg("%s", error.text);
	return dev;
}

__attribute__((unused)) static struct fs *open_fs(struct dev *dev, enum fs_view view)
{
	struct svc_error error;
	struct fs *fs;

	if (fs_open(dev, view, &fs, &error))
		fail_msg("%s", error.text);
	return fs;
}

/* A tree with a bit of everything, as the source of mke2fs -d. */
__attribute__((unused)) static void make_tree(void)
{
	run("mkdir -p tree/cfg/deep/er tree/log && cd tree &&"
	    " head -c 300000 /dev/urandom >cfg/table.db && head -c 50 /dev/urandom >cfg/tiny &&"
	    " head -c 9000 /dev/urandom >cfg/deep/er/nine && ln cfg/table.db log/hard &&"
	    " ln -s short cfg/link && ln -s %0200d cfg/longlink && truncate -s 5M cfg/sparse &&"
	    " for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13; do"
	    "  dd if=/dev/urandom of=cfg/sparse bs=1k count=3 seek=$((i * 301)) conv=notrunc; done &&"
	    " for i in $(seq 120); do echo $i >log/a-rather-long-name-for-a-log-file-$i; done",
	    7);
}

__attribute__((unused)) static int make_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	/* the administration tools' folder is not in every user's path */
	setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
	if (!base || strlen(base) >= 40) /* the tools call fsync a lot */
		base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(test_folder, sizeof(test_folder), "%s/svc-fs-XXXXXX", base);
	if (!mkdtemp(test_folder))
		return -1;
	if (system("command -v mke2fs >/dev/null && command -v debugfs >/dev/null && command -v e2fsck >/dev/null")) {
		fprintf(stderr, "SKIP: mke2fs, debugfs and e2fsck are needed\n");
		rmdir(test_folder);
		exit(77);
	}
	make_tree();
	return 0;
}

__attribute__((unused)) static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", test_folder);
	return system(command);
}

#endif
