// SPDX-License-Identifier: GPL-2.0-or-later
/* Damaged images and failing reads: never a crash, a hang, or a sum that does not add up. */
#include <malloc.h>
#include <time.h>

#include "fs/hostile.h"
#include "fs/test_image.h"

enum {
	SWEPT_BYTES = 64 << 10,
	IMAGE_BYTES = 2 << 20, /* what the tree needs, with a journal of 1024 blocks */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *load_image(const char *options, size_t *bytes)
{
	run("rm -rf few image && mkdir -p few/dir && head -c 3000 /dev/urandom >few/dir/file && ln -s %0100d few/link "
	    "&&"
	    " truncate -s 200k few/sparse && for i in 1 40 90 150 170 190; do"
	    " dd if=/dev/urandom of=few/sparse bs=1k count=1 seek=$i conv=notrunc; done;"
	    " mke2fs -qF %s -d few image %uk",
	    5, options, IMAGE_BYTES >> 10);
	debugfs("image", "ea_set dir/file user.name value\njo\njw -b 1990 few/dir/file\njc\n");
	return read_file("image", bytes);
}

/* Every byte of the beginning in turn: superblock, descriptors, bitmaps, inodes, directories. */
static void sweep(const char *options, uint8_t pattern, size_t step)
{
	struct dev *dev, *sound_dev;
	struct svc_error error;
	double slowest = 0;
	size_t bytes;
	char *image = load_image(options, &bytes), *sound;
	struct fs *sound_fs;
	int line;

	sound = malloc(bytes);
	memcpy(sound, image, bytes);
	assert_int_equal(dev_open_memory(sound, bytes, true, &sound_dev), 0);
	assert_int_equal(fs_open(sound_dev, FS_ON_DISK, &sound_fs, &error), 0);
	assert_int_equal(dev_open_memory(image, bytes, true, &dev), 0);
	for (size_t i = 1024; i < SWEPT_BYTES; i += step) {
		double start = now();

		image[i] ^= (char)pattern;
		line = hostile_read(dev, i % 16 ? NULL : sound_fs);
		image[i] ^= (char)pattern;
		if (line)
			fail_msg("byte %zu ^ %02x: line %d", i, pattern, line);
		if (now() - start > slowest)
			slowest = now() - start;
	}
	assert_true(slowest < 2);
	fs_close(sound_fs);
	dev_close(sound_dev);
	dev_close(dev);
	free(sound);
	free(image);
}

static void test_sweep(void **state)
{
	(void)state;
	sweep("-t ext4 -b 1024 -I 256 -N 64 -O ^resize_inode,^metadata_csum", 0xff, 1);
	sweep("-t ext4 -b 1024 -I 256 -N 64 -O ^resize_inode", 0x01, 7);
}

/* A device whose reads fail from the Nth on, or only the Nth. */
struct failing {
	struct dev dev;
	const char *data;
	unsigned until; /* reads that still succeed */
	bool once;
};

static int failing_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct failing *failing = (struct failing *)dev;

	if (!failing->until && !failing->once)
		return -EIO;
	if (!failing->until--)
		return -EIO;
	memcpy(buffer, failing->data + offset, length);
	return 0;
}

static void test_read_errors(void **state)
{
	static const struct dev_ops ops = { .pread = failing_pread };
	size_t bytes;
	char *image;

	(void)state;
	image = load_image("-t ext4 -b 1024 -I 256 -N 64", &bytes);
	for (unsigned once = 0; once < 2; once++) {
		for (unsigned reads = 0; reads < 120; reads++) {
			struct failing failing = {
				.dev = { .ops = &ops, .size_bytes = bytes, .align_bytes = 1, .parallel = 1 },
				.data = image,
				.until = reads,
				.once = once,
			};
			struct fs_evidence evidence;
			struct svc_error error;

			/* no sum is held against it: what failed once may be read the second time */
			hostile_read(&failing.dev, NULL);
			failing.until = reads;
			error.text[0] = '\0';
			if (fs_read_evidence(&failing.dev, &evidence, &error))
				assert_true(error.text[0]);
			else
				assert_true(evidence.present);
		}
	}
	free(image);
}

/* A tree that refers to itself, and extents that overlap: everything ends, and counts once. */
static void test_loops(void **state)
{
	uint8_t node[1024] = { 0x0a, 0xf3, 2, 0, 84, 0, 1, 0 };
	uint64_t block;
	size_t bytes;
	char *image, *text;
	struct dev *dev;
	double start;

	(void)state;
	image = load_image("-t ext4 -b 1024 -I 256 -N 64 -O ^metadata_csum,^resize_inode", &bytes);
	run("debugfs -R 'blocks sparse' image 2>/dev/null");
	text = read_file("out", &bytes);
	block = strtoull(text, NULL, 10); /* the extent tree's node comes first */
	free(text);
	put_le32(node + 12, 0);
	put_le32(node + 16, (uint32_t)block); /* itself */
	put_le32(node + 24, 50);
	put_le32(node + 28, (uint32_t)block);
	memcpy(image + block * 1024, node, sizeof(node));
	assert_int_equal(dev_open_memory(image, IMAGE_BYTES, true, &dev), 0);
	assert_int_equal(hostile_read(dev, NULL), 0);
	dev_close(dev);
	free(image);
	/* indirect blocks that all name one block: 256^3 ways to it */
	image = load_image("-t ext3 -b 1024 -I 256 -N 64 -O ^resize_inode", &bytes);
	run("debugfs -R 'blocks sparse' image 2>/dev/null");
	text = read_file("out", &bytes);
	block = strtoull(text, NULL, 10);
	free(text);
	for (size_t at = 0; at < 1024; at += 4)
		put_le32(image + block * 1024 + at, (uint32_t)block);
	poke("image", block * 1024, image + block * 1024, 1024);
	free(image);
	run("printf 'sif sparse block[IND] %llu\\nsif sparse block[DIND] %llu\\nsif sparse block[TIND] %llu\\n' |"
	    " debugfs -w -f - image",
	    (unsigned long long)block, (unsigned long long)block, (unsigned long long)block);
	image = read_file("image", &bytes);
	start = now();
	assert_int_equal(dev_open_memory(image, IMAGE_BYTES, true, &dev), 0);
	assert_int_equal(hostile_read(dev, NULL), 0);
	assert_true(now() - start < 1);
	dev_close(dev);
	free(image);
}

/* Directories that name one another in a circle, or themselves: an end, and no path but the true one. */
static void test_directory_circle(void **state)
{
	struct attribution owners;
	struct svc_error error;
	struct bitset *differing;
	struct dev *dev;
	struct fs *fs;
	unsigned found = 0;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -O ^has_journal image 2M && echo x >x");
	debugfs("image", "mkdir a\nmkdir a/b\nwrite x a/b/x\nlink a a/b/back\nunlink a\n"
	                 "mkdir self\nlink self self/self\nmkdir later\nlink self later/self\nunlink self\n"
	                 "write x later/self/y\n");
	dev = open_image("image");
	fs = open_fs(dev, FS_REPLAYED);
	differing = bitset_new(2 << 10);
	bitset_set_range(differing, 0, differing->bits);
	assert_int_equal(fs_attribute(&fs, 1, 0, differing, 1024, &owners, &error), 0);
	assert_int_equal(owners.files, 8); /* root, lost+found, a, b, x, self, later, y */
	for (size_t i = 0; i < owners.files; i++) {
		found += !strcmp(owners.file[i].path, "/later/self/y");
		assert_int_equal(owners.file[i].is_deleted, owners.file[i].inode > 11 && owners.file[i].inode < 15);
	}
	assert_int_equal(found, 1);
	fs_attribution_free(&owners);
	bitset_free(differing);
	fs_close(fs);
	dev_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_read_errors),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_directory_circle),
	};

	mallopt(M_TRIM_THRESHOLD, 64 << 20); /* each of the sweep's rounds would give its memory back */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
