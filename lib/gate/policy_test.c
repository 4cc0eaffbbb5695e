/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc.conf and the kernel's command line over it: what is understood, and what is not and then never guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gate/ask.h"
#include "gate/policy.h"

static struct gate_policy policy;

static void read_with(const char *conf_text, const char *command_line)
{
	struct svc_error error;
	struct svc_conf conf;

	assert_int_equal(conf_parse(conf_text, strlen(conf_text), "svc.conf", &conf, &error), 0);
	policy_read(&conf, command_line, &policy);
}

static void test_defaults(void **state)
{
	(void)state;
	read_with("", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet");
	assert_int_equal(policy.mode, GATE_AUTO);
	assert_int_equal(policy.controller, 0);
	assert_string_equal(policy.console, "console");
	assert_int_equal(policy.console_seconds, 60);
	assert_int_equal(policy.device_seconds, 10);
	assert_false(policy.is_degraded_allowed);
	assert_int_equal(policy.mistakes.count, 0);
}

static void test_configuration(void **state)
{
	static const char conf[] = "[controller]\nid = b\n[boot]\nmode = ask\nconsole = ttyS1,9600\ntimeout = 0\n"
				   "device-timeout = 30\ndegraded = yes\n";

	(void)state;
	read_with(conf, "");
	assert_int_equal(policy.mode, GATE_ASK);
	assert_int_equal(policy.controller, 'b');
	assert_string_equal(policy.console, "ttyS1,9600");
	assert_int_equal(policy.console_seconds, -1);
	assert_int_equal(policy.device_seconds, 30);
	assert_true(policy.is_degraded_allowed);
	read_with(conf, "svc.mode=auto svc.controller=a svc.console=ttyS0,115200n8 svc.timeout=5 "
	                "svc.device-timeout=7 svc.degraded=no");
	assert_int_equal(policy.mode, GATE_AUTO);
	assert_int_equal(policy.controller, 'a');
	assert_string_equal(policy.console, "ttyS0,115200n8");
	assert_int_equal(policy.console_seconds, 5);
	assert_int_equal(policy.device_seconds, 7);
	assert_false(policy.is_degraded_allowed);
	assert_int_equal(policy.mistakes.count, 0);
}

static void test_words(void **state)
{
	static const struct {
		const char *line;
		enum gate_mode mode;
		size_t mistakes;
	} rows[] = {
		{ "svc.mode=off", GATE_OFF, 0 },
		{ "svc.mode=ask", GATE_ASK, 0 },
		{ "  \t\nsvc.mode=off\n", GATE_OFF, 0 },
		{ "svc.mode=off svc.mode=auto", GATE_AUTO, 0 }, /* the last one counts */
		{ "\"svc.mode=off\"", GATE_OFF, 0 },
		{ "svc.mode=\"off\"", GATE_OFF, 0 },
		{ "svc.device_timeout=3", GATE_AUTO, 0 }, /* as the kernel has it */
		{ "quiet -- svc.mode=off", GATE_AUTO, 0 },
		{ "xsvc.mode=off svc=off svc_mode=off", GATE_AUTO, 0 },
		{ "name=\"a svc.mode=off\"", GATE_AUTO, 0 },
		{ "svc.mode=of", GATE_ASK, 1 },
		{ "svc.mode=", GATE_ASK, 1 },
		{ "svc.mode", GATE_ASK, 1 },
		{ "svc.mode=AUTO", GATE_ASK, 1 },
		{ "svc.mode=auto;reboot", GATE_ASK, 1 },
		{ "svc.moed=off", GATE_ASK, 1 },
		{ "svc.=off", GATE_ASK, 1 },
		{ "svc.controller=c", GATE_ASK, 1 },
		{ "svc.timeout=-1", GATE_ASK, 1 },
		{ "svc.timeout=3601", GATE_ASK, 1 },
		{ "svc.timeout=99999999999999999999", GATE_ASK, 1 },
		{ "svc.device-timeout=0", GATE_ASK, 1 },
		{ "svc.degraded=maybe", GATE_ASK, 1 },
		{ "svc.console=/dev/ttyS0", GATE_ASK, 1 },
		{ "svc.console=../../etc/passwd", GATE_ASK, 1 },
		{ "svc.console=ttyS0\\x1b", GATE_ASK, 1 },
		{ "svc.x=1 svc.y=2", GATE_ASK, 2 },
		{ "svc.mode=off svc.x=1", GATE_OFF, 1 }, /* what was asked for clearly is not made more */
		{ "svc.mode=\"off", GATE_OFF, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read_with("", rows[i].line);
		if (policy.mode != rows[i].mode || policy.mistakes.count != rows[i].mistakes)
			fail_msg("%s: mode %s, %zu mistakes", rows[i].line, policy_mode_name(policy.mode),
			         policy.mistakes.count);
	}
}

/* A word of any length is taken whole or not at all, and a line of any length is read. */
static void test_long_lines(void **state)
{
	size_t size = 1 << 20;
	char *line = malloc(size + 1);

	(void)state;
	memset(line, 'x', size);
	line[size] = '\0';
	read_with("", line);
	assert_int_equal(policy.mistakes.count, 0);
	memcpy(line, "svc.mode=off", 12);
	read_with("", line);
	assert_int_equal(policy.mode, GATE_ASK);
	assert_int_equal(policy.mistakes.count, 1);
	for (size_t i = 0; i + 6 <= size; i += 6)
		memcpy(line + i, "svc.a ", 6);
	read_with("", line);
	assert_int_equal(policy.mistakes.count, REASONS_MAX);
	free(line);
}

static void test_console(void **state)
{
	static const struct {
		const char *console, *device;
		unsigned speed;
		bool is_good;
	} rows[] = {
		{ "console", "/dev/console", 0, true },
		{ "ttyS0,115200n8", "/dev/ttyS0", 115200, true },
		{ "ttyS0,9600", "/dev/ttyS0", 9600, true },
		{ "pts/3", "/dev/pts/3", 0, true },
		{ "ttyS0,", "", 0, false },
		{ "ttyS0,115201", "", 0, false },
		{ "ttyS0,115200e7", "", 0, false },
		{ "ttyS0,4294976896", "", 0, false },
	};
	char device[64];
	unsigned speed;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ask_parse_console(rows[i].console, device, &speed), rows[i].is_good);
		if (!rows[i].is_good)
			continue;
		assert_string_equal(device, rows[i].device);
		assert_int_equal(speed, rows[i].speed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_configuration), cmocka_unit_test(test_words),
		cmocka_unit_test(test_long_lines), cmocka_unit_test(test_console),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
