/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is now at the places of an undo file: the check before anything is put back, and the proof after it. */
#ifndef SVC_LOOK_H
#define SVC_LOOK_H

#include <signal.h>

#include "base/error.h"
#include "dev/dev.h"
#include "rebuild/undo.h"

struct undo_look {
	struct {
		uint64_t other_bytes;   /* that are not as they were before the rebuild: what putting back changes */
		uint64_t strange_bytes; /* that are neither as they were nor as the rebuild wrote them */
		uint64_t strange_places;
		uint64_t first_strange; /* offset in the device */
		uint64_t lost_bytes;    /* that could not be read when they were saved: zeros stand for them */
	} copy[SVC_COPIES_MAX];
	/* The first group of which something is certainly not there: of later groups nothing is. None: UINT64_MAX. */
	uint64_t absent_group;
	int strange; /* the first copy that has any, or that something else wrote to in between; -1: none */
};

/*
 * Reads every place, writes nothing. `state` is what the copies have to be in:
 *
 *     UNDO_FINISHED          every place holds what was written to it last
 *     UNDO_OPEN, UNDO_BEGUN  each holds what was there before or what was written to it at some time, and
 *                            no place lacks what was durable before something that another place holds
 *     UNDO_DONE              every place holds what was there before
 *
 * device[n] is the device of the file's copy n; NULL where the file has no entries for it. -ESTALE where it is
 * not so, with a sentence that names the copy; -EINTR, -EBADMSG (the file), -errno.
 */
int undo_look(struct undo *undo, enum undo_state state, struct dev *const device[], const volatile sig_atomic_t *stop,
              struct undo_look *look, struct svc_error *error);

#endif
