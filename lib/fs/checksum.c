// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where two copies with one history differ, metadata checksums may tell which is right: but only if
 * every block that differs is proven right on one side and wrong on the other, and always the same
 * way. Blocks that both sides wrote are right on both, and silence the voice.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/verify.h"

enum { END_OF_WALK = 1 };

struct hearing {
	struct bitset *left; /* differing units not yet judged */
	uint32_t units_per_block;
	struct side reference;
	struct side copy;
	enum checksum_voice voice; /* so far */
	bool is_silenced;
};

static void judge_block(struct hearing *hearing, const struct owned *owned, uint64_t block)
{
	enum proof reference, copy;
	enum checksum_voice voice;

	if (fs_read_block(hearing->reference.fs, block, hearing->reference.block) ||
	    fs_read_block(hearing->copy.fs, block, hearing->copy.block)) {
		hearing->is_silenced = true;
		return;
	}
	if (!memcmp(hearing->reference.block, hearing->copy.block, hearing->reference.fs->block_bytes))
		return; /* it is a third copy that differs here */
	reference = verify_block(&hearing->reference, owned, block, hearing->copy.block);
	copy = verify_block(&hearing->copy, owned, block, hearing->reference.block);
	if (reference == PROOF_RIGHT && copy == PROOF_WRONG)
		voice = CHECKSUM_REFERENCE;
	else if (reference == PROOF_WRONG && copy == PROOF_RIGHT)
		voice = CHECKSUM_COPY;
	else
		voice = CHECKSUM_SILENT;
	if (voice == CHECKSUM_SILENT || (hearing->voice != CHECKSUM_SILENT && hearing->voice != voice))
		hearing->is_silenced = true;
	hearing->voice = voice;
}

static int on_owned(void *context, const struct owned *owned)
{
	struct hearing *hearing = context;
	uint64_t per_block = hearing->units_per_block;
	uint64_t end = (owned->run.first + owned->run.count) * per_block;
	uint64_t unit = owned->run.first * per_block, first, count;

	while (!hearing->is_silenced && bitset_next_run(hearing->left, unit, 1, &first, &count) && first < end) {
		uint64_t block = first / per_block;

		judge_block(hearing, owned, block);
		unit = (block + 1) * per_block;
		for (uint64_t i = block * per_block; i < unit && i < hearing->left->bits; i++)
			bitset_clear(hearing->left, i);
		if (unit >= hearing->left->bits)
			break;
	}
	return hearing->is_silenced ? END_OF_WALK : 0;
}

static int open_side(struct side *side, struct fs *fs)
{
	int r;

	side->fs = fs;
	side->block = malloc(fs->block_bytes);
	if (!side->block)
		return -ENOMEM;
	r = journal_open(fs, &side->journal);
	side->has_journal = !r;
	return r == -ENOMEM ? r : 0;
}

static void close_side(struct side *side)
{
	journal_close(&side->journal);
	free(side->block);
}

static bool are_comparable(const struct fs *reference, const struct fs *copy)
{
	const struct ext2_super_block *a = reference->ext2->super, *b = copy->ext2->super;

	if (a->s_blocks_per_group != b->s_blocks_per_group || a->s_clusters_per_group != b->s_clusters_per_group ||
	    a->s_inodes_per_group != b->s_inodes_per_group || EXT2_INODE_SIZE(a) != EXT2_INODE_SIZE(b) ||
	    reference->ext2->desc_blocks != copy->ext2->desc_blocks)
		return false;
	return !reference->is_uncertain && !copy->is_uncertain &&
	       ext2fs_has_feature_metadata_csum(reference->ext2->super) &&
	       ext2fs_has_feature_metadata_csum(copy->ext2->super) && reference->block_bytes == copy->block_bytes &&
	       reference->blocks == copy->blocks && reference->groups == copy->groups;
}

enum checksum_voice fs_checksum_voice(struct fs *reference, struct fs *copy, const struct bitset *differing,
                                      uint32_t unit_bytes)
{
	struct hearing hearing = { .units_per_block = reference->block_bytes / unit_bytes };
	struct walk_sink sink = { .owned = on_owned, .context = &hearing };
	uint64_t first, count;
	int r;

	if (!are_comparable(reference, copy))
		return CHECKSUM_SILENT;
	hearing.left = bitset_new(differing->bits);
	r = open_side(&hearing.reference, reference);
	if (!r)
		r = open_side(&hearing.copy, copy);
	if (r || !hearing.left) {
		r = -ENOMEM;
		goto out;
	}
	bitset_or(hearing.left, differing);
	r = fs_walk(reference, &sink);
	if (!r) /* what only the copy owns: the reference's own tree may be the damaged one */
		r = fs_walk(copy, &sink);
out:
	/* a block that nobody owns has no checksum */
	if (r || bitset_next_run(hearing.left, 0, 1, &first, &count))
		hearing.voice = CHECKSUM_SILENT;
	close_side(&hearing.copy);
	close_side(&hearing.reference);
	bitset_free(hearing.left);
	return hearing.voice;
}
