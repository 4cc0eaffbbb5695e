// SPDX-License-Identifier: GPL-2.0-or-later
/* The replayed view against what e2fsck's replay writes into a copy of the image. */
#include "fs/journal_format.h"
#include "fs/test_image.h"

static const struct {
	const char *mke2fs;
	const char *journal; /* options of debugfs's journal_open */
} formats[] = {
	{ "-t ext4 -b 1024", "-c" },
	{ "-t ext4 -b 1024", "-c -v 2" },
	{ "-t ext4 -b 1024 -O ^64bit", "-c -v 2" },
	{ "-t ext4 -b 2048 -O ^64bit", "-c" },
	{ "-t ext4 -b 4096", "-c" },
	{ "-t ext4 -b 4096", "" },
	{ "-t ext4 -b 1024 -O ^metadata_csum", "" },
	{ "-t ext3 -b 1024", "" },
	{ "-t ext3 -b 1024 -O ^resize_inode", "" },
};

/* Free blocks far from everything, in units of what the test's files hold. */
enum { TARGET = 9500 };

static void make_image(const char *mke2fs, const char *journal, const char *transactions)
{
	char commands[2048];

	run("rm -f image && mke2fs -qF %s -J size=4 -d tree image 40M", mke2fs);
	snprintf(commands, sizeof(commands), "jo %s\n%sjc\n", journal, transactions);
	debugfs("image", commands);
}

static void make_contents(void)
{
	run("for i in one two three four; do head -c 16384 /dev/urandom >$i; done;"
	    " { printf '\\300\\073\\071\\230'; head -c 16380 /dev/urandom; } >magic");
}

static const char all_kinds[] = "jw -b 9500,9501,9502,9503 one\n"
				"jw -b 9501,9600 two\n" /* the later one wins */
				"jw -b 9510 magic\n"    /* escaped */
				"jw -r 9502,9600\n"     /* undoes what came before */
				"jw -b 9600 three\n"    /* but not what comes after */
				"jw -b 9503 -r 9500 four\n"
				"jw -b 9700 -c four\n"; /* never committed */

/* Reads the journal's place from the image itself. */
static uint64_t journal_block(uint32_t index, uint32_t *block_bytes)
{
	struct dev *dev = open_image("image");
	struct fs *fs = open_fs(dev, FS_ON_DISK);
	struct journal journal;
	uint64_t block;

	assert_int_equal(journal_open(fs, &journal), 0);
	assert_true(journal_locate(&journal, index, &block));
	*block_bytes = fs->block_bytes;
	journal_close(&journal);
	fs_close(fs);
	dev_close(dev);
	return block;
}

static bool is_journal_block(struct journal *journal, uint64_t block)
{
	for (size_t i = 0; i < journal->runs; i++)
		if (block >= journal->run[i].physical && block - journal->run[i].physical < journal->run[i].count)
			return true;
	return false;
}

/* Every block but the superblock and the journal: replaying changes those two in its own way. */
static size_t check_against_e2fsck(void)
{
	struct journal journal;
	struct dev *dev, *recovered_dev;
	struct fs *fs, *raw;
	uint8_t *ours, *theirs;
	size_t replayed;

	run("cp --sparse=always image recovered && e2fsck -y -E journal_only recovered");
	dev = open_image("image");
	recovered_dev = open_image("recovered");
	fs = open_fs(dev, FS_REPLAYED);
	raw = open_fs(recovered_dev, FS_ON_DISK);
	assert_false(fs_is_uncertain(fs));
	assert_int_equal(journal_open(raw, &journal), 0);
	assert_int_equal(journal.start, 0);
	ours = malloc(fs->block_bytes);
	theirs = malloc(fs->block_bytes);
	for (uint64_t block = fs->block_bytes == 1024 ? 2 : 1; block < fs->blocks; block++) {
		if (is_journal_block(&journal, block))
			continue;
		assert_int_equal(fs_read(fs, ours, fs->block_bytes, block * fs->block_bytes), 0);
		assert_int_equal(fs_read(raw, theirs, fs->block_bytes, block * fs->block_bytes), 0);
		if (memcmp(ours, theirs, fs->block_bytes))
			fail_msg("block %llu differs", (unsigned long long)block);
	}
	/* reads of less than a block, across blocks, see it too */
	for (uint64_t at = TARGET * (uint64_t)fs->block_bytes - 50; at < (TARGET + 5) * (uint64_t)fs->block_bytes;
	     at += 333) {
		assert_int_equal(fs_read(fs, ours, 400, at), 0);
		assert_int_equal(fs_read(raw, theirs, 400, at), 0);
		assert_memory_equal(ours, theirs, 400);
	}
	replayed = fs->overlay.count;
	free(theirs);
	free(ours);
	journal_close(&journal);
	fs_close(raw);
	fs_close(fs);
	dev_close(recovered_dev);
	dev_close(dev);
	return replayed;
}

static void test_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		make_image(formats[i].mke2fs, formats[i].journal, all_kinds);
		/* 9501, 9503, 9510, 9600 and their neighbours within the contents; 9500 and 9502 are revoked */
		assert_true(check_against_e2fsck() >= 4);
	}
}

static void expect_uncertain(bool expected)
{
	struct dev *dev = open_image("image");
	struct fs *fs = open_fs(dev, FS_REPLAYED);
	struct svc_error error;
	struct bitset *used = bitset_new(dev->size_bytes / 1024);

	assert_int_equal(fs_is_uncertain(fs), expected);
	assert_int_equal(fs_mark_used(fs, 1024, used, &error), 0);
	assert_int_equal(bitset_count(used) == used->bits, expected);
	bitset_free(used);
	fs_close(fs);
	/* the blocks on the medium are what they are */
	fs = open_fs(dev, FS_ON_DISK);
	assert_false(fs_is_uncertain(fs));
	fs_close(fs);
	dev_close(dev);
}

/* A wrong checksum: jbd2 refuses the journal, except where the block is a left-over past the end. */
static void test_corrupt_log(void **state)
{
	static const struct {
		uint32_t index;
		bool is_uncertain;
	} damage[] = {
		{ 0, true },               /* the superblock */
		{ 1, true },               /* a descriptor */
		{ 2, true },               /* a logged block */
		{ 3, true },               /* the commit of the first transaction */
		{ 5, true },  { 6, true }, /* the commit of the last one */
		{ 7, false },              /* past the end */
	};
	uint32_t bytes;
	uint64_t block;

	(void)state;
	run("head -c 1024 /dev/urandom >single");
	make_image("-t ext4 -b 1024", "-c", "jw -b 9500 single\njw -b 9501 single\n");
	expect_uncertain(false);
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		block = journal_block(damage[i].index, &bytes);
		flip("image", block * bytes + 80);
		expect_uncertain(damage[i].is_uncertain);
		flip("image", block * bytes + 80);
	}
	expect_uncertain(false);
}

/* The log is cut where a block is not what it should be: the last transaction is then not committed. */
static void test_torn_end(void **state)
{
	uint32_t bytes;
	uint64_t block;

	(void)state;
	make_image("-t ext4 -b 1024", "-c", all_kinds);
	for (uint32_t index = 1; index < 60; index += 3) {
		run("cp --sparse=always image whole");
		block = journal_block(index, &bytes);
		poke("image", block * bytes, "\0\0\0\0", 4); /* no magic, no commit; or a wrong checksum */
		run("cp --sparse=always image recovered && e2fsck -y -E journal_only recovered; grep -qi "
		    "'corrupt\\|invalid' out &&"
		    " touch refused; true");
		if (access(path_of("refused"), F_OK))
			check_against_e2fsck();
		run("rm -f refused; mv whole image");
	}
}

/* A log that starts near the end of its ring and goes on at its beginning. */
static void test_wrap_around(void **state)
{
	enum { LOGGED = 64 };
	uint8_t *log, start[4] = { 0 };
	uint32_t bytes, maxlen, from;
	uint8_t raw[4];

	(void)state;
	make_image("-t ext3 -b 1024", "", all_kinds);
	peek("image", journal_block(0, &bytes) * bytes + JSB_MAXLEN, raw, 4);
	maxlen = get_be32(raw);
	log = malloc((size_t)LOGGED * bytes);
	for (uint32_t i = 0; i < LOGGED; i++)
		peek("image", journal_block(1 + i, &bytes) * bytes, log + (size_t)i * bytes, bytes);
	for (from = maxlen - 20; from < maxlen; from += 3) {
		for (uint32_t i = 0; i < LOGGED; i++) {
			uint32_t index = from + i < maxlen ? from + i : from + i - maxlen + 1;

			poke("image", journal_block(index, &bytes) * bytes, log + (size_t)i * bytes, bytes);
		}
		start[2] = (uint8_t)(from >> 8);
		start[3] = (uint8_t)from;
		poke("image", journal_block(0, &bytes) * bytes + JSB_START, start, 4);
		assert_true(check_against_e2fsck() >= 4);
	}
	free(log);
}

/* Descriptors of one transaction all around the ring, and no commit: the walk ends. */
static void test_endless_log(void **state)
{
	uint8_t block[1024] = { 0 };
	uint32_t bytes, maxlen;

	(void)state;
	make_image("-t ext3 -b 1024", "", "jw -b 9500 one\n");
	peek("image", journal_block(0, &bytes) * bytes + JSB_MAXLEN, block, 4);
	maxlen = get_be32(block);
	memcpy(block, "\xc0\x3b\x39\x98\0\0\0\5", 8); /* revoke blocks of the first transaction */
	peek("image", journal_block(0, &bytes) * bytes + JSB_SEQUENCE, block + 8, 4);
	for (uint32_t i = 1; i < maxlen; i++)
		poke("image", journal_block(i, &bytes) * bytes, block, sizeof(block));
	expect_uncertain(true);
}

static void test_fast_commits(void **state)
{
	uint8_t head[12] = { 9, 0, 8, 0 };
	uint32_t bytes, sequence;
	uint64_t area;
	uint8_t raw[4];

	(void)state;
	make_contents();
	make_image("-t ext4 -b 1024 -O fast_commit,^metadata_csum", "", "jw -b 9500 one\n");
	peek("image", journal_block(0, &bytes) * bytes + JSB_INCOMPAT, raw, 4);
	raw[3] |= JOURNAL_INCOMPAT_FAST_COMMIT; /* the kernel sets it when it mounts */
	poke("image", journal_block(0, &bytes) * bytes + JSB_INCOMPAT, raw, 4);
	expect_uncertain(false); /* the area is empty */
	peek("image", journal_block(0, &bytes) * bytes + JSB_SEQUENCE, raw, 4);
	sequence = get_be32(raw) + 1; /* after the one committed transaction */
	peek("image", journal_block(0, &bytes) * bytes + JSB_NUM_FC_BLOCKS, raw, 4);
	area = get_be32(raw) ? get_be32(raw) : JOURNAL_FC_BLOCKS_DEFAULT;
	peek("image", journal_block(0, &bytes) * bytes + JSB_MAXLEN, raw, 4);
	area = journal_block((uint32_t)(get_be32(raw) - area + 1), &bytes) * bytes;
	put_le32(head + 8, sequence - 1);
	poke("image", area, head, sizeof(head));
	expect_uncertain(false); /* of an earlier round */
	put_le32(head + 8, sequence);
	poke("image", area, head, sizeof(head));
	expect_uncertain(true);
}

/* The inode is gone, and the superblock's copy of its map leads to the log all the same. */
static void test_backup_inode(void **state)
{
	static const char *const mke2fs[] = { "-t ext3 -b 1024", "-t ext4 -b 1024 -O ^metadata_csum" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fs_evidence evidence;
		struct svc_error error;
		struct dev *dev;
		struct fs *fs;
		size_t replayed;

		make_image(mke2fs[i], "", all_kinds);
		dev = open_image("image");
		fs = open_fs(dev, FS_REPLAYED);
		replayed = fs->overlay.count;
		poke("image", ext2fs_inode_table_loc(fs->ext2, 0) * 1024 + 7 * EXT2_INODE_SIZE(fs->ext2->super), "\0\0",
		     2);
		fs_close(fs);
		fs = open_fs(dev, FS_REPLAYED);
		assert_false(fs_is_uncertain(fs));
		assert_int_equal(fs->overlay.count, replayed);
		fs_close(fs);
		assert_int_equal(fs_read_evidence(dev, &evidence, &error), 0);
		assert_int_equal(evidence.journal_sequence, 1);
		assert_true(evidence.needs_recovery);
		dev_close(dev);
	}
}

/* A replayed bitmap: what either view uses is used. */
static void test_union_of_views(void **state)
{
	uint8_t bitmap[1024], before[1024];
	struct svc_error error;
	struct bitset *used;
	uint64_t place;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext3 -b 1024 -J size=4 -d tree image 40M");
	dev = open_image("image");
	fs = open_fs(dev, FS_ON_DISK);
	place = ext2fs_block_bitmap_loc(fs->ext2, 2);
	fs_close(fs);
	peek("image", place * 1024, bitmap, sizeof(bitmap));
	assert_int_equal(bitmap[900] | bitmap[1000], 0);
	memcpy(before, bitmap, sizeof(before));
	bitmap[1000] = 0xf0; /* four blocks more by the journal */
	write_file("bitmap", bitmap, sizeof(bitmap));
	run("printf 'jo\njw -b %llu bitmap\njc\n' | debugfs -w -f - image", (unsigned long long)place);
	before[900] = 0x3c; /* and four that it frees */
	poke("image", place * 1024, before, sizeof(before));
	fs = open_fs(dev, FS_REPLAYED);
	assert_non_null(fs->on_disk);
	used = bitset_new(40 << 10);
	assert_int_equal(fs_mark_used(fs, 1024, used, &error), 0);
	for (uint64_t bit = 0; bit < 8192; bit++)
		assert_int_equal(bitset_test(used, 1 + 2 * 8192 + bit),
		                 (before[bit / 8] | bitmap[bit / 8]) >> (bit % 8) & 1);
	bitset_free(used);
	fs_close(fs);
	dev_close(dev);
}

static int setup(void **state)
{
	int r = make_folder(state);

	if (!r)
		make_contents();
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),      cmocka_unit_test(test_corrupt_log),
		cmocka_unit_test(test_torn_end),     cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_endless_log),  cmocka_unit_test(test_fast_commits),
		cmocka_unit_test(test_backup_inode), cmocka_unit_test(test_union_of_views),
	};

	return cmocka_run_group_tests(tests, setup, remove_folder);
}
