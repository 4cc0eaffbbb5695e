/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promote/promote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "path/notify.h"
#include "path/probe.h"
#include "promote/takeover.h"
#include "report/promote.h"
#include "report/report.h"

enum {
	LOOK_MS = 100,
	GRACE_MS = 5000,      /* what a step may take to notice that the time is over, and to back out */
	LOOK_GRACE_MS = 1500, /* the same where nothing but looking has begun */
	STATUS_MS = 18000,    /* looking alone: the first answers of two devices and of the array */
};

const char *promote_verb_name(enum promote_verb verb)
{
	static const char *const name[] = {
		[PROMOTE_TAKEOVER] = "promote", [PROMOTE_DEMOTE] = "demote", [PROMOTE_STATUS] = "status"
	};

	return name[verb];
}

const char *promote_role_name(enum promote_role role)
{
	static const char *const name[] = { [ROLE_UNKNOWN] = "unknown",
		                            [ROLE_STANDBY] = "standby",
		                            [ROLE_PRIMARY] = "primary",
		                            [ROLE_FAILED] = "failed" };

	return name[role];
}

const char *promote_proof_name(enum fence_proof proof)
{
	static const char *const name[] = {
		[PROOF_NONE] = NULL, [PROOF_RESERVATION] = "reservation", [PROOF_HOOK] = "hook", [PROOF_TOLD] = "told"
	};

	return name[proof];
}

/* The lock goes with the open file, which the child inherits: one that cannot even be killed keeps it. */
static int lock(const struct promote_options *options, uint64_t deadline_ms, int *file, struct svc_error *error)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };

	mkdir("/run/svc", 0755);
	*file = open(PROMOTE_LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*file < 0)
		return error_set(error, -errno, PROMOTE_LOCK_PATH ": %s", strerror(errno));
	while (flock(*file, LOCK_EX | LOCK_NB)) {
		if (options->stop && *options->stop)
			return error_set(error, -EINTR, "stopped before the other call on this controller ended");
		if (path_now_ms() >= deadline_ms)
			return error_set(error, -ETIMEDOUT, "another call on this controller does not end");
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int work(struct takeover *t, struct svc_error *error)
{
	switch (t->options->verb) {
	case PROMOTE_TAKEOVER:
		return takeover_run(t, error);
	case PROMOTE_DEMOTE:
		return demote_run(t, error);
	default:
		return status_run(t, error);
	}
}

static enum svc_exit exit_of(int code)
{
	switch (code) {
	case -EINTR:
		return SVC_EXIT_INTERRUPTED;
	case -EBUSY:
	case -ESTALE:
	case -EPERM:
		return SVC_EXIT_REFUSED;
	case -EINVAL:
	case -ENOTSUP:
		return SVC_EXIT_CONFIG;
	default:
		return SVC_EXIT_IO;
	}
}

static void in_child(const struct promote_options *options, uint64_t deadline_ms, pid_t parent,
                     struct promote_result *result)
{
	struct takeover *t = calloc(1, sizeof(*t));
	struct svc_error error = { .text = "" };
	int code = -ENOMEM;

	setpgid(0, 0);
	/* Whoever kills the call with SIGKILL means all of it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	if (t) {
		t->options = options;
		t->result = result;
		t->deadline_ms = deadline_ms;
		code = work(t, &error);
		survey_close(&t->survey);
	} else {
		error_set(&error, code, "out of memory");
	}
	result->error = error;
	if (!code)
		result->error.text[0] = '\0';
	if (code && result->exit == SVC_EXIT_DONE)
		result->exit = exit_of(code);
	fflush(NULL);
	_exit(0);
}

/* The child never came back: what it was at is known, and nothing else. */
static void end_without_result(struct promote_result *result, int code)
{
	const char *at = "looking at what is there";

	for (int i = 0; i < result->count; i++)
		if (result->steps.step[i].began_ms && !result->steps.step[i].ended_ms) {
			result->steps.step[i].state = STAGE_FAILED;
			result->steps.failed = i;
			at = result->row[i].words;
		}
	/* What was refused stays so, whatever hung after that. */
	if (result->exit == SVC_EXIT_DONE)
		result->exit = SVC_EXIT_IO;
	result->role = ROLE_UNKNOWN;
	if (code == -ETIMEDOUT)
		error_set(&result->error, code, "a device stopped answering, and it was given up: %s", at);
	else
		error_set(&result->error, -EIO, "it ended without a word (%d): %s", code, at);
	error_next(&result->error, "check the devices and their paths (dmesg, svc-pathcheck), then run it again");
}

/* When it is given up. */
static uint64_t last_moment_ms(const struct promote_options *options, uint64_t began_ms, uint64_t deadline_ms,
                               const struct promote_result *result)
{
	bool is_looking = options->is_dry_run || !result->count || !result->steps.step[0].ended_ms;
	uint64_t last_ms = deadline_ms + LOOK_GRACE_MS;

	if (options->verb == PROMOTE_STATUS)
		return last_ms < began_ms + STATUS_MS ? last_ms : began_ms + STATUS_MS;
	return is_looking ? last_ms : deadline_ms + GRACE_MS;
}

static int supervise(const struct promote_options *options, uint64_t deadline_ms, struct promote_result *result)
{
	uint64_t began_ms = path_now_ms();
	pid_t parent = getpid(), child;
	bool is_told = false;

	fflush(NULL);
	child = fork();
	if (!child)
		in_child(options, deadline_ms, parent, result);
	if (child < 0)
		return -errno;
	for (;;) {
		int status = spawn_wait(child, LOOK_MS);

		if (status != -ETIMEDOUT)
			return status;
		if (options->stop && *options->stop && !is_told)
			is_told = !kill(child, SIGTERM);
		if (path_now_ms() < last_moment_ms(options, began_ms, deadline_ms, result))
			continue;
		spawn_abandon(child);
		return -ETIMEDOUT;
	}
}

static void describe(const struct promote_options *options, struct promote_result *result)
{
	result->verb = options->verb;
	result->controller = options->controller;
	result->is_dry_run = options->is_dry_run;
	result->beat_age_seconds = -1;
	result->path = -1;
	snprintf(result->mountpoint, sizeof(result->mountpoint), "%s", options->conf->promote_mountpoint);
	result->steps.failed = -1;
}

enum svc_exit promote_run(const struct promote_options *options, struct promote_result **result)
{
	unsigned seconds = options->timeout_seconds ? options->timeout_seconds : PROMOTE_TIMEOUT_SECONDS;
	uint64_t deadline_ms = path_now_ms() + (uint64_t)seconds * 1000;
	bool is_changing = options->verb != PROMOTE_STATUS && !options->is_dry_run;
	int file = -1, code = 0;

	*result = path_memory(sizeof(**result));
	if (!*result)
		return SVC_EXIT_IO;
	describe(options, *result);
	if (is_changing)
		code = lock(options, deadline_ms, &file, &(*result)->error);
	if (code) {
		(*result)->exit = exit_of(code);
		is_changing = false;
	} else {
		code = supervise(options, deadline_ms, *result);
		if (code)
			end_without_result(*result, code);
	}
	if ((*result)->error.text[0])
		report_next("svc-promote", (*result)->exit, &(*result)->error);
	if (is_changing)
		report_promote_file(*result);
	if (file >= 0)
		close(file);
	return (*result)->exit;
}

void promote_free(struct promote_result *result)
{
	path_memory_free(result, sizeof(*result));
}
