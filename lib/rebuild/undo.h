/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The undo file: what a rebuild overwrites, saved before it is overwritten, and checksums of what it writes
 * in its place, so that it can be put back exactly and nothing else is taken for it. Little-endian.
 *
 *     header, 4096 bytes: 0 magic "SVCUNDO" and NUL; 8 le32 version 2; 12 le32 copies;
 *         16 le64 time, seconds since 1970; 24 lv_uuid[40];
 *         64 + 128 n, for copy n: 16 zeros, pv_uuid[40], le64 device_bytes,
 *         rebuilt_uuid[40], zeros;
 *         1088 + 256 n, for copy n: name[256]
 *         4092 le32 crc32 of the rest
 *     in version 1, which is read too, name[16] is where those zeros are: cut to 15 characters
 *     notes, 4096 bytes: at 512 n, where enum undo_state n + 1 has been reached (else zeros): 0 magic "NOTE";
 *         4 le32 crc32 of the rest of the 512 bytes; 8 le32 the state; 16 le64 where the entries end;
 *         at 1536 likewise "SYNC": 4 le32 crc32, 16 le64 how far the file was synced: at least so far
 *     entries, one after another: 0 magic "SAVE"; 4 le32 crc32 of the rest of the entry; 8 le32 copy;
 *         12 le32 bytes; 16 le32 stored bytes (fewer than bytes: zlib); 20 le32 group;
 *         24 le64 offset in the device; 32 le64 how far the file had been synced; 40 le32 run;
 *         44 le32 how many of the bytes could not be read, so that zeros were saved;
 *         48 le32 crc32 of each 512 of the new bytes; then the stored bytes
 *
 * Where the new bytes are the old ones the place is only there to be looked at: it stays as it is.
 *
 * An entry counts from when the file was synced after it; only then is the copy written. A torn last
 * entry therefore is one whose bytes were never overwritten; a damaged one among those that were synced
 * makes the whole file unusable, and so does an end before what is noted as synced. The notes' room is there from the beginning: they can be made on a full disk.
 *
 * A group's entries had reached the medium before the next group's first one was saved; except a run's last
 * group, a run being a rebuild from its start to its end or interruption: those may have been lost. Entries
 * are put back last to first, and what one group put back is durable before the next group's turn: as the
 * copy was flushed then.
 */
#ifndef SVC_UNDO_H
#define SVC_UNDO_H

#include "base/error.h"
#include "model.h"

struct undo;

enum {
	UNDO_CHUNK_BYTES = 512 << 10, /* an entry's bytes at most */
	UNDO_PIECE_BYTES = 512,       /* what has a checksum of its own: media write it whole or not at all */
	UNDO_PIECES_MAX = UNDO_CHUNK_BYTES / UNDO_PIECE_BYTES,
};

enum undo_state {
	UNDO_OPEN,     /* the rebuild is under way or was interrupted */
	UNDO_FINISHED, /* it came to its end: the copies hold what it wrote */
	UNDO_BEGUN,    /* putting back was begun */
	UNDO_DONE,     /* all was put back */
};

struct undo_copy {
	char name[SVC_NAME_SIZE];
	char pv_uuid[LVM_UUID_SIZE]; /* empty: none */
	uint64_t device_bytes;
	char rebuilt_uuid[LVM_UUID_SIZE]; /* of the PV that the rebuild makes of it; empty: the same */
};

struct undo_header {
	int64_t time;
	char lv_uuid[LVM_UUID_SIZE];
	int copies;
	struct undo_copy copy[SVC_COPIES_MAX];
};

/* One entry: a place on a copy that was about to be overwritten. */
struct undo_place {
	uint64_t at;     /* of the entry, in the file */
	uint64_t offset; /* in the device */
	uint32_t bytes;
	uint32_t group;
	uint32_t run;
	uint8_t copy;
	uint32_t lost_bytes; /* that could not be read when they were saved: zeros stand for them */
	bool is_doubtful;    /* saved in the last group of a run that ended early: perhaps never overwritten */
};

/*
 * Whether something is at `path` that a rebuild would go on with. 0: the file can be made there, also where an empty one
 * holds the name. -EEXIST with a sentence: a symbolic link to none of these, which the new file would replace.
 */
int undo_is_there(const char *path, struct svc_error *error);

/*
 * Creates the file, or goes on with that of an interrupted rebuild: its header must name the same mirror and
 * copies, and the caller has made sure with undo_look that they hold what it knows. limit_bytes bounds the
 * file's size; 0: no limit. -EEXIST (not open any more), -EINVAL (another rebuild's file), -EBADMSG (something
 * else), -errno, with a sentence.
 */
int undo_create(const char *path, const struct undo_header *header, uint64_t limit_bytes, struct undo **undo,
                struct svc_error *error);

/*
 * Adds the `length` bytes that are at `offset` of copy `copy`'s device and those that will be. The offset is a
 * multiple of UNDO_PIECE_BYTES, the length too unless it ends the device. `lost_bytes` of the old ones could not be read
 * and are zeros. -EFBIG: over the limit.
 */
int undo_save(struct undo *undo, int copy, uint64_t offset, const void *old, const void *new, size_t length,
              size_t lost_bytes);

/* What was saved so far is durable when it returns 0. */
int undo_sync(struct undo *undo);
/* Copy `copy` was flushed: a new group begins where no other copy has entries in this one that were not. */
void undo_barrier(struct undo *undo, int copy);
/* Notes that this state has been reached, durably. After that no entries are added. */
int undo_note(struct undo *undo, enum undo_state state);
uint64_t undo_size(const struct undo *undo);
/* The first error that saving met, -errno: it is the undo file's and not the copy's. 0: none. */
int undo_failure(const struct undo *undo);
void undo_close(struct undo *undo); /* NULL is fine */

/* Opens a file to look at its entries; is_written: notes will be made. -EBADMSG where it is not an undo file. */
int undo_open(const char *path, bool is_written, struct undo **undo, struct svc_error *error);
/* The header alone, of a file that need not be whole behind it. -EBADMSG where there is none, or -errno. */
int undo_read_header(const char *path, struct undo_header *header);
const struct undo_header *undo_header(const struct undo *undo);
enum undo_state undo_state(const struct undo *undo);

/* The file's copy n among copies of these names; -1: none is it. Pure. */
int undo_find_copy(const struct undo *undo, int n, const struct copy *copy, int copies);

/* Whether both are about the same mirror and the same copies. Pure. */
bool undo_is_same_rebuild(const struct undo_header *x, const struct undo_header *y);

/* Whether any entry belongs to this copy. */
bool undo_touches(const struct undo *undo, int copy);

size_t undo_places(const struct undo *undo);
const struct undo_place *undo_place(const struct undo *undo, size_t n); /* 0: the first that was saved */

/*
 * What was at place n, into `old` (room for UNDO_CHUNK_BYTES), and the checksums of what the rebuild wrote
 * there, into `sums` (for UNDO_PIECES_MAX). -EBADMSG where it is damaged.
 */
int undo_load(struct undo *undo, size_t n, void *old, uint32_t *sums);

/* A piece's checksum. Pure. */
uint32_t undo_sum(const void *bytes, size_t length);

#endif
