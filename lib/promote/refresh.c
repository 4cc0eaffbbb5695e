/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The legs that are older are rebuilt by svc-resync, in the background: the data is usable meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "path/probe.h"
#include "promote/takeover.h"
#include "resync_parts.h"

#define REFRESH_JSON "/run/svc/refresh.json"
#define REFRESH_LOG "/run/svc/refresh.log"

enum {
	ARGUMENTS_MAX = 16 + 3 * SVC_COPIES_MAX,
	LOOK_MS = 50,
	SAFE_POINT_MS = 10000, /* what it may take to end by itself; killed it goes on later too */
};

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

/* The rebuild that runs holds a lock on its output for as long as it lives. 0: none does. */
static pid_t find_running(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int file = open(REFRESH_JSON, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is_held = file >= 0 && !fcntl(file, F_GETLK, &lock) && lock.l_type != F_UNLCK;

	if (file >= 0)
		close(file);
	return is_held && lock.l_pid > 0 ? lock.l_pid : 0;
}

int refresh_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	struct svc_error ignored;
	int lock;

	(void)error;
	if (t->is_refresh_started || !find_targets(t))
		return 1;
	/* One that an earlier call started, or a person, is still at it. */
	if (find_running() || resync_lock(t->mirror.lv_uuid, &lock, &ignored))
		return 1;
	if (lock >= 0)
		close(lock);
	return 0;
}

/* In the process that becomes it; nothing of the caller stays open but the two files. */
static void become(char *const argv[])
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int null = open("/dev/null", O_RDONLY);
	int out = open(REFRESH_JSON, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
	int err = open(REFRESH_LOG, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);

	if (null < 0 || out < 0 || err < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(1);
	/* Closing any other descriptor of the file would let the lock go. */
	if (out > 2)
		close(out);
	if (fcntl(1, F_SETLK, &lock))
		_exit(1);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < 3; i++)
		signal((int[]){ SIGHUP, SIGINT, SIGTERM }[i], SIG_DFL);
	execv("/proc/self/exe", argv);
	_exit(1);
}

int refresh_start(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	const char *argv[ARGUMENTS_MAX] = { "svc-resync", "--yes", "--no-save", "--json" };
	int n = 4, status, begun[2];
	pid_t child;
	char none;

	(void)left_ms;
	if (pipe2(begun, O_CLOEXEC))
		return error_set(error, -errno, "no process could be started for the rebuild: %s", strerror(errno));
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
	close(begun[1]);
	status = child < 0 || waitpid(child, &status, 0) != child ? -1 : status;
	/* It has its lock, and whoever looks for it finds it, once it has become svc-resync: the pipe is closed then. */
	while (!status && read(begun[0], &none, 1) < 0 && errno == EINTR)
		;
	close(begun[0]);
	if (status)
		return error_set(error, -EAGAIN, "no process could be started for the rebuild");
	t->is_refresh_started = true;
	tell(t, "the legs that are older are being rebuilt: " REFRESH_LOG);
	return 0;
}

/* ---- ended, before the mirror is handed over ---- */

int refresh_is_stopped(void *context, struct svc_error *error)
{
	(void)context;
	(void)error;
	return !find_running();
}

static bool has_ended(pid_t process, uint64_t end_ms)
{
	while (find_running() == process) {
		if (path_now_ms() >= end_ms)
			return false;
		nanosleep(&(struct timespec){ 0, LOOK_MS * 1000000L }, NULL);
	}
	return true;
}

int refresh_stop(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	uint64_t now = path_now_ms(), end_ms = now + left_ms / 2;
	uint64_t safe_ms = left_ms / 4 < SAFE_POINT_MS ? left_ms / 4 : SAFE_POINT_MS;
	pid_t process = find_running();

	if (!process)
		return STEP_NOTHING_TO_DO;
	tell(t, "the rebuild in the background, process %d, is stopped; it goes on with the next takeover",
	     (int)process);
	if ((!kill(process, SIGTERM) || errno == ESRCH) && has_ended(process, now + safe_ms))
		return 0;
	if ((!kill(process, SIGKILL) || errno == ESRCH) && has_ended(process, end_ms))
		return 0;
	error_set(error, -ETIMEDOUT, "the rebuild in the background, process %d, does not end", (int)process);
	error_next(error, "a device that it waits for hangs (dmesg, svc-pathcheck): run it again once that answers");
	return -ETIMEDOUT;
}
