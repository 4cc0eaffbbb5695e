/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a resync share: resync.c, resync_save.c, resync_undo.c. */
#ifndef SVC_RESYNC_PARTS_H
#define SVC_RESYNC_PARTS_H

#include "resync.h"

/* Settles resync->undo_path: where to save what is overwritten, if anywhere. 0 or the exit code to refuse with. */
int resync_settle_saving(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                         struct svc_error *error);

/*
 * One rebuild of a mirror at a time on this host, also where a copy is reached in a way that knows no locks.
 * *lock is closed to let go; -1: there is nothing to lock by. 0 or the exit code.
 */
int resync_lock(const char *lv_uuid, int *lock, struct svc_error *error);

/* It is in use: the sentence, with by whom. Returns the exit code. */
int resync_refuse_live(const struct copy *copy, struct svc_error *error);

/* The copy's device for writing, exclusively. 0 or the exit code. */
int resync_open_device(const struct copy *copy, const struct locate_options *locate, struct dev **device,
                       struct svc_error *error);

/* The exit code that an -errno of rebuilding or undoing comes to. */
int resync_exit_of(int code);

#endif
