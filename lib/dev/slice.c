/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device made of pieces of another one: a leg, whose segments lie about on its physical volume. */
#include <errno.h>
#include <stdlib.h>

#include "dev/backend.h"
#include "dev/dev.h"

struct piece {
	uint64_t start;     /* where it begins within the slice */
	struct extent base; /* where it lies on the base */
};

struct slice {
	struct dev dev;
	struct dev *base; /* the caller's; or its own */
	bool owns_base;
	size_t pieces;
	struct piece piece[];
};

/* The piece that holds `offset`, which lies within the slice. */
static size_t slice_find(const struct slice *slice, uint64_t offset)
{
	size_t low = 0, high = slice->pieces - 1;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;

		if (slice->piece[middle].start <= offset)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* The part of a request that lies in one piece, and where that is on the base. */
static struct extent slice_map(const struct piece *piece, uint64_t offset, uint64_t length)
{
	uint64_t within = offset - piece->start;
	uint64_t left = piece->base.length - within;

	return (struct extent){ .offset = piece->base.offset + within, .length = length < left ? length : left };
}

static int slice_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct slice *slice = (struct slice *)dev;
	unsigned char *to = buffer;
	int r = 0;

	for (size_t i = slice_find(slice, offset); !r && length; i++) {
		struct extent part = slice_map(&slice->piece[i], offset, length);

		r = dev_read(slice->base, to, (size_t)part.length, part.offset);
		to += part.length;
		offset += part.length;
		length -= (size_t)part.length;
	}
	return r;
}

static int slice_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct slice *slice = (struct slice *)dev;
	const unsigned char *from = buffer;
	int r = 0;

	for (size_t i = slice_find(slice, offset); !r && length; i++) {
		struct extent part = slice_map(&slice->piece[i], offset, length);

		r = dev_write(slice->base, from, (size_t)part.length, part.offset);
		from += part.length;
		offset += part.length;
		length -= (size_t)part.length;
	}
	return r;
}

static int slice_flush(struct dev *dev)
{
	return dev_flush(((struct slice *)dev)->base);
}

static int slice_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	struct slice *slice = (struct slice *)dev;

	for (size_t i = slice_find(slice, offset); i < slice->pieces; i++) {
		const struct piece *piece = &slice->piece[i];
		uint64_t from = offset > piece->start ? offset : piece->start;
		struct extent part = slice_map(piece, from, UINT64_MAX);
		struct extent data;
		int r = dev_next_data(slice->base, part.offset, &data);

		if (r)
			return r;
		if (data.length && data.offset - part.offset < part.length) {
			uint64_t gap = data.offset - part.offset;

			run->offset = from + gap;
			run->length = data.length < part.length - gap ? data.length : part.length - gap;
			return 0;
		}
	}
	*run = (struct extent){ .offset = dev->size_bytes };
	return 0;
}

/* The same pieces of the base's other view. */
static int slice_open_uncached(struct dev *dev, struct dev **medium)
{
	struct slice *slice = (struct slice *)dev;
	struct extent *piece = calloc(slice->pieces + 1, sizeof(*piece));
	struct dev *base = NULL;
	int r = piece ? dev_open_uncached(slice->base, &base) : -ENOMEM;

	for (size_t i = 0; i < slice->pieces && !r; i++)
		piece[i] = slice->piece[i].base;
	if (!r)
		r = dev_open_slice(base, piece, slice->pieces, medium);
	free(piece);
	if (r)
		dev_close(base);
	else
		((struct slice *)*medium)->owns_base = true;
	return r;
}

static void slice_close(struct dev *dev)
{
	struct slice *slice = (struct slice *)dev;

	if (slice->owns_base)
		dev_close(slice->base);
	free(slice);
}

static const struct dev_ops slice_ops = {
	.pread = slice_pread,
	.pwrite = slice_pwrite,
	.flush = slice_flush,
	.next_data = slice_next_data,
	.open_uncached = slice_open_uncached,
	.close = slice_close,
};

int dev_open_slice(struct dev *base, const struct extent *piece, size_t pieces, struct dev **dev)
{
	struct slice *slice;
	unsigned align = base->align_bytes;

	*dev = NULL;
	if (pieces > (SIZE_MAX - sizeof(*slice)) / sizeof(slice->piece[0]))
		return -EINVAL;
	slice = calloc(1, sizeof(*slice) + pieces * sizeof(slice->piece[0]));
	if (!slice)
		return -ENOMEM;
	slice->base = base;
	slice->dev = *base;
	slice->dev.ops = &slice_ops;
	slice->dev.size_bytes = 0;
	/* The base's identity would call two slices of one device the same. */
	slice->dev.identity[0] = slice->dev.identity[1] = 0;
	for (size_t i = 0; i < pieces; i++) {
		if (!dev_range_fits(base->size_bytes, piece[i].offset, piece[i].length) ||
		    piece[i].length > UINT64_MAX - slice->dev.size_bytes) {
			free(slice);
			return -EINVAL;
		}
		if (!piece[i].length)
			continue;
		/* Where a piece lies across the base's blocks, requests are bounced down there. */
		if (piece[i].offset % base->align_bytes || piece[i].length % base->align_bytes)
			align = 1;
		slice->piece[slice->pieces++] = (struct piece){ .start = slice->dev.size_bytes, .base = piece[i] };
		slice->dev.size_bytes += piece[i].length;
	}
	slice->dev.align_bytes = align;
	*dev = &slice->dev;
	return 0;
}
