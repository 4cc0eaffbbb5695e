// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file that is said to be an undo file. The first byte of the input is a set of flags: checksums are no obstacle to
 * someone who means harm, so they are made right unless a flag says not to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "rebuild/look.h"
#include "rebuild/undo_file.h"

enum {
	KEEP_CHECKSUMS = 1,
	FILE_BYTES_MAX = 128 << 10,
	DEVICE_BYTES_MAX = 1 << 20, /* of a copy that can be looked at */
	PLACES_MAX = 64,            /* that are */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void correct_entries(uint8_t *file, size_t length)
{
	for (size_t at = UNDO_ENTRIES_OFFSET; at + UNDO_ENTRY_BYTES <= length;) {
		uint32_t bytes = get_le32(file + at + 12), stored = get_le32(file + at + 16);
		size_t size = UNDO_ENTRY_BYTES;

		if (bytes > UNDO_CHUNK_BYTES || stored > bytes)
			return;
		size += 4 * undo_pieces(bytes) + stored;
		if (size > length - at)
			return;
		put_le32(file + at + 4, undo_sum(file + at + 8, size - 8));
		at += size;
	}
}

static void correct_checksums(uint8_t *file, size_t length)
{
	if (length < UNDO_ENTRIES_OFFSET)
		return;
	put_le32(file + UNDO_HEADER_CRC, undo_sum(file, UNDO_HEADER_CRC));
	for (size_t at = UNDO_NOTES_OFFSET; at <= UNDO_SYNCED_OFFSET; at += UNDO_NOTE_BYTES)
		if (file[at])
			put_le32(file + at + 4, undo_sum(file + at + 8, UNDO_NOTE_BYTES - 8));
	correct_entries(file, length);
}

/* What was promised of an entry: it lies on its copy, and gives what it says or an error. */
static void load_all(struct undo *undo, uint8_t *old, uint32_t *sums)
{
	for (size_t n = 0; n < undo_places(undo); n++) {
		const struct undo_place *place = undo_place(undo, n);
		const struct undo_header *header = undo_header(undo);

		if (place->copy >= header->copies || place->bytes > UNDO_CHUNK_BYTES ||
		    place->offset > header->copy[place->copy].device_bytes ||
		    place->bytes > header->copy[place->copy].device_bytes - place->offset)
			abort();
		undo_load(undo, n, old, sums);
	}
}

/* Held against copies that are all zeros. */
static void look(struct undo *undo)
{
	const struct undo_header *header = undo_header(undo);
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	uint8_t *zeros = calloc(1, DEVICE_BYTES_MAX);
	struct undo_look seen;
	struct svc_error error;

	for (int i = 0; zeros && i < header->copies; i++)
		if (header->copy[i].device_bytes <= DEVICE_BYTES_MAX)
			dev_open_memory(zeros, header->copy[i].device_bytes, true, &device[i]);
	for (enum undo_state state = UNDO_OPEN; zeros && state <= UNDO_DONE; state++)
		undo_look(undo, state, device, NULL, &seen, &error);
	for (int i = 0; i < header->copies; i++)
		dev_close(device[i]);
	free(zeros);
}

static int make_file(const uint8_t *bytes, size_t length, bool is_kept)
{
	int fd = memfd_create("undo", MFD_CLOEXEC);
	uint8_t *file = fd < 0 || ftruncate(fd, (off_t)length)
	                        ? MAP_FAILED
	                        : mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (file == MAP_FAILED)
		abort();
	memcpy(file, bytes, length);
	if (!is_kept)
		correct_checksums(file, length);
	munmap(file, length);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static uint8_t old[UNDO_CHUNK_BYTES];
	static uint32_t sums[UNDO_PIECES_MAX];
	struct undo_header header;
	struct svc_error error;
	struct undo *undo;
	char path[64];
	int fd;

	if (length < 2 || length > FILE_BYTES_MAX)
		return 0;
	fd = make_file(bytes + 1, length - 1, bytes[0] & KEEP_CHECKSUMS);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	undo_read_header(path, &header);
	if (!undo_open(path, false, &undo, &error)) {
		load_all(undo, old, sums);
		if (undo_places(undo) <= PLACES_MAX)
			look(undo);
		undo_close(undo);
	} else if (!error.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
