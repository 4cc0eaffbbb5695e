/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "rebuild/undo_file.h"

enum {
	TAIL_BYTES = 1 << 20,
	TAIL_STARTS_MAX = 1024, /* of entries that are none, behind a torn one: each may be half a MiB to check */
};

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

static int parse_header(const uint8_t *raw, struct undo_header *header, bool *has_short_names)
{
	uint32_t version = get_le32(raw + 8);

	memset(header, 0, sizeof(*header));
	if (memcmp(raw, undo_magic, sizeof(undo_magic)) || version < 1 || version > UNDO_VERSION ||
	    get_le32(raw + UNDO_HEADER_CRC) != undo_sum(raw, UNDO_HEADER_CRC) || get_le32(raw + 12) > SVC_COPIES_MAX)
		return -EBADMSG;
	*has_short_names = version == 1;
	header->copies = (int)get_le32(raw + 12);
	header->time = (int64_t)get_le64(raw + 16);
	memcpy(header->lv_uuid, raw + 24, LVM_UUID_SIZE - 1);
	for (int i = 0; i < header->copies; i++) {
		const uint8_t *at = raw + UNDO_COPY_OFFSET + i * UNDO_COPY_BYTES;

		if (*has_short_names)
			memcpy(header->copy[i].name, at, UNDO_SHORT_NAME_SIZE - 1);
		else
			memcpy(header->copy[i].name, raw + UNDO_NAMES_OFFSET + i * SVC_NAME_SIZE, SVC_NAME_SIZE - 1);
		memcpy(header->copy[i].pv_uuid, at + 16, LVM_UUID_SIZE - 1);
		header->copy[i].device_bytes = get_le64(at + 56);
		memcpy(header->copy[i].rebuilt_uuid, at + 64, LVM_UUID_SIZE - 1);
	}
	return 0;
}

static bool is_note(const uint8_t *raw, const char magic[4])
{
	return !memcmp(raw, magic, sizeof(undo_note_magic)) &&
	       get_le32(raw + 4) == undo_sum(raw + 8, UNDO_NOTE_BYTES - 8);
}

struct notes {
	enum undo_state state; /* the last one that was reached */
	uint64_t end;          /* where the entries ended then; they end nowhere else ever after */
	uint64_t synced;       /* the entries that count reach so far at least */
};

static int parse_notes(const uint8_t *raw, struct notes *notes)
{
	static const uint8_t none[UNDO_HEADER_BYTES];

	*notes = (struct notes){ .state = UNDO_OPEN };
	for (int s = UNDO_FINISHED; s <= UNDO_DONE; s++, raw += UNDO_NOTE_BYTES) {
		if (!memcmp(raw, none, UNDO_NOTE_BYTES))
			continue;
		if (!is_note(raw, undo_note_magic) || get_le32(raw + 8) != (uint32_t)s)
			return -EBADMSG;
		notes->state = (enum undo_state)s;
		notes->end = get_le64(raw + 16);
	}
	if (is_note(raw, undo_synced_magic))
		notes->synced = get_le64(raw + 16);
	else if (notes->state != UNDO_OPEN && memcmp(raw, none, UNDO_NOTE_BYTES))
		return -EBADMSG; /* an open file's may be torn by a power cut: nothing is known then */
	raw += UNDO_NOTE_BYTES;
	return memcmp(raw, none, UNDO_HEADER_BYTES - (UNDO_DONE + 1) * UNDO_NOTE_BYTES) ? -EBADMSG : 0;
}

/* Reads and checks the entry at `at` into undo->packed. -ENODATA at the end, also at a torn one. */
static int load_entry(struct undo *undo, uint64_t at, struct undo_place *place, uint64_t *next)
{
	uint8_t *raw = undo->packed;
	int code = read_all(undo->fd, raw, UNDO_ENTRY_BYTES, at);
	uint32_t bytes, stored;
	size_t length;

	if (code)
		return code;
	bytes = get_le32(raw + 12);
	stored = get_le32(raw + 16);
	if (memcmp(raw, undo_entry_magic, sizeof(undo_entry_magic)) || !bytes || bytes > UNDO_CHUNK_BYTES ||
	    stored > bytes)
		return -ENODATA;
	length = UNDO_ENTRY_BYTES + 4 * undo_pieces(bytes) + stored;
	code = read_all(undo->fd, raw + UNDO_ENTRY_BYTES, length - UNDO_ENTRY_BYTES, at + UNDO_ENTRY_BYTES);
	if (code)
		return code;
	if (get_le32(raw + 4) != undo_sum(raw + 8, length - 8))
		return -ENODATA;
	*place = (struct undo_place){ .at = at,
		                      .offset = get_le64(raw + 24),
		                      .bytes = bytes,
		                      .group = get_le32(raw + 20),
		                      .run = get_le32(raw + 40),
		                      .copy = (uint8_t)get_le32(raw + 8),
		                      .lost_bytes = get_le32(raw + 44) };
	*next = at + length;
	return 0;
}

/*
 * Whether the entry at `at`, which is not whole, was so once: one behind it says that the file was
 * synced further than here. A torn tail has none, whatever of it reached the disk. What looks like the start of an entry
 * again and again is no tail of ours.
 */
static int check_tail(struct undo *undo, uint64_t at)
{
	uint8_t *window = malloc(TAIL_BYTES);
	uint64_t from = at + 1, next;
	struct undo_place place;
	unsigned starts = 0;
	size_t got;
	int code = window ? 0 : -ENOMEM;

	while (!code) {
		ssize_t n = pread(undo->fd, window, TAIL_BYTES, (off_t)from);

		got = n > 0 ? (size_t)n : 0;
		if (n < 0)
			code = -errno;
		if (got < sizeof(undo_entry_magic))
			break;
		for (size_t i = 0; i + sizeof(undo_entry_magic) <= got && !code; i++) {
			if (memcmp(window + i, undo_entry_magic, sizeof(undo_entry_magic)))
				continue;
			code = load_entry(undo, from + i, &place, &next);
			if (!code && get_le64(undo->packed + 32) > at)
				code = -EBADMSG;
			else if (code == -ENODATA)
				code = ++starts == TAIL_STARTS_MAX ? -EBADMSG : 0;
		}
		from += got - sizeof(undo_entry_magic) + 1;
	}
	free(window);
	return code;
}

/* A well-formed entry may still be about no copy, or no place on it. */
static bool is_placed(const struct undo *undo, const struct undo_place *place)
{
	uint64_t size;

	if (get_le32(undo->packed + 8) >= (uint32_t)undo->header.copies)
		return false;
	size = undo->header.copy[place->copy].device_bytes;
	return place->offset % UNDO_PIECE_BYTES == 0 && place->offset <= size && place->bytes <= size - place->offset;
}

/* The last group before a run's end is not known to have reached the medium. */
static void doubt_last_group(struct undo *undo)
{
	const struct undo_place *last = undo->places ? &undo->place[undo->places - 1] : NULL;

	for (size_t n = undo->places; n-- && undo->place[n].group == last->group && undo->place[n].run == last->run;)
		undo->place[n].is_doubtful = true;
}

/*
 * Walks all entries. Sets undo->end behind the last whole one. -EBADMSG where a damaged entry lies among
 * whole ones: without it nothing may be put back.
 */
static int index_entries(struct undo *undo)
{
	struct undo_place place;
	size_t room = 0;
	uint64_t next;
	int code;

	undo->end = UNDO_ENTRIES_OFFSET;
	while (!(code = load_entry(undo, undo->end, &place, &next))) {
		if (!is_placed(undo, &place))
			return -EBADMSG;
		if (undo->places == room) {
			void *more = reallocarray(undo->place, room = room ? 2 * room : 256, sizeof(place));

			if (!more)
				return -ENOMEM;
			undo->place = more;
		}
		if (undo->places && undo->place[undo->places - 1].run != place.run)
			doubt_last_group(undo);
		undo->place[undo->places++] = place;
		undo->end = next;
	}
	return code == -ENODATA ? check_tail(undo, undo->end) : code;
}

int undo_open(const char *path, bool is_written, struct undo **undo, struct svc_error *error)
{
	uint8_t raw[UNDO_ENTRIES_OFFSET];
	int fd = open(path, (is_written ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	struct notes notes = { 0 };
	int code;

	*undo = NULL;
	if (fd < 0) {
		code = error_set(error, -errno, "%s: the undo file cannot be opened: %s", path, strerror(errno));
		error_next(error, "give the file that the rebuild named when it began, as one who may write to it");
		return code;
	}
	*undo = undo_new(fd);
	if (!*undo)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	code = read_all(fd, raw, sizeof(raw), 0);
	if (!code)
		code = parse_header(raw, &(*undo)->header, &(*undo)->has_short_names);
	if (!code)
		code = parse_notes(raw + UNDO_NOTES_OFFSET, &notes);
	(*undo)->state = notes.state;
	if (!code)
		code = index_entries(*undo);
	/* Entries are gone from its end, or damaged. */
	if (!code && (notes.synced > (*undo)->end || (notes.state != UNDO_OPEN && notes.end != (*undo)->end)))
		code = -EBADMSG;
	if (!code)
		return 0;
	undo_close(*undo);
	*undo = NULL;
	if (code == -EBADMSG || code == -ENODATA) {
		error_set(error, -EBADMSG, "%s: this is not an undo file, or it is not whole", path);
		error_next(error, "give the file itself, or a copy that is as long as it; nothing was written");
		return -EBADMSG;
	}
	return error_set(error, code, "%s: the undo file cannot be read: %s", path, strerror(-code));
}

int undo_read_header(const char *path, struct undo_header *header)
{
	uint8_t raw[UNDO_HEADER_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = fd < 0 ? -errno : read_all(fd, raw, sizeof(raw), 0);
	bool has_short_names;

	if (fd >= 0)
		close(fd);
	return code == -ENODATA ? -EBADMSG : code ? code : parse_header(raw, header, &has_short_names);
}

const struct undo_header *undo_header(const struct undo *undo)
{
	return &undo->header;
}

enum undo_state undo_state(const struct undo *undo)
{
	return undo->state;
}

bool undo_is_same_rebuild(const struct undo_header *x, const struct undo_header *y)
{
	if (strcmp(x->lv_uuid, y->lv_uuid) || x->copies != y->copies)
		return false;
	for (int i = 0; i < x->copies; i++)
		if (strcmp(x->copy[i].name, y->copy[i].name) || x->copy[i].device_bytes != y->copy[i].device_bytes)
			return false;
	return true;
}

int undo_find_copy(const struct undo *undo, int n, const struct copy *copy, int copies)
{
	const char *name = undo->header.copy[n].name;
	bool is_cut = undo->has_short_names && strlen(name) == UNDO_SHORT_NAME_SIZE - 1;
	int found = -1;

	for (int i = 0; i < copies; i++) {
		if (is_cut ? strncmp(copy[i].group, name, strlen(name)) : strcmp(copy[i].group, name))
			continue;
		if (found >= 0 && strcmp(copy[found].group, copy[i].group))
			return -1; /* a name that was cut is that of two */
		if (found < 0)
			found = i;
	}
	return found;
}

bool undo_touches(const struct undo *undo, int copy)
{
	for (size_t n = 0; n < undo->places; n++)
		if (undo->place[n].copy == copy)
			return true;
	return false;
}

size_t undo_places(const struct undo *undo)
{
	return undo->places;
}

const struct undo_place *undo_place(const struct undo *undo, size_t n)
{
	return &undo->place[n];
}

int undo_load(struct undo *undo, size_t n, void *old, uint32_t *sums)
{
	const uint8_t *raw = undo->packed + UNDO_ENTRY_BYTES;
	struct undo_place place;
	uint32_t stored;
	uint64_t next;
	uLongf size;
	int code = load_entry(undo, undo->place[n].at, &place, &next);

	if (code)
		return code == -ENODATA ? -EBADMSG : code;
	if (place.offset != undo->place[n].offset ||
	    place.bytes != undo->place[n].bytes) /* not as when it was opened */
		return -EBADMSG;
	for (size_t i = 0; i < undo_pieces(place.bytes); i++, raw += 4)
		sums[i] = get_le32(raw);
	stored = get_le32(undo->packed + 16);
	size = place.bytes;
	if (stored == place.bytes)
		memcpy(old, raw, stored);
	else if (uncompress(old, &size, raw, stored) != Z_OK || size != place.bytes)
		return -EBADMSG;
	return 0;
}
