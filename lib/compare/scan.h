/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scan: several threads read the same stretch of every copy and mark the units that differ. No
 * hash: the copies are all within reach, so the bytes themselves are compared. What reads as zeros on
 * every copy by definition (a hole in an image file) is equal and not read.
 */
#ifndef SVC_SCAN_H
#define SVC_SCAN_H

#include <signal.h>

#include "base/bitset.h"
#include "dev/dev.h"

struct scan_part {
	struct dev *leg;
	int against;              /* the part it is held against; itself for the reference */
	struct bitset *differing; /* units that differ from `against` */
	struct bitset *unread;    /* units that could not be read; NULL until there is one */
};

struct scan {
	struct scan_part part[SVC_COPIES_MAX];
	int parts;
	uint32_t unit_bytes;
	uint64_t leg_bytes;
	const struct bitset *wanted; /* the units to read; the whole leg is leg_bytes / unit_bytes of them */
	bool is_repeated;            /* marks of an earlier scan are there and are replaced */
	bool is_fingerprinted;       /* not where it is repeated */
	const volatile sig_atomic_t *stop;
	void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
	void *context;
	uint64_t done_bytes; /* out: compared, per copy, holes included */
	uint64_t read_bytes; /* out: read from all copies together */
	/* out, where asked for: of where the parts differ, and of what each has there; units that cannot be read are left out. */
	uint64_t fingerprint;
};

/*
 * Reads and compares all wanted units. unit_bytes is 1 KiB or more. 0, -EINTR, -ENOMEM, or -EAGAIN
 * where no thread could be made.
 */
int scan_run(struct scan *scan);

/* Bytes in a unit: all but the last are unit_bytes long. */
uint64_t scan_unit_length(const struct scan *scan, uint64_t unit);

/* Bytes in all units of a set. */
uint64_t scan_set_bytes(const struct scan *scan, const struct bitset *set);

#endif
