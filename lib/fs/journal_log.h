/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between log.c (the log's blocks, and where it ends) and replay.c (what they amount to). */
#ifndef SVC_JOURNAL_LOG_H
#define SVC_JOURNAL_LOG_H

#include "fs/fs_private.h"
#include "fs/journal_format.h"

/* One block of the file system as a descriptor block names it. */
struct tag {
	uint64_t block;
	uint32_t index; /* of the content, within the journal */
	uint32_t transaction;
	uint32_t checksum;
	bool is_escaped;
};

/* A place in the log. */
struct cursor {
	uint32_t transaction;
	uint32_t index;
	uint32_t steps; /* blocks left before the walk has gone around */
};

static inline bool is_at_or_after(uint32_t a, uint32_t b) /* transaction numbers wrap around */
{
	return (int32_t)(a - b) >= 0;
}

struct cursor log_start(const struct journal *journal);
void log_advance(const struct journal *journal, struct cursor *at, uint32_t blocks);

/* The tag at *offset of descriptor block `raw`, where the first stands at JH_BYTES; false at the end. */
bool log_next_tag(const struct journal *journal, const uint8_t *raw, uint32_t *offset, struct tag *tag);

/*
 * Finds the first transaction that is not to be replayed. `block` and `data` hold a block each.
 * 0; -EUCLEAN where jbd2 would call the journal corrupt; -EIO, -ENOMEM.
 */
int log_scan(struct journal *journal, uint8_t *block, uint8_t *data, uint32_t *end);

#endif
