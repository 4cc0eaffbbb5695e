/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/saver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_BYTES = 1 << 20, HELD_WRITES = 4096, PROOF_BYTES = 128 << 10 };

struct held {
	uint64_t offset;
	size_t length;
	size_t at; /* in the buffer */
};

/* A write that is kept for the proof. */
struct kept {
	uint64_t offset;
	size_t length;
	uint8_t *bytes; /* NULL: zeros */
};

struct saver {
	struct dev dev;
	struct dev *base;
	struct undo *undo;
	int copy;
	bool is_witness; /* nothing is written */
	enum saver_loss loss;
	struct saver_count count;
	const uint8_t *hint;
	size_t hint_length;
	size_t hint_lost_bytes;
	uint8_t *buffer; /* HELD_BYTES; page-aligned, and every write in it too */
	size_t used;
	struct held held[HELD_WRITES];
	size_t helds;
	bool is_keeping;
	struct kept *kept;
	size_t kepts, kept_room;
};

static int write_base(struct saver *saver, const void *bytes, size_t length, uint64_t offset)
{
	int code = dev_write(saver->base, bytes, length, offset);

	saver->count.writes++;
	if (!code)
		saver->count.written_bytes += length;
	return code;
}

int saver_drain(struct dev *dev)
{
	struct saver *saver = (struct saver *)dev;
	int code = saver->helds ? undo_sync(saver->undo) : 0;

	for (size_t i = 0; i < saver->helds && !code; i++)
		code = write_base(saver, saver->buffer + saver->held[i].at, saver->held[i].length,
		                  saver->held[i].offset);
	saver->helds = saver->used = 0;
	return code;
}

static int read_base(struct saver *saver, void *buffer, size_t length, uint64_t offset, enum saver_loss least,
                     size_t *lost_bytes)
{
	*lost_bytes = 0;
	return saver->loss < least ? dev_read(saver->base, buffer, length, offset)
	                           : dev_read_rest(saver->base, buffer, length, offset, lost_bytes);
}

static int saver_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct saver *saver = (struct saver *)dev;
	int code = saver_drain(dev);
	size_t lost;

	return code ? code : read_base(saver, buffer, length, offset, SAVER_READS_ZEROS, &lost);
}

/* Saves what is at `offset` now, and is about to become `bytes`. */
static int save(struct saver *saver, const void *bytes, size_t length, uint64_t offset)
{
	uint8_t *old;
	size_t lost;
	int code;

	if (saver->hint_length >= length) {
		lost = saver->hint_lost_bytes < length ? saver->hint_lost_bytes : length;
		code = undo_save(saver->undo, saver->copy, offset, saver->hint, bytes, length, lost);
		saver->hint += length;
		saver->hint_length -= length;
		saver->hint_lost_bytes -= lost;
		return code;
	}
	code = saver_drain(&saver->dev); /* what is held back may be what is there now */
	old = dev_buffer(length);
	if (!code)
		code = old ? read_base(saver, old, length, offset, SAVER_SAVES_ZEROS, &lost) : -ENOMEM;
	if (!code)
		code = undo_save(saver->undo, saver->copy, offset, old, bytes, length, lost);
	free(old);
	return code;
}

static int hold(struct saver *saver, const void *bytes, size_t length, uint64_t offset)
{
	struct held *last = saver->helds ? &saver->held[saver->helds - 1] : NULL;
	size_t room = (length + 4095) / 4096 * 4096;
	int code = save(saver, bytes, length, offset);

	if (saver->is_witness)
		return code;
	if (!code && (saver->used + room > HELD_BYTES || saver->helds == HELD_WRITES)) {
		code = saver_drain(&saver->dev);
		last = NULL;
	}
	if (code)
		return code;
	memcpy(saver->buffer + saver->used, bytes, length);
	if (last && saver->helds && last->offset + last->length == offset && last->at + last->length == saver->used)
		last->length += length; /* goes on where the last one ends: one write */
	else
		saver->held[saver->helds++] = (struct held){ offset, length, saver->used };
	saver->used += room;
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, length - 1);
}

static int keep(struct saver *saver, const void *bytes, size_t length, uint64_t offset)
{
	struct kept *kept = saver->kept;

	if (saver->kepts == saver->kept_room) {
		size_t room = saver->kept_room ? 2 * saver->kept_room : 16;

		kept = reallocarray(kept, room, sizeof(*kept));
		if (!kept)
			return -ENOMEM;
		saver->kept = kept;
		saver->kept_room = room;
	}
	kept += saver->kepts;
	*kept = (struct kept){ .offset = offset, .length = length };
	if (!is_zero(bytes, length)) {
		kept->bytes = malloc(length);
		if (!kept->bytes)
			return -ENOMEM;
		memcpy(kept->bytes, bytes, length);
	}
	saver->kepts++;
	return 0;
}

static void forget_kept(struct saver *saver)
{
	while (saver->kepts)
		free(saver->kept[--saver->kepts].bytes);
}

void saver_keep(struct dev *dev, bool is_keeping)
{
	struct saver *saver = (struct saver *)dev;

	forget_kept(saver);
	saver->is_keeping = is_keeping;
}

/* The bytes of `kept` that lie in [offset, offset + length), into `bytes`. */
static void lay_over(const struct kept *kept, uint8_t *bytes, size_t length, uint64_t offset)
{
	uint64_t from = offset > kept->offset ? offset : kept->offset;
	uint64_t end = offset + length, kept_end = kept->offset + kept->length;

	if (end > kept_end)
		end = kept_end;
	if (from >= end)
		return;
	if (kept->bytes)
		memcpy(bytes + (from - offset), kept->bytes + (from - kept->offset), (size_t)(end - from));
	else
		memset(bytes + (from - offset), 0, (size_t)(end - from));
}

/* What was kept as number n, but for what a later one wrote over it. */
static int prove_kept(const struct saver *saver, size_t n, struct dev *medium, uint8_t *wanted, uint8_t *seen)
{
	uint64_t end = saver->kept[n].offset + saver->kept[n].length;
	int code = 0;

	for (uint64_t at = saver->kept[n].offset; at < end && !code; at += PROOF_BYTES) {
		size_t length = end - at < PROOF_BYTES ? (size_t)(end - at) : PROOF_BYTES;

		for (size_t later = n; later < saver->kepts; later++)
			lay_over(&saver->kept[later], wanted, length, at);
		code = dev_read(medium, seen, length, at);
		if (!code && memcmp(wanted, seen, length))
			code = -EBADMSG;
	}
	return code;
}

int saver_prove(struct dev *dev, struct dev *medium)
{
	struct saver *saver = (struct saver *)dev;
	uint8_t *wanted = dev_buffer(PROOF_BYTES), *seen = dev_buffer(PROOF_BYTES);
	int code = wanted && seen ? 0 : -ENOMEM;

	for (size_t n = 0; n < saver->kepts && !code; n++)
		code = prove_kept(saver, n, medium, wanted, seen);
	free(wanted);
	free(seen);
	return code;
}

static int saver_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct saver *saver = (struct saver *)dev;
	const uint8_t *from = buffer;
	int code = saver->is_keeping && !saver->is_witness ? keep(saver, buffer, length, offset) : 0;

	if (code)
		return code;
	if (!saver->undo)
		return write_base(saver, buffer, length, offset);
	while (!code && length) {
		size_t part = length < HELD_BYTES / 2 ? length : HELD_BYTES / 2;

		code = hold(saver, from, part, offset);
		from += part;
		offset += part;
		length -= part;
	}
	return code;
}

static int saver_flush(struct dev *dev)
{
	struct saver *saver = (struct saver *)dev;
	int code = saver_drain(dev);

	if (!code)
		code = dev_flush(saver->base);
	if (!code && saver->undo)
		undo_barrier(saver->undo, saver->copy);
	return code;
}

static void saver_close(struct dev *dev)
{
	struct saver *saver = (struct saver *)dev;

	forget_kept(saver);
	free(saver->kept);
	free(saver->buffer);
	free(saver);
}

static int saver_open_descriptor(struct dev *dev)
{
	int code = saver_drain(dev);

	return code ? code : dev_open_descriptor(((struct saver *)dev)->base);
}

static const struct dev_ops saver_ops = {
	.pread = saver_pread,
	.pwrite = saver_pwrite,
	.flush = saver_flush,
	.open_descriptor = saver_open_descriptor,
	.close = saver_close,
};

int saver_open(struct dev *base, struct undo *undo, int copy, struct dev **dev)
{
	struct saver *saver = calloc(1, sizeof(*saver));

	*dev = NULL;
	if (saver && undo)
		saver->buffer = dev_buffer(HELD_BYTES);
	if (!saver || (undo && !saver->buffer)) {
		free(saver);
		return -ENOMEM;
	}
	saver->dev = *base;
	saver->dev.ops = &saver_ops;
	/* What is saved has a checksum for each piece: writes are made whole ones. */
	if (undo && base->align_bytes < UNDO_PIECE_BYTES)
		saver->dev.align_bytes = UNDO_PIECE_BYTES;
	saver->base = base;
	saver->undo = undo;
	saver->copy = copy;
	*dev = &saver->dev;
	return 0;
}

void saver_lose(struct dev *dev, enum saver_loss loss)
{
	((struct saver *)dev)->loss = loss;
}

void saver_hint(struct dev *dev, const void *old, size_t length, size_t lost_bytes)
{
	struct saver *saver = (struct saver *)dev;

	saver->hint = old;
	saver->hint_length = length;
	saver->hint_lost_bytes = lost_bytes;
}

void saver_witness(struct dev *dev, bool is_witness)
{
	((struct saver *)dev)->is_witness = is_witness;
}

struct saver_count saver_counted(const struct dev *dev)
{
	return ((const struct saver *)dev)->count;
}
