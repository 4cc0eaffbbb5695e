// SPDX-License-Identifier: GPL-2.0-or-later
/* The supervisor of one job, and the job's file. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "console/jobs.h"

enum { PATH_SIZE = 1024 + 64, FILE_BYTES_MAX = 64 << 10, TICK_MS = 250, WRITE_EVERY_MS = 500, COULD_NOT_RUN = 126 };

static const char *path_of(const struct jobs *jobs, const char *name, const char *suffix, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s.%s", jobs->directory, name, suffix);
	return path;
}

/* What others print goes to a terminal later, and into JSON now. */
static void make_ascii(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

int jobs_write(const struct jobs *jobs, const struct job *job)
{
	static const char *const state[] = { "running", "ended", "lost" };
	char path[PATH_SIZE], fresh[PATH_SIZE], command[JOB_LINE_SIZE];
	json_t *lines = json_array(), *object;
	int code = 0;

	memcpy(command, job->command, sizeof(command));
	make_ascii(command);
	for (int i = 0; i < job->lines; i++)
		json_array_append_new(lines, json_string(job->line[i]));
	object = json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:i, s:I, s:I, s:I, s:s, s:s, s:o}", "schema", "svc/1",
	                   "command", "job", "task", task_row(job->task)->name, "number", (json_int_t)job->number,
	                   "state", state[job->state], "stopping", job->is_stopping, "exit", job->exit, "started",
	                   (json_int_t)job->started, "ended", (json_int_t)job->ended, "serial", (json_int_t)job->serial,
	                   "line", command, "progress", job->progress, "said", lines);
	if (object && jobs->whose.copies)
		json_object_set_new(object, "of", whose_note(&jobs->whose));
	path_of(jobs, job->name, "job", path);
	path_of(jobs, job->name, "job.new", fresh);
	if (!object)
		return -ENOMEM;
	if (json_dump_file(object, fresh, JSON_COMPACT) || rename(fresh, path))
		code = -EIO;
	json_decref(object);
	return code;
}

static void take(const json_t *object, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	snprintf(text, size, "%s", value ? value : "");
	make_ascii(text);
}

static enum task find_task(const char *name)
{
	for (enum task task = TASK_NONE + 1; task < TASKS; task++)
		if (!strcmp(task_row(task)->name, name))
			return task;
	return TASK_NONE;
}

int jobs_read(const struct jobs *jobs, const char *name, struct job *job)
{
	char path[PATH_SIZE], word[32];
	json_t *root = json_load_file(path_of(jobs, name, "job", path), 0, NULL), *lines;

	memset(job, 0, sizeof(*job));
	if (!root)
		return -EBADMSG;
	snprintf(job->name, sizeof(job->name), "%s", name);
	take(root, "task", word, sizeof(word));
	job->task = find_task(word);
	take(root, "state", word, sizeof(word));
	job->state = !strcmp(word, "running") ? JOB_RUNNING : !strcmp(word, "ended") ? JOB_ENDED : JOB_LOST;
	job->number = (unsigned)json_integer_value(json_object_get(root, "number"));
	job->is_of_others = !whose_is(&jobs->whose, json_object_get(root, "of"));
	job->is_stopping = json_is_true(json_object_get(root, "stopping"));
	job->exit = (int)json_integer_value(json_object_get(root, "exit"));
	job->started = json_integer_value(json_object_get(root, "started"));
	job->ended = json_integer_value(json_object_get(root, "ended"));
	job->serial = (uint64_t)json_integer_value(json_object_get(root, "serial"));
	take(root, "line", job->command, sizeof(job->command));
	take(root, "progress", job->progress, sizeof(job->progress));
	lines = json_object_get(root, "said");
	for (size_t i = 0; i < json_array_size(lines) && job->lines < JOB_LOG_LINES; i++) {
		char *line = job->line[job->lines++];

		snprintf(line, JOB_LINE_SIZE, "%s", json_string_value(json_array_get(lines, i)) ?: "");
		make_ascii(line);
	}
	json_decref(root);
	return job->task == TASK_NONE ? -EBADMSG : 0;
}

/* What the command says on stderr: lines, and between them a progress bar that carriage returns draw anew. */
struct listener {
	char text[JOB_LINE_SIZE];
	size_t length;
};

static void end_line(struct listener *listener, struct job *job, char end)
{
	char *text = listener->text;

	text[listener->length] = '\0';
	while (listener->length && text[listener->length - 1] == ' ')
		text[--listener->length] = '\0';
	listener->length = 0;
	make_ascii(text);
	if (end == '\r') {
		if (*text)
			memcpy(job->progress, text, sizeof(job->progress));
		return;
	}
	if (!*text)
		return;
	if (job->lines == JOB_LOG_LINES) {
		memmove(job->line[0], job->line[1], (JOB_LOG_LINES - 1) * sizeof(job->line[0]));
		job->lines--;
	}
	memcpy(job->line[job->lines++], text, JOB_LINE_SIZE);
}

static void listen_to(int from, struct listener *listener, struct job *job)
{
	char buffer[4096];
	ssize_t got = read(from, buffer, sizeof(buffer));

	for (ssize_t i = 0; i < got; i++) {
		if (buffer[i] == '\n' || buffer[i] == '\r')
			end_line(listener, job, buffer[i]);
		else if (listener->length + 1 < sizeof(listener->text))
			listener->text[listener->length++] = buffer[i];
	}
	/* The bar is drawn as CR, text: without waiting for the next CR it can be shown. */
	if (got > 0 && listener->length > 20) {
		snprintf(job->progress, sizeof(job->progress), "%.*s", (int)listener->length, listener->text);
		make_ascii(job->progress);
		for (size_t n = strlen(job->progress); n && job->progress[n - 1] == ' ';)
			job->progress[--n] = '\0';
	}
}

static pid_t start(const struct jobs *jobs, const struct job *job, const char *const argv[], int said[2])
{
	char path[PATH_SIZE];
	pid_t child, supervisor = getpid();

	/* Descriptors 1 and 2 are free: nothing but the command's own may end up there. */
	if (open("/dev/null", O_WRONLY | O_CLOEXEC) != 1 || open("/dev/null", O_WRONLY | O_CLOEXEC) != 2 ||
	    pipe2(said, O_CLOEXEC | O_NONBLOCK))
		return -1;
	child = fork();
	if (child)
		return child;
	int out = open(path_of(jobs, job->name, "out.new", path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	int null = open("/dev/null", O_RDONLY);

	fcntl(said[1], F_SETFL, 0); /* the pipe's other end only is to be read without waiting */
	if (out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(said[1], 2) < 0)
		_exit(COULD_NOT_RUN);
	close_range(3, ~0U, 0);
	/* Where the supervisor is killed nobody knows what comes of it any more: it ends, at a safe point. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != supervisor)
		_exit(COULD_NOT_RUN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	setenv("TERM", "dumb", 1);
	execv(jobs->program ? jobs->program : "/proc/self/exe", (char *const *)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(COULD_NOT_RUN);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

static void watch(const struct jobs *jobs, struct job *job, pid_t child, int from)
{
	struct listener listener = { .length = 0 };
	struct pollfd input = { .fd = from, .events = POLLIN };
	char path[PATH_SIZE], stop[PATH_SIZE], fresh[PATH_SIZE];
	uint64_t written_ms = 0;
	int status = 0;
	pid_t ended;

	path_of(jobs, job->name, "stop", stop);
	do {
		struct job before = *job;

		if (poll(&input, 1, TICK_MS) > 0) {
			listen_to(from, &listener, job);
			if (input.revents & POLLHUP && !(input.revents & POLLIN))
				input.fd = -1; /* it closed its end; that it is done, only waiting tells */
		}
		if (!job->is_stopping && !access(stop, F_OK)) {
			job->is_stopping = true;
			kill(child, SIGTERM);
		}
		ended = waitpid(child, &status, WNOHANG);
		if (!ended && memcmp(&before, job, sizeof(before)) != 0 && now_ms() - written_ms >= WRITE_EVERY_MS) {
			jobs_write(jobs, job);
			written_ms = now_ms();
		}
	} while (!ended);
	listen_to(from, &listener, job); /* what was still in the pipe */
	end_line(&listener, job, '\n');
	job->exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	path_of(jobs, job->name, "out", path);
	rename(path_of(jobs, job->name, "out.new", fresh), path);
}

void jobs_supervise(const struct jobs *jobs, struct job *job, const char *const argv[])
{
	int said[2] = { -1, -1 };
	pid_t child;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* at a shutdown the command gets one too, ends, and what came of it is kept */
	signal(SIGCHLD, SIG_DFL);
	child = start(jobs, job, argv, said);
	if (said[1] >= 0)
		close(said[1]);
	if (child > 0)
		watch(jobs, job, child, said[0]);
	else
		job->exit = COULD_NOT_RUN;
	job->progress[0] = '\0';
	job->state = JOB_ENDED;
	job->ended = time(NULL);
	jobs_write(jobs, job);
}
