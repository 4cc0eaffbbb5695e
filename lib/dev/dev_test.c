/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything of this folder but NBD (nbd_test.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev/dev.h"
#include "dev/fault.h"

enum { IMAGE_BYTES = 1024 * 1024 + 100 };

static char folder[] = "/tmp/dev_test.XXXXXX";
static const struct dev_options reading = { .access = DEV_READ };
static const struct dev_options writing = { .access = DEV_WRITE };

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *at = path[turn++ % 4];

	snprintf(at, sizeof(path[0]), "%s/%s", folder, name);
	return at;
}

/* No two nearby offsets look alike. */
static unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 7 + offset / 251 + offset / 65537);
}

static void fill(unsigned char *to, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = pattern(offset + i);
}

static void assert_pattern(const unsigned char *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != pattern(offset + i))
			fail_msg("byte %zu of the read at %llu is wrong", i, (unsigned long long)offset);
}

static int setup(void **state)
{
	unsigned char *bytes = malloc(IMAGE_BYTES);
	FILE *f;

	(void)state;
	if (!bytes || !mkdtemp(folder))
		return -1;
	fill(bytes, 0, IMAGE_BYTES);
	f = fopen(in_folder("image"), "w");
	if (!f || fwrite(bytes, IMAGE_BYTES, 1, f) != 1 || fclose(f))
		return -1;
	free(bytes);
	return mkfifo(in_folder("pipe"), 0600);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* A device that needs alignment and fails the test when it is not given. */
struct strict {
	struct dev dev;
	unsigned char *bytes;
	const void *last_buffer;
	size_t last_length;
	unsigned reads, writes;
};

static void strict_check(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	unsigned memory = dev->align_bytes < 4096 ? dev->align_bytes : 4096;

	assert_int_equal(offset % dev->align_bytes, 0);
	/* The end of a device that is not a multiple of a block is the only odd length. */
	assert_true(length % dev->align_bytes == 0 || offset + length == dev->size_bytes);
	assert_int_equal((uintptr_t)buffer % memory, 0);
	assert_true(length && offset <= dev->size_bytes && length <= dev->size_bytes - offset);
}

static int strict_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct strict *s = (struct strict *)dev;

	strict_check(dev, buffer, length, offset);
	s->last_buffer = buffer;
	s->last_length = length;
	s->reads++;
	memcpy(buffer, s->bytes + offset, length);
	return 0;
}

static int strict_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct strict *s = (struct strict *)dev;

	strict_check(dev, buffer, length, offset);
	s->last_buffer = buffer;
	s->writes++;
	memcpy(s->bytes + offset, buffer, length);
	return 0;
}

static void strict_close(struct dev *dev)
{
	free(((struct strict *)dev)->bytes);
}

static const struct dev_ops strict_ops = { .pread = strict_pread, .pwrite = strict_pwrite, .close = strict_close };

static void strict_open(struct strict *s, unsigned align, uint64_t size)
{
	*s = (struct strict){
		.dev = { .ops = &strict_ops, .size_bytes = size, .align_bytes = align, .parallel = 1 },
		.bytes = malloc(size),
	};
	assert_non_null(s->bytes);
	fill(s->bytes, 0, size);
}

static void bounce_reads_and_writes_any_range(void **state)
{
	static const unsigned aligns[] = { 1, 512, 4096, 16384, 65536 };
	static const uint64_t sizes[] = { 2 << 20, (2 << 20) - 512, (2 << 20) - 77 };
	unsigned char *buffer = dev_buffer(2 << 20);

	(void)state;
	assert_non_null(buffer);
	for (size_t i = 0; i < 15; i++) {
		struct strict s;

		strict_open(&s, aligns[i % 5], sizes[i / 5]);
		srand(1);
		for (int n = 0; n < 200; n++) {
			uint64_t offset = (uint64_t)rand() % s.dev.size_bytes;
			size_t most = n % 3 ? 3000 : 700000;
			size_t length = 1 + (size_t)rand() % most;
			size_t shift = (size_t)rand() % 3;

			if (length > s.dev.size_bytes - offset)
				length = (size_t)(s.dev.size_bytes - offset);
			assert_int_equal(dev_read(&s.dev, buffer + shift, length, offset), 0);
			assert_pattern(buffer + shift, offset, length);
			/* Writes what is there already: whatever it touches besides shows as a wrong byte. */
			assert_int_equal(dev_write(&s.dev, buffer + shift, length, offset), 0);
		}
		assert_pattern(s.bytes, 0, s.dev.size_bytes);
		dev_close(&s.dev);
	}
	free(buffer);
}

static void aligned_requests_are_not_copied(void **state)
{
	unsigned char *buffer = dev_buffer(1 << 20);
	struct strict s;

	(void)state;
	strict_open(&s, 4096, 2 << 20);
	assert_int_equal(dev_read(&s.dev, buffer, 1 << 20, 8192), 0);
	assert_ptr_equal(s.last_buffer, buffer);
	assert_int_equal(s.last_length, 1 << 20);
	assert_int_equal(dev_write(&s.dev, buffer, 1 << 20, 8192), 0);
	assert_ptr_equal(s.last_buffer, buffer);
	assert_int_equal(s.reads, 1);
	assert_int_equal(s.writes, 1);
	assert_int_equal(dev_read(&s.dev, buffer, 100, 8192), 0);
	assert_ptr_not_equal(s.last_buffer, buffer);
	dev_close(&s.dev);
	free(buffer);
}

static void ranges_do_not_overflow(void **state)
{
	static const struct {
		uint64_t offset;
		size_t length;
		int result;
	} cases[] = {
		{ 0, 4096, 0 },
		{ 4096, 0, 0 },
		{ 4096, 1, -ENXIO },
		{ 4097, 0, -ENXIO },
		{ 0, 4097, -ENXIO },
		{ 1, 4096, -ENXIO },
		{ UINT64_MAX, 1, -ENXIO },
		{ UINT64_MAX - 511, 512, -ENXIO },
		{ 1, SIZE_MAX, -ENXIO },
		{ 512, SIZE_MAX - 511, -ENXIO },
	};
	unsigned char buffer[4096];
	struct strict s;

	(void)state;
	strict_open(&s, 512, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Nothing is read or written where it does not fit, so the buffer may be shorter than the length. */
		assert_int_equal(dev_read(&s.dev, buffer, cases[i].length, cases[i].offset), cases[i].result);
		assert_int_equal(dev_write(&s.dev, buffer, cases[i].length, cases[i].offset), cases[i].result);
	}
	dev_close(&s.dev);
	assert_null(dev_buffer(SIZE_MAX));
}

static void *write_own_bytes(void *data)
{
	struct dev *dev = ((void **)data)[0];
	uint64_t first = *(uint64_t *)((void **)data)[1];

	for (uint64_t at = first; at < dev->size_bytes; at += 2) {
		unsigned char byte = pattern(at);

		if (dev_write(dev, &byte, 1, at))
			return data;
	}
	return NULL;
}

static void neighbours_in_one_block_do_not_undo_each_other(void **state)
{
	uint64_t first[2] = { 0, 1 };
	pthread_t thread[2];
	void *data[2][2];
	struct strict s;

	(void)state;
	strict_open(&s, 512, 16384);
	memset(s.bytes, 0, 16384);
	for (int i = 0; i < 2; i++) {
		data[i][0] = &s.dev;
		data[i][1] = &first[i];
		assert_int_equal(pthread_create(&thread[i], NULL, write_own_bytes, data[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		void *failed;

		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	assert_pattern(s.bytes, 0, 16384);
	dev_close(&s.dev);
}

static void image_file(void **state)
{
	unsigned char buffer[5000];
	struct svc_error error;
	struct extent run;
	struct stat st;
	struct dev *dev;

	(void)state;
	assert_int_equal(dev_open(in_folder("image"), &reading, &dev, &error), 0);
	assert_int_equal(stat(in_folder("image"), &st), 0);
	assert_int_equal(dev->size_bytes, IMAGE_BYTES);
	assert_int_equal(dev->identity[0], st.st_dev);
	assert_int_equal(dev->identity[1], st.st_ino);
	assert_false(dev->is_block || dev->is_remote || dev->is_live);
	assert_int_equal(dev_read(dev, buffer, sizeof(buffer), IMAGE_BYTES - sizeof(buffer)), 0);
	assert_pattern(buffer, IMAGE_BYTES - sizeof(buffer), sizeof(buffer));
	assert_int_equal(dev_read(dev, buffer, 1, IMAGE_BYTES), -ENXIO);
	assert_int_equal(dev_write(dev, buffer, 1, 0), -EROFS);
	assert_int_equal(dev_next_data(dev, 0, &run), 0);
	assert_int_equal(run.offset, 0);
	assert_int_equal(run.length, IMAGE_BYTES);
	/* It shrinks under us: a short read is a failed one. */
	assert_int_equal(truncate(in_folder("image"), IMAGE_BYTES - 100), 0);
	assert_int_equal(dev_read(dev, buffer, 200, IMAGE_BYTES - 200), -EIO);
	assert_int_equal(truncate(in_folder("image"), IMAGE_BYTES), 0);
	dev_close(dev);
	dev_close(NULL);
}

static void image_file_is_written(void **state)
{
	unsigned char there[300], buffer[300];
	struct svc_error error;
	struct dev *dev;

	(void)state;
	assert_int_equal(dev_open(in_folder("image"), &writing, &dev, &error), 0);
	memset(buffer, 0xee, sizeof(buffer));
	assert_int_equal(dev_write(dev, buffer, sizeof(buffer), 1111), 0);
	assert_int_equal(dev_flush(dev), 0);
	assert_int_equal(dev_read(dev, there, sizeof(there), 1111), 0);
	assert_memory_equal(there, buffer, sizeof(there));
	assert_int_equal(dev_write(dev, buffer, sizeof(buffer), IMAGE_BYTES - 299), -ENXIO);
	fill(buffer, 1111, sizeof(buffer));
	assert_int_equal(dev_write(dev, buffer, sizeof(buffer), 1111), 0);
	dev_close(dev);
}

static void image_file_has_a_descriptor(void **state)
{
	unsigned char there[300];
	struct svc_error error;
	struct dev *dev;
	int fd;

	(void)state;
	assert_int_equal(dev_open(in_folder("image"), &writing, &dev, &error), 0);
	fd = dev_open_descriptor(dev);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(lseek(fd, 1111, SEEK_SET), 1111);
	assert_int_equal(read(fd, there, sizeof(there)), sizeof(there));
	assert_pattern(there, 1111, sizeof(there));
	close(fd);
	dev_close(dev);
}

static void sparse_file(void **state)
{
	const uint64_t size = (uint64_t)64 << 30, at = (uint64_t)20 << 30;
	struct svc_error error;
	struct extent run;
	struct dev *dev;
	int fd = open(in_folder("sparse"), O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)at + 5000), 1);
	close(fd);
	assert_int_equal(dev_open(in_folder("sparse"), &reading, &dev, &error), 0);
	assert_int_equal(dev_next_data(dev, 0, &run), 0);
	if (run.offset == 0 && run.length == size)
		skip(); /* a file system that knows no holes */
	assert_true(run.offset <= at + 5000 && run.offset > at - (1 << 20));
	assert_true(run.length > 0 && run.offset + run.length > at + 5000 && run.length < 2 << 20);
	assert_int_equal(dev_next_data(dev, at + 5000, &run), 0);
	assert_int_equal(run.offset, at + 5000);
	assert_int_equal(dev_next_data(dev, run.offset + run.length, &run), 0);
	assert_int_equal(run.length, 0);
	assert_int_equal(dev_next_data(dev, size, &run), 0);
	assert_int_equal(run.length, 0);
	/* What was cut off is no hole. */
	assert_int_equal(truncate(in_folder("sparse"), (off_t)at), 0);
	assert_int_equal(dev_next_data(dev, at + 8192, &run), -EIO);
	dev_close(dev);
}

static void refused(const char *locator, const struct dev_options *options, int code, const char *word)
{
	struct svc_error error = { 0 };
	struct dev *dev;

	assert_int_equal(dev_open(locator, options, &dev, &error), code);
	assert_null(dev);
	assert_non_null(strstr(error.text, locator));
	if (!strstr(error.text, word))
		fail_msg("no '%s' in: %s", word, error.text);
	assert_true(error.next[0]);
	assert_int_not_equal(error.text[strlen(error.text) - 1], '.');
}

static void what_is_not_a_copy_is_refused(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char loop[64];

	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", in_folder("sock"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	alarm(10); /* a pipe without a writer would wait for ever */
	refused(in_folder("missing"), &reading, -ENOENT, "does not exist");
	refused(in_folder("image/below"), &reading, -ENOENT, "does not exist");
	refused(folder, &reading, -EISDIR, "directory");
	refused(folder, &writing, -EISDIR, "directory");
	refused("/dev/null", &reading, -ENODEV, "character device");
	refused(in_folder("pipe"), &reading, -ENODEV, "pipe");
	refused(in_folder("pipe"), &writing, -ENODEV, "pipe");
	refused(in_folder("sock"), &reading, -ENODEV, "socket");
	snprintf(loop, sizeof(loop), "%s", in_folder("circle"));
	assert_int_equal(symlink(loop, loop), 0);
	refused(loop, &reading, -ELOOP, "cannot be opened");
	alarm(0);
	close(fd);
}

static void no_permission(void **state)
{
	pid_t child;
	int status;

	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(in_folder("image"), 0), 0);
	child = fork();
	if (!child) {
		struct svc_error error = { 0 };
		struct dev *dev;

		/* Root may read everything. */
		if (!geteuid() && (setgid(65534) || setuid(65534)))
			_exit(2);
		if (dev_open(in_folder("image"), &reading, &dev, &error) != -EACCES)
			_exit(3);
		_exit(strstr(error.text, "permission denied") && error.next[0] ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod(in_folder("image"), 0600), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void empty_file(void **state)
{
	struct svc_error error;
	struct extent run;
	struct dev *dev;
	char byte;

	(void)state;
	close(open(in_folder("empty"), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(dev_open(in_folder("empty"), &reading, &dev, &error), 0);
	assert_int_equal(dev->size_bytes, 0);
	assert_int_equal(dev_read(dev, &byte, 1, 0), -ENXIO);
	assert_int_equal(dev_next_data(dev, 0, &run), 0);
	assert_int_equal(run.length, 0);
	dev_close(dev);
}

/* Puts the image behind a loop device. The name of it, or "" where that cannot be done here. */
static int loop_over_image(char *name, size_t size, int *image)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	/* Gone with the last close, also where the test fails. */
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int fd = -1;

	*image = open(in_folder("image"), O_RDWR | O_CLOEXEC);
	config.fd = (uint32_t)*image;
	/* Another test may take the free one first. */
	for (int tries = 0; control >= 0 && fd < 0 && tries < 20; tries++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(name, size, "/dev/loop%d", n);
		fd = n < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config)) {
			close(fd);
			fd = -1;
		}
	}
	if (control >= 0)
		close(control);
	return fd;
}

static void block_device(void **state)
{
	static unsigned char buffer[300000] __attribute__((aligned(4096)));
	struct svc_error error;
	struct dev *dev;
	char name[64];
	int image, holder, fd = loop_over_image(name, sizeof(name), &image);

	(void)state;
	if (fd < 0) {
		close(image);
		skip();
	}
	assert_int_equal(dev_open(name, &reading, &dev, &error), 0);
	assert_true(dev->is_block);
	assert_false(dev->is_live || dev->is_read_only || dev->is_remote);
	assert_true(dev->align_bytes >= 512);
	assert_int_equal(dev->size_bytes, IMAGE_BYTES / 512 * 512);
	assert_int_equal(dev->identity[0], 0);
	assert_int_not_equal(dev->identity[1], 0);
	assert_int_equal(dev_read(dev, buffer + 1, 270000, 12345), 0);
	assert_pattern(buffer + 1, 12345, 270000);
	assert_int_equal(dev_read(dev, buffer, 262144, 4096), 0);
	assert_pattern(buffer, 4096, 262144);
	assert_int_equal(dev_write(dev, buffer, 512, 0), -EROFS);
	dev_close(dev);

	assert_int_equal(dev_open(name, &writing, &dev, &error), 0);
	refused(name, &writing, -EBUSY, "in use");
	fill(buffer, 777, 1000);
	assert_int_equal(dev_write(dev, buffer, 1000, 777), 0);
	assert_int_equal(dev_flush(dev), 0);
	assert_int_equal(dev_read(dev, buffer, 4096, 0), 0);
	assert_pattern(buffer, 0, 4096);
	dev_close(dev);

	holder = open(name, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_int_equal(dev_open(name, &reading, &dev, &error), 0);
	assert_true(dev->is_live);
	dev_close(dev);
	close(holder);
	assert_int_equal(dev_open(in_folder("image"), &reading, &dev, &error), 0);
	assert_true(dev->is_live);
	dev_close(dev);
	close(fd);
	close(image);
}

/* A loop device and its file are one medium, whatever they are called; another file is another one. */
static void loop_and_its_file(void **state)
{
	struct svc_error error;
	struct dev *loop, *file, *other, second;
	char name[64];
	int image, fd = loop_over_image(name, sizeof(name), &image);

	(void)state;
	if (fd < 0) {
		close(image);
		skip();
	}
	assert_int_equal(dev_open(name, &reading, &loop, &error), 0);
	assert_int_equal(dev_open(in_folder("image"), &reading, &file, &error), 0);
	assert_int_equal(dev_open("/proc/self/exe", &reading, &other, &error), 0);
	assert_true(dev_is_same(loop, file) && dev_is_same(file, loop) && dev_is_same(loop, loop));
	assert_false(dev_is_same(loop, other) || dev_is_same(other, file));
	/* Two loop devices over parts of one file are two. */
	second = *loop;
	second.identity[1]++;
	assert_true(dev_is_same(loop, &second));
	second.backing_offset_bytes = 4096;
	assert_false(dev_is_same(loop, &second));
	dev_close(other);
	dev_close(loop);
	dev_close(file);
	close(fd);
	close(image);
}

static void memory(void **state)
{
	unsigned char bytes[1000], buffer[1000];
	struct extent run;
	struct dev *dev;

	(void)state;
	fill(bytes, 0, sizeof(bytes));
	assert_int_equal(dev_open_memory(bytes, sizeof(bytes), false, &dev), 0);
	assert_int_equal(dev_read(dev, buffer, 99, 901), 0);
	assert_pattern(buffer, 901, 99);
	assert_int_equal(dev_read(dev, buffer, 100, 901), -ENXIO);
	assert_int_equal(dev_write(dev, "ab", 2, 998), 0);
	assert_memory_equal(bytes + 998, "ab", 2);
	assert_int_equal(dev_flush(dev), 0);
	assert_int_equal(dev_next_data(dev, 10, &run), 0);
	assert_int_equal(run.offset, 10);
	assert_int_equal(run.length, 990);
	assert_int_equal(dev_open_descriptor(dev), -ENOTSUP);
	dev_close(dev);
	assert_int_equal(dev_open_memory(bytes, sizeof(bytes), true, &dev), 0);
	assert_int_equal(dev_write(dev, "ab", 2, 0), -EROFS);
	dev_close(dev);
}

static void slice_over_pieces(void **state)
{
	/* Out of order, touching, empty ones, off the block grid. */
	static const struct extent piece[] = { { 8192, 4096 }, { 0, 0 },     { 100, 1 },
		                               { 4096, 4096 }, { 65536, 0 }, { 3, 5000 } };
	unsigned char expected[13193], buffer[13193];
	struct dev *slice;
	size_t at = 0;
	struct strict s;

	(void)state;
	strict_open(&s, 512, 65536);
	for (size_t i = 0; i < 6; at += piece[i].length, i++)
		fill(expected + at, piece[i].offset, piece[i].length);
	assert_int_equal(at, sizeof(expected));
	assert_int_equal(dev_open_slice(&s.dev, piece, 6, &slice), 0);
	assert_int_equal(slice->size_bytes, sizeof(expected));
	for (size_t offset = 0; offset < sizeof(expected); offset += 13)
		for (size_t length = 1; length <= sizeof(expected) - offset; length += 1999) {
			memset(buffer, 0, sizeof(buffer));
			assert_int_equal(dev_read(slice, buffer, length, offset), 0);
			assert_memory_equal(buffer, expected + offset, length);
		}
	assert_int_equal(dev_read(slice, buffer, 2, sizeof(expected) - 1), -ENXIO);
	memset(buffer, 0xaa, 4);
	assert_int_equal(dev_write(slice, buffer, 4, 4095), 0);
	assert_int_equal(s.bytes[12287], 0xaa);
	assert_int_equal(s.bytes[100], 0xaa);
	assert_int_equal(s.bytes[4096], 0xaa);
	assert_int_equal(s.bytes[4097], 0xaa);
	assert_int_equal(s.bytes[4098], pattern(4098));
	assert_int_equal(s.bytes[12288], pattern(12288));
	dev_close(slice);
	dev_close(&s.dev);
}

static void slice_bounds_and_facts(void **state)
{
	static const struct extent beyond[] = { { 0, 65537 },      { 65537, 0 },      { 65536, 1 },
		                                { UINT64_MAX, 2 }, { 1, UINT64_MAX }, { 4096, 65536 } };
	static const struct extent grid[] = { { 4096, 8192 }, { 32768, 512 } };
	static const struct extent again[] = { { 0, 65536 }, { 0, 65536 } };
	struct dev *slice;
	struct strict s;

	(void)state;
	strict_open(&s, 512, 65536);
	s.dev.is_live = s.dev.is_block = true;
	s.dev.identity[1] = 7;
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(dev_open_slice(&s.dev, &beyond[i], 1, &slice), -EINVAL);
		assert_null(slice);
	}
	assert_int_equal(dev_open_slice(&s.dev, NULL, SIZE_MAX, &slice), -EINVAL);
	assert_int_equal(dev_open_slice(&s.dev, grid, 2, &slice), 0);
	assert_int_equal(slice->align_bytes, 512);
	assert_true(slice->is_live && slice->is_block);
	assert_int_equal(slice->identity[1], 0);
	dev_close(slice);
	assert_int_equal(dev_open_slice(&s.dev, again, 2, &slice), 0);
	assert_int_equal(slice->size_bytes, 131072);
	dev_close(slice);
	assert_int_equal(dev_open_slice(&s.dev, grid, 0, &slice), 0);
	assert_int_equal(slice->size_bytes, 0);
	dev_close(slice);
	dev_close(&s.dev);
}

static int striped_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	/* Data in the upper half of every 8 KiB. */
	uint64_t from = offset % 8192 < 4096 ? offset - offset % 8192 + 4096 : offset;

	*run = (struct extent){ .offset = from, .length = 8192 - from % 8192 };
	if (from >= dev->size_bytes)
		*run = (struct extent){ .offset = dev->size_bytes };
	return 0;
}

static void slice_next_data(void **state)
{
	static const struct dev_ops ops = {
		.pread = strict_pread,
		.next_data = striped_next_data,
		.close = strict_close,
	};
	static const struct extent piece[] = { { 16384, 4096 }, { 8192, 6144 }, { 0, 4096 } };
	struct extent run;
	struct dev *slice;
	struct strict s;

	(void)state;
	strict_open(&s, 512, 65536);
	s.dev.ops = &ops;
	assert_int_equal(dev_open_slice(&s.dev, piece, 3, &slice), 0);
	assert_int_equal(dev_next_data(slice, 0, &run), 0);
	assert_int_equal(run.offset, 4096 + 4096);
	assert_int_equal(run.length, 2048);
	assert_int_equal(dev_next_data(slice, 9000, &run), 0);
	assert_int_equal(run.offset, 9000);
	assert_int_equal(run.length, 10240 - 9000);
	assert_int_equal(dev_next_data(slice, 10240, &run), 0);
	assert_int_equal(run.length, 0);
	dev_close(slice);
	dev_close(&s.dev);
}

static void faults_come_as_planned(void **state)
{
	struct fault_plan plan = { .bad = { 512, 10 } };
	unsigned char bytes[2048] = { 0 }, buffer[2048];
	struct dev *base, *dev;
	struct fault_count count;

	(void)state;
	plan.fail[FAULT_READ].nth = 2;
	plan.fail[FAULT_READ].code = -ENODEV;
	plan.fail[FAULT_WRITE].nth = 1;
	plan.fail[FAULT_WRITE].code = -ENOSPC;
	plan.fail[FAULT_FLUSH].nth = 1;
	plan.fail[FAULT_FLUSH].code = -ENOMEM;
	assert_int_equal(dev_open_memory(bytes, sizeof(bytes), false, &base), 0);
	assert_int_equal(dev_open_fault(base, &plan, &dev), 0);
	assert_int_equal(dev_read(dev, buffer, 512, 0), 0);
	assert_int_equal(dev_read(dev, buffer, 512, 0), -ENODEV);
	assert_int_equal(dev_read(dev, buffer, 512, 0), 0);
	assert_int_equal(dev_read(dev, buffer, 513, 0), -EIO);
	assert_int_equal(dev_read(dev, buffer, 1, 521), -EIO);
	assert_int_equal(dev_read(dev, buffer, 1, 522), 0);
	assert_int_equal(dev_write(dev, "x", 1, 0), -ENOSPC);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(dev_write(dev, "x", 1, 0), 0);
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(dev_flush(dev), -ENOMEM);
	assert_int_equal(dev_flush(dev), 0);
	count = fault_counted(dev);
	assert_int_equal(count.operations[FAULT_READ], 6);
	assert_int_equal(count.operations[FAULT_WRITE], 2);
	assert_int_equal(count.operations[FAULT_FLUSH], 2);
	assert_int_equal(count.total, 10);
	assert_int_equal(count.failed, 5);
	assert_false(count.is_cut);
	dev_close(dev);
	dev_close(base);
}

static void power_cut_is_final(void **state)
{
	struct fault_plan plan = { .has_power_cut = true };
	unsigned char bytes[16];
	struct dev *base, *dev;

	(void)state;
	assert_int_equal(dev_open_memory(bytes, sizeof(bytes), false, &base), 0);
	for (plan.cut_after = 0; plan.cut_after < 10; plan.cut_after++) {
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(dev_open_fault(base, &plan, &dev), 0);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(dev_write(dev, "x", 1, i), i < plan.cut_after ? 0 : -EIO);
		assert_int_equal(dev_flush(dev), -EIO);
		assert_int_equal(dev_read(dev, bytes + 15, 1, 0), -EIO);
		assert_true(fault_counted(dev).is_cut);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(bytes[i], i < plan.cut_after ? 'x' : 0);
		dev_close(dev);
	}
	dev_close(base);
}

static void uris(void **state)
{
	(void)state;
	assert_true(dev_is_uri("nbd://host/export"));
	assert_true(dev_is_uri("nbds://host:1/"));
	assert_true(dev_is_uri("nbd+unix:///x?socket=/s"));
	assert_true(dev_is_uri("nbds+unix:///?socket=/s"));
	assert_true(dev_is_uri("NBD://host"));
	assert_false(dev_is_uri("nbd+vsock://2/"));
	assert_false(dev_is_uri("/dev/nbd0"));
	assert_false(dev_is_uri("nbd"));
	assert_false(dev_is_uri("nbd:x"));
	assert_false(dev_is_uri("http://host"));
	assert_false(dev_is_uri(""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounce_reads_and_writes_any_range),
		cmocka_unit_test(aligned_requests_are_not_copied),
		cmocka_unit_test(ranges_do_not_overflow),
		cmocka_unit_test(neighbours_in_one_block_do_not_undo_each_other),
		cmocka_unit_test(image_file),
		cmocka_unit_test(image_file_is_written),
		cmocka_unit_test(image_file_has_a_descriptor),
		cmocka_unit_test(sparse_file),
		cmocka_unit_test(what_is_not_a_copy_is_refused),
		cmocka_unit_test(no_permission),
		cmocka_unit_test(empty_file),
		cmocka_unit_test(block_device),
		cmocka_unit_test(loop_and_its_file),
		cmocka_unit_test(memory),
		cmocka_unit_test(slice_over_pieces),
		cmocka_unit_test(slice_bounds_and_facts),
		cmocka_unit_test(slice_next_data),
		cmocka_unit_test(faults_come_as_planned),
		cmocka_unit_test(power_cut_is_final),
		cmocka_unit_test(uris),
	};

	return cmocka_run_group_tests_name("dev", tests, setup, teardown);
}
