/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device over the caller's memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"

struct memory {
	struct dev dev;
	unsigned char *bytes;
};

static int memory_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	memcpy(buffer, ((struct memory *)dev)->bytes + offset, length);
	return 0;
}

static int memory_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	memcpy(((struct memory *)dev)->bytes + offset, buffer, length);
	return 0;
}

static void memory_close(struct dev *dev)
{
	free(dev);
}

static const struct dev_ops memory_ops = {
	.pread = memory_pread,
	.pwrite = memory_pwrite,
	.close = memory_close,
};

int dev_open_memory(void *memory, uint64_t bytes, bool is_read_only, struct dev **dev)
{
	struct memory *m;

	*dev = NULL;
	if (bytes > SIZE_MAX)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->bytes = memory;
	m->dev = (struct dev){
		.ops = &memory_ops,
		.size_bytes = bytes,
		.align_bytes = 1,
		.parallel = 1,
		.is_read_only = is_read_only,
	};
	*dev = &m->dev;
	return 0;
}
