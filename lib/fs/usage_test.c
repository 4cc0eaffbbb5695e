// SPDX-License-Identifier: GPL-2.0-or-later
/* Evidence, opening, and the map of used units, against what e2fsprogs says of the same image. */
#include "fs/test_image.h"

static const char *const recipes[] = {
	"-t ext4 -b 1024",
	"-t ext4 -b 2048",
	"-t ext4 -b 4096",
	"-t ext4 -b 1024 -O ^64bit",
	"-t ext4 -b 1024 -O 64bit",
	"-t ext4 -b 1024 -O bigalloc -C 16384",
	"-t ext4 -b 4096 -O bigalloc -C 65536",
	"-t ext4 -b 1024 -O ^flex_bg",
	"-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode",
	"-t ext4 -b 1024 -g 512 -G 16",
	"-t ext4 -b 2048 -O ^has_journal",
	"-t ext4 -b 4096 -O inline_data -I 256",
	"-t ext4 -b 1024 -g 2048 -O sparse_super2",
	"-t ext4 -b 1024 -O mmp",
	"-t ext4 -b 1024 -g 1024 -O ^metadata_csum,uninit_bg",
	"-t ext4 -b 1024 -g 1024 -O ^metadata_csum,^uninit_bg",
	"-t ext4 -b 4096 -O quota,project",
	"-t ext4 -b 1024 -O ea_inode,large_dir,casefold,encrypt",
	"-t ext3 -b 1024",
	"-t ext3 -b 4096 -I 128",
	"-t ext2 -b 2048 -r 0",
};

/* What libext2fs's own bitmap says, block by block. */
static void check_against_library(struct fs *fs, const struct bitset *used, uint32_t unit_bytes)
{
	uint64_t per_block = fs_block_bytes(fs) / unit_bytes, wrong = 0;
	ext2_filsys ext2;

	assert_int_equal(ext2fs_open(path_of("image"), EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &ext2), 0);
	assert_int_equal(ext2fs_read_block_bitmap(ext2), 0);
	for (uint64_t block = 0; block < ext2fs_blocks_count(ext2->super); block++) {
		bool expected =
			block < ext2->super->s_first_data_block || ext2fs_test_block_bitmap2(ext2->block_map, block);

		for (uint64_t i = 0; i < per_block; i++)
			wrong += bitset_test(used, block * per_block + i) != expected;
	}
	ext2fs_close_free(&ext2);
	assert_int_equal(wrong, 0);
}

static void test_used_units(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
		struct svc_error error;
		struct bitset *used;
		uint32_t unit;
		struct dev *dev;
		struct fs *fs;

		run("rm -f image && mke2fs -qF %s -d tree image 24M", recipes[i]);
		if (!strstr(recipes[i], "mmp")) /* with it the tools wait for a peer, for seconds */
			debugfs("image",
			        "rm cfg/tiny\nrm log/a-rather-long-name-for-a-log-file-7\nrm cfg/deep/er/nine\n");
		dev = open_image("image");
		fs = open_fs(dev, FS_REPLAYED);
		assert_false(fs_is_uncertain(fs));
		assert_int_equal(fs_bytes(fs), 24 << 20);
		for (unit = 1024; unit <= fs_block_bytes(fs); unit *= 2) {
			used = bitset_new(dev->size_bytes / unit);
			assert_int_equal(fs_mark_used(fs, unit, used, &error), 0);
			check_against_library(fs, used, unit);
			bitset_free(used);
		}
		/* a shorter set takes what fits */
		used = bitset_new(100);
		assert_int_equal(fs_mark_used(fs, 1024, used, &error), 0);
		assert_true(bitset_count(used) > 0);
		bitset_free(used);
		fs_close(fs);
		dev_close(dev);
	}
}

static uint64_t used_in_group(unsigned group)
{
	struct dev *dev = open_image("image");
	struct fs *fs = open_fs(dev, FS_ON_DISK);
	struct bitset *used = bitset_new(16 << 10);
	struct svc_error error;
	uint64_t count = 0;

	assert_int_equal(fs_mark_used(fs, 1024, used, &error), 0);
	for (uint64_t block = 1 + group * 2048; block < 1 + (group + 1) * 2048; block++)
		count += bitset_test(used, block);
	bitset_free(used);
	fs_close(fs);
	dev_close(dev);
	return count;
}

/* A group whose bitmap or descriptor is wrong is used as a whole; the others are not. */
static void test_damaged_group(void **state)
{
	uint64_t bitmap, used[8];
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -g 2048 -O ^has_journal -d tree/log image 16M");
	dev = open_image("image");
	fs = open_fs(dev, FS_ON_DISK);
	bitmap = ext2fs_block_bitmap_loc(fs->ext2, 0);
	for (unsigned group = 0; group < 7; group++) {
		used[group] = used_in_group(group);
		assert_true(used[group] < 2048);
	}
	flip("image", bitmap * 1024 + 255);
	assert_int_equal(used_in_group(0), 2048);
	flip("image", bitmap * 1024 + 255);
	assert_int_equal(used_in_group(0), used[0]);
	flip("image", 2048 + 3 * EXT2_DESC_SIZE(fs->ext2->super) + 2);
	for (unsigned group = 0; group < 7; group++)
		assert_int_equal(used_in_group(group), group == 3 ? 2048 : used[group]);
	fs_close(fs);
	dev_close(dev);
}

static void read_evidence(const char *image, struct fs_evidence *evidence, struct svc_error *error)
{
	struct dev *dev = open_image(image);

	error->text[0] = '\0';
	assert_int_equal(fs_read_evidence(dev, evidence, error), 0);
	dev_close(dev);
}

static void test_evidence(void **state)
{
	struct fs_evidence evidence;
	struct svc_error error;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -L 'a\tlabel of sixt'"
	    " -U 01234567-89ab-cdef-0123-456789abcdef image 16M");
	debugfs("image", "ssv mtime 20200102030405\nssv mnt_count 77\n"
	                 "ssv kbytes_written 5000000000\n");
	read_evidence("image", &evidence, &error);
	assert_true(evidence.present);
	assert_string_equal(evidence.uuid, "01234567-89ab-cdef-0123-456789abcdef");
	assert_string_equal(evidence.label, "a\tlabel of sixt");
	assert_int_equal(evidence.bytes, 16 << 20);
	assert_int_equal(evidence.block_bytes, 1024);
	assert_true(evidence.is_clean);
	assert_false(evidence.has_errors);
	assert_false(evidence.needs_recovery);
	assert_int_equal(evidence.mount_time, 1577934245);
	assert_int_equal(evidence.mount_count, 77);
	assert_in_range(evidence.lifetime_kib, 5000000000, 5000000100); /* debugfs's own writes count */
	assert_int_equal(evidence.journal_sequence, 1);
	assert_true(evidence.has_checksums);
	assert_true(evidence.is_checksum_valid);
	assert_false(evidence.has_mmp);

	flip("image", 1024 + 0x78); /* the label */
	read_evidence("image", &evidence, &error);
	assert_true(evidence.present);
	assert_false(evidence.is_checksum_valid);
	flip("image", 1024 + 0x78);
	flip("image", 2048 + 13); /* a descriptor */
	read_evidence("image", &evidence, &error);
	assert_true(evidence.present && evidence.has_checksums);
	assert_false(evidence.is_checksum_valid);

	run("rm -f image && mke2fs -qF -t ext4 -O ^metadata_csum image 16M");
	debugfs("image", "ssv state 3\n");
	poke("image", 1024 + 0x30, "\1\2\3\4", 4); /* s_wtime, and its fifth byte */
	poke("image", 1024 + 0x274, "\1", 1);
	read_evidence("image", &evidence, &error);
	assert_int_equal(evidence.write_time, 0x104030201);
	assert_true(evidence.has_errors);
	assert_false(evidence.is_clean || evidence.has_checksums || evidence.is_checksum_valid || evidence.has_mmp);
}

static void test_mmp_evidence(void **state)
{
	struct fs_evidence evidence;
	struct svc_error error;
	struct dev *dev;
	struct fs *fs;
	uint64_t at;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 4096 -O mmp image 16M");
	dev = open_image("image");
	fs = open_fs(dev, FS_ON_DISK);
	at = fs->ext2->super->s_mmp_block * fs->block_bytes;
	fs_close(fs);
	dev_close(dev);
	read_evidence("image", &evidence, &error);
	assert_true(evidence.has_mmp && evidence.is_checksum_valid);
	assert_int_equal(evidence.mmp_sequence, 0xff4d4d50); /* clean */
	poke("image", at + 4, "\x34\x12\0\0\5\0\0\0\1", 9);
	poke("image", at + 16, "somewhere", 10);
	read_evidence("image", &evidence, &error);
	assert_int_equal(evidence.mmp_sequence, 0x1234);
	assert_int_equal(evidence.mmp_time, 0x100000005);
	assert_string_equal(evidence.mmp_node, "somewhere");
	flip("image", at); /* not an MMP block */
	read_evidence("image", &evidence, &error);
	assert_true(evidence.has_mmp);
	assert_int_equal(evidence.mmp_sequence, 0);
}

/* No file system that makes sense: absent, with a sentence. */
static void test_absent(void **state)
{
	static const struct {
		unsigned offset;
		unsigned width;
		uint32_t value;
	} damage[] = {
		{ 0x38, 2, 0 },                            /* magic */
		{ 0x18, 4, 20 },                           /* block size */
		{ 0x04, 4, 99999999 },                     /* blocks: more than there are */
		{ 0x04, 4, 0 },                            /* blocks: none */
		{ 0x14, 4, 5000 },                         /* first data block */
		{ 0x20, 4, 0 },                            /* blocks per group */
		{ 0x20, 4, 8 },          { 0x28, 4, 0 },   /* inodes per group */
		{ 0x28, 4, 0xffffffff }, { 0x58, 2, 100 }, /* inode size */
		{ 0x58, 2, 0x8000 },     { 0xfe, 2, 3 },   /* descriptor size */
		{ 0x4c, 4, 9 },                            /* revision */
	};
	struct fs_evidence evidence;
	struct svc_error error;
	uint8_t super[1024], value[4];
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -O 64bit image 16M");
	peek("image", 1024, super, sizeof(super));
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		put_le32(value, damage[i].value);
		poke("image", 1024, super, sizeof(super));
		poke("image", 1024 + damage[i].offset, value, damage[i].width);
		read_evidence("image", &evidence, &error);
		assert_false(evidence.present);
		assert_true(error.text[0]);
		dev = open_image("image");
		assert_int_equal(fs_open(dev, FS_REPLAYED, &fs, &error), -EUCLEAN);
		dev_close(dev);
	}
	poke("image", 1024, super, sizeof(super));
	run("truncate -s 15M image"); /* cut off */
	read_evidence("image", &evidence, &error);
	assert_false(evidence.present);
	assert_non_null(strstr(error.text, "more than"));
	run("truncate -s 1500 image");
	read_evidence("image", &evidence, &error);
	assert_false(evidence.present);
}

/* Features that nobody knows: the file system opens, and everything counts as used. */
static void test_unknown_feature(void **state)
{
	struct svc_error error;
	struct bitset *used;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 image 16M");
	flip("image", 1024 + 0x63); /* the upper byte of the incompatible features */
	dev = open_image("image");
	fs = open_fs(dev, FS_REPLAYED);
	assert_true(fs_is_uncertain(fs));
	used = bitset_new(16 << 10);
	assert_int_equal(fs_mark_used(fs, 1024, used, &error), 0);
	assert_int_equal(bitset_count(used), 16 << 10);
	bitset_free(used);
	fs_close(fs);
	dev_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used_units), cmocka_unit_test(test_damaged_group),
		cmocka_unit_test(test_evidence),   cmocka_unit_test(test_mmp_evidence),
		cmocka_unit_test(test_absent),     cmocka_unit_test(test_unknown_feature),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
