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

struct buffers {
	uint8_t *saved, *now;
	uint32_t sum[UNDO_PIECES_MAX];
};

/* One place: its pieces that hold what this entry's write left there. What was put back already stays. */
static int put_back(struct undo *undo, size_t n, struct dev *device, struct buffers *buffers)
{
	const struct undo_place *place = undo_place(undo, n);
	size_t start = 0, end = 0;
	int code = undo_load(undo, n, buffers->saved, buffers->sum);

	if (!code)
		code = dev_read(device, buffers->now, place->bytes, place->offset);
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

/*
 * Last to first: marks that were taken off come back first, and go last. Groups that an earlier undo put back
 * whole are left alone: a place may have held the same bytes twice, and would go through all between once more.
 */
static int put_all_back(struct undo *undo, struct dev *const device[], const struct undo_look *look,
                        const volatile sig_atomic_t *stop, struct svc_error *error)
{
	const struct undo_header *header = undo_header(undo);
	struct buffers *buffers = calloc(1, sizeof(*buffers));
	int code = 0;

	if (buffers) {
		buffers->saved = dev_buffer(UNDO_CHUNK_BYTES);
		buffers->now = dev_buffer(UNDO_CHUNK_BYTES);
	}
	if (!buffers || !buffers->saved || !buffers->now)
		code = error_set(error, -ENOMEM, "out of memory");
	for (size_t n = undo_places(undo); n-- && !code;) {
		const struct undo_place *place = undo_place(undo, n);

		if (place->group > look->absent_group)
			continue;
		if (n + 1 < undo_places(undo) && place->group != undo_place(undo, n + 1)->group)
			code = flush_all(header, device);
		if (!code)
			code = stop && *stop ? -EINTR : put_back(undo, n, device[place->copy], buffers);
		if (code == -EINTR)
			error_set(error, code, "stopped before all was put back");
		else if (code)
			error_set(error, code, "%s: byte %" PRIu64 " cannot be put back: %s",
			          header->copy[place->copy].name, place->offset, strerror(-code));
		if (code)
			error_next(error, "run the same command again to go on");
	}
	if (!code) {
		code = flush_all(header, device);
		if (code)
			error_set(error, code, "what was put back cannot be made durable: %s", strerror(-code));
	}
	if (buffers) {
		free(buffers->saved);
		free(buffers->now);
	}
	free(buffers);
	return code;
}

/* Every place holds what was saved first: read past this host's cache. */
static int prove(struct undo *undo, struct dev *const device[], const volatile sig_atomic_t *stop,
                 struct svc_error *error)
{
	struct dev *medium[SVC_COPIES_MAX] = { NULL }, *seen[SVC_COPIES_MAX] = { NULL };
	struct undo_look look;
	int code;

	for (int i = 0; i < undo_header(undo)->copies; i++) {
		seen[i] = device[i];
		if (device[i] && !dev_open_uncached(device[i], &medium[i]))
			seen[i] = medium[i];
	}
	code = undo_look(undo, UNDO_DONE, seen, stop, &look, error);
	if (code == -ESTALE) {
		code = error_set(error, -EBADMSG, "%s: what was put back does not read back as it was saved",
		                 undo_header(undo)->copy[look.strange].name);
		error_next(error, "do not trust this device: check it and its path, then run the command again");
	}
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		dev_close(medium[i]);
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
	bool is_other = false;
	int code;

	*look = (struct undo_look){ .strange = -1, .absent_group = UINT64_MAX };
	code = check_devices(undo, device, error);
	if (!code)
		code = undo_look(undo, undo_state(undo), device, options->stop, look, error);
	if (code)
		return code;
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		is_other |= look->copy[i].other_bytes != 0;
	if (options->is_dry_run || (!is_other && undo_state(undo) != UNDO_BEGUN))
		return 0;
	if (is_other && options->confirm && !options->confirm(options->context, look))
		return error_set(error, -ECANCELED, "nothing was put back: that was not confirmed");
	/* From here on the rebuild is never gone on with, and a place may hold the one or the other. */
	if (undo_state(undo) != UNDO_BEGUN)
		code = note(undo, UNDO_BEGUN, error);
	if (!code && is_other)
		code = put_all_back(undo, device, look, options->stop, error);
	if (!code)
		code = prove(undo, device, options->stop, error);
	return code ? code : note(undo, UNDO_DONE, error);
}
