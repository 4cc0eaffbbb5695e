/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 250,
	LINE_MS = 2000,    /* what a line may take for what is waiting to go out on it */
	NOT_STARTED = 127, /* as shells have it */
	SIGNALLED = 128,
	IDLE_SECONDS = 300,
	WAIT_SECONDS_MAX = 86400, /* svc-console's */
	WORDS_MAX = 16,
};

static const struct {
	unsigned speed;
	speed_t code;
} speeds[] = { { 9600, B9600 },     { 19200, B19200 },   { 38400, B38400 },   { 57600, B57600 },
	       { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 921600, B921600 } };

static speed_t speed_code(unsigned speed)
{
	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (speeds[i].speed == speed)
			return speeds[i].code;
	return B0;
}

bool ask_parse_console(const char *console, char device[64], unsigned *speed)
{
	size_t length = strcspn(console, ",");
	unsigned long given;
	char *end;

	*speed = 0;
	snprintf(device, 64, "/dev/%.*s", length < 58 ? (int)length : 58, console);
	if (!console[length])
		return true;
	given = strtoul(console + length + 1, &end, 10);
	/* Behind the speed parity and bits, as the kernel has them: what is usual is what we set. */
	if (given > 921600 || speed_code((unsigned)given) == B0 || (*end && strcmp(end, "n") && strcmp(end, "n8")))
		return false;
	*speed = (unsigned)given;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* To a line that does not block: one that takes nothing has nobody who would press a key. */
static void put(int fd, const char *text)
{
	int64_t end = now_ms() + LINE_MS;
	size_t length = strlen(text);

	while (length && now_ms() < end) {
		struct pollfd output = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EAGAIN)
			poll(&output, 1, TICK_MS);
		else if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
}

/* What is waiting gets its time; what does not go out then is dropped, for closing the line would wait for it. */
static void drain(int fd)
{
	const struct timespec pause = { 0, 20000000 };
	int64_t end = now_ms() + LINE_MS;
	int waiting;

	while (!ioctl(fd, TIOCOUTQ, &waiting) && waiting > 0) {
		if (now_ms() >= end) {
			tcflush(fd, TCOFLUSH);
			return;
		}
		nanosleep(&pause, NULL);
	}
}

void ask_keep_flowing(int fd)
{
	struct termios settings;

	if (fd < 0 || tcgetattr(fd, &settings))
		return;
	settings.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
	tcsetattr(fd, TCSANOW, &settings);
	tcflow(fd, TCOON);
}

static bool is_key_pressed(int fd, int seconds, const volatile sig_atomic_t *stop)
{
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	char key;

	while (!(stop && *stop) && (seconds < 0 || now_ms() < end)) {
		struct pollfd input = { .fd = fd, .events = POLLIN };

		if (poll(&input, 1, TICK_MS) <= 0)
			continue;
		if (input.revents & (POLLHUP | POLLERR | POLLNVAL))
			return false;
		if (read(fd, &key, 1) == 1)
			return true;
	}
	return false;
}

/* In the child: the console becomes its terminal, so that Ctrl-C and the like work. */
static void become(int fd, const char *const argv[])
{
	setsid();
	ioctl(fd, TIOCSCTTY, 1);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	execvp(argv[0], (char *const *)argv);
	_exit(NOT_STARTED);
}

/* Returns its exit status, SIGNALLED where a signal ended it, or -errno. */
static int run_program(int fd, const char *const argv[])
{
	pid_t child = fork();
	int status;

	if (!child)
		become(fd, argv);
	if (child < 0)
		return -errno;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED;
}

/*
 * What came in time may have been noise on the line, or somebody who went away again: a console that nobody touches
 * ends too, though somebody may read it for as long as IDLE_SECONDS.
 */
static int run_console(int fd, const char *const argv[], int console_seconds)
{
	int seconds = console_seconds < IDLE_SECONDS ? IDLE_SECONDS : console_seconds;
	const char *words[WORDS_MAX + 3];
	char wait[16];
	int i = 0;

	if (console_seconds < 0)
		return run_program(fd, argv);
	for (; argv[i]; i++) {
		if (i == WORDS_MAX)
			return -E2BIG;
		words[i] = argv[i];
	}
	snprintf(wait, sizeof(wait), "%d", seconds < WAIT_SECONDS_MAX ? seconds : WAIT_SECONDS_MAX);
	words[i++] = "--wait";
	words[i++] = wait;
	words[i] = NULL;
	return run_program(fd, words);
}

/* A console says what its person wants; where it could not run, the next program's turn comes. A shell says nothing. */
static int run_programs(int fd, const char *const *const programs[], int console_seconds)
{
	for (; *programs; programs++) {
		bool is_shell = !programs[1];
		int status = is_shell ? run_program(fd, *programs) : run_console(fd, *programs, console_seconds);

		if (status < 0)
			return status;
		if (status == NOT_STARTED)
			continue;
		if (is_shell || status == SVC_EXIT_DONE)
			return ASK_AGAIN;
		if (status == SVC_EXIT_OPERATOR)
			return ASK_WITHOUT;
		if (status == SVC_EXIT_INTERRUPTED)
			return ASK_NOBODY;
	}
	return -ENOENT;
}

int ask_person(const struct gate_policy *policy, const char *banner, const char *const *const programs[],
               const volatile sig_atomic_t *stop)
{
	struct termios settings, raw;
	char device[64];
	unsigned speed;
	bool is_there;
	int fd, code = ASK_NOBODY;

	if (!ask_parse_console(policy->console, device, &speed))
		return -EINVAL;
	fd = open(device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	/* Nothing is written to what is no terminal: a name below /dev may be a disk's. */
	if (fd < 0 || tcgetattr(fd, &settings)) {
		code = -errno;
		goto out;
	}
	/* One byte of noise may be the one that stops a line, and nobody there knows that another one starts it. */
	settings.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
	settings.c_cflag |= CLOCAL | CREAD;
	if (speed) {
		cfsetspeed(&settings, speed_code(speed));
		settings.c_cflag = (settings.c_cflag & ~(tcflag_t)(CSIZE | PARENB | CSTOPB | CRTSCTS)) | CS8;
	}
	raw = settings;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(fd, TCSANOW, &raw);
	tcflow(fd, TCOON);
	/* What the line made of the boot's noise. Before the banner: a quick person's key is none of it. */
	tcflush(fd, TCIFLUSH);
	put(fd, banner);
	is_there = is_key_pressed(fd, policy->console_seconds, stop);
	tcsetattr(fd, TCSANOW, &settings);
	if (is_there) {
		fcntl(fd, F_SETFL, 0); /* the programs expect that */
		code = run_programs(fd, programs, policy->console_seconds);
	}
	tcflow(fd, TCOON);
	drain(fd);
out:
	if (fd >= 0)
		close(fd);
	return code;
}
