/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "locate/conf.h"

static struct svc_conf conf;
static struct svc_error error;

static int parse(const char *text)
{
	return conf_parse(text, strlen(text), "svc.conf", &conf, &error);
}

static void reads_every_key(void **state)
{
	struct copy copy[SVC_COPIES_MAX];

	(void)state;
	assert_int_equal(parse("# comment\n"
	                       "[mirror]\n"
	                       "lv = svc/data\n"
	                       "\n"
	                       "[copies]\r\n"
	                       "flash-a=/dev/disk/by-partlabel/svc ; mine\r\n"
	                       "  flash-b = nbd://10.0.0.2/flash\n"
	                       "shared@direct = /dev/disk/by-id/a;b=c\n"
	                       "shared@nbd = nbds+unix:///svc?socket=/run/svc.sock\n"
	                       "[nbd]\n"
	                       "timeout = 3600\n"
	                       "tls-certificates = /etc/pki/svc\n"
	                       "tls-psk-file = /etc/svc/psk\n"
	                       "tls-username = svc\n"
	                       "[controller]\n"
	                       "id = b"),
	                 0);
	assert_string_equal(conf.lv, "svc/data");
	assert_string_equal(conf.flash_a, "/dev/disk/by-partlabel/svc");
	assert_string_equal(conf.shared_direct, "/dev/disk/by-id/a;b=c");
	assert_int_equal(conf.nbd_timeout_seconds, 3600);
	assert_string_equal(conf.nbd_tls_certificates, "/etc/pki/svc");
	assert_string_equal(conf.nbd_tls_psk_file, "/etc/svc/psk");
	assert_string_equal(conf.nbd_tls_username, "svc");
	assert_int_equal(conf.controller, 'b');
	assert_int_equal(conf_copies(&conf, copy), 4);
	assert_string_equal(copy[1].name, "flash-b");
	assert_string_equal(copy[1].locator, "nbd://10.0.0.2/flash");
	assert_string_equal(copy[3].name, "shared@nbd");
	assert_string_equal(copy[3].group, "shared");
	assert_string_equal(copy[3].locator, "nbds+unix:///svc?socket=/run/svc.sock");
}

static void has_nothing_where_nothing_is_given(void **state)
{
	struct copy copy[SVC_COPIES_MAX];

	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse("\n# only a comment\n[copies]\n"), 0);
	assert_int_equal(conf_copies(&conf, copy), 0);
	assert_int_equal(conf.nbd_timeout_seconds, 0);
	assert_int_equal(conf.controller, 0);
}

static void refuses_what_it_does_not_understand(void **state)
{
	static const struct {
		const char *text, *line, *says;
	} cases[] = {
		{ "lv = a/b\n", "line 1", "outside any section" },
		{ "[colour]\nx = 1\n", "line 1", "no section [colour]" },
		{ "[mirror]\nlw = a/b\n", "line 2", "[mirror] has no key lw" },
		{ "[Mirror]\nlv = a/b\n", "line 1", "no section [Mirror]" },
		{ "[mirror]\nlv = data\n", "line 2", "VG/LV" },
		{ "[mirror]\nlv = a/b\nlv = a/b\n", "line 3", "lv is given twice" },
		{ "[mirror]\nlv = a/b\n[nbd]\n[mirror]\nlv = a/b\n", "line 5", "twice" },
		{ "[mirror]\nlv = a/b\n more\n", "line 3", "neither a section" },
		{ "[mirror\n", "line 1", "neither a section" },
		{ "\n\nword\n[mirror]\nlv = a/b\n", "line 3", "neither a section" },
		{ "[copies]\nflash-a =\n", "line 2", "must not be empty" },
		{ "[copies]\nflash-a = ; /dev/x\n", "line 2", "must not be empty" },
		{ "[copies]\nflash-c = /dev/x\n", "line 2", "no key flash-c" },
		{ "[copies]\nshared = /a\nshared@direct = /b\n", "line 3", "means the same" },
		{ "[copies]\nshared@direct = /a\nshared = /b\n", "line 3", "means the same" },
		{ "[nbd]\ntimeout = 0\n", "line 2", "1 to 3600" },
		{ "[paths]\nmetrics = svc.prom\n", "line 2", "absolute path" },
		{ "[nbd]\ntimeout = 3601\n", "line 2", "1 to 3600" },
		{ "[nbd]\ntimeout = -1\n", "line 2", "1 to 3600" },
		{ "[nbd]\ntimeout = 10s\n", "line 2", "1 to 3600" },
		{ "[nbd]\ntimeout = 99999999999999999999\n", "line 2", "1 to 3600" },
		{ "[colour]\n", "line 1", "no section [colour]" },
		{ "[mirror]\nlv = a/b\n  [kopies] ; a typo\n[nbd]\n", "line 3", "no section [kopies]" },
		{ "[mirror]\n[]\n", "line 2", "no section []" },
		{ "[mirror]\nlegs = flash-a flash-a\n", "line 2", "legs names a copy twice" },
		{ "[mirror]\nlegs = flash-a shared\tflash-b  shared\n", "line 2", "legs names a copy twice" },
		{ "[mirror]\nlegs = flash-a shares\n", "line 2", "must be flash-a, flash-b and shared" },
		{ "[mirror]\nlegs = flash-a shared@nbd\n", "line 2", "must be flash-a, flash-b and shared" },
		{ "[mirror]\nlegs = flash-a shared\n[copies]\nflash-a = /a\nflash-b = /b\n", "line 2",
		  "legs does not name flash-b" },
		{ "[copies]\nshared@nbd = nbd://x\n[mirror]\nlegs = flash-a\n", "line 4", "legs does not name shared" },
		{ "[controller]\nid = c\n", "line 2", "a or b" },
		{ "[controller]\nid = ab\n", "line 2", "a or b" },
		{ "[controller]\n\033[2J = c\n", "line 2", "control character" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_non_null(strstr(error.text, "svc.conf, "));
		if (!strstr(error.text, cases[i].line) || !strstr(error.text, cases[i].says))
			fail_msg("case %zu: %s", i, error.text);
	}
	assert_int_equal(conf_parse("[mirror]\nlv=a/b\0c\n", 18, "svc.conf", &conf, &error), -EINVAL);
	assert_non_null(strstr(error.text, "control character"));
}

static void takes_legs_in_any_order_and_beyond_the_copies(void **state)
{
	(void)state;
	assert_int_equal(
		parse("[mirror]\nlegs =  shared flash-a\tflash-b\n[copies]\nflash-a = /a\nshared@nbd = nbd://x\n"), 0);
	assert_string_equal(conf.legs, "shared flash-a\tflash-b");
	assert_int_equal(parse("[copies]\nflash-a = /a\n\n [ nbd\n"), -EINVAL);
}

static void takes_long_values_whole_or_not_at_all(void **state)
{
	char text[SVC_LOCATOR_SIZE + 400] = "[copies]\nflash-a=";
	size_t head = strlen(text);

	(void)state;
	memset(text + head, 'x', SVC_LOCATOR_SIZE - 1);
	strcpy(text + head + SVC_LOCATOR_SIZE - 1, "\n[controller]\nid=a\n");
	assert_int_equal(parse(text), 0);
	assert_int_equal(strlen(conf.flash_a), SVC_LOCATOR_SIZE - 1);
	assert_int_equal(conf.controller, 'a');
	memset(text + head, 'x', SVC_LOCATOR_SIZE);
	strcpy(text + head + SVC_LOCATOR_SIZE, "\n");
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(error.text, "flash-a is too long"));
	memset(text + head, 'x', SVC_LOCATOR_SIZE + 300);
	text[head + SVC_LOCATOR_SIZE + 300] = '\0';
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(error.text, "line 2: longer than"));
}

static void reads_files_and_names_them_in_errors(void **state)
{
	char path[] = "/tmp/conf_test.XXXXXX";
	int fd = mkstemp(path);
	char *much = calloc(1, 100000);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[controller]\nid=a\n", 18), 18);
	assert_int_equal(conf_read(path, &conf, &error), 0);
	assert_int_equal(conf.controller, 'a');
	assert_int_equal(write(fd, "id=a\n", 5), 5);
	assert_int_equal(conf_read(path, &conf, &error), -EINVAL);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.text, "line 3"));
	memset(much, '\n', 100000);
	assert_int_equal(write(fd, much, 100000), 100000);
	assert_int_equal(conf_read(path, &conf, &error), -EINVAL);
	assert_non_null(strstr(error.text, "longer than"));
	free(much);
	close(fd);
	unlink(path);
	assert_int_equal(conf_read(path, &conf, &error), -ENOENT);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.next, "svc.conf(5)"));
	assert_int_equal(conf_read("/tmp", &conf, &error), -EINVAL);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(conf_read(path, &conf, &error), -EINVAL);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(has_nothing_where_nothing_is_given),
		cmocka_unit_test(refuses_what_it_does_not_understand),
		cmocka_unit_test(takes_legs_in_any_order_and_beyond_the_copies),
		cmocka_unit_test(takes_long_values_whole_or_not_at_all),
		cmocka_unit_test(reads_files_and_names_them_in_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
