// SPDX-License-Identifier: GPL-2.0-or-later
/* The support bundle: a full disk is called that, and sending it can be stopped. */
#include "console/bundle.h"

#include <errno.h>
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "console/tar.h"

enum { BYTES = 300000 };

static char directory[64], path[100];

static int setup(void **state)
{
	FILE *file;

	(void)state;
	strcpy(directory, "/tmp/svc-bundle-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/file", directory);
	file = fopen(path, "w");
	for (int i = 0; file && i < BYTES; i++)
		putc(i * 7, file);
	return file && !fclose(file) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static void test_full(void **state)
{
	const struct rlimit little = { 20, 20 };
	struct svc_error error;
	uint64_t bytes;
	int status;
	pid_t child = fork();

	(void)state;
	snprintf(path, sizeof(path), "%s/bundle", directory);
	if (!child) {
		struct task_options options = { .config = "/nowhere/svc.conf" };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &little);
		_exit(bundle_write(path, NULL, &options, &bytes, &error) == -EFBIG &&
		                      strstr(error.text, "File too large")
		              ? 0
		              : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(access(path, F_OK), -1); /* and half of one is not left there */
}

/* ... however much there is, and however often it is tried. */
static void test_full_early(void **state)
{
	const struct rlimit little = { 20, 20 };
	int status;
	pid_t child = fork();

	(void)state;
	snprintf(path, sizeof(path), "%s/tar", directory);
	if (!child) {
		uint8_t *noise = malloc(BYTES);
		struct tar *tar;
		int code = 0;

		for (int i = 0; noise && i < BYTES; i++)
			noise[i] = (uint8_t)random();
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &little);
		if (tar_create(path, &tar))
			_exit(2);
		for (int i = 0; i < 3; i++)
			code = tar_add(tar, "noise", noise, BYTES, 0);
		_exit(code == -EFBIG && tar_finish(tar) == -EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Sends it to a line; presses a key after the first lines. Returns how the sending ended; `sent`: what came. */
static int send_file(const char *key, char *sent, size_t size)
{
	struct termios raw;
	size_t length = 0;
	int person, line, status = -1;
	bool is_pressed = false;
	pid_t child;

	assert_int_equal(openpty(&person, &line, NULL, NULL, NULL), 0);
	tcgetattr(line, &raw);
	cfmakeraw(&raw);
	tcsetattr(line, TCSANOW, &raw);
	child = fork();
	if (!child) {
		struct svc_error error;

		close(person);
		_exit(-bundle_send(path, line, line, &error));
	}
	close(line);
	while (length < size - 1) {
		ssize_t got = read(person, sent + length, size - 1 - length);

		if (got <= 0)
			break;
		length += (size_t)got;
		if (!is_pressed && length > 2000 && *key)
			is_pressed = write(person, key, 1) == 1;
	}
	sent[length] = '\0';
	assert_int_equal(waitpid(child, &status, 0), child);
	close(person);
	return WEXITSTATUS(status);
}

static void test_send(void **state)
{
	static const char *const stopping[] = { "\x03", "\x07" };
	static char sent[2 * BYTES];

	(void)state;
	assert_int_equal(send_file("x", sent, sizeof(sent)), 0);
	assert_non_null(strstr(sent, "401 KiB of text: about 2 minutes at 38400 baud"));
	assert_non_null(strstr(sent, "-----END SVC SUPPORT BUNDLE-----"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send_file(stopping[i], sent, sizeof(sent)), ECANCELED);
		assert_null(strstr(sent, "-----END SVC SUPPORT BUNDLE-----"));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_send, setup, teardown),
	};

	if (argc > 1 && !strncmp(argv[0], "svc-", 4)) /* the commands whose answers are in it */
		return puts(argv[0]) < 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
