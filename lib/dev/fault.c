/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { SECTOR_BYTES = 512 };

struct fault {
	struct dev dev;
	struct dev *base; /* the caller's */
	struct fault_plan plan;
	pthread_mutex_t lock; /* of count */
	struct fault_count count;
};

static bool touches(const struct extent *bad, uint64_t offset, size_t length)
{
	return bad->length && offset < bad->offset + bad->length && bad->offset < offset + length;
}

/* What the plan has in store for the operation that was just counted. */
static int fault_decide(const struct fault_plan *plan, const struct fault_count *count, enum fault_operation operation,
                        uint64_t offset, size_t length)
{
	if (plan->has_power_cut && count->total > plan->cut_after)
		return -EIO;
	if (count->operations[operation] == plan->fail[operation].nth)
		return plan->fail[operation].code;
	if (operation == FAULT_READ && touches(&plan->bad, offset, length))
		return -EIO;
	return 0;
}

static int fault_meet(struct fault *fault, enum fault_operation operation, uint64_t offset, size_t length)
{
	int r;

	pthread_mutex_lock(&fault->lock);
	fault->count.operations[operation]++;
	fault->count.total++;
	r = fault_decide(&fault->plan, &fault->count, operation, offset, length);
	fault->count.failed += r != 0;
	fault->count.is_cut |= fault->plan.has_power_cut && fault->count.total > fault->plan.cut_after;
	pthread_mutex_unlock(&fault->lock);
	return r;
}

static int fault_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct fault *fault = (struct fault *)dev;
	int r = fault_meet(fault, FAULT_READ, offset, length);

	return r ? r : dev_read(fault->base, buffer, length, offset);
}

static int fault_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct fault *fault = (struct fault *)dev;
	int r = fault_meet(fault, FAULT_WRITE, offset, length);

	if (r && fault->plan.fail[FAULT_WRITE].is_short)
		dev_write(fault->base, buffer, length / 2 / SECTOR_BYTES * SECTOR_BYTES, offset);
	return r ? r : dev_write(fault->base, buffer, length, offset);
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

static void fault_close(struct dev *dev)
{
	pthread_mutex_destroy(&((struct fault *)dev)->lock);
	free(dev);
}

static const struct dev_ops fault_ops = {
	.pread = fault_pread,
	.pwrite = fault_pwrite,
	.flush = fault_flush,
	.next_data = fault_next_data,
	.close = fault_close,
};

int dev_open_fault(struct dev *base, const struct fault_plan *plan, struct dev **dev)
{
	struct fault *fault = calloc(1, sizeof(*fault));

	*dev = NULL;
	if (!fault)
		return -ENOMEM;
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
