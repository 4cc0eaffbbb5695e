/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that fails as planned, for tests: the Nth read, write or flush, or all from the Nth on, reads of a bad
 * spot, and everything after a power cut; and one that lies: a write that is lost, though reads show it as this
 * host's cache would. What fails does not reach the base, except half of a short write.
 */
#ifndef SVC_DEV_FAULT_H
#define SVC_DEV_FAULT_H

#include "dev/dev.h"

enum fault_operation { FAULT_READ, FAULT_WRITE, FAULT_FLUSH, FAULT_OPERATIONS };

struct fault_plan {
	struct {
		uint64_t nth;    /* the first is 1; 0: none */
		int code;        /* -errno it fails with */
		bool is_lasting; /* and all after it */
		bool is_short;   /* a write: its first half, in whole sectors, still reaches the base */
		/*
		 * A write: it succeeds and never reaches the base. Reads show it until dev_forget, but not those of
		 * dev_open_uncached.
		 */
		bool is_lost;
		bool is_stubborn; /* reads show it after dev_forget too */
	} fail[FAULT_OPERATIONS];
	struct extent bad;  /* reads that touch it fail with -EIO; length 0: none */
	bool is_bad_mended; /* until it is written: by sectors */
	bool has_power_cut;
	uint64_t cut_after; /* operations of all kinds that still succeed; then all fail with -EIO */
};

struct fault_count {
	uint64_t operations[FAULT_OPERATIONS]; /* tried, failed ones included */
	uint64_t total;
	uint64_t failed; /* or lost */
	bool is_cut;     /* the power cut has come */
};

/*
 * Wraps `base`, which stays open and the caller's. Operations are counted as they reach the base: an
 * unaligned dev_write of a device that needs alignment is a read and a write. Thread-safe. -ENOMEM.
 */
int dev_open_fault(struct dev *base, const struct fault_plan *plan, struct dev **dev);

/* What has happened so far. `dev` is of dev_open_fault. */
struct fault_count fault_counted(struct dev *dev);

#endif
