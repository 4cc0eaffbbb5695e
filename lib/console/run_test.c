// SPDX-License-Identifier: GPL-2.0-or-later
/* The running console on a pseudo terminal: what a line carries besides keys neither stops nor ends it. */
#include "console/run.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

static char directory[64], boot_file[80]; /* boot_file: what the boot wrote down; empty: nothing */
static int master, slave;
static pid_t child;

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/svc-run-XXXXXX");
	child = 0;
	boot_file[0] = '\0';
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	close(master);
	close(slave);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static void sleep_ms(int milliseconds)
{
	nanosleep(&(struct timespec){ milliseconds / 1000, milliseconds % 1000 * 1000000L }, NULL);
}

/* Nobody reads the line: it takes nothing more. */
static void fill(void)
{
	static const char zeros[512];
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
	for (int i = 0; i < 20; i++) { /* the kernel makes room a few times */
		while (write(STDOUT_FILENO, zeros, sizeof(zeros)) > 0)
			;
		sleep_ms(10);
	}
	fcntl(STDOUT_FILENO, F_SETFL, flags);
}

static void start(const char *type, bool is_boot, unsigned wait_seconds, bool is_full)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct run_options options = {
		.console = { .is_boot = is_boot, .wait_seconds = wait_seconds },
		.jobs_directory = directory,
		.terminal_type = type,
		.boot_file = *boot_file ? boot_file : NULL,
	};
	struct svc_error error;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	child = fork();
	if (!child) {
		close(master);
		login_tty(dup(slave));
		if (is_full)
			fill();
		_exit(console_run(&options, &error));
	}
	assert_true(child > 0);
}

/* Reads until the line has carried this. */
static void until(const char *wanted)
{
	static char text[1 << 18];
	size_t length = 0;

	for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 50) {
		struct pollfd input = { .fd = master, .events = POLLIN };
		ssize_t got;

		if (poll(&input, 1, 50) <= 0)
			continue;
		got = read(master, text + length, sizeof(text) - length);
		length += got > 0 ? (size_t)got : 0;
		if (memmem(text, length, wanted, strlen(wanted)))
			return;
	}
	fail_msg("the line never carried \"%s\"", wanted);
}

static void types(const char *text)
{
	sleep_ms(300);
	assert_int_equal(write(master, text, strlen(text)), strlen(text));
}

static int ended(int within_ms)
{
	int status;

	for (int waited_ms = 0; waited_ms < within_ms; waited_ms += 50) {
		if (waitpid(child, &status, WNOHANG) == child) {
			child = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
		sleep_ms(50);
	}
	fail_msg("it has not ended in %d ms", within_ms);
	return -1;
}

/* A Ctrl-S that nobody pressed. */
static void test_stopped(void **state)
{
	(void)state;
	start("vt100", false, 0, false);
	until("q leave");
	types("\x13");
	types("?");
	until("Everywhere");
	types("\x13");
	sleep_ms(300);
	kill(child, SIGTERM); /* a stopped terminal holds nobody who leaves */
	assert_int_equal(ended(4000), SVC_EXIT_INTERRUPTED);
}

static void test_stopped_boot(void **state)
{
	(void)state;
	start("vt100", true, 0, false);
	until("x without");
	types("\x13");
	until("that key does nothing");
	types("g");
	assert_int_equal(ended(PATIENCE_MS), SVC_EXIT_DONE);
}

/* A boot asks at a line that takes nothing. */
static void test_stuck(void **state)
{
	(void)state;
	start("vt100", true, 1, true);
	assert_int_equal(ended(PATIENCE_MS), SVC_EXIT_INTERRUPTED);
}

/* A Ctrl-D among what was pasted is not the end of the line, and what follows is not the shell's. */
static void test_plain(void **state)
{
	int left = -1;

	(void)state;
	start("dumb", false, 0, false);
	until("q leave");
	types("\x04");
	types("\x1a\x1c\x03\x13");
	types("?\n");
	until("were ignored");
	types("?\n");
	until("Everywhere");
	kill(child, SIGSTOP);
	types("echo pasted\n");
	kill(child, SIGTERM);
	kill(child, SIGCONT);
	assert_int_equal(ended(PATIENCE_MS), SVC_EXIT_INTERRUPTED);
	assert_int_equal(ioctl(slave, FIONREAD, &left), 0);
	assert_int_equal(left, 0);
}

/* What the boot found, made longer by differences of this many bytes; the rest of the file is a hole. */
static void write_boot_file(size_t padding, off_t length)
{
	FILE *file;

	snprintf(boot_file, sizeof(boot_file), "%s/boot.json", directory);
	file = fopen(boot_file, "w");
	assert_non_null(file);
	fprintf(file, "{\"schema\":\"svc/1\",\"command\":\"boot\",\"verdict\":\"stale\",\"authority\":\"shared\","
	              "\"status\":\"shared is newer\",\"reasons\":[],\"copies\":[],\"differences\":{\"extents\":[");
	for (size_t i = 0; i < padding / 20; i++)
		fprintf(file, "%s{\"offset\":%9zu}", i ? "," : "", i);
	fprintf(file, "]},\"boot\":{\"log\":[{\"id\":\"SVC-CLAIM-HELD\",\"text\":\"so it was\"}]},\"exit\":2}\n");
	if (length)
		assert_int_equal(ftruncate(fileno(file), length), 0);
	assert_int_equal(fclose(file), 0);
}

/* Many differences make it long; nothing of it is cut off. */
static void test_long_boot_file(void **state)
{
	(void)state;
	write_boot_file(3 << 20, 0);
	start("dumb", true, 0, false);
	until("SVC-CLAIM-HELD: so it was");
}

/* What cannot be read is said, and what to do instead. */
static void test_too_long_boot_file(void **state)
{
	(void)state;
	write_boot_file(0, 33 << 20);
	start("dumb", true, 0, false);
	until("what it wrote down, 34603008 bytes, could not be read here");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_boot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_boot_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long_boot_file, setup, teardown),
	};

	if (argc > 1 && !strncmp(argv[0], "svc-", 4)) /* the console's own work runs this very program */
		return SVC_EXIT_IO;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
