/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/needs.h"

/* A name that is not the device's own would give rules and filters that match nothing. */
static void test_clean_path(void **state)
{
	static const char *const rows[][2] = {
		{ "/dev/sda", "/dev/sda" },
		{ "/dev/./sda", "/dev/sda" },
		{ "//dev//sda/", "/dev/sda" },
		{ "/dev/disk/../sda", "/dev/sda" },
		{ "/dev/disk/by-id/..../x", "/dev/disk/by-id/..../x" },
		{ "dev/sda", "/dev/sda" },
		{ "./dev/sda", "/dev/sda" },
		{ "../../dev/.sda", "/dev/.sda" },
		{ "/..", "/" },
		{ "", "/" },
	};
	char clean[SVC_LOCATOR_SIZE + 1], longest[SVC_LOCATOR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		needs_clean_path(rows[i][0], clean);
		assert_string_equal(clean, rows[i][1]);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	needs_clean_path(longest, clean);
	assert_int_equal(clean[0], '/');
	assert_string_equal(clean + 1, longest);
}

static void test_print(void **state)
{
	static const char text[] = "\xef\xbb\xbf[copies]\n"
				   "flash-a : /dev/./disk/by-id/mmc ; the card\n"
				   "shared@direct=/dev/sdb\n"
				   "shared@nbd = nbds://b/shared\n"
				   "[nbd]\n"
				   "tls-psk-file = /etc/svc/keys.psk\n"
				   "tls-certificates = /etc/svc/tls\n";
	struct svc_error error;
	struct svc_conf conf;
	char *printed;
	size_t size;
	FILE *out = open_memstream(&printed, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(conf_parse(text, strlen(text), "svc.conf", &conf, &error), 0);
	assert_int_equal(needs_print(&conf, out), 0);
	fclose(out);
	assert_string_equal(printed, "device /dev/disk/by-id/mmc\n"
	                             "device /dev/sdb\n"
	                             "server nbds://b/shared\n"
	                             "file /etc/svc/keys.psk\n"
	                             "directory /etc/svc/tls\n");
	free(printed);
	out = fopen("/dev/full", "w");
	assert_non_null(out);
	assert_int_not_equal(needs_print(&conf, out), 0);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_path),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests_name("needs", tests, NULL, NULL);
}
