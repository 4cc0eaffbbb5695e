/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"

enum {
	HEADER_BYTES = 4096,
	HEADER_CRC = HEADER_BYTES - 4,
	COPY_OFFSET = 64,
	COPY_BYTES = 128,
	ENTRY_BYTES = 40,
	VERSION = 1,
	TAIL_BYTES = 1 << 20,
	SAMPLE_BYTES = 4096, /* compressed on trial: bytes that do not shrink are stored as they are */
};

static const char magic[8] = "SVCUNDO";
static const char entry_magic[4] = { 'S', 'A', 'V', 'E' };

struct undo {
	int fd;
	uint64_t end;         /* where the next entry goes */
	uint64_t synced;      /* what lies before is durable */
	uint64_t limit_bytes; /* 0: none */
	uint32_t group;       /* of the entries that are added */
	struct undo_header header;
	uint8_t *packed; /* room for an entry */
	uint64_t *entry; /* offsets of all entries; only of a file that is read */
	size_t entries;
	uint64_t touched; /* bit per copy that has an entry */
	bool is_finished; /* the last entry says that the rebuild was done */
};

static uint32_t crc_of(const void *bytes, size_t length)
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
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* -ENODATA where the file ends first. */
static int read_all(int fd, void *bytes, size_t length, uint64_t offset)
{
	uint8_t *to = bytes;

	while (length) {
		ssize_t n = pread(fd, to, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		to += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static void format_header(const struct undo_header *header, uint8_t *raw)
{
	memset(raw, 0, HEADER_BYTES);
	memcpy(raw, magic, sizeof(magic));
	put_le32(raw + 8, VERSION);
	put_le32(raw + 12, (uint32_t)header->copies);
	put_le64(raw + 16, (uint64_t)header->time);
	memcpy(raw + 24, header->lv_uuid, strlen(header->lv_uuid));
	for (int i = 0; i < header->copies; i++) {
		uint8_t *at = raw + COPY_OFFSET + i * COPY_BYTES;

		memcpy(at, header->copy[i].name, strlen(header->copy[i].name));
		memcpy(at + 16, header->copy[i].pv_uuid, strlen(header->copy[i].pv_uuid));
		put_le64(at + 56, header->copy[i].device_bytes);
		memcpy(at + 64, header->copy[i].rebuilt_uuid, strlen(header->copy[i].rebuilt_uuid));
	}
	put_le32(raw + HEADER_CRC, crc_of(raw, HEADER_CRC));
}

static int parse_header(const uint8_t *raw, struct undo_header *header)
{
	memset(header, 0, sizeof(*header));
	if (memcmp(raw, magic, sizeof(magic)) || get_le32(raw + 8) != VERSION ||
	    get_le32(raw + HEADER_CRC) != crc_of(raw, HEADER_CRC) || get_le32(raw + 12) > SVC_COPIES_MAX)
		return -EBADMSG;
	header->copies = (int)get_le32(raw + 12);
	header->time = (int64_t)get_le64(raw + 16);
	memcpy(header->lv_uuid, raw + 24, LVM_UUID_SIZE - 1);
	for (int i = 0; i < header->copies; i++) {
		const uint8_t *at = raw + COPY_OFFSET + i * COPY_BYTES;

		memcpy(header->copy[i].name, at, sizeof(header->copy[i].name) - 1);
		memcpy(header->copy[i].pv_uuid, at + 16, LVM_UUID_SIZE - 1);
		header->copy[i].device_bytes = get_le64(at + 56);
		memcpy(header->copy[i].rebuilt_uuid, at + 64, LVM_UUID_SIZE - 1);
	}
	return 0;
}

static struct undo *undo_new(int fd)
{
	struct undo *undo = calloc(1, sizeof(*undo));

	if (undo) {
		undo->fd = fd;
		undo->packed = malloc(ENTRY_BYTES + compressBound(UNDO_CHUNK_BYTES));
	}
	if (undo && undo->packed)
		return undo;
	free(undo);
	close(fd);
	return NULL;
}

void undo_close(struct undo *undo)
{
	if (!undo)
		return;
	close(undo->fd);
	free(undo->entry);
	free(undo->packed);
	free(undo);
}

/* Reads and checks the entry at `at` into undo->packed. -ENODATA at the end, also at a torn one. */
static int load_entry(struct undo *undo, uint64_t at, size_t *stored)
{
	uint8_t *raw = undo->packed;
	int code = read_all(undo->fd, raw, ENTRY_BYTES, at);

	if (code)
		return code;
	*stored = get_le32(raw + 16);
	if (memcmp(raw, entry_magic, sizeof(entry_magic)) || *stored > UNDO_CHUNK_BYTES ||
	    get_le32(raw + 12) > UNDO_CHUNK_BYTES || *stored > get_le32(raw + 12))
		return -ENODATA;
	code = read_all(undo->fd, raw + ENTRY_BYTES, *stored, at + ENTRY_BYTES);
	if (!code && get_le32(raw + 4) != crc_of(raw + 8, ENTRY_BYTES - 8 + *stored))
		code = -ENODATA;
	return code;
}

/*
 * Whether the entry at `at`, which is not whole, was so once: one behind it says that the file was
 * synced further than here. A torn tail has none, whatever of it reached the disk.
 */
static int check_tail(struct undo *undo, uint64_t at)
{
	uint8_t *window = malloc(TAIL_BYTES);
	uint64_t from = at + 1;
	size_t stored, got;
	int code = window ? 0 : -ENOMEM;

	while (!code) {
		ssize_t n = pread(undo->fd, window, TAIL_BYTES, (off_t)from);

		got = n > 0 ? (size_t)n : 0;
		if (n < 0)
			code = -errno;
		if (got < sizeof(entry_magic))
			break;
		for (size_t i = 0; i + sizeof(entry_magic) <= got && !code; i++) {
			if (memcmp(window + i, entry_magic, sizeof(entry_magic)))
				continue;
			code = load_entry(undo, from + i, &stored);
			if (!code && get_le64(undo->packed + 32) > at)
				code = -EBADMSG;
			else if (code == -ENODATA)
				code = 0;
		}
		from += got - sizeof(entry_magic) + 1;
	}
	free(window);
	return code;
}

/*
 * Walks all entries; remembers their offsets. Sets undo->end behind the last whole one. -EBADMSG where a
 * damaged entry lies among whole ones: without it nothing may be put back.
 */
static int index_entries(struct undo *undo)
{
	size_t room = 0, stored;
	int code;

	undo->end = HEADER_BYTES;
	while (!(code = load_entry(undo, undo->end, &stored))) {
		if (undo->entries == room) {
			uint64_t *more = reallocarray(undo->entry, room = room ? 2 * room : 256, sizeof(*more));

			if (!more)
				return -ENOMEM;
			undo->entry = more;
		}
		undo->entry[undo->entries++] = undo->end;
		undo->group = get_le32(undo->packed + 20) + 1;
		undo->is_finished = !get_le32(undo->packed + 12);
		if (!undo->is_finished && get_le32(undo->packed + 8) < SVC_COPIES_MAX)
			undo->touched |= (uint64_t)1 << get_le32(undo->packed + 8);
		undo->end += ENTRY_BYTES + stored;
	}
	return code == -ENODATA ? check_tail(undo, undo->end) : code;
}

int undo_open(const char *path, struct undo **undo, struct svc_error *error)
{
	uint8_t raw[HEADER_BYTES];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int code;

	*undo = NULL;
	if (fd < 0)
		return error_set(error, -errno, "%s: the undo file cannot be opened: %s", path, strerror(errno));
	*undo = undo_new(fd);
	if (!*undo)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	code = read_all(fd, raw, sizeof(raw), 0);
	if (!code)
		code = parse_header(raw, &(*undo)->header);
	if (!code)
		code = index_entries(*undo);
	if (!code)
		return 0;
	undo_close(*undo);
	*undo = NULL;
	if (code == -EBADMSG || code == -ENODATA)
		return error_set(error, -EBADMSG, "%s: this is not an undo file, or it is damaged", path);
	return error_set(error, code, "%s: the undo file cannot be read: %s", path, strerror(-code));
}

static bool is_same_rebuild(const struct undo_header *x, const struct undo_header *y)
{
	if (strcmp(x->lv_uuid, y->lv_uuid) || x->copies != y->copies)
		return false;
	for (int i = 0; i < x->copies; i++)
		if (strcmp(x->copy[i].name, y->copy[i].name) || x->copy[i].device_bytes != y->copy[i].device_bytes)
			return false;
	return true;
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

/* Goes on with a file that is there: one of an interrupted rebuild, or, without `append`, one that holds nothing. */
static int append_to(const char *path, const struct undo_header *header, bool append, uint64_t limit_bytes,
                     struct undo **undo, struct svc_error *error)
{
	int code = undo_open(path, undo, error);

	if (code)
		return code;
	if (!is_same_rebuild(&(*undo)->header, header)) {
		undo_close(*undo);
		*undo = NULL;
		return error_set(error, -EINVAL, "%s: this undo file belongs to another rebuild", path);
	}
	if ((*undo)->is_finished || (!append && (*undo)->entries)) {
		undo_close(*undo);
		*undo = NULL;
		error_set(error, -EEXIST, "%s: an undo file is there already, and it is not this rebuild's", path);
		error_next(error, "give another name with --save, or move the file away if it is not needed any more");
		return -EEXIST;
	}
	(*undo)->limit_bytes = limit_bytes;
	/* What a crash left behind the last whole entry must not turn into entries when that place is written. */
	code = ftruncate((*undo)->fd, (off_t)(*undo)->end) ? -errno : undo_sync(*undo);
	if (!code)
		return 0;
	undo_close(*undo);
	*undo = NULL;
	return error_set(error, code, "%s: the undo file cannot be written: %s", path, strerror(-code));
}

int undo_create(const char *path, const struct undo_header *header, bool append, uint64_t limit_bytes,
                struct undo **undo, struct svc_error *error)
{
	uint8_t raw[HEADER_BYTES];
	struct stat there;
	int fd, code;

	*undo = NULL;
	/* An empty one: a crash came before its header. */
	if (stat(path, &there) == 0 && (there.st_size || !S_ISREG(there.st_mode)))
		return append_to(path, header, append, limit_bytes, undo, error);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(error, -errno, "%s: the undo file cannot be made: %s", path, strerror(errno));
	*undo = undo_new(fd);
	if (!*undo)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	(*undo)->header = *header;
	(*undo)->limit_bytes = limit_bytes;
	(*undo)->end = HEADER_BYTES;
	format_header(header, raw);
	code = write_all(fd, raw, sizeof(raw), 0);
	if (!code)
		code = undo_sync(*undo);
	if (!code)
		code = sync_directory(path);
	if (!code)
		return 0;
	undo_close(*undo);
	*undo = NULL;
	return error_set(error, code, "%s: the undo file cannot be written: %s", path, strerror(-code));
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

static int save_chunk(struct undo *undo, int copy, uint64_t offset, const void *bytes, size_t length)
{
	uint8_t *raw = undo->packed;
	size_t stored = pack(bytes, length, raw + ENTRY_BYTES);
	int code;

	memset(raw, 0, ENTRY_BYTES);
	memcpy(raw, entry_magic, sizeof(entry_magic));
	put_le32(raw + 8, (uint32_t)copy);
	put_le32(raw + 12, (uint32_t)length);
	put_le32(raw + 16, (uint32_t)stored);
	put_le32(raw + 20, undo->group);
	put_le64(raw + 24, offset);
	put_le64(raw + 32, undo->synced);
	put_le32(raw + 4, crc_of(raw + 8, ENTRY_BYTES - 8 + stored));
	if (length && undo->limit_bytes && undo->end + ENTRY_BYTES + stored > undo->limit_bytes)
		return -EFBIG;
	code = write_all(undo->fd, raw, ENTRY_BYTES + stored, undo->end);
	if (!code)
		undo->end += ENTRY_BYTES + stored;
	return code;
}

int undo_save(struct undo *undo, int copy, uint64_t offset, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	int code = 0;

	while (!code && length) {
		size_t chunk = length < UNDO_CHUNK_BYTES ? length : UNDO_CHUNK_BYTES;

		code = save_chunk(undo, copy, offset, from, chunk);
		from += chunk;
		offset += chunk;
		length -= chunk;
	}
	return code;
}

int undo_sync(struct undo *undo)
{
	if (fdatasync(undo->fd))
		return -errno;
	undo->synced = undo->end;
	return 0;
}

int undo_finish(struct undo *undo)
{
	int code = undo_sync(undo);

	if (!code)
		code = save_chunk(undo, 0, 0, NULL, 0);
	return code ? code : undo_sync(undo);
}

void undo_barrier(struct undo *undo)
{
	undo->group++;
}

uint64_t undo_size(const struct undo *undo)
{
	return undo->end;
}

const struct undo_header *undo_header(const struct undo *undo)
{
	return &undo->header;
}

bool undo_is_finished(const struct undo *undo)
{
	return undo->is_finished;
}

bool undo_touches(const struct undo *undo, int copy)
{
	return undo->touched >> copy & 1;
}

size_t undo_entries(const struct undo *undo)
{
	return undo->entries;
}

int undo_entry(struct undo *undo, size_t entry, int *copy, uint32_t *group, uint64_t *offset, void *buffer,
               size_t *length)
{
	const uint8_t *raw = undo->packed;
	size_t stored;
	uLongf size;
	int code = load_entry(undo, undo->entry[entry], &stored);

	if (code)
		return code == -ENODATA ? -EBADMSG : code;
	*length = get_le32(raw + 12);
	*offset = get_le64(raw + 24);
	*group = get_le32(raw + 20);
	*copy = (int)get_le32(raw + 8);
	if (*copy < 0 || *copy >= undo->header.copies)
		return -EBADMSG;
	size = *length;
	if (stored == *length)
		memcpy(buffer, raw + ENTRY_BYTES, stored);
	else if (uncompress(buffer, &size, raw + ENTRY_BYTES, stored) != Z_OK || size != *length)
		return -EBADMSG;
	return 0;
}
