/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI-3 persistent reservations on a local disk: fencing by the array itself. With a reservation of type
 * "write exclusive, registrants only" the array refuses writes of every initiator that has no key
 * registered. Keys belong to an initiator and a logical unit: what reaches the array through another
 * controller (NBD) goes under that controller's key.
 *
 * Commands go to the disk itself, by SG_IO: neither nbd nor a multipath map over nbd passes them on. PERSISTENT RESERVE
 * IN and OUT as in SPC-4, 6.15 and 6.16; linux/pr.h has no call that reads keys, and always asks for registrations that
 * outlast a loss of power, which some arrays refuse.
 */
#ifndef SVC_RESERVATION_H
#define SVC_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { RESERVATION_KEYS_MAX = 32 };

struct reservation {
	uint32_t generation; /* counts changes of the registrations */
	unsigned keys;       /* registered; more than RESERVATION_KEYS_MAX are counted and not listed */
	uint64_t key[RESERVATION_KEYS_MAX];
	bool is_reserved;
	bool is_registrants_only; /* of the type that this module makes */
	uint64_t holder;          /* the key that holds it */
};

/*
 * What the array has at this moment. Each command waits for timeout_seconds at most. -EOPNOTSUPP: not a
 * SCSI disk, or one that knows no reservations; -ETIMEDOUT, -EIO, -errno of opening; with a sentence.
 */
int reservation_read(const char *device, unsigned timeout_seconds, struct reservation *reservation,
                     struct svc_error *error);

bool reservation_has_key(const struct reservation *reservation, uint64_t key);

/*
 * Each is one command to the array, and is atomic there. -EBUSY: reservation conflict (the key is not, or
 * no longer, registered, or another one holds the reservation). Errors otherwise as above.
 */
/* Whatever key was before. 1: done, and the array will not know it any more once its power was cut. */
int reservation_register(const char *device, uint64_t key, struct svc_error *error);
/*
 * Another key in place of `key`, which keeps the reservation where that held it; 0: none is registered so far. It fails
 * where that is not so. 1: as above.
 */
int reservation_renew(const char *device, uint64_t key, uint64_t fresh, struct svc_error *error);
int reservation_reserve(const char *device, uint64_t key, struct svc_error *error);
/* Takes `other`'s key away, and the reservation with it where it held that. `key` must be registered. */
int reservation_preempt(const char *device, uint64_t key, uint64_t other, struct svc_error *error);
/* Gives the reservation up and takes one's own key away. */
int reservation_release(const char *device, uint64_t key, struct svc_error *error);

#endif
