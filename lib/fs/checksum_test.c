// SPDX-License-Identifier: GPL-2.0-or-later
/* Damage on one side is told from a change on both: only blocks with checksums speak. */
#include "fs/test_image.h"

static uint64_t block_of(struct fs *fs, const char *path, unsigned index)
{
	unsigned long long block = 0;
	size_t bytes;
	char *text, *word;

	(void)fs;
	run("debugfs -R 'blocks %s' image 2>/dev/null", path);
	text = read_file("out", &bytes);
	for (word = strtok(text, " \n"); word && index; index--)
		word = strtok(NULL, " \n");
	assert_non_null(word);
	assert_int_equal(sscanf(word, "%llu", &block), 1);
	free(text);
	return block;
}

/* What the two images' difference, block by block, says; asked both ways. */
static enum checksum_voice voice(uint32_t unit_bytes)
{
	struct dev *a = open_image("image"), *b = open_image("other");
	struct fs *reference = open_fs(a, FS_ON_DISK), *copy = open_fs(b, FS_ON_DISK);
	struct bitset *differing = bitset_new(a->size_bytes / unit_bytes);
	uint8_t *left = malloc(unit_bytes), *right = malloc(unit_bytes);
	enum checksum_voice there, back;

	for (uint64_t unit = 0; unit < differing->bits; unit++) {
		assert_int_equal(dev_read(a, left, unit_bytes, unit * unit_bytes), 0);
		assert_int_equal(dev_read(b, right, unit_bytes, unit * unit_bytes), 0);
		if (memcmp(left, right, unit_bytes))
			bitset_set(differing, unit);
	}
	there = fs_checksum_voice(reference, copy, differing, unit_bytes);
	back = fs_checksum_voice(copy, reference, differing, unit_bytes);
	if (there == CHECKSUM_SILENT)
		assert_int_equal(back, CHECKSUM_SILENT);
	else
		assert_int_equal(back, there == CHECKSUM_COPY ? CHECKSUM_REFERENCE : CHECKSUM_COPY);
	free(right);
	free(left);
	bitset_free(differing);
	fs_close(copy);
	fs_close(reference);
	dev_close(b);
	dev_close(a);
	return there;
}

static void make_pair(const char *options)
{
	run("rm -f image && mke2fs -qF -t ext4 %s -d tree image 24M && head -c 900 /dev/urandom >value", options);
	debugfs("image", "ea_set -f value cfg/tiny user.some\n");
	run("cp --sparse=always image other");
}

/* One flip on one side, in each kind of block. */
static void test_each_kind(void **state)
{
	struct group_layout layout;
	uint64_t spot[16];
	struct inode inode;
	uint8_t raw[256];
	unsigned spots = 0;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	make_pair("-b 1024 -g 4096 -I 256");
	assert_int_equal(voice(1024), CHECKSUM_SILENT); /* nothing differs */
	dev = open_image("image");
	fs = open_fs(dev, FS_ON_DISK);
	group_layout(fs, 0, &layout);
	spot[spots++] = 1024 + 0x30;                          /* superblock */
	spot[spots++] = layout.descriptors.first * 1024 + 70; /* second descriptor */
	spot[spots++] = layout.block_bitmap.first * 1024 + 100;
	spot[spots++] = layout.inode_bitmap.first * 1024 + 3;
	spot[spots++] = layout.inode_table.first * 1024 + 256 + 4; /* root */
	spot[spots++] = layout.inode_table.first * 1024 + 12 * 256 + 200;
	group_layout(fs, 1, &layout);
	spot[spots++] = layout.super.first * 1024 + 0x30; /* backups */
	spot[spots++] = layout.descriptors.first * 1024 + 130;
	spot[spots++] = block_of(fs, "/log", 0) * 1024 + 100; /* hash tree's root */
	spot[spots++] = block_of(fs, "/log", 2) * 1024 + 400; /* its leaf */
	spot[spots++] = block_of(fs, "/cfg", 0) * 1024 + 40;
	spot[spots++] = block_of(fs, "/cfg/sparse", 0) * 1024 + 40; /* extent leaf */
	debugfs("image", "");
	run("debugfs -R 'stat /cfg/tiny' image | sed -n 's/^File ACL: //p'");
	{
		size_t bytes;
		char *text = read_file("out", &bytes), *last = strrchr(text, '\n');

		while (last > text && (last[-1] < '0' || last[-1] > '9'))
			last--;
		while (last > text && last[-1] >= '0' && last[-1] <= '9')
			last--;
		spot[spots++] = strtoull(last, NULL, 10) * 1024 + 900; /* attributes */
		free(text);
	}
	assert_int_equal(inode_read(fs, 8, raw, &inode), 0);
	fs_close(fs);
	dev_close(dev);
	for (unsigned i = 0; i < spots; i++) {
		flip("other", spot[i]);
		if (voice(1024) != CHECKSUM_REFERENCE)
			fail_msg("spot %u: at %llu", i, (unsigned long long)spot[i]);
		/* two blocks, damaged on the same side */
		flip("other", spot[(i + 1) % spots]);
		assert_int_equal(voice(1024), CHECKSUM_REFERENCE);
		flip("other", spot[(i + 1) % spots]);
		/* and one on each side */
		if (spot[i] / 1024 != spot[(i + 1) % spots] / 1024) {
			flip("image", spot[(i + 1) % spots]);
			assert_int_equal(voice(1024), CHECKSUM_SILENT);
			flip("image", spot[(i + 1) % spots]);
		}
		flip("other", spot[i]);
	}
}

static void test_silence(void **state)
{
	struct group_layout layout;
	struct dev *dev;
	struct fs *fs;
	uint64_t spot[5];

	(void)state;
	make_pair("-b 4096 -I 256");
	dev = open_image("image");
	fs = open_fs(dev, FS_ON_DISK);
	group_layout(fs, 0, &layout);
	spot[0] = block_of(fs, "/cfg/table.db", 3) * 4096; /* file data */
	spot[1] = 100;                                     /* the boot sector, in the superblock's block */
	spot[2] = (layout.descriptors.first + 1) * 4096;   /* reserved for growth */
	spot[3] = layout.block_bitmap.first * 4096 + 4095; /* past the last block's bit: covered, 24 MiB or not */
	spot[4] = (fs->blocks - 1) * 4096;                 /* free */
	fs_close(fs);
	dev_close(dev);
	for (unsigned i = 0; i < 5; i++) {
		flip("other", spot[i]);
		assert_int_equal(voice(1024), i == 3 ? CHECKSUM_REFERENCE : CHECKSUM_SILENT);
		flip("other", spot[i]);
	}
	/* with proof in one place, silence in another still silences */
	flip("other", 1024 + 0x30);
	assert_int_equal(voice(4096), CHECKSUM_REFERENCE);
	flip("other", spot[1]); /* bytes of the same block that it does not cover */
	assert_int_equal(voice(4096), CHECKSUM_SILENT);
	flip("other", spot[1]);
	flip("other", spot[0]);
	assert_int_equal(voice(4096), CHECKSUM_SILENT);
	/* both sides written in good order */
	run("cp --sparse=always image other");
	debugfs("other", "mkdir new\n");
	assert_int_equal(voice(4096), CHECKSUM_SILENT);
	/* an inode of zeros may be a lost write */
	run("cp --sparse=always image other");
	for (unsigned i = 0; i < 256; i++)
		poke("other", layout.inode_table.first * 4096 + 12 * 256 + i, "", 1);
	assert_int_equal(voice(4096), CHECKSUM_SILENT);
	/* no checksums at all */
	make_pair("-b 1024 -O ^metadata_csum");
	flip("other", 1024 + 0x30);
	assert_int_equal(voice(1024), CHECKSUM_SILENT);
}

/* The journal's superblock and its own blocks have checksums, what is logged has not by itself. */
static void test_journal(void **state)
{
	struct journal journal;
	uint64_t block[5];
	struct dev *dev;
	struct fs *fs;

	(void)state;
	make_pair("-b 1024");
	run("head -c 2048 /dev/urandom >logged");
	debugfs("image", "jo -c\njw -b 9500,9501 logged\njc\n");
	run("cp --sparse=always image other");
	dev = open_image("image");
	fs = open_fs(dev, FS_ON_DISK);
	assert_int_equal(journal_open(fs, &journal), 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(journal_locate(&journal, i, &block[i]));
	journal_close(&journal);
	fs_close(fs);
	dev_close(dev);
	for (unsigned i = 0; i < 5; i++) { /* superblock, descriptor, two logged blocks, commit */
		flip("other", block[i] * 1024 + 60);
		assert_int_equal(voice(1024), i == 2 || i == 3 ? CHECKSUM_SILENT : CHECKSUM_REFERENCE);
		flip("other", block[i] * 1024 + 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_journal),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
