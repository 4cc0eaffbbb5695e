/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts back what a rebuild overwrote. */
#ifndef SVC_RESTORE_H
#define SVC_RESTORE_H

#include "rebuild/look.h"

struct restore_options {
	bool is_dry_run; /* look, and write nothing */
	const volatile sig_atomic_t *stop;
	/* Called when it is known what would be put back, and that is something. False: leave it. NULL: go on. */
	bool (*confirm)(void *context, const struct undo_look *look);
	void *context;
};

/*
 * Looks at every place; where all hold what the rebuild left there, or an interrupted one or an interrupted
 * undo did, puts back what they held before, last entry first, and reads it back from the medium. device[n]
 * is the device of the undo file's copy n, open for writing. *look says what was found before the first write.
 *
 * With a sentence: -ESTALE where a copy was used again since, or -EINVAL where a device is not the one that
 * was saved from: nothing was written. -ECANCELED: not confirmed. -EINTR: run again to go on. -EBADMSG: the
 * file is damaged, or the proof failed; -errno.
 */
int restore_run(struct undo *undo, struct dev *const device[], const struct restore_options *options,
                struct undo_look *look, struct svc_error *error);

#endif
