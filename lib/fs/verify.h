/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is this side's content of a metadata block the one its checksum was made for? */
#ifndef SVC_FS_VERIFY_H
#define SVC_FS_VERIFY_H

#include "fs/walk.h"

enum proof {
	PROOF_NONE, /* there is no checksum, or none for all that differs */
	PROOF_RIGHT,
	PROOF_WRONG,
};

/* One side of a comparison. */
struct side {
	struct fs *fs;
	struct journal journal;
	bool has_journal;
	uint8_t *block; /* the content of the block at hand */
};

/*
 * Judges side->block, which is block number `block` of what `owned` describes. `other` is the other
 * side's content: only parts that differ are judged.
 */
enum proof verify_block(struct side *side, const struct owned *owned, uint64_t block, const uint8_t *other);

#endif
