// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What recovery would write, without writing it (fs/jbd2/recovery.c): after the scan for the log's end,
 * walks over the same part collect the tags, apply the revokes and verify the logged blocks. Only the
 * last content of each block is kept, so that memory is bounded by the length of the log, and no walk
 * takes more steps than the log has blocks.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/journal_log.h"

enum {
	FC_TAG_HEAD = 9, /* EXT4_FC_TAG_HEAD: le16 tag, le16 length, le32 features, le32 transaction */
};

struct tagged {
	uint64_t block;
	uint32_t order; /* position in the walk: the later one wins */
	uint32_t index; /* of the content, within the journal */
	uint32_t transaction;
	uint32_t revoked_by; /* the newest transaction that revokes the block */
	bool is_revoked;
	bool is_escaped;
};

struct replay {
	struct journal *journal;
	uint8_t *block;
	uint8_t *data;
	uint32_t end; /* first transaction that is not replayed */
	struct tagged *tag;
	size_t tags;
	size_t room;
};

struct visitor {
	int (*tag)(struct replay *replay, const struct tag *tag);
	int (*revoke)(struct replay *replay, uint32_t transaction);
};

static int visit_descriptor(struct replay *replay, struct cursor *at, const struct visitor *visitor)
{
	uint32_t offset = JH_BYTES;
	struct tag tag;

	while (log_next_tag(replay->journal, replay->block, &offset, &tag)) {
		int r;

		tag.index = at->index;
		tag.transaction = at->transaction;
		r = visitor->tag ? visitor->tag(replay, &tag) : 0;
		if (r)
			return r;
		log_advance(replay->journal, at, 1);
	}
	return 0;
}

/* Every block of the transactions before replay->end, once more. */
static int visit_log(struct replay *replay, const struct visitor *visitor)
{
	struct journal *journal = replay->journal;
	struct cursor at = log_start(journal);
	int r = 0;

	while (!r && !is_at_or_after(at.transaction, replay->end)) {
		uint32_t type;

		r = at.steps ? journal_read(journal, at.index, replay->block) : -EUCLEAN;
		if (r < 0)
			return r;
		type = get_be32(replay->block + JH_TYPE);
		if (get_be32(replay->block + JH_MAGIC) != JOURNAL_MAGIC ||
		    get_be32(replay->block + JH_SEQUENCE) != at.transaction)
			return -EUCLEAN; /* the medium changed under us */
		log_advance(journal, &at, 1);
		if (type == JOURNAL_DESCRIPTOR)
			r = visit_descriptor(replay, &at, visitor);
		else if (type == JOURNAL_COMMIT)
			at.transaction++;
		else if (type == JOURNAL_REVOKE && visitor->revoke)
			r = visitor->revoke(replay, at.transaction);
		else if (type != JOURNAL_REVOKE)
			return -EUCLEAN;
	}
	return r;
}

static int collect_tag(struct replay *replay, const struct tag *tag)
{
	struct fs *fs = replay->journal->fs;

	if (tag->block >= fs->dev->size_bytes / fs->block_bytes || replay->tags > replay->journal->length)
		return -EUCLEAN;
	if (replay->tags == replay->room) {
		size_t room = replay->room ? replay->room * 2 : 64;
		struct tagged *more = realloc(replay->tag, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		replay->tag = more;
		replay->room = room;
	}
	replay->tag[replay->tags] = (struct tagged){
		.block = tag->block,
		.order = (uint32_t)replay->tags,
		.index = tag->index,
		.transaction = tag->transaction,
		.is_escaped = tag->is_escaped,
	};
	replay->tags++;
	return 0;
}

static int compare_tagged(const void *left, const void *right)
{
	const struct tagged *a = left, *b = right;

	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void keep_last_of_each(struct replay *replay)
{
	size_t kept = 0;

	if (replay->tags)
		qsort(replay->tag, replay->tags, sizeof(*replay->tag), compare_tagged);
	for (size_t i = 0; i < replay->tags; i++)
		if (i + 1 == replay->tags || replay->tag[i + 1].block != replay->tag[i].block)
			replay->tag[kept++] = replay->tag[i];
	replay->tags = kept;
}

static struct tagged *find_tagged(const struct replay *replay, uint64_t block)
{
	size_t low = 0, high = replay->tags;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (replay->tag[middle].block < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low < replay->tags && replay->tag[low].block == block ? &replay->tag[low] : NULL;
}

/* scan_revoke_records() */
static int revoke_block(struct replay *replay, uint32_t transaction)
{
	const struct journal *journal = replay->journal;
	bool is_64bit = journal->incompat & JOURNAL_INCOMPAT_64BIT;
	uint32_t limit = journal->fs->block_bytes - (journal_has_checksums(journal) ? JTAIL_BYTES : 0);
	uint32_t used = get_be32(replay->block + JREVOKE_COUNT), width = is_64bit ? 8 : 4;

	if (used > limit)
		return -EUCLEAN;
	for (uint32_t offset = JREVOKE_BYTES; offset + width <= used; offset += width) {
		uint64_t block = get_be32(replay->block + offset);
		struct tagged *tagged;

		if (is_64bit)
			block = block << 32 | get_be32(replay->block + offset + 4);
		tagged = find_tagged(replay, block);
		if (!tagged || (tagged->is_revoked && is_at_or_after(tagged->revoked_by, transaction)))
			continue;
		tagged->is_revoked = true;
		tagged->revoked_by = transaction;
	}
	return 0;
}

/* A revoke covers what its own transaction and earlier ones logged of the block. */
static bool is_revoked(const struct tagged *tagged, uint32_t transaction)
{
	return tagged->is_revoked && is_at_or_after(tagged->revoked_by, transaction);
}

static int verify_tag(struct replay *replay, const struct tag *tag)
{
	const struct journal *journal = replay->journal;
	const struct tagged *tagged = find_tagged(replay, tag->block);
	uint8_t number[4];
	uint32_t crc;
	int r;

	if (!tagged)
		return -EUCLEAN;
	if (is_revoked(tagged, tag->transaction))
		return 0;
	r = journal_read(replay->journal, tag->index, replay->data);
	if (r < 0)
		return r;
	for (int i = 0; i < 4; i++)
		number[i] = (uint8_t)(tag->transaction >> (24 - 8 * i));
	crc = ext2fs_crc32c_le(journal->seed, number, sizeof(number));
	crc = ext2fs_crc32c_le(crc, replay->data, journal->fs->block_bytes);
	if (!(journal->incompat & JOURNAL_INCOMPAT_CSUM_V3))
		crc &= 0xffff;
	return crc == tag->checksum ? 0 : -EUCLEAN;
}

/* ext4_fc_replay_scan(): the area counts if its first block starts with a head for this very log. */
static int refuse_fast_commits(struct replay *replay)
{
	struct journal *journal = replay->journal;
	int r;

	/* The area starts one block after the log proper ends: jbd2's j_fc_first. */
	if (!(journal->incompat & JOURNAL_INCOMPAT_FAST_COMMIT) || journal->last + 1 >= journal->length)
		return 0;
	r = journal_read(journal, journal->last + 1, replay->block);
	if (r < 0)
		return r;
	if (get_le16(replay->block) == FC_TAG_HEAD && get_le32(replay->block + 8) == replay->end)
		return -EUCLEAN;
	return 0;
}

static int make_overlay(const struct replay *replay, struct overlay *overlay)
{
	if (!replay->tags)
		return 0;
	overlay->item = calloc(replay->tags, sizeof(*overlay->item));
	if (!overlay->item)
		return -ENOMEM;
	for (size_t i = 0; i < replay->tags; i++) {
		const struct tagged *tagged = &replay->tag[i];
		struct overlay_block *item = &overlay->item[overlay->count];

		if (is_revoked(tagged, tagged->transaction))
			continue;
		if (!journal_locate(replay->journal, tagged->index, &item->source))
			return -EUCLEAN;
		item->block = tagged->block;
		item->is_escaped = tagged->is_escaped;
		overlay->count++;
	}
	return 0;
}

int journal_replay(struct journal *journal, struct overlay *overlay)
{
	const struct visitor collect = { .tag = collect_tag };
	const struct visitor revoke = { .revoke = revoke_block };
	const struct visitor verify = { .tag = verify_tag };
	struct replay replay = { .journal = journal };
	int r;

	if (!journal->is_sound)
		return -EUCLEAN;
	if (!journal->start) /* as unmounting leaves it */
		return 0;
	replay.block = malloc(journal->fs->block_bytes);
	replay.data = malloc(journal->fs->block_bytes);
	r = replay.block && replay.data ? 0 : -ENOMEM;
	if (!r)
		r = log_scan(journal, replay.block, replay.data, &replay.end);
	if (!r)
		r = refuse_fast_commits(&replay);
	if (!r)
		r = visit_log(&replay, &collect);
	keep_last_of_each(&replay);
	if (!r)
		r = visit_log(&replay, &revoke);
	if (!r && journal_has_checksums(journal))
		r = visit_log(&replay, &verify);
	if (!r)
		r = make_overlay(&replay, overlay);
	free(replay.tag);
	free(replay.data);
	free(replay.block);
	return r;
}
