// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose a block is, against debugfs's icheck, ncheck and blocks. */
#include "fs/test_image.h"

static const char *const recipes[] = {
	"-t ext4 -b 1024",
	"-t ext4 -b 4096",
	"-t ext4 -b 2048 -O ^64bit,^flex_bg",
	"-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode",
	"-t ext4 -b 4096 -O inline_data -I 256",
	"-t ext4 -b 1024 -O bigalloc -C 16384",
	"-t ext4 -b 1024 -O ^has_journal,^metadata_csum",
	"-t ext3 -b 1024",
	"-t ext2 -b 4096 -r 0",
};

static struct bitset *all_set(uint64_t bits)
{
	struct bitset *set = bitset_new(bits);

	bitset_set_range(set, 0, bits);
	return set;
}

static uint64_t sum(const struct attribution *owners)
{
	uint64_t bytes = owners->file_bytes + owners->journal_bytes + owners->unknown_bytes;

	for (int i = 0; i < METADATA_KINDS; i++)
		bytes += owners->metadata_bytes[i];
	return bytes;
}

static uint64_t used_bytes(struct fs *fs, uint32_t unit_bytes, const struct bitset *differing)
{
	struct bitset *used = bitset_new(differing->bits);
	struct svc_error error;
	uint64_t count = 0;

	assert_int_equal(fs_mark_used(fs, unit_bytes, used, &error), 0);
	for (uint64_t bit = 0; bit < differing->bits; bit++)
		count += bitset_test(used, bit) && bitset_test(differing, bit);
	bitset_free(used);
	return count * unit_bytes;
}

static void attribute(struct fs *fs, const struct bitset *differing, uint32_t unit_bytes, struct attribution *owners)
{
	struct svc_error error;
	uint64_t file_bytes = 0;

	if (fs_attribute(&fs, 1, 0, differing, unit_bytes, owners, &error))
		fail_msg("%s", error.text);
	assert_true(owners->done);
	for (size_t i = 0; i < owners->files; i++)
		file_bytes += owners->file[i].bytes;
	assert_int_equal(file_bytes, owners->file_bytes); /* one copy: no two files have the same block */
	assert_int_equal(sum(owners), used_bytes(fs, unit_bytes, differing));
}

static const struct file_difference *find(const struct attribution *owners, const char *path, enum owner_kind kind)
{
	for (size_t i = 0; i < owners->files; i++)
		if (!strcmp(owners->file[i].path, path) && owners->file[i].kind == kind)
			return &owners->file[i];
	return NULL;
}

static uint64_t bytes_of(const struct attribution *owners, const char *path, enum owner_kind kind)
{
	const struct file_difference *file = find(owners, path, kind);

	return file ? file->bytes : 0;
}

/* debugfs's "blocks" lists data and mapping blocks alike. */
static uint64_t blocks_by_debugfs(const char *path)
{
	uint64_t count = 0;
	size_t bytes;
	char *text;

	run("debugfs -R 'blocks %s' image 2>/dev/null", path);
	text = read_file("out", &bytes);
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
		count++;
	free(text);
	return count;
}

static uint64_t own_blocks(const struct fs *fs, const struct attribution *owners, const char *path)
{
	return (bytes_of(owners, path, OWNER_FILE) + bytes_of(owners, path, OWNER_DIRECTORY) +
	        bytes_of(owners, path, OWNER_MAPPING)) /
	       fs->block_bytes;
}

static void check_file(const struct fs *fs, const struct attribution *owners, const char *path)
{
	uint64_t blocks = own_blocks(fs, owners, path);

	if (!strcmp(path, "/cfg/table.db")) /* it has another name: one of them is given */
		blocks += own_blocks(fs, owners, "/log/hard");
	if (fs->ext2->cluster_ratio_bits)
		assert_true(blocks >= blocks_by_debugfs(path));
	else
		assert_int_equal(blocks, blocks_by_debugfs(path));
}

static void test_everything(void **state)
{
	static const char *const paths[] = { "/cfg/table.db", "/cfg/sparse",   "/cfg/deep/er/nine", "/log",
		                             "/cfg",          "/cfg/longlink", "/cfg/tiny",         "/lost+found" };

	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
		struct attribution owners;
		struct bitset *differing;
		struct dev *dev;
		struct fs *fs;

		run("rm -f image && mke2fs -qF %s -d tree image 24M", recipes[i]);
		dev = open_image("image");
		fs = open_fs(dev, FS_REPLAYED);
		differing = all_set(dev->size_bytes / 1024);
		attribute(fs, differing, 1024, &owners);
		assert_int_equal(owners.unknown_bytes, 0);
		assert_int_equal(owners.journal_bytes > 0, ext2fs_has_feature_journal(fs->ext2->super));
		for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
			check_file(fs, &owners, paths[k]);
		assert_int_equal(own_blocks(fs, &owners, "/cfg/link"), 0); /* its target is in the inode */
		for (size_t k = 0; k < owners.files; k++) {
			assert_false(owners.file[k].is_deleted);
			assert_int_equal(owners.file[k].only_on, -1);
			assert_int_equal(owners.file[k].sides, 1);
			assert_true(!k || owners.file[k].bytes <= owners.file[k - 1].bytes);
		}
		fs_attribution_free(&owners);
		bitset_free(differing);
		fs_close(fs);
		dev_close(dev);
	}
}

/* The inode that icheck names for a block; 0: none, 8 the journal's. */
static unsigned inode_by_debugfs(uint64_t block, char *name, size_t name_bytes)
{
	unsigned long long number;
	unsigned inode = 0;
	size_t bytes;
	char *text, *line;

	run("debugfs -R 'icheck %llu' image 2>/dev/null", (unsigned long long)block);
	text = read_file("out", &bytes);
	line = strchr(text, '\n');
	if (!line || sscanf(line + 1, "%llu\t%u", &number, &inode) != 2)
		inode = 0;
	free(text);
	name[0] = '\0';
	if (!inode)
		return 0;
	run("debugfs -R 'ncheck %u' image 2>/dev/null", inode);
	text = read_file("out", &bytes);
	line = strchr(text, '\n');
	if (line && (line = strchr(line, '/')))
		snprintf(name, name_bytes, "%.*s", (int)strcspn(line, "\n"), line);
	free(text);
	return inode;
}

/* Single blocks, all over the image. */
static void test_single_blocks(void **state)
{
	char name[512];

	(void)state;
	for (size_t i = 0; i < 8; i += 7) { /* an extent and an indirect one */
		struct dev *dev;
		struct fs *fs;

		run("rm -f image && mke2fs -qF %s -d tree image 24M", recipes[i]);
		dev = open_image("image");
		fs = open_fs(dev, FS_REPLAYED);
		for (uint64_t block = 3; block < fs->blocks; block = block + block / 9 + 1) {
			struct bitset *differing = bitset_new(fs->blocks);
			struct attribution owners;
			unsigned inode;

			bitset_set(differing, block);
			attribute(fs, differing, fs->block_bytes, &owners);
			inode = inode_by_debugfs(block, name, sizeof(name));
			if (inode >= 11 || inode == 2) {
				assert_int_equal(owners.files, 1);
				assert_int_equal(owners.file[0].inode, inode);
				if (strcmp(owners.file[0].path, "/log/hard"))
					assert_string_equal(owners.file[0].path, name);
				assert_int_equal(owners.file[0].bytes, fs->block_bytes);
			} else {
				assert_int_equal(owners.files, 0);
				assert_int_equal(owners.journal_bytes != 0, inode == 8);
			}
			fs_attribution_free(&owners);
			bitset_free(differing);
		}
		fs_close(fs);
		dev_close(dev);
	}
}

static void test_metadata_kinds(void **state)
{
	struct group_layout layout;
	struct attribution owners;
	struct bitset *differing;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -g 2048 -O quota,mmp -d tree image 24M");
	dev = open_image("image");
	fs = open_fs(dev, FS_REPLAYED);
	differing = bitset_new(fs->blocks);
	group_layout(fs, 3, &layout);
	assert_true(layout.super.count && layout.descriptors.count > 2);
	bitset_set(differing, layout.super.first);
	bitset_set(differing, 1);
	bitset_set(differing, layout.descriptors.first + layout.descriptors.count - 1);
	bitset_set_range(differing, layout.block_bitmap.first, 3);
	bitset_set(differing, layout.inode_bitmap.first);
	bitset_set_range(differing, layout.inode_table.first, 5);
	bitset_set(differing, fs->ext2->super->s_mmp_block);
	bitset_set(differing, 0);
	attribute(fs, differing, 1024, &owners);
	assert_int_equal(owners.metadata_bytes[METADATA_SUPERBLOCK], 2048);
	assert_int_equal(owners.metadata_bytes[METADATA_DESCRIPTORS], 1024);
	assert_int_equal(owners.metadata_bytes[METADATA_BLOCK_BITMAP], 3072);
	assert_int_equal(owners.metadata_bytes[METADATA_INODE_BITMAP], 1024);
	assert_int_equal(owners.metadata_bytes[METADATA_INODE_TABLE], 5120);
	assert_int_equal(owners.metadata_bytes[METADATA_MMP], 1024);
	assert_int_equal(owners.metadata_bytes[METADATA_OTHER], 1024);
	assert_int_equal(owners.files, 0);
	fs_attribution_free(&owners);
	bitset_free(differing);
	differing = all_set(fs->blocks);
	attribute(fs, differing, 1024, &owners);
	assert_true(owners.metadata_bytes[METADATA_OTHER] > 10240); /* quota files */
	fs_attribution_free(&owners);
	bitset_free(differing);
	fs_close(fs);
	dev_close(dev);
}

/* Attributes in a block, attributes in an inode of their own, and a file deleted while open. */
static void test_attributes_and_deleted(void **state)
{
	struct attribution owners;
	const struct file_difference *gone = NULL;
	struct bitset *differing;
	struct dev *dev;
	struct fs *fs;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -O ea_inode -d tree image 24M && head -c 900 /dev/urandom "
	    ">value &&"
	    " head -c 20000 /dev/urandom >large");
	debugfs("image", "ea_set -f value cfg/tiny user.some\nea_set -f large cfg/table.db user.large\n"
	                 "unlink cfg/deep/er/nine\nwrite large prealloc\nfallocate prealloc 100 149\n");
	dev = open_image("image");
	fs = open_fs(dev, FS_REPLAYED);
	differing = all_set(fs->blocks);
	attribute(fs, differing, 1024, &owners);
	assert_int_equal(owners.unknown_bytes, 0);
	assert_int_equal(bytes_of(&owners, "/cfg/tiny", OWNER_XATTR), 1024);
	assert_int_equal(bytes_of(&owners, "/cfg/table.db", OWNER_XATTR) + bytes_of(&owners, "/log/hard", OWNER_XATTR),
	                 1024); /* debugfs stores no more than a block */
	for (size_t i = 0; i < owners.files; i++)
		if (owners.file[i].is_deleted)
			gone = &owners.file[i];
	assert_int_equal(bytes_of(&owners, "/prealloc", OWNER_FILE), 20480 + 50 * 1024); /* unwritten, but its own */
	assert_non_null(gone);
	assert_string_equal(gone->path, "");
	assert_int_equal(gone->bytes, 9216);
	fs_attribution_free(&owners);
	bitset_free(differing);
	fs_close(fs);
	dev_close(dev);
}

/* Two copies, and a new file on each in the same blocks, under the same number; units smaller than a block. */
static void test_two_copies(void **state)
{
	struct attribution owners, all;
	const struct file_difference *file;
	uint32_t inode;
	struct dev *dev[2];
	struct fs *fs[3];
	struct svc_error error;
	struct bitset *differing, *used;

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 2048 -d tree image 24M && cp image other &&"
	    " head -c 100000 /dev/urandom >fresh");
	debugfs("other", "write fresh fresh\nrm cfg/sparse\nfallocate cfg/tiny 100 149\n");
	debugfs("image", "write fresh elsewhere\n");
	debugfs("image", "sif elsewhere generation 77\n");
	dev[0] = open_image("image");
	dev[1] = open_image("other");
	fs[0] = open_fs(dev[0], FS_REPLAYED);
	fs[1] = NULL;
	fs[2] = open_fs(dev[1], FS_REPLAYED);
	differing = all_set(dev[0]->size_bytes / 1024);
	assert_int_equal(fs_attribute(fs, 3, 0, differing, 1024, &owners, &error), 0);
	assert_int_equal(owners.unknown_bytes, 0);
	file = find(&owners, "/cfg/table.db", OWNER_FILE);
	if (!file)
		file = find(&owners, "/log/hard", OWNER_FILE);
	assert_int_equal(file->only_on, -1);
	file = find(&owners, "/cfg/tiny", OWNER_FILE); /* longer on the other copy: added up */
	assert_int_equal(file->only_on, -1);
	assert_int_equal(file->sides, 2);
	assert_int_equal(file->side[0].copy, 0);
	assert_int_equal(file->side[1].copy, 2);
	assert_int_equal(file->side[0].bytes, 50);
	assert_true(file->side[1].modified > 1700000000);
	used = bitset_new(differing->bits);
	assert_int_equal(fs_mark_used(fs[0], 1024, used, &error), 0);
	assert_int_equal(fs_mark_used(fs[2], 1024, used, &error), 0);
	assert_int_equal(sum(&owners), bitset_count(used) * 1024);
	bitset_free(used);
	assert_true(file->bytes > 2048);
	file = find(&owners, "/elsewhere", OWNER_FILE);
	assert_non_null(file);
	assert_int_equal(file->only_on, 0);
	assert_int_equal(file->bytes, 100352);
	assert_int_equal(file->sides, 1); /* the same number is another file's there */
	inode = file->inode;
	file = find(&owners, "/fresh", OWNER_FILE);
	assert_non_null(file);
	assert_int_equal(file->inode, inode);
	assert_int_equal(file->only_on, 2);
	assert_int_equal(file->bytes, 100352);
	assert_int_equal(file->sides, 1);
	assert_int_equal(file->side[0].copy, 2);
	assert_int_equal(find(&owners, "/cfg/sparse", OWNER_FILE)->only_on, 0);
	for (size_t i = 0; i < owners.files; i++) {
		assert_true(owners.file[i].sides > 0);
		for (size_t k = 0; k < i; k++)
			assert_false(!strcmp(owners.file[k].path, owners.file[i].path) &&
			             owners.file[k].kind == owners.file[i].kind);
	}
	all = owners;
	/* the other way round: the first to be asked is the second copy */
	assert_int_equal(fs_attribute(fs, 3, 2, differing, 1024, &owners, &error), 0);
	assert_int_equal(find(&owners, "/fresh", OWNER_FILE)->only_on, 2);
	assert_int_equal(find(&owners, "/fresh", OWNER_FILE)->bytes, 100352);
	assert_int_equal(find(&owners, "/elsewhere", OWNER_FILE)->only_on, 0);
	assert_int_equal(find(&owners, "/cfg/sparse", OWNER_FILE)->only_on, 0);
	assert_int_equal(owners.files, all.files);
	assert_int_equal(sum(&owners), sum(&all));
	assert_int_equal(owners.unnamed, 1 << 1); /* it is not there */
	fs_attribution_free(&owners);
	fs_attribution_free(&all);
	/* one that cannot be relied on is not asked, and that is said */
	fs[2]->is_uncertain = true;
	assert_int_equal(fs_attribute(fs, 3, 0, differing, 1024, &owners, &error), 0);
	assert_int_equal(owners.unnamed, 1 << 1 | 1 << 2);
	assert_null(find(&owners, "/fresh", OWNER_FILE));
	fs_attribution_free(&owners);
	bitset_free(differing);
	fs_close(fs[0]);
	fs_close(fs[2]);
	dev_close(dev[0]);
	dev_close(dev[1]);
}

/* The units in which two images really differ. */
static struct bitset *differing_units(const char *left, const char *right, uint32_t unit_bytes)
{
	size_t bytes[2];
	char *image[2] = { read_file(left, &bytes[0]), read_file(right, &bytes[1]) };
	struct bitset *set = bitset_new(bytes[0] / unit_bytes);

	assert_int_equal(bytes[0], bytes[1]);
	for (uint64_t i = 0; i < set->bits; i++)
		if (memcmp(image[0] + i * unit_bytes, image[1] + i * unit_bytes, unit_bytes) != 0)
			bitset_set(set, i);
	free(image[0]);
	free(image[1]);
	return set;
}

/* Files of no generation, made in one second: only their names tell them apart. */
static void test_weak_identity(void **state)
{
	struct attribution owners;
	struct svc_error error;
	struct bitset *differing;
	struct dev *dev[2];
	struct fs *fs[2];

	(void)state;
	run("rm -f image && export E2FSPROGS_FAKE_TIME=1700000000 && mke2fs -qF -t ext4 -b 1024 -d tree image 24M && "
	    "cp image"
	    " other && head -c 9000 /dev/urandom >a && head -c 9000 /dev/urandom >b &&"
	    " debugfs -w -R 'write a journal-of-a' image && debugfs -w -R 'write b orders-of-b' other &&"
	    " debugfs -w -R 'fallocate cfg/tiny 100 149' other");
	differing = differing_units("image", "other", 1024);
	for (int i = 0; i < 2; i++) {
		dev[i] = open_image(i ? "other" : "image");
		fs[i] = open_fs(dev[i], FS_REPLAYED);
	}
	for (int first = 0; first < 2; first++) {
		const struct file_difference *a, *b, *both;

		assert_int_equal(fs_attribute(fs, 2, first, differing, 1024, &owners, &error), 0);
		a = find(&owners, "/journal-of-a", OWNER_FILE);
		b = find(&owners, "/orders-of-b", OWNER_FILE);
		both = find(&owners, "/cfg/tiny", OWNER_FILE);
		assert_true(a && b && both);
		assert_int_equal(a->inode, b->inode);
		assert_int_equal(a->only_on, 0);
		assert_int_equal(b->only_on, 1);
		assert_int_equal(a->bytes, 9216);
		assert_int_equal(b->bytes, 9216);
		assert_int_equal(both->only_on, -1);
		assert_int_equal(both->sides, 2);
		fs_attribution_free(&owners);
	}
	bitset_free(differing);
	for (int i = 0; i < 2; i++) {
		fs_close(fs[i]);
		dev_close(dev[i]);
	}
}

/* Files without a differing block of their own: deleted, without content, a link, other permissions. */
static void test_inodes_alone(void **state)
{
	static const struct {
		const char *path;
		int only_on, sides;
	} expected[] = {
		{ "/cfg/sparse", 0, 1 }, { "/empty", 1, 1 }, { "/cfg/pointer", 1, 1 }, { "/cfg/tiny", -1, 2 }
	};
	struct attribution owners;
	struct svc_error error;
	struct bitset *differing;
	struct dev *dev[2];
	struct fs *fs[2];

	(void)state;
	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -d tree image 24M && cp image other && : >empty");
	debugfs("other", "write empty empty\nsymlink cfg/pointer elsewhere\nrm cfg/sparse\n"
	                 "sif cfg/tiny mode 0100600\nsif cfg/deep/er/nine atime 1700000000\n"
	                 "sif cfg/deep/er/nine ctime 1700000000\nsif cfg/deep/er/nine mtime 1700000000\n");
	differing = differing_units("image", "other", 1024);
	for (int i = 0; i < 2; i++) {
		dev[i] = open_image(i ? "other" : "image");
		fs[i] = open_fs(dev[i], FS_REPLAYED);
	}
	for (int first = 0; first < 2; first++) {
		assert_int_equal(fs_attribute(fs, 2, first, differing, 1024, &owners, &error), 0);
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
			const struct file_difference *file = find(&owners, expected[i].path, OWNER_FILE);

			if (!file)
				fail_msg("%s is not named", expected[i].path);
			assert_int_equal(file->bytes, 0);
			assert_int_equal(file->only_on, expected[i].only_on);
			assert_int_equal(file->sides, expected[i].sides);
			assert_false(file->is_deleted);
		}
		assert_null(find(&owners, "/cfg/deep/er/nine", OWNER_FILE)); /* only its times */
		assert_null(find(&owners, "/cfg/longlink", OWNER_FILE));
		fs_attribution_free(&owners);
	}
	bitset_free(differing);
	for (int i = 0; i < 2; i++) {
		fs_close(fs[i]);
		dev_close(dev[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),     cmocka_unit_test(test_single_blocks),
		cmocka_unit_test(test_metadata_kinds), cmocka_unit_test(test_attributes_and_deleted),
		cmocka_unit_test(test_two_copies),     cmocka_unit_test(test_weak_identity),
		cmocka_unit_test(test_inodes_alone),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
