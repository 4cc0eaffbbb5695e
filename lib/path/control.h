/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes one device out of the paths, by one small table of operations. All state is in the kernel: whoever
 * comes next, another process too, finds it there.
 */
#ifndef SVC_PATH_CONTROL_H
#define SVC_PATH_CONTROL_H

#include "dev/mapper.h"
#include "path/path.h"

enum { CONTROL_NAME_SIZE = 128 };

struct control_ops;

struct control {
	enum paths_control kind;
	const struct control_ops *ops;
	char name[CONTROL_NAME_SIZE]; /* of the device-mapper's device */
	char uuid[CONTROL_NAME_SIZE + 16];
	unsigned
		queue_seconds; /* multipath: hold requests back for so long where no path is left; 0: fail them at once */
	unsigned timeout_seconds; /* of putting another table into place; 0: PATH_TIMEOUT_SECONDS */
};

/* The kernel's view. */
struct control_state {
	bool is_set_up;
	uint64_t device;  /* st_rdev of the one device */
	bool is_queueing; /* requests are held back where no path is left */
	int active;       /* the path that I/O goes to, enum path_kind; -1: none */
	struct {
		bool is_in;     /* the device has this path */
		bool is_failed; /* and sends nothing there until it is reinstated */
		uint64_t rdev;
	} path[PATHS];
};

/* Return 0 or -errno. Ops that a control has not are NULL. */
struct control_ops {
	/* Makes the device, or gives it another set of paths, while it is in use: those with rdev[i] not 0. */
	int (*set_paths)(const struct control *control, const uint64_t rdev[PATHS], uint64_t sectors);
	int (*read)(const struct control *control, struct control_state *state);
	int (*fail)(const struct control *control, const struct control_state *state, enum path_kind kind);
	int (*reinstate)(const struct control *control, const struct control_state *state, enum path_kind kind);
	/* Sends I/O there from now on; state->path[kind].rdev is that path's device. */
	int (*use)(const struct control *control, const struct control_state *state, enum path_kind kind);
};

/* By svc.conf. */
void control_init(struct control *control, const struct svc_conf *conf);

/* The device that is to be used for `shared`: /dev/mapper/NAME, or the locator of the direct path. Returns text. */
const char *control_device(const struct control *control, const char *direct, char *text, size_t size);

const char *control_kind_name(enum paths_control kind);

/* What the kernel has; is_set_up is false where there is nothing, or nothing to be set up. 0 or -errno. */
int control_read(const struct control *control, struct control_state *state);

/* Takes the device away. 0 too where there is none; -EBUSY where it is in use. */
int control_remove(const struct control *control);

/*
 * Puts the row in place of the live table, which cannot be done before the requests under way have ended: -ETIMEDOUT where
 * they do not. With `goes_on` it follows when they do, and requests to come wait until then; without it everything
 * stays as it was.
 */
int control_swap(const struct control *control, uint64_t device, const struct mapper_row *row, bool goes_on);

extern const struct control_ops control_multipath;
extern const struct control_ops control_manual;

/* Which path a device below is: the kernel's nbd devices have major number 43. */
enum path_kind control_kind_of(uint64_t rdev);

#endif
