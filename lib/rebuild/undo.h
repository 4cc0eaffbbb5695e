/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The undo file: what a rebuild overwrites, saved before it is overwritten, so that it can be put back
 * exactly. Little-endian.
 *
 *     header, 4096 bytes: 0 magic "SVCUNDO" and NUL; 8 le32 version 1; 12 le32 copies;
 *         16 le64 time, seconds since 1970; 24 lv_uuid[40];
 *         64 + 128 n, for copy n: name[16], pv_uuid[40], le64 device_bytes,
 *         rebuilt_uuid[40], zeros;
 *         4092 le32 crc32 of the rest
 *     entries, one after another: 0 magic "SAVE"; 4 le32 crc32 of the rest of the entry; 8 le32 copy;
 *         12 le32 bytes (0: a finished rebuild's last entry); 16 le32 stored bytes (fewer than bytes: zlib);
 *         20 le32 group; 24 le64 offset in the device; 32 le64 how far the file had been synced;
 *         40 the stored bytes
 *
 * An entry counts from when the file was synced after it; only then is the copy written. A torn last
 * entry therefore is one whose bytes were never overwritten; a damaged one among those that were synced
 * makes the whole file unusable. Entries are put back last to first, and
 * what one group put back is durable before the next group's turn: as the copy was flushed then.
 */
#ifndef SVC_UNDO_H
#define SVC_UNDO_H

#include "base/error.h"
#include "model.h"

struct undo;

enum { UNDO_CHUNK_BYTES = 512 << 10 }; /* an entry's bytes at most */

struct undo_copy {
	char name[16];
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

/*
 * Creates the file or, where `append`, goes on with that of an interrupted rebuild: its header must name the
 * same mirror and copies. A file that holds nothing yet counts as none. limit_bytes bounds the file's size;
 * 0: no limit. -EEXIST (a finished rebuild's, or not to be gone on with), -EINVAL (another rebuild's file),
 * -EBADMSG (something else), -errno, with a sentence.
 */
int undo_create(const char *path, const struct undo_header *header, bool append, uint64_t limit_bytes,
                struct undo **undo, struct svc_error *error);

/* Adds `length` bytes as they are now at `offset` of copy `copy`'s device. -EFBIG: over the limit. */
int undo_save(struct undo *undo, int copy, uint64_t offset, const void *bytes, size_t length);

/* What was saved so far is durable when it returns 0. */
int undo_sync(struct undo *undo);
/* The rebuild is done: ends the file with an entry of no bytes, so that damage to the last ones shows. */
int undo_finish(struct undo *undo);
/* The copy was flushed: a new group begins. */
void undo_barrier(struct undo *undo);
uint64_t undo_size(const struct undo *undo);
void undo_close(struct undo *undo); /* NULL is fine */

/* Opens a file to put its entries back. -EBADMSG where it is not an undo file. */
int undo_open(const char *path, struct undo **undo, struct svc_error *error);
const struct undo_header *undo_header(const struct undo *undo);
size_t undo_entries(const struct undo *undo);

/* Whether the rebuild came to its end, or the file was put back. */
bool undo_is_finished(const struct undo *undo);

/* Whether any entry belongs to this copy. */
bool undo_touches(const struct undo *undo, int copy);

/*
 * Entry number `entry` (0 is the first): where it belongs, its group, and its bytes into buffer, which has room for
 * UNDO_CHUNK_BYTES. -EBADMSG where it is damaged.
 */
int undo_entry(struct undo *undo, size_t entry, int *copy, uint32_t *group, uint64_t *offset, void *buffer,
               size_t *length);

#endif
