/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: notes every write and flush that reaches several devices, in the order in which they
 * happened, so that the media can be built as a power cut at any moment may leave them. What a device
 * was not asked to flush it may have kept or lost, each sector by itself and in any order.
 */
#ifndef SVC_DEV_RECORDER_H
#define SVC_DEV_RECORDER_H

#include "dev/dev.h"

enum { RECORDER_SECTOR_BYTES = 512 }; /* a medium writes it whole or not at all */

struct recorded {
	unsigned device;
	bool is_flush;
	uint64_t offset;
	size_t length;
	uint8_t *bytes; /* of a write */
	uint64_t stamp; /* what the caller's function said just before it */
};

struct recording {
	struct recorded *item;
	size_t items;
	size_t room;
	uint64_t (*stamp)(void *context); /* or NULL */
	void *context;
};

/*
 * Wraps `base`, which stays open and the caller's, as number `device` of the recording. Only what succeeds
 * is noted. Writes and flushes of all devices of one recording come from one thread. -ENOMEM.
 */
int dev_open_recorder(struct dev *base, struct recording *recording, unsigned device, struct dev **dev);
void recording_free(struct recording *recording);

/*
 * The number of the first item that a power cut after the first `prefix` items may have lost, were it a
 * write of this device: all before are durable.
 */
size_t recording_durable(const struct recording *recording, unsigned device, size_t prefix);

/* How much of what was not flushed survives a power cut. */
enum survival {
	SURVIVE_ALL,
	SURVIVE_NONE,
	SURVIVE_WRITES,  /* each write or not */
	SURVIVE_SECTORS, /* each sector or not */
	SURVIVE_LAST,    /* the last write alone: it overtook the others */
	SURVIVE_TORN,    /* all but the last write, of which a part of its sectors */
	SURVIVALS,
};

/*
 * Writes to medium[device] what items [first, prefix) leave of a power cut. *seed chooses, and moves on.
 * 0 or -errno of the medium.
 */
int recording_replay(const struct recording *recording, size_t first, size_t prefix, enum survival survival,
                     uint64_t *seed, struct dev *const medium[]);

/* The next number of a repeatable sequence (splitmix64). */
uint64_t recorder_random(uint64_t *seed);

#endif
