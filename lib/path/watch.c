/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/watch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "path/attach.h"

static void end(struct path_watch *watch)
{
	if (watch->child > 0) {
		kill(watch->child, SIGKILL);
		waitpid(watch->child, NULL, 0);
	}
	watch->child = 0;
}

void path_watch_keep(struct path_watch *watch, const char *uri)
{
	pid_t self = getpid();

	if (watch->child > 0 && waitpid(watch->child, NULL, WNOHANG))
		watch->child = 0;
	if (strcmp(uri, watch->uri) != 0)
		end(watch);
	snprintf(watch->uri, sizeof(watch->uri), "%s", uri);
	if (watch->child > 0 || !*uri)
		return;
	watch->child = fork();
	if (watch->child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == self)
		nbd_watch(watch->uri);
	_exit(1);
}
