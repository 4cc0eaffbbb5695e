/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/spawn.h"
#include "dev/backend.h"

/* In the child, whose parent may have threads: only what is safe between fork and exec. */
static void touch(const char *path)
{
	static unsigned char block[DEV_PAGE_BYTES] __attribute__((aligned(DEV_PAGE_BYTES)));
	int fd;

	/* Left behind it must not keep the parent's devices and locks: other copies are opened exclusively. */
	close_range(STDERR_FILENO + 1, ~0U, 0);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_exit(fd >= 0 && pread(fd, block, sizeof(block), 0) < 0);
}

int probe_with(void (*ask)(const char *path), const char *path, unsigned seconds)
{
	pid_t child = fork();
	int status;

	if (!child)
		ask(path);
	if (child < 0)
		return -errno;
	status = spawn_wait(child, seconds * 1000);
	if (status == -ETIMEDOUT)
		spawn_abandon(child);
	return status < 0 ? status : 0;
}

int probe_device(const char *path, unsigned seconds)
{
	return probe_with(touch, path, seconds);
}
