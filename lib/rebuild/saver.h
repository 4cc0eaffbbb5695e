/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device through which a rebuild writes: what is overwritten is saved to the undo file first. Writes
 * are held back until the saved bytes are durable: a few at a time, so that one sync serves many.
 */
#ifndef SVC_SAVER_H
#define SVC_SAVER_H

#include "dev/dev.h"
#include "rebuild/undo.h"

struct saver_count {
	uint64_t writes; /* write calls that reached the base */
	uint64_t written_bytes;
};

/*
 * Wraps `base`, which stays open and the caller's. `copy` is its number in the undo file; undo NULL:
 * nothing is saved and writes go straight through. Not for use by several threads at once. -ENOMEM.
 */
int saver_open(struct dev *base, struct undo *undo, int copy, struct dev **dev);

/* What becomes of what the medium does not give back. */
enum saver_loss {
	SAVER_FAILS,       /* -EIO */
	SAVER_SAVES_ZEROS, /* it is lost already: zeros are saved in its place. What can be read is, to the sector */
	SAVER_READS_ZEROS, /* and read, as beside what is written in the same block: writing mends it */
};

/* From here on; SAVER_FAILS before. */
void saver_lose(struct dev *dev, enum saver_loss loss);

/*
 * The bytes that the next writes will overwrite, `length` of them in the order of those writes: saves
 * reading them again. Valid until so many bytes have been written. `lost_bytes` of them could not be read and are zeros.
 */
void saver_hint(struct dev *dev, const void *old, size_t length, size_t lost_bytes);

/* From here on (until false) what is written is saved alone: the device is left as it is. */
void saver_witness(struct dev *dev, bool is_witness);

/*
 * Keeps what is written from here on (until false) in memory too, for saver_prove, and forgets what was kept before:
 * for metadata, which is little.
 */
void saver_keep(struct dev *dev, bool is_keeping);

/*
 * Whether `medium`, another view of the base or the base itself, has all that was kept, as it was written last; to be
 * asked after a flush. 0, -EBADMSG where it is not there, -ENOMEM, or what reading gives.
 */
int saver_prove(struct dev *dev, struct dev *medium);

/* Saves and writes what is held back. dev_flush does this too, and makes it durable. */
int saver_drain(struct dev *dev);

struct saver_count saver_counted(const struct dev *dev);

#endif
