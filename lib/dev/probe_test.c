/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "dev/probe.h"

static void never_answers(const char *path)
{
	(void)path;
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

static void fails(const char *path)
{
	(void)path;
	_exit(1);
}

static void test_no_answer(void **state)
{
	struct timespec start, end;
	int status;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(probe_with(never_answers, "", 1), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - start.tv_sec, 0, 3);
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1); /* it is gone and reaped */
}

/* An error is an answer. */
static void test_answers(void **state)
{
	(void)state;
	assert_int_equal(probe_with(fails, "", 5), 0);
	assert_int_equal(probe_device("/dev/null", 5), 0);
	assert_int_equal(probe_device("/no/such/device", 5), 0);
	assert_int_equal(probe_device("/", 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
