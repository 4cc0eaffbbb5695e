/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "console/jobs.h"

enum { LOOK_MS = 250 };

void turn_open(struct turn *turn, const char *directory)
{
	char path[sizeof(turn->directory) + 16];
	struct svc_error ignored;
	struct jobs jobs;

	memset(turn, 0, sizeof(*turn));
	turn->lock = -1;
	if (jobs_open(&jobs, directory, &ignored))
		return;
	snprintf(turn->directory, sizeof(turn->directory), "%s", jobs.directory);
	snprintf(path, sizeof(path), "%s/work.lock", turn->directory);
	turn->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool set_lock(const struct turn *turn, short type)
{
	struct flock whole = { .l_type = type, .l_whence = SEEK_SET };

	return turn->lock < 0 || !fcntl(turn->lock, F_OFD_SETLK, &whole);
}

void turn_give(const struct turn *turn)
{
	set_lock(turn, F_UNLCK);
}

void turn_close(struct turn *turn)
{
	turn_give(turn);
	if (turn->lock >= 0)
		close(turn->lock);
	turn->lock = -1;
}

int turn_take(const struct turn *turn, unsigned limit_seconds, struct watch *watch, const volatile sig_atomic_t *stop,
              struct svc_error *error)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	struct stat before = { 0 }, now;

	for (unsigned quiet_ms = 0; !set_lock(turn, F_WRLCK); quiet_ms += LOOK_MS) {
		if (stop && *stop)
			return error_set(error, -EINTR, "told to end");
		/* A job's file is replaced as a whole whenever it has something to tell. */
		if (!stat(turn->directory, &now) &&
		    (now.st_mtim.tv_sec != before.st_mtim.tv_sec || now.st_mtim.tv_nsec != before.st_mtim.tv_nsec)) {
			before = now;
			quiet_ms = 0;
		}
		if (quiet_ms > limit_seconds * 1000)
			return error_set(error, -EBUSY, "work begun at a console is under way and does not get on");
		watch_beat(watch);
		nanosleep(&pause, NULL);
	}
	return 0;
}
