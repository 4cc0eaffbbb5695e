// SPDX-License-Identifier: GPL-2.0-or-later
/* Files as fs_file_read gives them, against the very files that mke2fs put there. */
#include "fs/read_file.h"

#include "dev/fault.h"
#include "fs/test_image.h"

enum { ROOM = 6 << 20 };

static uint32_t inode_of(struct fs *fs, const char *path)
{
	ext2_ino_t inode;

	assert_int_equal(ext2fs_namei(fs->ext2, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &inode), 0);
	return inode;
}

static void check(struct fs *fs, const char *path)
{
	uint32_t inode = inode_of(fs, path);
	char name[300], *buffer = malloc(ROOM), *expected;
	struct svc_error error;
	struct fs_file file;
	struct stat status;
	size_t bytes, length;

	snprintf(name, sizeof(name), "tree%s", path);
	expected = read_file(name, &bytes);
	assert_int_equal(stat(path_of(name), &status), 0);
	assert_int_equal(fs_file_look(fs, inode, &file, &error), 0);
	if (!strcmp(path, "/cfg/sparse") && file.bytes == 3916 << 10) /* mke2fs -d may leave out a hole at the end */
		bytes = file.bytes;
	assert_int_equal(file.bytes, bytes);
	assert_int_equal(file.modified, status.st_mtime);
	for (size_t room = ROOM; room; room /= 7) { /* whole, and cut at odd places */
		memset(buffer, 0xee, ROOM);
		assert_int_equal(fs_file_read(fs, inode, buffer, room, &length, &error), 0);
		assert_int_equal(length, bytes < room ? bytes : room);
		assert_memory_equal(buffer, expected, length);
		assert_true(length == ROOM || (uint8_t)buffer[length] == 0xee);
	}
	free(buffer);
	free(expected);
}

static void test_content(void **state)
{
	static const char *const recipes[] = { "-t ext4", "-t ext2 -b 1024", "-t ext4 -b 1024 -O ^extent,^64bit",
		                               "-t ext4 -O inline_data -I 256", "-t ext4 -C 16384 -O bigalloc" };
	static const char *const paths[] = { "/cfg/table.db", "/cfg/tiny", "/cfg/deep/er/nine", "/cfg/sparse",
		                             "/log/a-rather-long-name-for-a-log-file-7" };

	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
		struct dev *dev;
		struct fs *fs;

		run("rm -f image && mke2fs -qF %s -d tree image 24M", recipes[i]);
		dev = open_image("image");
		fs = open_fs(dev, FS_REPLAYED);
		for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
			check(fs, paths[k]);
		fs_close(fs);
		dev_close(dev);
	}
}

/* Preallocated blocks hold whatever was there before: it must not be shown as the file's. */
static void test_unwritten(void **state)
{
	char before[4096], buffer[4096];
	struct svc_error error;
	size_t length;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	memset(before, 'x', sizeof(before));
	run("head -c 8000000 /dev/zero | tr '\\0' x >image && truncate -s 24M image && mke2fs -qF -E nodiscard -t ext4 "
	    "image");
	write_file("empty", "", 0);
	debugfs("image", "write empty f\nfallocate f 0 3\nset_inode_field f size 16384\n");
	dev = open_image("image");
	fs = open_fs(dev, FS_REPLAYED);
	assert_int_equal(fs_file_read(fs, inode_of(fs, "/f"), buffer, sizeof(buffer), &length, &error), 0);
	assert_int_equal(length, sizeof(buffer));
	for (size_t i = 0; i < length; i++)
		assert_int_equal(buffer[i], 0);
	fs_close(fs);
	dev_close(dev);
}

static void test_refused(void **state)
{
	struct svc_error error;
	struct fs_file file;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -d tree image 24M");
	dev = open_image("image");
	fs = open_fs(dev, FS_REPLAYED);
	assert_int_equal(fs_file_look(fs, inode_of(fs, "/cfg"), &file, &error), -ENOENT);
	assert_int_equal(fs_file_look(fs, 0, &file, &error), -ENOENT);
	assert_int_equal(fs_file_look(fs, UINT32_MAX, &file, &error), -ENOENT);
	assert_int_equal(fs_file_look(fs, EXT2_JOURNAL_INO + 2000, &file, &error), -ENOENT);
	fs_close(fs);
	dev_close(dev);
}

/* Blocks here and there are read alone, blocks one after another several at once, and each is what the device has. */
static void test_cache(void **state)
{
	enum { BLOCK = 4096, BLOCKS = 64 };
	static const struct {
		uint64_t step;
		uint64_t reads_at_most;
	} cases[] = { { 1, BLOCKS / 8 + 2 }, { 2, BLOCKS / 4 + 2 }, { 5, BLOCKS } };
	static const struct fault_plan no_fault;
	struct dev *base, *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 4096 -d tree image 24M");
	base = open_image("image");
	assert_int_equal(dev_open_fault(base, &no_fault, &dev), 0);
	fs = open_fs(dev, FS_ON_DISK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = fault_counted(dev).operations[FAULT_READ];

		for (uint64_t block = 100; block < 100 + BLOCKS * cases[i].step; block += cases[i].step) {
			uint8_t block_bytes[BLOCK], expected[BLOCK];

			assert_int_equal(fs_read_block(fs, block, block_bytes), 0);
			assert_int_equal(dev_read(base, expected, BLOCK, block * BLOCK), 0);
			assert_memory_equal(block_bytes, expected, BLOCK);
			assert_int_equal(fs_read_block(fs, block, block_bytes), 0);
		}
		assert_in_range(fault_counted(dev).operations[FAULT_READ] - before, 1, cases[i].reads_at_most);
	}
	fs_close(fs);
	dev_close(dev);
	dev_close(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_unwritten),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
