/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/spawn.h"

enum { LONG_MS = 20000 };

static struct spawn_output output;

static int run_shell(const char *script, const char *input, unsigned deadline_ms)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	return spawn_run(argv, input, deadline_ms, &output);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_status_and_output(void **state)
{
	(void)state;
	assert_int_equal(run_shell("echo out; echo err >&2; exit 3", NULL, LONG_MS), 3);
	assert_string_equal(output.out, "out\n");
	assert_string_equal(output.err, "err\n");
	assert_false(output.is_cut);
	assert_int_equal(run_shell("kill -TERM $$", NULL, LONG_MS), 128 + SIGTERM);
	assert_int_equal(spawn_run((const char *const[]){ "true", NULL }, NULL, LONG_MS, NULL), 0);
}

static void test_input(void **state)
{
	(void)state;
	assert_int_equal(run_shell("cat", "a\nb\n", LONG_MS), 0);
	assert_string_equal(output.out, "a\nb\n");
	assert_int_equal(run_shell("cat", NULL, LONG_MS), 0);
	assert_string_equal(output.out, "");
	assert_int_equal(run_shell("exit 0", "nobody reads this", LONG_MS), 0);
}

static void test_not_started(void **state)
{
	(void)state;
	assert_int_equal(spawn_run((const char *const[]){ "no-such-program-anywhere", NULL }, NULL, LONG_MS, NULL),
	                 -ENOENT);
	assert_int_equal(spawn_run((const char *const[]){ "/etc/passwd", NULL }, NULL, LONG_MS, NULL), -EACCES);
	assert_int_equal(run_shell("exit 127", NULL, LONG_MS), 127);
}

static void test_much_output_is_cut(void **state)
{
	(void)state;
	assert_int_equal(run_shell("yes | head -c 300000; echo end >&2", NULL, LONG_MS), 0);
	assert_true(output.is_cut);
	assert_int_equal(strlen(output.out), SPAWN_OUT_SIZE - 1);
	assert_string_equal(output.err, "end\n");
}

static void test_deadline(void **state)
{
	int64_t start = now_ms();

	(void)state;
	assert_int_equal(run_shell("echo before; sleep 30", NULL, 200), -ETIMEDOUT);
	assert_string_equal(output.out, "before\n");
	assert_int_equal(run_shell("exec >&- 2>&-; sleep 30", NULL, 200), -ETIMEDOUT);
	assert_int_equal(run_shell("yes", NULL, 200), -ETIMEDOUT);
	assert_int_equal(run_shell("trap '' TERM INT HUP; while :; do sleep 1; done", NULL, 200), -ETIMEDOUT);
	assert_true(now_ms() - start < 10000);
}

/* Everything of its group goes with it. */
static void test_group_is_killed(void **state)
{
	pid_t grandchild;

	(void)state;
	assert_int_equal(run_shell("sleep 30 & echo $!; wait", NULL, 500), -ETIMEDOUT);
	grandchild = (pid_t)atol(output.out);
	assert_true(grandchild > 1);
	for (int i = 0; i < 100 && !kill(grandchild, 0); i++) /* until init has reaped it */
		usleep(20000);
	assert_int_equal(kill(grandchild, 0), -1);
}

/* A daemon that keeps the output open is not waited for. */
static void test_daemon(void **state)
{
	int64_t start = now_ms();

	(void)state;
	assert_int_equal(run_shell("sleep 3 & echo started", NULL, LONG_MS), 0);
	assert_string_equal(output.out, "started\n");
	assert_true(now_ms() - start < 2500);
}

static void test_wait(void **state)
{
	pid_t child = fork();

	(void)state;
	if (!child) {
		pause();
		_exit(0);
	}
	assert_int_equal(spawn_wait(child, 50), -ETIMEDOUT);
	spawn_abandon(child);
	assert_int_equal(kill(child, 0), -1);
	child = fork();
	if (!child)
		_exit(7);
	assert_int_equal(spawn_wait(child, LONG_MS), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_output),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_much_output_is_cut),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_group_is_killed),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
