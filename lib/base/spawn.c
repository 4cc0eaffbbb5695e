/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	KILL_GRACE_MS = 500, /* what SIGKILL takes where it works at all */
	SIGNAL_STATUS = 128, /* as shells number it */
	EXEC_FAILED = 127,
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds left until `end`, as poll takes them. */
static int left_ms(int64_t end)
{
	int64_t left = end - now_ms();

	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Reaps the child, which has ended. */
static int reap(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_STATUS + WTERMSIG(status);
}

static int open_pidfd(pid_t child)
{
	return (int)syscall(SYS_pidfd_open, child, 0);
}

int spawn_wait(pid_t child, unsigned deadline_ms)
{
	int64_t end = now_ms() + deadline_ms;
	struct pollfd ended = { .fd = open_pidfd(child), .events = POLLIN };
	int r;

	if (ended.fd < 0)
		return -errno;
	do
		r = poll(&ended, 1, left_ms(end));
	while (r < 0 && errno == EINTR);
	close(ended.fd);
	return r < 0 ? -errno : r ? reap(child) : -ETIMEDOUT;
}

void spawn_abandon(pid_t child)
{
	/* A child that did not get as far as its own group has only itself. */
	if (kill(-child, SIGKILL))
		kill(child, SIGKILL);
	spawn_wait(child, KILL_GRACE_MS);
}

/* In the child: never returns. Only what may be called between fork and exec. */
static void become(const char *const argv[], int input, int out, int err, int report)
{
	sigset_t none;
	int code;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(input, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0) {
		close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
		execvp(argv[0], (char *const *)argv);
	}
	code = errno;
	while (write(report, &code, sizeof(code)) < 0 && errno == EINTR)
		;
	_exit(EXEC_FAILED);
}

/* A file in memory takes the input whole: nobody feeds a pipe that a program may not read. */
static int open_input(const char *input)
{
	size_t length = input ? strlen(input) : 0;
	int fd = input ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !input)
		return fd;
	if (write(fd, input, length) == (ssize_t)length && !lseek(fd, 0, SEEK_SET))
		return fd;
	close(fd);
	errno = ENOSPC;
	return -1;
}

struct sink {
	int fd; /* -1: at its end */
	char *text;
	size_t size, used;
	bool is_cut;
};

/* Takes what is there, and what does not fit to nowhere. Returns false where nothing more is to come for now. */
static bool drain(struct sink *sink)
{
	char rest[4096];
	size_t room = sink->size ? sink->size - 1 - sink->used : 0;
	ssize_t n;

	if (sink->fd < 0)
		return false;
	n = read(sink->fd, room ? sink->text + sink->used : rest, room ? room : sizeof(rest));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		close(sink->fd);
		sink->fd = -1;
		return false;
	}
	if (room)
		sink->used += (size_t)n;
	else
		sink->is_cut = true;
	return true;
}

/* Reads what the child prints until it ends; 0 or -ETIMEDOUT. */
static int follow(int pidfd, struct sink sink[2], int64_t end)
{
	for (;;) {
		struct pollfd event[3] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = sink[0].fd, .events = POLLIN },
			{ .fd = sink[1].fd, .events = POLLIN },
		};
		int r = poll(event, 3, left_ms(end));

		if (r < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2 && r > 0; i++)
			if (event[i + 1].revents)
				drain(&sink[i]);
		if (r > 0 && event[0].revents)
			return 0;
		/* A child that prints without end does not get around its deadline. */
		if (!left_ms(end))
			return -ETIMEDOUT;
	}
}

/* What the child wrote before it ended is still in the pipes; bounded, for its own children may print on. */
static void drain_rest(struct sink sink[2])
{
	for (int i = 0; i < 2; i++)
		for (int reads = 0; reads < 1024 && drain(&sink[i]); reads++)
			;
}

struct pipes {
	int in;
	int out[2], err[2];
	int report[2]; /* carries errno where the program could not be started */
};

static int open_pipes(struct pipes *pipes, const char *input)
{
	pipes->in = open_input(input);
	if (pipes->in < 0 || pipe2(pipes->out, O_CLOEXEC) || pipe2(pipes->err, O_CLOEXEC) ||
	    pipe2(pipes->report, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	fcntl(pipes->out[0], F_SETFL, O_NONBLOCK);
	fcntl(pipes->err[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int run_child(pid_t child, const struct pipes *pipes, struct sink sink[2], unsigned deadline_ms)
{
	int pidfd = open_pidfd(child), code, exec_error;

	code = pidfd < 0 ? -errno : follow(pidfd, sink, now_ms() + deadline_ms);
	if (code)
		spawn_abandon(child);
	else
		code = reap(child);
	if (pidfd >= 0)
		close(pidfd);
	drain_rest(sink);
	if (code == EXEC_FAILED && read(pipes->report[0], &exec_error, sizeof(exec_error)) == sizeof(exec_error))
		return -exec_error;
	return code;
}

int spawn_run(const char *const argv[], const char *input, unsigned deadline_ms, struct spawn_output *output)
{
	struct pipes pipes = { -1, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct sink sink[2] = { { .fd = -1 }, { .fd = -1 } };
	int code = open_pipes(&pipes, input);
	pid_t child;

	if (output) {
		memset(output, 0, sizeof(*output));
		sink[0] = (struct sink){ .text = output->out, .size = sizeof(output->out) };
		sink[1] = (struct sink){ .text = output->err, .size = sizeof(output->err) };
	}
	sink[0].fd = pipes.out[0];
	sink[1].fd = pipes.err[0];
	if (code)
		goto out;
	child = fork();
	if (!child)
		become(argv, pipes.in, pipes.out[1], pipes.err[1], pipes.report[1]);
	if (child < 0) {
		code = -errno;
		goto out;
	}
	setpgid(child, child); /* whoever of the two comes first */
	close_fd(&pipes.out[1]);
	close_fd(&pipes.err[1]);
	code = run_child(child, &pipes, sink, deadline_ms);
	if (output)
		output->is_cut = sink[0].is_cut || sink[1].is_cut;
out:
	close_fd(&pipes.in);
	for (int i = 0; i < 2; i++)
		close_fd(&sink[i].fd);
	close_fd(&pipes.out[1]);
	close_fd(&pipes.err[1]);
	for (int i = 0; i < 2; i++)
		close_fd(&pipes.report[i]);
	return code;
}
