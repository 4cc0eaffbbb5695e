/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing the paths up, moving between them and taking them down again, each after a look at both. */
#ifndef SVC_PATH_SETUP_H
#define SVC_PATH_SETUP_H

#include "path/check.h"
#include "path/control.h"

struct paths {
	struct path_places places;
	struct path_check_options options;
	struct control control;
	/* Filled by each call. */
	struct path_check check;
	struct control_state state;
};

/*
 * Where copies of svc.conf and settings become struct paths; `arguments` are copies as typed, or those of svc.conf.
 * -EINVAL with a sentence.
 */
int paths_init(struct paths *paths, const char *const argument[], int arguments, const struct svc_conf *conf,
               const struct locate_options *locate, struct svc_error *error);

/* The deadline of every touch of a path; 0: the default. */
void paths_set_timeout(struct paths *paths, unsigned seconds);

/* Looks at both paths and at what the kernel has. As path_check. */
int paths_look(struct paths *paths, enum path_wish coherence, struct svc_error *error);

/*
 * Whether shared may be read and written by NBD, for who makes no device of the paths, and whose direct one is dead: looks
 * at it as paths_look does. 0; with a sentence: -ESTALE where what it shows is not to be relied on, -EPERM where it leads
 * elsewhere or is not fit, what looking met where it is down.
 */
int paths_look_nbd(struct paths *paths, struct svc_error *error);

/*
 * Attaches the NBD path, looks at both and makes the device out of those that are fit; one that is set up already
 * gets the paths that it lacks. A path in use that has lost its connection is taken out of the device before it is
 * connected anew, and put back once it is known where it leads. Nothing to do where the control is none or external. With a sentence: -ENODEV
 * (no path is fit, or not the one that the device is to lie on: the check's reasons say why), -EIO and what attaching can return.
 */
int paths_setup(struct paths *paths, struct svc_error *error);

/* Takes the device away and detaches the NBD path. -EBUSY where the device is in use. */
int paths_teardown(struct paths *paths, struct svc_error *error);

/*
 * Sends I/O to `kind`, or with -1 to the path that is best, after a look at both and a test of coherence. -EPERM
 * where the path is not fit, -ENODEV where nothing is set up, -ENOTSUP where there is nothing to switch, -ETIMEDOUT where
 * requests under way by the old path do not end: then it follows when they do.
 */
int paths_switch(struct paths *paths, int kind, struct svc_error *error);

/* Whether I/O may go to the path: fit, and known to be the volume that is meant. `why` (or NULL) says why not. */
bool paths_may_use(const struct path_check *check, enum path_kind kind, struct svc_error *why);

/*
 * Whether the NBD path may get a connection: not while the kernel would send requests there before anybody has seen
 * where it leads. Of paths->state.
 */
bool paths_may_connect(const struct paths *paths);

/* The path that --switch nbd or direct chose, until --switch auto; -1: the best one. Kept in /run/svc. */
int paths_pinned(void);

/* The path that I/O goes to, for the report; -1: none. */
int paths_active(const struct paths *paths);

#endif
