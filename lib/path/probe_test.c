/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children that are left behind: one at a time, and not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "path/probe.h"

static char image[] = "/tmp/probe_test.XXXXXX";

/*
 * A child of a group of its own that goes on until it is told to end: what a look leaves behind that waits for a dead
 * device, where no signal reaches it.
 */
static pid_t leave_behind(void)
{
	pid_t child = fork();

	if (!child) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	assert_true(child > 0);
	setpgid(child, child);
	return child;
}

/* It has ended, and nobody has reaped it. */
static void let_end(pid_t child)
{
	siginfo_t info;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(kill(-child, 0), 0);
}

static void a_look_that_ends_late_is_over(void **state)
{
	struct locate_options options = { 0 };
	struct path_probe probe = { .locator = image, .options = &options };
	struct path_facts facts;

	(void)state;
	probe.stuck = leave_behind();
	path_probe_start(&probe);
	path_probe_finish(&probe, &facts);
	assert_int_equal(facts.error, -ETIMEDOUT);
	assert_non_null(strstr(facts.why.text, "does not answer within"));
	let_end(probe.stuck);
	path_probe_start(&probe);
	path_probe_finish(&probe, &facts);
	assert_int_equal(facts.error, 0);
	assert_int_equal(facts.size_bytes, 1 << 20);
	path_memory_free(probe.shared, sizeof(*probe.shared));
}

static int count(void *shared)
{
	++*(int *)shared;
	return -EXDEV;
}

static void one_call_at_a_time_is_left_behind(void **state)
{
	int *calls = path_memory(sizeof(*calls));
	pid_t stuck = 0, first;

	(void)state;
	assert_non_null(calls);
	assert_int_equal(path_call(&stuck, count, calls, 5000), -EXDEV);
	assert_int_equal(stuck, 0);
	stuck = first = leave_behind();
	for (int i = 0; i < 3; i++)
		assert_int_equal(path_call(&stuck, count, calls, 5000), -ETIMEDOUT);
	assert_int_equal(stuck, first);
	assert_int_equal(*calls, 1);
	let_end(stuck);
	assert_int_equal(path_call(&stuck, count, calls, 5000), -EXDEV);
	assert_int_equal(stuck, 0);
	assert_int_equal(*calls, 2);
	path_memory_free(calls, sizeof(*calls));
}

static int sleep_on(void *shared)
{
	(void)shared;
	for (;;)
		pause();
	return 0;
}

/* What SIGKILL ends is not stuck: the next call is made. */
static void who_can_be_killed_is_not_stuck(void **state)
{
	pid_t stuck = 0;

	(void)state;
	assert_int_equal(path_call(&stuck, sleep_on, NULL, 50), -ETIMEDOUT);
	assert_int_equal(stuck, 0);
}

static int take_long(void *shared)
{
	usleep(300000);
	*(int *)shared = 7;
	return 0;
}

/* What was begun is ended, though nobody waits for it any more. */
static void it_goes_on_where_it_should(void **state)
{
	int *done = path_memory(sizeof(*done));
	pid_t stuck = 0;

	(void)state;
	assert_non_null(done);
	assert_int_equal(path_call_on(&stuck, take_long, done, 50), -ETIMEDOUT);
	assert_true(stuck > 0);
	assert_int_equal(path_call_on(&stuck, count, done, 5000), -ETIMEDOUT);
	for (int i = 0; i < 100 && *done != 7; i++)
		usleep(100000);
	assert_int_equal(*done, 7);
	for (int i = 0; i < 100 && path_call_on(&stuck, count, done, 5000) == -ETIMEDOUT; i++)
		usleep(100000);
	assert_int_equal(*done, 8);
	assert_int_equal(stuck, 0);
	path_memory_free(done, sizeof(*done));
}

static int set_up(void **state)
{
	int fd = mkstemp(image);

	(void)state;
	if (fd < 0 || ftruncate(fd, 1 << 20))
		return -1;
	return close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_that_ends_late_is_over),
		cmocka_unit_test(one_call_at_a_time_is_left_behind),
		cmocka_unit_test(who_can_be_killed_is_not_stuck),
		cmocka_unit_test(it_goes_on_where_it_should),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
