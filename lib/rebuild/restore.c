/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "locate/pv.h"

/*
 * A device is the one that was saved from if it is as long and carries the PV that it had, or the one that
 * the rebuild was making of it: that alone takes labels away, and then the places themselves tell.
 */
static int check_device(const struct undo_copy *saved, struct dev *device, struct svc_error *error)
{
	uint8_t head[PV_SCAN_BYTES] = { 0 };
	enum pv_state state;
	struct pv_label label;
	const char *why;
	int code;

	if (device->size_bytes != saved->device_bytes) {
		error_set(error, -EINVAL, "%s: %" PRIu64 " bytes long; what was saved is of a device of %" PRIu64,
		          saved->name, device->size_bytes, saved->device_bytes);
		error_next(error, "%s", reason_row(REASON_UNDO_DEVICE)->next);
		return -EINVAL;
	}
	if (!saved->pv_uuid[0])
		return 0;
	code = dev_read(device, head, device->size_bytes < sizeof(head) ? device->size_bytes : sizeof(head), 0);
	if (code)
		return error_set(error, code, "%s: its label cannot be read: %s", saved->name, strerror(-code));
	state = pv_parse_label(head, sizeof(head), &label, &why);
	if (state == PV_VALID ? !strcmp(label.uuid, saved->pv_uuid) || !strcmp(label.uuid, saved->rebuilt_uuid)
	                      : saved->rebuilt_uuid[0] != '\0')
		return 0;
	error_set(error, -EINVAL, "%s: what was saved is of PV %s; this device is %s%s", saved->name, saved->pv_uuid,
	          state == PV_VALID ? "PV " : "none", state == PV_VALID ? label.uuid : "");
	error_next(error, "%s", reason_row(REASON_UNDO_DEVICE)->next);
	return -EINVAL;
}

static int check_devices(const struct undo *undo, struct dev *const device[], struct svc_error *error)
{
	const struct undo_header *header = undo_header(undo);
	int code = 0;

	for (int i = 0; i < header->copies && !code; i++)
		if (undo_touches(undo, i))
			code = device[i] ? check_device(&header->copy[i], device[i], error)
			                 : error_set(error, -ENODEV, "%s is not given", header->copy[i].name);
	return code;
}

static int flush_all(const struct undo_header *header, struct dev *const device[])
{
	int code = 0;

	for (int i = 0; i < header->copies && !code; i++)
		if (device[i])
			code = dev_flush(device[i]);
	return code;
}

/* The copies' media, past this host's cache: what they hold is what counts. */
struct media {
	struct dev *seen[SVC_COPIES_MAX];
	struct dev *own[SVC_COPIES_MAX]; /* to be closed */
};

static int open_media(const struct undo *undo, struct dev *const device[], struct media *media, struct svc_error *error)
{
	const struct undo_header *header = undo_header(undo);
	int code = 0;

	memset(media, 0, sizeof(*media));
	for (int i = 0; i < header->copies && !code; i++) {
		if (device[i])
			code = dev_open_uncached(device[i], &media->own[i]);
		if (code == -ENOTSUP)
			code = 0;
		if (code)
			error_set(error, code, "%s: cannot be read past the cache: %s", header->copy[i].name,
			          strerror(-code));
		media->seen[i] = media->own[i] ? media->own[i] : device[i];
	}
	return code;
}

static void close_media(struct media *media)
{
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		dev_close(media->own[i]);
}

static int distrust(const struct undo *undo, int copy, struct svc_error *error)
{
	error_set(error, -EBADMSG, "%s: what was put back does not read back as it was saved",
	          undo_header(undo)->copy[copy].name);
	error_next(error, "do not trust this device: check it and its path, then run the command again");
	return -EBADMSG;
}

struct buffers {
	uint8_t *saved, *now;
	uint32_t sum[UNDO_PIECES_MAX];
};

/* One place: its pieces that hold what this entry's write left there. What was put back already stays. */
static int put_back(struct undo *undo, size_t n, struct dev *device, struct dev *medium, struct buffers *buffers)
{
	const struct undo_place *place = undo_place(undo, n);
	size_t start = 0, end = 0;
	int code = undo_load(undo, n, buffers->saved, buffers->sum);

	if (!code)
		code = dev_read(medium, buffers->now, place->bytes, place->offset);
	for (size_t at = 0; at < place->bytes && !code; at = end) {
		size_t length = place->bytes - at < UNDO_PIECE_BYTES ? place->bytes - at : UNDO_PIECE_BYTES;
		bool is_there = undo_sum(buffers->now + at, length) == buffers->sum[at / UNDO_PIECE_BYTES];

		end = at + length;
		if (!is_there && start < at)
			code = dev_write(device, buffers->saved + start, at - start, place->offset + start);
		if (!is_there)
			start = end;
	}
	if (!code && start < end)
		code = dev_write(device, buffers->saved + start, end - start, place->offset + start);
	return code;
}

/* Whether an entry of the same group before number n is about this piece too: then that one's bytes are there. */
static bool has_earlier(const struct undo *undo, size_t n, uint64_t offset)
{
	const struct undo_place *place = undo_place(undo, n);

	while (n-- && undo_place(undo, n)->group == place->group) {
		const struct undo_place *earlier = undo_place(undo, n);

		if (earlier->copy == place->copy && earlier->offset <= offset &&
		    offset - earlier->offset < earlier->bytes)
			return true;
	}
	return false;
}

/* Whether the medium holds at one place what was there before the group. */
static int prove_place(struct undo *undo, size_t n, struct dev *medium, struct buffers *buffers,
                       struct svc_error *error)
{
	const struct undo_place *place = undo_place(undo, n);
	int code = undo_load(undo, n, buffers->saved, buffers->sum);

	if (!code)
		code = dev_read(medium, buffers->now, place->bytes, place->offset);
	if (code)
		return error_set(error, code, "%s: byte %" PRIu64 " cannot be read back: %s",
		                 undo_header(undo)->copy[place->copy].name, place->offset, strerror(-code));
	for (size_t at = 0; at < place->bytes; at += UNDO_PIECE_BYTES) {
		size_t length = place->bytes - at < UNDO_PIECE_BYTES ? place->bytes - at : UNDO_PIECE_BYTES;

		if (memcmp(buffers->now + at, buffers->saved + at, length) != 0 &&
		    !has_earlier(undo, n, place->offset + at))
			return distrust(undo, place->copy, error);
	}
	return 0;
}

/*
 * A group was put back, entries `first` to `last`: it is durable and on the medium before the one before it has its turn.
 * A loss that came to light later could not be told from a copy that was used again, and the marks would be gone.
 */
static int end_group(struct undo *undo, struct dev *const device[], size_t first, size_t last, struct buffers *buffers,
                     struct svc_error *error)
{
	struct media media;
	int code = flush_all(undo_header(undo), device);

	if (code)
		return error_set(error, code, "what was put back cannot be made durable: %s", strerror(-code));
	code = open_media(undo, device, &media, error);
	for (size_t n = first; n <= last && !code; n++)
		code = prove_place(undo, n, media.seen[undo_place(undo, n)->copy], buffers, error);
	close_media(&media);
	return code;
}

/* Puts one place back, and says where that failed. */
static int put_place(struct undo *undo, size_t n, struct dev *const device[], const struct media *media,
                     struct buffers *buffers, struct svc_error *error)
{
	const struct undo_place *place = undo_place(undo, n);
	int code = put_back(undo, n, device[place->copy], media->seen[place->copy], buffers);

	return code ? error_set(error, code, "%s: byte %" PRIu64 " cannot be put back: %s",
	                        undo_header(undo)->copy[place->copy].name, place->offset, strerror(-code))
	            : 0;
}

/*
 * Last to first: marks that were taken off come back first, and go last. Groups that an earlier undo put back
 * whole are left alone: a place may have held the same bytes twice, and would go through all between once more.
 */
static int put_places_back(struct undo *undo, struct dev *const device[], const struct media *media,
                           const struct restore_options *options, const struct undo_look *look, struct buffers *buffers,
                           struct svc_error *error)
{
	size_t last = 0;
	bool is_begun = false;
	int code = 0;

	for (size_t n = undo_places(undo); n-- && !code;) {
		if (undo_place(undo, n)->group > look->absent_group)
			continue;
		if (is_begun && undo_place(undo, n)->group != undo_place(undo, last)->group)
			code = end_group(undo, device, n + 1, last, buffers, error);
		if (!is_begun || undo_place(undo, n)->group != undo_place(undo, last)->group)
			last = n;
		is_begun = true;
		if (!code && options->stop && *options->stop)
			code = error_set(error, -EINTR, "stopped before all was put back");
		if (!code)
			code = put_place(undo, n, device, media, buffers, error);
	}
	return code || !is_begun ? code : end_group(undo, device, 0, last, buffers, error);
}

static int put_all_back(struct undo *undo, struct dev *const device[], const struct media *media,
                        const struct restore_options *options, const struct undo_look *look, struct svc_error *error)
{
	struct buffers buffers = { .saved = dev_buffer(UNDO_CHUNK_BYTES), .now = dev_buffer(UNDO_CHUNK_BYTES) };
	int code;

	if (buffers.saved && buffers.now)
		code = put_places_back(undo, device, media, options, look, &buffers, error);
	else
		code = error_set(error, -ENOMEM, "out of memory");
	if (code && !error->next[0])
		error_next(error, "run the same command again to go on");
	free(buffers.saved);
	free(buffers.now);
	return code;
}

/* Every place holds what was saved first. */
static int prove(struct undo *undo, struct dev *const device[], const volatile sig_atomic_t *stop,
                 struct svc_error *error)
{
	struct media media;
	struct undo_look look = { .strange = -1 };
	int code = open_media(undo, device, &media, error);

	if (!code) {
		code = undo_look(undo, UNDO_DONE, media.seen, stop, &look, error);
		if (code == -ESTALE)
			code = distrust(undo, look.strange, error);
	}
	close_media(&media);
	return code;
}

static int note(struct undo *undo, enum undo_state state, struct svc_error *error)
{
	int code = undo_note(undo, state);

	if (!code)
		return 0;
	error_set(error, code, "the undo file cannot be written: %s", strerror(-code));
	error_next(error, "move it to where it can be written, then run the command again");
	return code;
}

int restore_run(struct undo *undo, struct dev *const device[], const struct restore_options *options,
                struct undo_look *look, struct svc_error *error)
{
	struct media media = { 0 };
	bool is_other = false;
	int code;

	*look = (struct undo_look){ .strange = -1, .absent_group = UINT64_MAX };
	code = check_devices(undo, device, error);
	if (!code)
		code = open_media(undo, device, &media, error);
	if (!code)
		code = undo_look(undo, undo_state(undo), media.seen, options->stop, look, error);
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		is_other |= look->copy[i].other_bytes != 0;
	if (code || options->is_dry_run || (!is_other && undo_state(undo) != UNDO_BEGUN))
		goto out;
	if (is_other && options->confirm && !options->confirm(options->context, look)) {
		code = error_set(error, -ECANCELED, "nothing was put back: that was not confirmed");
		goto out;
	}
	/* From here on the rebuild is never gone on with, and a place may hold the one or the other. */
	if (undo_state(undo) != UNDO_BEGUN)
		code = note(undo, UNDO_BEGUN, error);
	if (!code && is_other)
		code = put_all_back(undo, device, &media, options, look, error);
	if (!code)
		code = prove(undo, device, options->stop, error);
	if (!code)
		code = note(undo, UNDO_DONE, error);
out:
	close_media(&media);
	return code;
}
