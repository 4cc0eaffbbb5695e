// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The log's blocks, and the scan for its end: PASS_SCAN of fs/jbd2/recovery.c, with its distinction of
 * an interrupted commit, left-overs of an earlier round, and corruption.
 */
#include <errno.h>

#include "fs/journal_log.h"

struct cursor log_start(const struct journal *journal)
{
	return (struct cursor){
		.transaction = journal->sequence,
		.index = journal->start,
		.steps = journal->last - journal->first + 1, /* a full round, and the block that ends it */
	};
}

void log_advance(const struct journal *journal, struct cursor *at, uint32_t blocks)
{
	at->index += blocks;
	if (at->index >= journal->last)
		at->index -= journal->last - journal->first;
	at->steps = at->steps > blocks ? at->steps - blocks : 0;
}

static uint32_t crc_without_field(uint32_t seed, const uint8_t *raw, uint32_t bytes, uint32_t field)
{
	static const uint8_t zero[4];
	uint32_t crc = ext2fs_crc32c_le(seed, raw, field);

	crc = ext2fs_crc32c_le(crc, zero, sizeof(zero));
	return ext2fs_crc32c_le(crc, raw + field + 4, bytes - field - 4);
}

bool journal_tail_is_valid(uint32_t seed, const uint8_t *raw, uint32_t block_bytes)
{
	uint32_t field = block_bytes - JTAIL_BYTES;

	return crc_without_field(seed, raw, block_bytes, field) == get_be32(raw + field);
}

bool journal_commit_is_valid(uint32_t seed, const uint8_t *raw, uint32_t block_bytes)
{
	return crc_without_field(seed, raw, block_bytes, JCOMMIT_CHECKSUM) == get_be32(raw + JCOMMIT_CHECKSUM);
}

bool log_next_tag(const struct journal *journal, const uint8_t *raw, uint32_t *offset, struct tag *tag)
{
	uint32_t limit = journal->fs->block_bytes - (journal_has_checksums(journal) ? JTAIL_BYTES : 0);
	const uint8_t *at = raw + *offset;
	uint16_t flags;

	if (*offset + journal->tag_bytes > limit)
		return false;
	flags = (uint16_t)(at[JTAG_FLAGS] << 8 | at[JTAG_FLAGS + 1]);
	tag->block = get_be32(at + JTAG_BLOCK);
	if (journal->incompat & JOURNAL_INCOMPAT_64BIT)
		tag->block |= (uint64_t)get_be32(at + JTAG_BLOCK_HIGH) << 32;
	tag->is_escaped = flags & JTAG_ESCAPED;
	tag->checksum = journal->incompat & JOURNAL_INCOMPAT_CSUM_V3
	                        ? get_be32(at + JTAG_CHECKSUM_32)
	                        : (uint32_t)(at[JTAG_CHECKSUM_16] << 8 | at[JTAG_CHECKSUM_16 + 1]);
	*offset += journal->tag_bytes + (flags & JTAG_SAME_UUID ? 0 : JTAG_UUID_BYTES);
	if (flags & JTAG_LAST)
		*offset = limit;
	return true;
}

static uint32_t count_tags(const struct journal *journal, const uint8_t *raw)
{
	uint32_t offset = JH_BYTES, count = 0;
	struct tag tag;

	while (log_next_tag(journal, raw, &offset, &tag))
		count++;
	return count;
}

struct scan {
	struct journal *journal;
	uint8_t *block;
	uint8_t *data;
	uint32_t end;
	struct cursor at;
	uint32_t crc;            /* v1 */
	uint64_t commit_seconds; /* of the last good commit */
	bool has_bad_block;      /* a descriptor or revoke block with a wrong checksum: stale, or corrupt? */
	bool has_end;
	bool is_corrupt; /* jbd2 would refuse to go on */
};

/* Transaction checksum, v1: descriptor and contents, crc32 big-endian. */
static int add_to_checksum(struct scan *scan, uint32_t tags)
{
	uint32_t bytes = scan->journal->fs->block_bytes;

	scan->crc = ext2fs_crc32_be(scan->crc, scan->block, bytes);
	for (; tags; tags--) {
		int r = journal_read(scan->journal, scan->at.index, scan->data);

		if (r < 0)
			return r;
		scan->crc = ext2fs_crc32_be(scan->crc, scan->data, bytes);
		log_advance(scan->journal, &scan->at, 1);
	}
	return 0;
}

static bool is_v1_sum_valid(const struct scan *scan, const uint8_t *block)
{
	uint32_t found = get_be32(block + JCOMMIT_CHECKSUM);

	return (scan->crc == found && block[JCOMMIT_TYPE] == JOURNAL_CRC32 && block[JCOMMIT_SIZE] == 4) ||
	       (!block[JCOMMIT_TYPE] && !block[JCOMMIT_SIZE] && !found);
}

/*
 * A commit block in its place. True: the scan goes on. A transaction with a wrong checksum whose
 * commit is older than the one before is a left-over of an earlier round and just ends the log.
 */
static bool scan_commit(struct scan *scan)
{
	const struct journal *journal = scan->journal;
	uint64_t seconds =
		(uint64_t)get_be32(scan->block + JCOMMIT_SECONDS) << 32 | get_be32(scan->block + JCOMMIT_SECONDS + 4);
	bool is_valid = true;

	if (scan->has_bad_block) {
		scan->is_corrupt = seconds >= scan->commit_seconds;
		return false;
	}
	if (journal->compat & JOURNAL_COMPAT_CHECKSUM) {
		if (scan->has_end) { /* a second bad one after a bad one: not an interrupted commit */
			scan->is_corrupt = true;
			return false;
		}
		is_valid = is_v1_sum_valid(scan, scan->block);
		scan->crc = ~0u;
	}
	if (is_valid && journal_has_checksums(journal))
		is_valid = journal_commit_is_valid(journal->seed, scan->block, journal->fs->block_bytes);
	if (!is_valid) {
		if (seconds < scan->commit_seconds)
			return false;
		scan->end = scan->at.transaction;
		scan->has_end = true;
		if (!(journal->incompat & JOURNAL_INCOMPAT_ASYNC_COMMIT)) {
			scan->is_corrupt = true;
			return false;
		}
	}
	scan->commit_seconds = seconds;
	scan->at.transaction++;
	return true;
}

int log_scan(struct journal *journal, uint8_t *block, uint8_t *data, uint32_t *end)
{
	struct scan scan = {
		.journal = journal,
		.block = block,
		.data = data,
		.at = log_start(journal),
		.crc = ~0u,
	};
	bool goes_on = true;
	int r = 0;

	while (goes_on && !r) {
		uint32_t type, tags;

		if (!scan.at.steps) /* no log fills its ring: jbd2 keeps a block free */
			return -EUCLEAN;
		r = journal_read(journal, scan.at.index, block);
		if (r < 0)
			return r;
		type = get_be32(block + JH_TYPE);
		if (get_be32(block + JH_MAGIC) != JOURNAL_MAGIC || get_be32(block + JH_SEQUENCE) != scan.at.transaction)
			break;
		log_advance(journal, &scan.at, 1);
		if ((type == JOURNAL_DESCRIPTOR || type == JOURNAL_REVOKE) && journal_has_checksums(journal) &&
		    !journal_tail_is_valid(journal->seed, block, journal->fs->block_bytes))
			scan.has_bad_block = true;
		if (type == JOURNAL_DESCRIPTOR) {
			tags = count_tags(journal, block);
			if (journal->compat & JOURNAL_COMPAT_CHECKSUM && !scan.has_bad_block && !scan.has_end)
				r = add_to_checksum(&scan, tags);
			else
				log_advance(journal, &scan.at, tags);
		} else if (type == JOURNAL_COMMIT) {
			goes_on = scan_commit(&scan);
		} else if (type != JOURNAL_REVOKE) {
			break;
		}
	}
	if (!scan.has_end)
		scan.end = scan.at.transaction;
	*end = scan.end;
	return r ? r : scan.is_corrupt ? -EUCLEAN : 0;
}
