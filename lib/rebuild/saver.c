/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/saver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_BYTES = 1 << 20, HELD_WRITES = 4096 };

struct held {
	uint64_t offset;
	size_t length;
	size_t at; /* in the buffer */
};

struct saver {
	struct dev dev;
	struct dev *base;
	struct undo *undo;
	int copy;
	bool is_witness; /* nothing is written */
	struct saver_count count;
	const uint8_t *hint;
	size_t hint_length;
	uint8_t *buffer; /* HELD_BYTES; page-aligned, and every write in it too */
	size_t used;
	struct held held[HELD_WRITES];
	size_t helds;
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

static int saver_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct saver *saver = (struct saver *)dev;
	int code = saver_drain(dev);

	return code ? code : dev_read(saver->base, buffer, length, offset);
}

/* Saves what is at `offset` now, and is about to become `bytes`. */
static int save(struct saver *saver, const void *bytes, size_t length, uint64_t offset)
{
	uint8_t *old;
	int code;

	if (saver->hint_length >= length) {
		code = undo_save(saver->undo, saver->copy, offset, saver->hint, bytes, length);
		saver->hint += length;
		saver->hint_length -= length;
		return code;
	}
	code = saver_drain(&saver->dev); /* what is held back may be what is there now */
	old = dev_buffer(length);
	if (!code)
		code = old ? dev_read(saver->base, old, length, offset) : -ENOMEM;
	if (!code)
		code = undo_save(saver->undo, saver->copy, offset, old, bytes, length);
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

static int saver_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct saver *saver = (struct saver *)dev;
	const uint8_t *from = buffer;
	int code = 0;

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
	free(((struct saver *)dev)->buffer);
	free(dev);
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

void saver_hint(struct dev *dev, const void *old, size_t length)
{
	struct saver *saver = (struct saver *)dev;

	saver->hint = old;
	saver->hint_length = length;
}

void saver_witness(struct dev *dev, bool is_witness)
{
	((struct saver *)dev)->is_witness = is_witness;
}

struct saver_count saver_counted(const struct dev *dev)
{
	return ((const struct saver *)dev)->count;
}
