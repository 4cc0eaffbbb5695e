/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies what differs from one leg to another: two readers ahead, one on each copy, and one writer. The
 * order of writes is the order of the blocks, so that a crash leaves a state that can be told.
 */
#ifndef SVC_CONTENT_H
#define SVC_CONTENT_H

#include <signal.h>

#include "base/bitset.h"
#include "dev/dev.h"

struct content_job {
	struct dev *from;             /* leg of the authority */
	struct dev *to;               /* leg of the target, over `saver`: for writing only */
	struct dev *to_read;          /* the same leg, not over the saver, which serves one thread alone */
	struct dev *saver;            /* the target's device; gets the old contents as hints */
	const struct bitset *wanted;  /* units to look at */
	const struct bitset *skipped; /* units among them to leave out; or NULL */
	struct bitset *written;       /* out: units that were written, for the proof */
	uint32_t unit_bytes;
	uint64_t leg_bytes;
	uint64_t rate; /* bytes per second at most; 0: no limit */
	const volatile sig_atomic_t *stop;
	/* Called after every batch. Returns 0, or the error that ends it. */
	int (*batch_done)(void *context, uint64_t written_bytes);
	void *context;
	uint64_t written_bytes; /* out */
	int read_error;         /* out: -errno where the authority could not be read */
};

/* 0, -EINTR, -ENOMEM, or what reading or writing gave. The writes are not durable yet. */
int content_copy(struct content_job *job);

#endif
