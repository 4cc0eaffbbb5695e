/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's rounds over paths that are not there: what lasts is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/monitor.h"

static char folder[] = "/tmp/monitor_test.XXXXXX";
static char metrics[sizeof(folder) + 16];
static struct monitor monitor;
static struct svc_conf conf;

/* The rounds' own words, on the standard error; NULL where a journal takes them. */
static const char *rounds(int count)
{
	static char said[16384];
	int kept = dup(STDERR_FILENO), out;
	char path[sizeof(folder) + 16];
	ssize_t got;

	snprintf(path, sizeof(path), "%s/said", folder);
	out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(kept >= 0 && out >= 0);
	fflush(stderr);
	dup2(out, STDERR_FILENO);
	for (int i = 0; i < count; i++)
		monitor_round(&monitor);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	got = pread(out, said, sizeof(said) - 1, 0);
	close(out);
	assert_true(got >= 0);
	said[got] = '\0';
	return said;
}

static unsigned times(const char *text, const char *word)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
		n++;
	return n;
}

static int set_up(void **state)
{
	char direct[sizeof(folder) + 32], nbd[sizeof(folder) + 64];
	const char *const argument[] = { direct, nbd };
	struct locate_options locate = { 0 };
	struct svc_error error;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(direct, sizeof(direct), "shared@direct=%s/none", folder);
	snprintf(nbd, sizeof(nbd), "shared@nbd=nbd+unix:///x?socket=%s/none", folder);
	snprintf(metrics, sizeof(metrics), "%s/no/prom", folder);
	strcpy(conf.paths_metrics, metrics);
	conf.paths_timeout_seconds = 5;
	return monitor_configure(&monitor, argument, 2, &conf, &locate, &error);
}

static int tear_down(void **state)
{
	char command[sizeof(folder) + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void what_lasts_is_told_once(void **state)
{
	const char *said;

	(void)state;
	/* Where the host has a journal it gets the words. */
	if (!access("/run/systemd/journal/socket", F_OK))
		skip();
	said = rounds(3);
	assert_int_equal(times(said, "path direct is down (SVC-PATH-DOWN)") +
	                         times(said, "path direct is down (SVC-PATH-LOST)"),
	                 1);
	assert_int_equal(times(said, "path nbd is down"), 1);
	assert_int_equal(times(said, "I/O goes by no path"), 1);
	assert_int_equal(times(said, "no/prom cannot be written: No such file"), 1);
	if (times(said, "\n") != 4)
		print_message("%s", said);
	assert_int_equal(times(said, "\n"), 4);
	assert_int_equal(monitor.rounds, 3);
	/* It is another one now. */
	snprintf(metrics, sizeof(metrics), "%s/no", folder);
	assert_int_equal(mkdir(metrics, 0700), 0);
	snprintf(metrics, sizeof(metrics), "%s/no/prom.new", folder);
	assert_int_equal(mkdir(metrics, 0700), 0);
	said = rounds(2);
	assert_int_equal(times(said, "no/prom cannot be written: Is a directory"), 1);
	assert_int_equal(times(said, "\n"), 1);
	/* It is over; and when it comes again it is told again. */
	assert_int_equal(rmdir(metrics), 0);
	assert_int_equal(times(rounds(2), "\n"), 0);
	assert_int_equal(mkdir(metrics, 0700), 0);
	assert_int_equal(times(rounds(2), "no/prom cannot be written: Is a directory"), 1);
}

/* A unit's time between two signs of life has to be longer than this. */
static void a_round_is_bounded_by_the_deadline(void **state)
{
	(void)state;
	monitor.interval_ms = 1000;
	monitor.paths.options.locate.dev.timeout_seconds = 0;
	assert_true(monitor_round_ms(&monitor) < 90000);
	monitor.paths.options.locate.dev.timeout_seconds = 3600;
	assert_true(monitor_round_ms(&monitor) > UINT64_C(12) * 3600 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lasts_is_told_once),
		cmocka_unit_test(a_round_is_bounded_by_the_deadline),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
