/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What writing (undo.c) and reading (undo_read.c) the undo file share. The format: undo.h. */
#ifndef SVC_UNDO_FILE_H
#define SVC_UNDO_FILE_H

#include <time.h>

#include "rebuild/undo.h"

enum {
	UNDO_HEADER_BYTES = 4096,
	UNDO_HEADER_CRC = UNDO_HEADER_BYTES - 4,
	UNDO_COPY_OFFSET = 64,
	UNDO_COPY_BYTES = 128,
	UNDO_NAMES_OFFSET = UNDO_COPY_OFFSET + SVC_COPIES_MAX * UNDO_COPY_BYTES,
	UNDO_SHORT_NAME_SIZE = 16, /* version 1: with its NUL */
	UNDO_NOTE_BYTES = 512,
	UNDO_NOTES_OFFSET = UNDO_HEADER_BYTES,
	UNDO_SYNCED_OFFSET = UNDO_NOTES_OFFSET + UNDO_DONE * UNDO_NOTE_BYTES, /* the note of how far it was synced */
	UNDO_ENTRIES_OFFSET = 2 * UNDO_HEADER_BYTES,
	UNDO_ENTRY_BYTES = 48,
	UNDO_VERSION = 2,
};

_Static_assert(UNDO_NAMES_OFFSET + SVC_COPIES_MAX * SVC_NAME_SIZE <= UNDO_HEADER_CRC,
               "the header has room for all names");

extern const char undo_magic[8];
extern const char undo_entry_magic[4];
extern const char undo_note_magic[4];
extern const char undo_synced_magic[4];

struct undo {
	int fd;
	int failure;          /* the first error of saving */
	uint64_t end;         /* where the next entry goes */
	uint64_t synced;      /* what lies before is durable */
	uint64_t noted;       /* ... as far as the file's head says */
	time_t noted_seconds; /* CLOCK_MONOTONIC: when that was written */
	uint64_t limit_bytes; /* 0: none */
	uint32_t run;         /* of the entries that are added */
	uint32_t group;
	uint64_t in_group; /* bit per copy that was not flushed after an entry of the group at hand */
	enum undo_state state;
	struct undo_header header;
	bool has_short_names; /* version 1 */
	uint8_t *packed;      /* room for an entry */
	struct undo_place *place;
	size_t places; /* only of a file that is read */
};

struct undo *undo_new(int fd); /* closes fd where there is no memory */

static inline size_t undo_pieces(size_t length)
{
	return (length + UNDO_PIECE_BYTES - 1) / UNDO_PIECE_BYTES;
}

#endif
