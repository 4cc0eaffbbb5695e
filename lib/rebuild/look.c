/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place that was saved several times (a mark, the record's slots) has as many entries. Where places
 * overlap, the device is cut into stretches that have the same entries throughout, and each 512 bytes of a
 * stretch are held against all of them: which write's result is it that is there?
 */
#include "rebuild/look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE = 0, NOWHERE = UINT32_MAX }; /* besides the number, from 1, of an entry of the stretch */

struct looker {
	struct undo *undo;
	enum undo_state state;
	struct dev *const *device;
	struct undo_look *look;
	uint32_t *order; /* places by copy, offset and time */
	uint32_t *cover; /* places that cover the stretch at hand, by time */
	size_t covers;
	uint8_t *now, *old;
	uint32_t sum[UNDO_PIECES_MAX];      /* of what is there now */
	uint32_t saved[UNDO_PIECES_MAX];    /* of what one entry says was written */
	uint32_t earliest[UNDO_PIECES_MAX]; /* the first and last entry whose result is there; BEFORE: none's */
	uint32_t latest[UNDO_PIECES_MAX];
	uint64_t strange_end;
	/* The latest group that certainly wrote something that is there; look->absent_group is from this copy. */
	uint64_t present_group;
	int absent_copy;
};

static const struct undo_place *cover_of(const struct looker *l, size_t n)
{
	return undo_place(l->undo, l->cover[n]);
}

static size_t piece_length(size_t length, size_t piece)
{
	size_t left = length - piece * UNDO_PIECE_BYTES;

	return left < UNDO_PIECE_BYTES ? left : UNDO_PIECE_BYTES;
}

/* Which of the stretch's entries each piece comes from. */
static int identify(struct looker *l, uint64_t offset, size_t length, size_t pieces)
{
	int code = dev_read(l->device[cover_of(l, 0)->copy], l->now, length, offset);

	for (size_t i = 0; i < pieces && !code; i++) {
		l->sum[i] = undo_sum(l->now + i * UNDO_PIECE_BYTES, piece_length(length, i));
		l->earliest[i] = l->latest[i] = NOWHERE;
	}
	for (size_t n = 0; n < l->covers && !code; n++) {
		size_t skip = (size_t)(offset - cover_of(l, n)->offset);

		code = undo_load(l->undo, l->cover[n], l->old, l->saved);
		for (size_t i = 0; i < pieces && !code; i++) {
			size_t at = i * UNDO_PIECE_BYTES;

			if (n == 0 && !memcmp(l->now + at, l->old + skip + at, piece_length(length, i)))
				l->earliest[i] = l->latest[i] = BEFORE;
			if (l->sum[i] != l->saved[skip / UNDO_PIECE_BYTES + i])
				continue;
			l->latest[i] = (uint32_t)n + 1;
			if (l->earliest[i] == NOWHERE)
				l->earliest[i] = (uint32_t)n + 1;
		}
	}
	return code;
}

/* The first write after the one whose result is there that must have come to pass, if any did after it. */
static const struct undo_place *missing(const struct looker *l, uint32_t latest)
{
	for (size_t n = latest; n < l->covers; n++)
		if (!cover_of(l, n)->is_doubtful)
			return cover_of(l, n);
	return NULL;
}

static bool is_strange(const struct looker *l, size_t piece)
{
	if (l->latest[piece] == NOWHERE)
		return true;
	if (l->state == UNDO_FINISHED)
		return missing(l, l->latest[piece]) != NULL;
	return l->state == UNDO_DONE && l->earliest[piece] != BEFORE;
}

static void note_strange(struct looker *l, int copy, uint64_t at, size_t length)
{
	struct undo_look *look = l->look;

	if (look->strange < 0)
		look->strange = copy;
	if (!look->copy[copy].strange_bytes)
		look->copy[copy].first_strange = at;
	if (!look->copy[copy].strange_bytes || l->strange_end != at)
		look->copy[copy].strange_places++;
	look->copy[copy].strange_bytes += length;
	l->strange_end = at + length;
}

static int look_at_stretch(struct looker *l, uint64_t offset, size_t length)
{
	size_t pieces = (length + UNDO_PIECE_BYTES - 1) / UNDO_PIECE_BYTES;
	int copy = cover_of(l, 0)->copy;
	int code = identify(l, offset, length, pieces);

	for (size_t i = 0; i < pieces && !code; i++) {
		const struct undo_place *absent;

		if (is_strange(l, i)) {
			note_strange(l, copy, offset + i * UNDO_PIECE_BYTES, piece_length(length, i));
			continue;
		}
		if (l->earliest[i] != BEFORE) {
			uint32_t group = cover_of(l, l->earliest[i] - 1)->group;

			l->look->copy[copy].other_bytes += piece_length(length, i);
			if (group > l->present_group)
				l->present_group = group;
		}
		absent = missing(l, l->latest[i]);
		if (absent && absent->group < l->look->absent_group) {
			l->look->absent_group = absent->group;
			l->absent_copy = copy;
		}
	}
	return code;
}

static int by_time(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

static int by_place(const void *x, const void *y, void *undo)
{
	const struct undo_place *a = undo_place(undo, *(const uint32_t *)x);
	const struct undo_place *b = undo_place(undo, *(const uint32_t *)y);

	if (a->copy != b->copy)
		return a->copy - b->copy;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return by_time(x, y);
}

static uint64_t end_of(const struct undo_place *place)
{
	return place->offset + place->bytes;
}

/* Drops the entries that end at `at`. */
static void uncover(struct looker *l, uint64_t at)
{
	size_t kept = 0;

	for (size_t n = 0; n < l->covers; n++)
		if (end_of(cover_of(l, n)) > at)
			l->cover[kept++] = l->cover[n];
	l->covers = kept;
}

/* Stretch after stretch, along each device. */
static int sweep(struct looker *l, const volatile sig_atomic_t *stop)
{
	size_t places = undo_places(l->undo), next = 0;
	uint64_t at = 0;
	int code = 0;

	while (!code && (next < places || l->covers)) {
		uint64_t end = UINT64_MAX;

		if (!l->covers)
			at = undo_place(l->undo, l->order[next])->offset;
		for (; next < places; next++) {
			const struct undo_place *place = undo_place(l->undo, l->order[next]);

			if (l->covers && place->copy != cover_of(l, 0)->copy)
				break;
			if (place->offset > at) {
				end = place->offset;
				break;
			}
			l->cover[l->covers++] = l->order[next];
		}
		qsort(l->cover, l->covers, sizeof(l->cover[0]), by_time);
		for (size_t n = 0; n < l->covers; n++)
			if (end_of(cover_of(l, n)) < end)
				end = end_of(cover_of(l, n));
		if (!l->device[cover_of(l, 0)->copy])
			return -ENODEV;
		code = stop && *stop ? -EINTR : look_at_stretch(l, at, (size_t)(end - at));
		at = end;
		uncover(l, at);
	}
	return code;
}

/* What could not be read was saved again where a place was saved again before it was written: it counts once. */
static void count_lost(struct looker *l, size_t places)
{
	uint64_t end = 0, most = 0;
	int copy = -1;

	for (size_t n = 0; n < places; n++) {
		const struct undo_place *place = undo_place(l->undo, l->order[n]);

		if (!place->lost_bytes)
			continue;
		if (place->copy != copy || place->offset >= end)
			end = most = 0;
		copy = place->copy;
		if (place->lost_bytes > most) {
			l->look->copy[copy].lost_bytes += place->lost_bytes - most;
			most = place->lost_bytes;
		}
		if (end_of(place) > end)
			end = end_of(place);
	}
}

static int judge(const struct looker *l, struct svc_error *error)
{
	const char *since = l->state == UNDO_DONE ? "it was put back" : "the rebuild";
	struct undo_look *look = l->look;

	if (look->strange < 0 && (l->state == UNDO_OPEN || l->state == UNDO_BEGUN) &&
	    l->look->absent_group < l->present_group) {
		look->strange = l->absent_copy;
		error_set(error, -ESTALE,
		          "%s: it was used again since the rebuild: what that wrote there is gone in part, and in an "
		          "order in which nothing here takes it away",
		          undo_header(l->undo)->copy[look->strange].name);
	} else if (look->strange >= 0) {
		error_set(error, -ESTALE,
		          "%s: it was used again since %s: %" PRIu64 " bytes in %" PRIu64
		          " places, the first at byte %" PRIu64 " of the device, are not what was left there",
		          undo_header(l->undo)->copy[look->strange].name, since,
		          look->copy[look->strange].strange_bytes, look->copy[look->strange].strange_places,
		          look->copy[look->strange].first_strange);
	} else {
		return 0;
	}
	error_next(error, "%s", reason_row(REASON_USED_AGAIN)->next);
	return -ESTALE;
}

int undo_look(struct undo *undo, enum undo_state state, struct dev *const device[], const volatile sig_atomic_t *stop,
              struct undo_look *look, struct svc_error *error)
{
	struct looker *l = calloc(1, sizeof(*l));
	size_t places = undo_places(undo);
	int code = 0;

	*look = (struct undo_look){ .strange = -1, .absent_group = UINT64_MAX };
	if (!l)
		return error_set(error, -ENOMEM, "out of memory");
	*l = (struct looker){ .undo = undo, .state = state, .device = device, .look = look };
	l->order = calloc(places + 1, sizeof(l->order[0]));
	l->cover = calloc(places + 1, sizeof(l->cover[0]));
	l->now = dev_buffer(UNDO_CHUNK_BYTES);
	l->old = dev_buffer(UNDO_CHUNK_BYTES);
	if (!l->order || !l->cover || !l->now || !l->old)
		code = -ENOMEM;
	for (size_t n = 0; n < places && !code; n++)
		l->order[n] = (uint32_t)n;
	if (!code) {
		qsort_r(l->order, places, sizeof(l->order[0]), by_place, undo);
		count_lost(l, places);
		code = sweep(l, stop);
	}
	if (code)
		error_set(error, code, "what is on the copies cannot be held against the undo file: %s",
		          strerror(-code));
	else
		code = judge(l, error);
	free(l->order);
	free(l->cover);
	free(l->now);
	free(l->old);
	free(l);
	return code;
}
