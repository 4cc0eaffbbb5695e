/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "path/export.h"

static void addresses(void **state)
{
	static const struct {
		const char *text, *address; /* NULL: refused */
		unsigned port;
	} rows[] = {
		{ "10.9.0.1", "10.9.0.1", 10809 },
		{ "10.9.0.1:1", "10.9.0.1", 1 },
		{ "10.9.0.1:65535", "10.9.0.1", 65535 },
		{ "fe80::1", "fe80::1", 10809 },
		{ "[fe80::1]", "fe80::1", 10809 },
		{ "[fe80::1]:7", "fe80::1", 7 },
		{ "", NULL, 0 },
		{ "10.9.0.1:", NULL, 0 },
		{ "10.9.0.1:0", NULL, 0 },
		{ "10.9.0.1:65536", NULL, 0 },
		{ "10.9.0.1:7x", NULL, 0 },
		{ "10.9.0", NULL, 0 },
		{ "[fe80::1", NULL, 0 },
		{ "[fe80::1]7", NULL, 0 },
		{ "controller-b", NULL, 0 },
		/* Every address of the host is not the link. */
		{ "0.0.0.0", NULL, 0 },
		{ "::", NULL, 0 },
		{ "[::]:10809", NULL, 0 },
	};
	char address[47];
	unsigned port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (export_parse_address(rows[i].text, address, sizeof(address), &port) != (rows[i].address != NULL))
			fail_msg("%s", rows[i].text);
		if (!rows[i].address)
			continue;
		assert_string_equal(address, rows[i].address);
		assert_int_equal(port, rows[i].port);
	}
}

static void nobody_serves_here(void **state)
{
	struct svc_error error;

	(void)state;
	if (export_find())
		skip();
	assert_int_equal(export_stop(1, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(addresses), cmocka_unit_test(nobody_serves_here) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
