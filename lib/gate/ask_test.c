/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A person at a console, which is a pseudo-terminal here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "gate/ask.h"

static int person = -1; /* the other end of the console */
/* The console's own end stays open too: while nobody has it open, the other end reads EIO, once it ever was. */
static int line = -1;
static char name[64];
static struct gate_policy policy;

static const char *const missing[] = { "no-such-program-anywhere", NULL };
static const char *const shell[] = { "sh", "-c", "test -t 0 && test -t 1 && ps -o tty= -p $$ && echo done", NULL };
static const char *const *const programs[] = { missing, shell, NULL };

static int open_console(void **state)
{
	(void)state;
	person = posix_openpt(O_RDWR | O_NOCTTY);
	if (person < 0 || grantpt(person) || unlockpt(person) || ptsname_r(person, name, sizeof(name)))
		return -1;
	line = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line < 0)
		return -1;
	policy = (struct gate_policy){ .console_seconds = 120 };
	snprintf(policy.console, sizeof(policy.console), "%.40s", name + strlen("/dev/"));
	return 0;
}

static int close_console(void **state)
{
	(void)state;
	return close(line) | close(person);
}

/* What the person sees until the text appears, or nothing more comes. */
static bool sees(const char *text)
{
	static char seen[4096];
	size_t used = 0;
	struct pollfd output = { .fd = person, .events = POLLIN };

	while (used < sizeof(seen) - 1 && poll(&output, 1, 60000) > 0) {
		ssize_t n = read(person, seen + used, sizeof(seen) - 1 - used);

		if (n <= 0)
			break;
		used += (size_t)n;
		seen[used] = '\0';
		if (strstr(seen, text))
			return true;
	}
	return false;
}

/* Presses a key once the question is there, and looks for the program. In a process of its own. */
static pid_t start_person(const char *key)
{
	pid_t child = fork();

	if (child)
		return child;
	if (!sees("press a key"))
		_exit(1);
	if (*key && write(person, key, strlen(key)) < 0)
		_exit(2);
	_exit(*key && !sees("done") ? 3 : 0);
}

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_key(void **state)
{
	pid_t child = start_person(" ");

	(void)state;
	assert_int_equal(ask_person(&policy, "press a key\r\n", programs, NULL), ASK_AGAIN);
	assert_int_equal(status_of(child), 0);
}

/* What a console program's exit code says; one that cannot run leaves it to the next. */
static void test_answers(void **state)
{
	static const struct {
		const char *command;
		int answer;
	} rows[] = {
		{ "echo done; exit 0", ASK_AGAIN },
		{ "echo done; exit 2", ASK_WITHOUT },
		{ "echo done; exit 6", ASK_NOBODY },
		{ "exit 5", ASK_AGAIN },
		{ "exit 64", ASK_AGAIN },
		{ "kill -KILL $$", ASK_AGAIN },
		{ "echo done; test \"$0 $1\" = '--wait 300' && exit 2", ASK_WITHOUT }, /* it is told how long */
	};
	static const char *const last[] = { "sh", "-c", "echo done; exit 2", NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const console[] = { "sh", "-c", rows[i].command, NULL };
		const char *const *const answering[] = { console, last, NULL };
		pid_t child = start_person(" ");

		assert_int_equal(ask_person(&policy, "press a key\r\n", answering, NULL), rows[i].answer);
		assert_int_equal(status_of(child), 0);
	}
}

static void test_waits_for_ever(void **state)
{
	static const char *const console[] = { "sh", "-c", "echo done; test $# = 0 && exit 2", NULL };
	const char *const *const answering[] = { console, shell, NULL };
	pid_t child = start_person(" ");

	(void)state;
	policy.console_seconds = -1;
	assert_int_equal(ask_person(&policy, "press a key\r\n", answering, NULL), ASK_WITHOUT);
	assert_int_equal(status_of(child), 0);
}

static void test_nobody(void **state)
{
	pid_t child = start_person("");

	(void)state;
	policy.console_seconds = 1;
	assert_int_equal(ask_person(&policy, "press a key\r\n", programs, NULL), ASK_NOBODY);
	assert_int_equal(status_of(child), 0);
}

static void test_stopped(void **state)
{
	static volatile sig_atomic_t stop = 1;

	(void)state;
	policy.console_seconds = -1;
	assert_int_equal(ask_person(&policy, "press a key\r\n", programs, &stop), ASK_NOBODY);
}

/* The line was stopped, by a byte of noise or by whoever had it before: it goes on, and the key is heard. */
static void test_stopped_line(void **state)
{
	static const char stop_byte = 19; /* Ctrl-S */
	struct termios settings;

	(void)state;
	for (int how = 0; how < 3; how++) {
		pid_t child;

		assert_int_equal(tcgetattr(line, &settings), 0);
		settings.c_iflag |= IXON;
		assert_int_equal(tcsetattr(line, TCSANOW, &settings), 0);
		if (how == 0)
			assert_int_equal(write(person, &stop_byte, 1), 1);
		else if (how == 1)
			assert_int_equal(tcflow(line, TCOOFF), 0);
		child = start_person(how == 2 ? "\023 " : " "); /* also while the question is there */
		alarm(60);
		assert_int_equal(ask_person(&policy, "press a key\r\n", programs, NULL), ASK_AGAIN);
		alarm(0);
		assert_int_equal(status_of(child), 0);
	}
}

/* Nobody takes what is written: it ends all the same, in time. */
static void test_full_line(void **state)
{
	char text[1024];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(fcntl(line, F_SETFL, O_NONBLOCK), 0);
	while (write(line, text, sizeof(text)) > 0)
		;
	policy.console_seconds = 1;
	alarm(60);
	assert_int_equal(ask_person(&policy, "press a key\r\n", programs, NULL), ASK_NOBODY);
	alarm(0);
}

/* What says what is done, and was stopped before it began. */
static void test_keep_flowing(void **state)
{
	static const char stop_byte = 19;

	(void)state;
	assert_int_equal(write(person, &stop_byte, 1), 1);
	ask_keep_flowing(line);
	assert_int_equal(write(person, &stop_byte, 1), 1);
	alarm(60);
	assert_int_equal(write(line, "said\n", 5), 5);
	alarm(0);
	assert_true(sees("said"));
}

static void test_no_console(void **state)
{
	(void)state;
	strcpy(policy.console, "no-such-terminal");
	assert_int_equal(ask_person(&policy, "", programs, NULL), -ENOENT);
	strcpy(policy.console, "ttyS0,7");
	assert_int_equal(ask_person(&policy, "", programs, NULL), -EINVAL);
}

/* svc.console=sda: nothing may be written there. And null is always ready to be read, at its end. */
static void test_no_terminal(void **state)
{
	char path[] = "/dev/shm/ask_test.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	policy.console_seconds = 1;
	snprintf(policy.console, sizeof(policy.console), "%s", path + strlen("/dev/"));
	assert_int_equal(ask_person(&policy, "press a key\r\n", programs, NULL), -ENOTTY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	unlink(path);
	strcpy(policy.console, "null");
	assert_int_equal(ask_person(&policy, "press a key\r\n", programs, NULL), -ENOTTY);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_console, close_console)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_key),        TEST(test_answers),
		                            TEST(test_nobody),     TEST(test_waits_for_ever),
		                            TEST(test_stopped),    TEST(test_stopped_line),
		                            TEST(test_full_line),  TEST(test_keep_flowing),
		                            TEST(test_no_console), TEST(test_no_terminal) };

	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
