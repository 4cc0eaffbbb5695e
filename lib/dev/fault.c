/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitset.h"

enum { SECTOR_BYTES = 512 };

/* What the cache shows, and the medium need not have. */
struct cached {
	struct cached *next; /* written later */
	uint64_t offset;
	size_t length;
	uint8_t bytes[];
};

struct fault {
	struct dev dev;
	struct dev *base; /* the caller's */
	struct fault_plan plan;
	pthread_mutex_t lock; /* of all below */
	struct fault_count count;
	struct bitset *mended; /* sectors of plan.bad, from the one that it begins in */
	struct cached *cached; /* from the first lost write on, by time */
};

/* Another view of it: the medium alone. */
struct view {
	struct dev dev;
	struct fault *fault;
};

static bool overlaps(uint64_t x, uint64_t x_length, uint64_t y, uint64_t y_length)
{
	return x_length && y_length && x < y + y_length && y < x + x_length;
}

static bool is_bad(const struct fault *fault, uint64_t offset, size_t length)
{
	const struct extent *bad = &fault->plan.bad;
	uint64_t first = bad->offset / SECTOR_BYTES;

	if (!overlaps(bad->offset, bad->length, offset, length))
		return false;
	if (!fault->mended)
		return true;
	for (uint64_t i = 0; i < fault->mended->bits; i++)
		if (!bitset_test(fault->mended, i) &&
		    overlaps((first + i) * SECTOR_BYTES, SECTOR_BYTES, offset, length))
			return true;
	return false;
}

static void mend(struct fault *fault, uint64_t offset, size_t length)
{
	uint64_t first = fault->plan.bad.offset / SECTOR_BYTES;

	for (uint64_t i = 0; fault->mended && i < fault->mended->bits; i++)
		if (offset <= (first + i) * SECTOR_BYTES && offset + length >= (first + i + 1) * SECTOR_BYTES)
			bitset_set(fault->mended, i);
}

/* Whether the operation that was just counted is one that fails, or is lost. */
static bool is_its_turn(const struct fault *fault, enum fault_operation operation)
{
	uint64_t nth = fault->plan.fail[operation].nth, now = fault->count.operations[operation];

	return nth && (now == nth || (fault->plan.fail[operation].is_lasting && now > nth));
}

/* What the plan has in store for it. */
static int fault_decide(const struct fault *fault, enum fault_operation operation, uint64_t offset, size_t length)
{
	if (fault->plan.has_power_cut && fault->count.total > fault->plan.cut_after)
		return -EIO;
	if (is_its_turn(fault, operation) && !fault->plan.fail[operation].is_lost)
		return fault->plan.fail[operation].code;
	if (operation == FAULT_READ && is_bad(fault, offset, length))
		return -EIO;
	return 0;
}

static int fault_meet(struct fault *fault, enum fault_operation operation, uint64_t offset, size_t length)
{
	int r;

	pthread_mutex_lock(&fault->lock);
	fault->count.operations[operation]++;
	fault->count.total++;
	r = fault_decide(fault, operation, offset, length);
	fault->count.failed += r != 0;
	fault->count.is_cut |= fault->plan.has_power_cut && fault->count.total > fault->plan.cut_after;
	pthread_mutex_unlock(&fault->lock);
	return r;
}

static void show_cached(struct fault *fault, uint8_t *buffer, size_t length, uint64_t offset)
{
	pthread_mutex_lock(&fault->lock);
	for (const struct cached *cached = fault->cached; cached; cached = cached->next) {
		uint64_t from = offset > cached->offset ? offset : cached->offset;
		uint64_t end = offset + length < cached->offset + cached->length ? offset + length
		                                                                 : cached->offset + cached->length;

		if (from < end)
			memcpy(buffer + (from - offset), cached->bytes + (from - cached->offset), (size_t)(end - from));
	}
	pthread_mutex_unlock(&fault->lock);
}

static int fault_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct fault *fault = (struct fault *)dev;
	int r = fault_meet(fault, FAULT_READ, offset, length);

	if (!r)
		r = dev_read(fault->base, buffer, length, offset);
	if (!r)
		show_cached(fault, buffer, length, offset);
	return r;
}

/* Notes what the cache has from now on. Sets *is_lost where the medium is not to have it. */
static int note_cached(struct fault *fault, const void *buffer, size_t length, uint64_t offset, bool *is_lost)
{
	struct cached *cached, **end = &fault->cached;
	int r = 0;

	pthread_mutex_lock(&fault->lock);
	mend(fault, offset, length);
	*is_lost = fault->plan.fail[FAULT_WRITE].is_lost && is_its_turn(fault, FAULT_WRITE);
	fault->count.failed += *is_lost;
	while (*end)
		end = &(*end)->next;
	cached = *is_lost || fault->cached ? malloc(sizeof(*cached) + length) : NULL;
	if (cached) {
		*cached = (struct cached){ .offset = offset, .length = length };
		memcpy(cached->bytes, buffer, length);
		*end = cached;
	} else if (*is_lost || fault->cached) {
		r = -ENOMEM;
	}
	pthread_mutex_unlock(&fault->lock);
	return r;
}

static int fault_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct fault *fault = (struct fault *)dev;
	int r = fault_meet(fault, FAULT_WRITE, offset, length);
	bool is_lost = false;

	if (r && fault->plan.fail[FAULT_WRITE].is_short)
		dev_write(fault->base, buffer, length / 2 / SECTOR_BYTES * SECTOR_BYTES, offset);
	if (!r)
		r = note_cached(fault, buffer, length, offset, &is_lost);
	return r || is_lost ? r : dev_write(fault->base, buffer, length, offset);
}

static int fault_flush(struct dev *dev)
{
	struct fault *fault = (struct fault *)dev;
	int r = fault_meet(fault, FAULT_FLUSH, 0, 0);

	return r ? r : dev_flush(fault->base);
}

static int fault_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	return dev_next_data(((struct fault *)dev)->base, offset, run);
}

static int view_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct fault *fault = ((struct view *)dev)->fault;
	int r = fault_meet(fault, FAULT_READ, offset, length);

	return r ? r : dev_read(fault->base, buffer, length, offset);
}

static int view_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	return dev_next_data(((struct view *)dev)->fault->base, offset, run);
}

static void view_close(struct dev *dev)
{
	free(dev);
}

static int fault_open_uncached(struct dev *dev, struct dev **medium)
{
	static const struct dev_ops ops = { .pread = view_pread, .next_data = view_next_data, .close = view_close };
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return -ENOMEM;
	view->dev = *dev;
	view->dev.ops = &ops;
	view->fault = (struct fault *)dev;
	*medium = &view->dev;
	return 0;
}

static void drop_cached(struct fault *fault)
{
	for (struct cached *next; fault->cached; fault->cached = next) {
		next = fault->cached->next;
		free(fault->cached);
	}
}

static void fault_forget(struct dev *dev)
{
	struct fault *fault = (struct fault *)dev;

	pthread_mutex_lock(&fault->lock);
	if (!fault->plan.fail[FAULT_WRITE].is_stubborn)
		drop_cached(fault);
	pthread_mutex_unlock(&fault->lock);
}

static void fault_close(struct dev *dev)
{
	struct fault *fault = (struct fault *)dev;

	drop_cached(fault);
	bitset_free(fault->mended);
	pthread_mutex_destroy(&fault->lock);
	free(fault);
}

static const struct dev_ops fault_ops = {
	.pread = fault_pread,
	.pwrite = fault_pwrite,
	.flush = fault_flush,
	.next_data = fault_next_data,
	.open_uncached = fault_open_uncached,
	.forget = fault_forget,
	.close = fault_close,
};

int dev_open_fault(struct dev *base, const struct fault_plan *plan, struct dev **dev)
{
	struct fault *fault = calloc(1, sizeof(*fault));
	uint64_t end = plan->bad.offset + plan->bad.length;

	*dev = NULL;
	if (fault && plan->is_bad_mended)
		fault->mended = bitset_new((end + SECTOR_BYTES - 1) / SECTOR_BYTES - plan->bad.offset / SECTOR_BYTES);
	if (!fault || (plan->is_bad_mended && !fault->mended)) {
		free(fault);
		return -ENOMEM;
	}
	fault->dev = *base;
	fault->dev.ops = &fault_ops;
	fault->base = base;
	fault->plan = *plan;
	pthread_mutex_init(&fault->lock, NULL);
	*dev = &fault->dev;
	return 0;
}

struct fault_count fault_counted(struct dev *dev)
{
	struct fault *fault = (struct fault *)dev;
	struct fault_count count;

	pthread_mutex_lock(&fault->lock);
	count = fault->count;
	pthread_mutex_unlock(&fault->lock);
	return count;
}
