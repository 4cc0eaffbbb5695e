/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The legs that are older are rebuilt by svc-resync, in the background: the data is usable meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promote/takeover.h"
#include "resync_parts.h"

#define REFRESH_JSON "/run/svc/refresh.json"
#define REFRESH_LOG "/run/svc/refresh.log"

enum { ARGUMENTS_MAX = 16 + 3 * SVC_COPIES_MAX };

/* Decided when it was taken over; where it is active already, the legs that are not in sync and have nothing of their own. */
static bool find_targets(struct takeover *t)
{
	const struct promote_decision *decision = &t->decision;
	bool is_any = false;

	for (int i = 0; i < t->survey.copies; i++) {
		const struct copy *copy = &t->survey.copy[i];
		const struct online_evidence *online = &copy->evidence.online;
		enum copy_state state = t->verdict.state[i];
		unsigned leg = copy->evidence.lvm.leg_index;
		bool is_old = state == STATE_STALE || state == STATE_BLANK || state == STATE_DAMAGED;

		t->result->is_refreshed[i] =
			decision->action == PROMOTE_TAKE
				? decision->is_refreshed[i]
				: is_old && online->is_active && leg < online->legs && online->health[leg] != 'A';
		is_any |= t->result->is_refreshed[i];
	}
	return is_any;
}

int refresh_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	struct svc_error ignored;
	int lock;

	(void)error;
	if (t->is_refresh_started || !find_targets(t))
		return 1;
	/* One that an earlier call started is still at it. */
	if (resync_lock(t->mirror.lv_uuid, &lock, &ignored))
		return 1;
	if (lock >= 0)
		close(lock);
	return 0;
}

/* In the process that becomes it; nothing of the caller stays open but the two files. */
static void become(char *const argv[])
{
	int null = open("/dev/null", O_RDONLY);
	int out = open(REFRESH_JSON, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
	int err = open(REFRESH_LOG, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);

	if (null < 0 || out < 0 || err < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(1);
	close_range(3, ~0U, 0);
	for (size_t i = 0; i < 3; i++)
		signal((int[]){ SIGHUP, SIGINT, SIGTERM }[i], SIG_DFL);
	execv("/proc/self/exe", argv);
	_exit(1);
}

int refresh_start(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	const char *argv[ARGUMENTS_MAX] = { "svc-resync", "--yes", "--no-save", "--json" };
	int n = 4, status;
	pid_t child;

	(void)left_ms;
	if (t->options->config) {
		argv[n++] = "--config";
		argv[n++] = t->options->config;
	}
	if (t->options->locate.lv) {
		argv[n++] = "--lv";
		argv[n++] = t->options->locate.lv;
	}
	for (int i = 0; i < t->survey.copies; i++)
		if (t->result->is_refreshed[i]) {
			argv[n++] = "--to";
			argv[n++] = t->result->name[i];
		}
	for (int i = 0; i < t->arguments; i++)
		argv[n++] = t->pointer[i];
	child = fork();
	if (!child) { /* a session of its own, whose parent is init */
		if (setsid() < 0 || (child = fork()) < 0)
			_exit(1);
		if (child)
			_exit(0);
		become((char *const *)argv);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return error_set(error, -EAGAIN, "no process could be started for the rebuild");
	t->is_refresh_started = true;
	tell(t, "the legs that are older are being rebuilt: " REFRESH_LOG);
	return 0;
}
