// SPDX-License-Identifier: GPL-2.0-or-later
/* Which of the kernel's messages were printed over the screen, and which are ours. */
#include "console/splatter.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket gives a record at each read, as /dev/kmsg does. */
static int records;
static struct splatter splatter;
static struct lines ours;

static int setup(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		return -1;
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	records = pair[1];
	splatter = (struct splatter){ .file = pair[0], .is_on_console = true, .has_read_history = true };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	splatter_close(&splatter);
	close(records);
	lines_free(&ours);
	return 0;
}

/* Of this level: 0 is printed wherever the kernel prints at all, 7 where everything is. */
static void log_record(int level, const char *text)
{
	char record[300];
	int length = snprintf(record, sizeof(record), "%d,17,4711,-;%s\n SUBSYSTEM=block\n", level, text);

	assert_int_equal(send(records, record, (size_t)length, 0), length);
}

static void test_printed(void **state)
{
	(void)state;
	assert_false(splatter_check(&splatter, &ours));
	log_record(0, "sd 0:0:0:0: [sda] tag#0 FAILED");
	assert_true(splatter_check(&splatter, &ours));
	assert_false(splatter_check(&splatter, &ours)); /* once */
	log_record(8 + 7, "svc-boot: a step, for the log alone");
	log_record(0, "one");
	log_record(0, "two");
	assert_true(splatter_check(&splatter, &ours));
	assert_int_equal(ours.count, 1);
	assert_string_equal(ours.line[0], "svc-boot: a step, for the log alone");
}

/* What was logged before the console began was printed before it. */
static void test_history(void **state)
{
	(void)state;
	splatter.has_read_history = false;
	log_record(0, "Linux version");
	log_record(0, "svc-boot: SVC-ACCUSED");
	assert_false(splatter_check(&splatter, &ours));
	assert_int_equal(ours.count, 1);
	log_record(0, "an oops");
	assert_true(splatter_check(&splatter, &ours));
}

/* A login's terminal is none that the kernel prints to, and there may be no log to be had. */
static void test_elsewhere(void **state)
{
	(void)state;
	splatter.is_on_console = false;
	log_record(0, "sd 0:0:0:0: [sda] tag#0 FAILED");
	assert_false(splatter_check(&splatter, &ours));
	splatter_close(&splatter);
	assert_false(splatter_check(&splatter, &ours));
}

/* A log that is only ours has an end: the oldest go. */
static void test_many(void **state)
{
	char text[40];

	(void)state;
	for (int i = 0; i < 450; i++) {
		snprintf(text, sizeof(text), "svc-boot: line %d", i);
		log_record(6, text);
		if (i % 50 == 49)
			splatter_check(&splatter, &ours);
	}
	assert_int_equal(ours.count, 200);
	assert_string_equal(ours.line[0], "svc-boot: line 250");
	assert_string_equal(ours.line[199], "svc-boot: line 449");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_printed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_history, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
