/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "rebuild/undo_file.h"

enum { SAMPLE_BYTES = 4096 }; /* compressed on trial: bytes that do not shrink are stored as they are */

const char undo_magic[8] = "SVCUNDO";
const char undo_entry_magic[4] = { 'S', 'A', 'V', 'E' };
const char undo_note_magic[4] = { 'N', 'O', 'T', 'E' };
const char undo_synced_magic[4] = { 'S', 'Y', 'N', 'C' };

uint32_t undo_sum(const void *bytes, size_t length)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, length);
}

static int write_all(int fd, const void *bytes, size_t length, uint64_t offset)
{
	const uint8_t *from = bytes;

	while (length) {
		ssize_t n = pwrite(fd, from, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* -EFBIG is this file's own limit */
			return n == 0 ? -EIO : errno == EFBIG ? -ENOSPC : -errno;
		from += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static void format_header(const struct undo_header *header, uint8_t *raw)
{
	memset(raw, 0, UNDO_HEADER_BYTES);
	memcpy(raw, undo_magic, sizeof(undo_magic));
	put_le32(raw + 8, UNDO_VERSION);
	put_le32(raw + 12, (uint32_t)header->copies);
	put_le64(raw + 16, (uint64_t)header->time);
	memcpy(raw + 24, header->lv_uuid, strlen(header->lv_uuid));
	for (int i = 0; i < header->copies; i++) {
		uint8_t *at = raw + UNDO_COPY_OFFSET + i * UNDO_COPY_BYTES;

		memcpy(raw + UNDO_NAMES_OFFSET + i * SVC_NAME_SIZE, header->copy[i].name, strlen(header->copy[i].name));
		memcpy(at + 16, header->copy[i].pv_uuid, strlen(header->copy[i].pv_uuid));
		put_le64(at + 56, header->copy[i].device_bytes);
		memcpy(at + 64, header->copy[i].rebuilt_uuid, strlen(header->copy[i].rebuilt_uuid));
	}
	put_le32(raw + UNDO_HEADER_CRC, undo_sum(raw, UNDO_HEADER_CRC));
}

struct undo *undo_new(int fd)
{
	struct undo *undo = calloc(1, sizeof(*undo));

	if (undo) {
		undo->fd = fd;
		undo->noted = UNDO_ENTRIES_OFFSET;
		undo->packed = malloc(UNDO_ENTRY_BYTES + 4 * UNDO_PIECES_MAX + compressBound(UNDO_CHUNK_BYTES));
	}
	if (undo && undo->packed)
		return undo;
	free(undo);
	close(fd);
	return NULL;
}

/* The directory entry has to be durable too, or the file may be gone when it is needed. */
static int sync_directory(const char *path)
{
	char *name = strdup(path), *slash = name ? strrchr(name, '/') : NULL;
	int fd, code = name ? 0 : -ENOMEM;

	if (slash && slash != name)
		*slash = '\0';
	else if (slash)
		slash[1] = '\0';
	if (!code) {
		fd = open(slash ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		code = fd < 0 || fsync(fd) ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	free(name);
	return code;
}

/* Goes on with the file of an interrupted rebuild. */
static int go_on(const char *path, const struct undo_header *header, uint64_t limit_bytes, struct undo **undo,
                 struct svc_error *error)
{
	int code = undo_open(path, true, undo, error);

	if (code)
		return code;
	if (!undo_is_same_rebuild(&(*undo)->header, header)) {
		code = error_set(error, -EINVAL, "%s: this undo file belongs to another rebuild", path);
	} else if ((*undo)->state != UNDO_OPEN) {
		code = error_set(error, -EEXIST, "%s: an undo file is there already, and it is not this rebuild's",
		                 path);
	} else {
		const struct undo_place *last = (*undo)->places ? &(*undo)->place[(*undo)->places - 1] : NULL;

		(*undo)->limit_bytes = limit_bytes;
		(*undo)->run = last ? last->run + 1 : 0;
		(*undo)->group = last ? last->group + 1 : 0;
		/* What a crash left behind the last whole entry must not turn into entries when that place is written. */
		code = ftruncate((*undo)->fd, (off_t)(*undo)->end) ? -errno : undo_sync(*undo);
		if (!code)
			return 0;
		code = error_set(error, code, "%s: the undo file cannot be written: %s", path, strerror(-code));
	}
	error_next(error, "give another name with --save, or move the file away if it is not needed any more");
	undo_close(*undo);
	*undo = NULL;
	return code;
}

/* "DIR/FILE" -> "DIR/.FILE.new". NULL: no memory. */
static char *draft_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *draft;

	return asprintf(&draft, "%.*s.%s.new", (int)(name - path), path, name) < 0 ? NULL : draft;
}

/* The file gets its name when it is one: what an interruption leaves before that is in nobody's way. */
static int begin_file(struct undo *undo, const char *draft, const char *path)
{
	uint8_t raw[UNDO_ENTRIES_OFFSET] = { 0 };
	int code;

	format_header(&undo->header, raw);
	code = write_all(undo->fd, raw, sizeof(raw), 0);
	if (!code)
		code = undo_sync(undo);
	if (!code && rename(draft, path))
		code = -errno;
	return code ? code : sync_directory(path);
}

int undo_is_there(const char *path, struct svc_error *error)
{
	struct stat there;

	if (!stat(path, &there) && (there.st_size || !S_ISREG(there.st_mode)))
		return 1;
	if (lstat(path, &there) || !S_ISLNK(there.st_mode))
		return 0;
	error_set(error, -EEXIST, "%s: this is a symbolic link, and no undo file is where it leads", path);
	error_next(error, "give the name of the file itself with --save, or move the link away");
	return -EEXIST;
}

int undo_create(const char *path, const struct undo_header *header, uint64_t limit_bytes, struct undo **undo,
                struct svc_error *error)
{
	char *draft;
	int fd = -1, code = undo_is_there(path, error);

	*undo = NULL;
	if (code)
		return code > 0 ? go_on(path, header, limit_bytes, undo, error) : code;
	draft = draft_of(path);
	if (draft)
		fd = open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		code = error_set(error, draft ? -errno : -ENOMEM, "%s: the undo file cannot be made: %s", path,
		                 strerror(draft ? errno : ENOMEM));
		error_next(error, "give another place with --save FILE, or go without: --no-save");
		goto out;
	}
	*undo = undo_new(fd);
	if (!*undo) {
		code = error_set(error, -ENOMEM, "%s: out of memory", path);
		goto out;
	}
	(*undo)->header = *header;
	(*undo)->limit_bytes = limit_bytes;
	(*undo)->end = UNDO_ENTRIES_OFFSET;
	code = begin_file(*undo, draft, path);
	if (!code)
		goto out;
	undo_close(*undo);
	*undo = NULL;
	unlink(draft);
	error_set(error, code, "%s: the undo file cannot be written: %s", path, strerror(-code));
	error_next(error, "give another place with --save FILE, or go without: --no-save");
out:
	free(draft);
	return code;
}

/* Compresses where that pays; most of what is not text or zeros does not shrink, and trying it is slow. */
static size_t pack(const void *bytes, size_t length, uint8_t *packed)
{
	uint8_t trial[SAMPLE_BYTES + 64];
	uLongf size = sizeof(trial);
	size_t sample = length < SAMPLE_BYTES ? length : SAMPLE_BYTES;

	if (length && compress2(trial, &size, bytes, sample, Z_BEST_SPEED) == Z_OK && size < sample - sample / 8) {
		size = compressBound(UNDO_CHUNK_BYTES);
		if (compress2(packed, &size, bytes, length, Z_BEST_SPEED) == Z_OK && size < length)
			return size;
	}
	if (length)
		memcpy(packed, bytes, length);
	return length;
}

static int save_chunk(struct undo *undo, int copy, uint64_t offset, const uint8_t *old, const uint8_t *new,
                      size_t length, size_t lost_bytes)
{
	uint8_t *raw = undo->packed, *sums = raw + UNDO_ENTRY_BYTES;
	size_t pieces = undo_pieces(length), stored = pack(old, length, sums + 4 * pieces);
	size_t size = UNDO_ENTRY_BYTES + 4 * pieces + stored;
	int code;

	memset(raw, 0, UNDO_ENTRY_BYTES);
	memcpy(raw, undo_entry_magic, sizeof(undo_entry_magic));
	put_le32(raw + 8, (uint32_t)copy);
	put_le32(raw + 12, (uint32_t)length);
	put_le32(raw + 16, (uint32_t)stored);
	put_le32(raw + 20, undo->group);
	put_le64(raw + 24, offset);
	put_le64(raw + 32, undo->synced);
	put_le32(raw + 40, undo->run);
	put_le32(raw + 44, (uint32_t)lost_bytes);
	for (size_t i = 0, at = 0; i < pieces; i++, at += UNDO_PIECE_BYTES)
		put_le32(sums + 4 * i,
		         undo_sum(new + at, length - at < UNDO_PIECE_BYTES ? length - at : UNDO_PIECE_BYTES));
	put_le32(raw + 4, undo_sum(raw + 8, size - 8));
	if (undo->limit_bytes && undo->end + size > undo->limit_bytes)
		return -EFBIG;
	code = write_all(undo->fd, raw, size, undo->end);
	if (!code)
		undo->end += size;
	if (memcmp(old, new, length)) /* else there is no write to wait for */
		undo->in_group |= (uint64_t)1 << copy;
	return code;
}

int undo_save(struct undo *undo, int copy, uint64_t offset, const void *old, const void *new, size_t length,
              size_t lost_bytes)
{
	const uint8_t *was = old, *will_be = new;
	int code = offset % UNDO_PIECE_BYTES ? -EINVAL : 0;

	while (!code && length) {
		size_t chunk = length < UNDO_CHUNK_BYTES ? length : UNDO_CHUNK_BYTES;
		size_t lost = lost_bytes < chunk ? lost_bytes : chunk;

		code = save_chunk(undo, copy, offset, was, will_be, chunk, lost);
		lost_bytes -= lost;
		was += chunk;
		will_be += chunk;
		offset += chunk;
		length -= chunk;
	}
	if (code && !undo->failure)
		undo->failure = code;
	return code;
}

static int write_note(const struct undo *undo, const char magic[4], uint32_t state, uint64_t end, uint64_t at)
{
	uint8_t raw[UNDO_NOTE_BYTES] = { 0 };

	memcpy(raw, magic, sizeof(undo_note_magic));
	put_le32(raw + 8, state);
	put_le64(raw + 16, end);
	put_le32(raw + 4, undo_sum(raw + 8, sizeof(raw) - 8));
	return write_all(undo->fd, raw, sizeof(raw), at);
}

/*
 * How far it was synced, noted afterwards, and nobody waits for it: that tells a file that lost its end, or an entry that
 * was damaged, from one whose last entries never came to count. Once a second, for it is one block more for the medium
 * each time; and when the file is closed.
 */
static int note_synced(struct undo *undo, bool is_last)
{
	struct timespec now;
	int code;

	if (undo->state != UNDO_OPEN || undo->synced <= undo->noted)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!is_last && now.tv_sec <= undo->noted_seconds + 1)
		return 0;
	code = write_note(undo, undo_synced_magic, 0, undo->synced, UNDO_SYNCED_OFFSET);
	undo->noted = undo->synced;
	undo->noted_seconds = now.tv_sec;
	return code;
}

int undo_sync(struct undo *undo)
{
	int code = fdatasync(undo->fd) ? -errno : 0;

	if (!code) {
		undo->synced = undo->end;
		code = note_synced(undo, false);
	}
	if (!code)
		return 0;
	if (!undo->failure)
		undo->failure = code;
	return code;
}

void undo_close(struct undo *undo)
{
	if (!undo)
		return;
	note_synced(undo, true); /* should that fail, what is there is as good as before */
	close(undo->fd);
	free(undo->place);
	free(undo->packed);
	free(undo);
}

int undo_note(struct undo *undo, enum undo_state state)
{
	int code = undo_sync(undo);

	if (!code)
		code = write_note(undo, undo_note_magic, state, undo->end,
		                  UNDO_NOTES_OFFSET + (uint64_t)(state - UNDO_FINISHED) * UNDO_NOTE_BYTES);
	if (!code)
		code = undo_sync(undo);
	if (!code)
		undo->state = state;
	else if (!undo->failure)
		undo->failure = code;
	return code;
}

void undo_barrier(struct undo *undo, int copy)
{
	bool had_entries = undo->in_group != 0;

	undo->in_group &= ~((uint64_t)1 << copy);
	if (had_entries && !undo->in_group)
		undo->group++;
}

uint64_t undo_size(const struct undo *undo)
{
	return undo->end;
}

int undo_failure(const struct undo *undo)
{
	return undo->failure;
}
