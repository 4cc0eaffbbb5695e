// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The internal journal: where its blocks are, and its superblock (include/linux/jbd2.h,
 * journal_superblock_t; all fields big-endian; the checks of journal_get_superblock() and
 * ext4_load_journal()).
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/fs_private.h"
#include "fs/journal_format.h"

enum {
	JOURNAL_BLOCKS_MAX = 1024 * 10000, /* JBD2_MAX_JOURNAL_BLOCKS */
	RUNS_FIRST = 16,
	BACKUP_IS_BLOCKS = 1, /* EXT3_JNL_BACKUP_BLOCKS */
};

static int add_run(void *context, bool is_node, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct journal *journal = context;
	struct journal_run *run;

	if (is_node || logical >= JOURNAL_BLOCKS_MAX)
		return 0;
	if (count > JOURNAL_BLOCKS_MAX - logical)
		count = JOURNAL_BLOCKS_MAX - logical;
	if (journal->runs == journal->room) {
		size_t room = journal->room ? journal->room * 2 : RUNS_FIRST;

		run = realloc(journal->run, room * sizeof(*run));
		if (!run)
			return -ENOMEM;
		journal->run = run;
		journal->room = room;
	}
	journal->run[journal->runs++] = (struct journal_run){ (uint32_t)logical, (uint32_t)count, physical };
	return 0;
}

static int map_journal(struct journal *journal, const struct inode *inode)
{
	struct fs *fs = journal->fs;
	struct bitset *seen = bitset_new(fs->blocks);
	struct map_sink sink = { .run = add_run, .context = journal, .seen = seen };
	int r;

	if (!seen)
		return -ENOMEM;
	journal->runs = 0;
	r = fs_map_inode(fs, inode, &sink);
	bitset_free(seen);
	return r;
}

bool journal_locate(const struct journal *journal, uint32_t index, uint64_t *block)
{
	size_t low = 0, high = journal->runs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct journal_run *run = &journal->run[middle];

		if (index < run->logical) {
			high = middle;
		} else if (index - run->logical >= run->count) {
			low = middle + 1;
		} else {
			*block = run->physical + (index - run->logical);
			return true;
		}
	}
	return false;
}

int journal_read(struct journal *journal, uint32_t index, void *buffer)
{
	uint64_t block;
	int r;

	if (index >= journal->length || !journal_locate(journal, index, &block))
		return -EUCLEAN;
	r = fs_read_block(journal->fs, block, buffer);
	return r < 0 && r != -ENOMEM ? -EIO : r;
}

bool journal_has_checksums(const struct journal *journal)
{
	return journal->incompat & (JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3);
}

/* journal_tag_bytes() of include/linux/jbd2.h. */
static uint32_t tag_bytes(const struct journal *journal)
{
	uint32_t bytes = 12;

	if (journal->incompat & JOURNAL_INCOMPAT_CSUM_V3)
		return 16;
	if (journal->incompat & JOURNAL_INCOMPAT_CSUM_V2)
		bytes += 2;
	return journal->incompat & JOURNAL_INCOMPAT_64BIT ? bytes : bytes - 4;
}

bool journal_super_checksum_is_valid(const uint8_t *raw)
{
	static const uint8_t zero[4];
	uint32_t crc = ext2fs_crc32c_le(~0u, raw, JSB_CHECKSUM);

	crc = ext2fs_crc32c_le(crc, zero, sizeof(zero));
	crc = ext2fs_crc32c_le(crc, raw + JSB_CHECKSUM + 4, JSB_BYTES - JSB_CHECKSUM - 4);
	return crc == get_be32(raw + JSB_CHECKSUM);
}

static bool are_features_known(const struct journal *journal, const uint8_t *raw)
{
	bool has_v2 = journal->incompat & JOURNAL_INCOMPAT_CSUM_V2;
	bool has_v3 = journal->incompat & JOURNAL_INCOMPAT_CSUM_V3;

	if (journal->incompat & ~JOURNAL_INCOMPAT_KNOWN || get_be32(raw + JSB_RO_COMPAT) || (has_v2 && has_v3))
		return false;
	if (!has_v2 && !has_v3)
		return true;
	return !(journal->compat & JOURNAL_COMPAT_CHECKSUM) && raw[JSB_CHECKSUM_TYPE] == JOURNAL_CRC32C &&
	       journal_super_checksum_is_valid(raw);
}

/* The log proper ends where the blocks for fast commits begin (jbd2_journal_initialize_fast_commit). */
static void settle_end(struct journal *journal, const uint8_t *raw)
{
	uint32_t fast = get_be32(raw + JSB_NUM_FC_BLOCKS);

	journal->last = journal->length;
	if (!(journal->incompat & JOURNAL_INCOMPAT_FAST_COMMIT))
		return;
	if (!fast)
		fast = JOURNAL_FC_BLOCKS_DEFAULT;
	if (fast >= journal->length)
		journal->is_sound = false;
	else
		journal->last -= fast;
}

static int read_super(struct journal *journal, uint64_t inode_blocks)
{
	uint8_t *raw = malloc(journal->fs->block_bytes);
	uint32_t type;
	int r;

	if (!raw)
		return -ENOMEM;
	journal->length = 1;
	r = journal_read(journal, 0, raw);
	if (r < 0)
		goto out;
	r = -EUCLEAN;
	type = get_be32(raw + JH_TYPE);
	if (get_be32(raw + JH_MAGIC) != JOURNAL_MAGIC || (type != JOURNAL_SUPER_V1 && type != JOURNAL_SUPER_V2))
		goto out;
	journal->length = get_be32(raw + JSB_MAXLEN);
	if (get_be32(raw + JSB_BLOCK_BYTES) != journal->fs->block_bytes || journal->length < 2 ||
	    journal->length > inode_blocks || journal->length > JOURNAL_BLOCKS_MAX)
		goto out;
	journal->first = get_be32(raw + JSB_FIRST);
	journal->sequence = get_be32(raw + JSB_SEQUENCE);
	journal->start = get_be32(raw + JSB_START);
	journal->is_sound = true;
	if (type == JOURNAL_SUPER_V2) {
		journal->compat = get_be32(raw + JSB_COMPAT);
		journal->incompat = get_be32(raw + JSB_INCOMPAT);
		journal->is_sound = are_features_known(journal, raw);
	}
	journal->seed = ext2fs_crc32c_le(~0u, raw + JSB_UUID, 16);
	journal->tag_bytes = tag_bytes(journal);
	settle_end(journal, raw);
	if (!journal->first || journal->first >= journal->last)
		journal->is_sound = false;
	r = 0;
out:
	free(raw);
	return r;
}

static int open_inode(struct journal *journal, const struct inode *inode)
{
	int r = map_journal(journal, inode);

	return r ? r : read_super(journal, inode->size / journal->fs->block_bytes);
}

/* The superblock keeps the journal inode's i_block, and its size in the last two words. */
static int open_backup(struct journal *journal, uint8_t *raw)
{
	const struct ext2_super_block *super = journal->fs->ext2->super;
	struct inode inode = {
		.number = super->s_journal_inum,
		.mode = LINUX_S_IFREG,
		.links = 1,
		.size = super->s_jnl_blocks[16] | (uint64_t)super->s_jnl_blocks[15] << 32,
		.raw = raw,
		.map = raw,
	};

	if (super->s_jnl_backup_type != BACKUP_IS_BLOCKS)
		return -EUCLEAN;
	for (size_t i = 0; i < FS_INODE_MAP_BYTES / 4; i++)
		put_le32(raw + i * 4, super->s_jnl_blocks[i]);
	if (get_le16(raw) == 0xf30a) /* i_flags is not kept; the magic of an extent tree tells */
		inode.flags = EXT4_EXTENTS_FL;
	return open_inode(journal, &inode);
}

int journal_open(struct fs *fs, struct journal *journal)
{
	const struct ext2_super_block *super = fs->ext2->super;
	struct inode inode;
	uint8_t *raw;
	int r;

	*journal = (struct journal){ .fs = fs };
	if (!ext2fs_has_feature_journal(fs->ext2->super) || !super->s_journal_inum)
		return -ENOENT;
	raw = malloc(inode_bytes(fs));
	if (!raw)
		return -ENOMEM;
	r = inode_read(fs, super->s_journal_inum, raw, &inode);
	if (!r)
		r = LINUX_S_ISREG(inode.mode) && inode.links ? open_inode(journal, &inode) : -EUCLEAN;
	if (r && r != -ENOMEM && r != -EIO)
		r = open_backup(journal, raw);
	free(raw);
	return r;
}

void journal_close(struct journal *journal)
{
	free(journal->run);
	*journal = (struct journal){ 0 };
}
