/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "path/multipath.h"

static void tables(void **state)
{
	const uint64_t both[PATHS] = { makedev(8, 16), makedev(43, 0) }, nbd[PATHS] = { 0, makedev(43, 3) };
	char text[256];

	(void)state;
	multipath_format(both, false, text, sizeof(text));
	assert_string_equal(text, "2 queue_mode bio 0 2 1 round-robin 0 1 1 8:16 1000 round-robin 0 1 1 43:0 1000");
	multipath_format(nbd, true, text, sizeof(text));
	assert_string_equal(text, "3 queue_if_no_path queue_mode bio 0 1 1 round-robin 0 1 1 43:3 1000");
}

/* As the stock kernel 6.1 says it. */
static const struct {
	const char *text;
	bool is_valid;
	int active;
	bool is_in[PATHS], is_failed[PATHS];
} rows[] = {
	{ "2 0 0 0 2 1 A 0 1 0 8:0 A 0 E 0 1 0 43:0 A 0 ", true, PATH_DIRECT, { true, true }, { false, false } },
	{ "2 0 0 0 2 1 E 0 1 0 8:0 A 0 E 0 1 0 43:0 A 0 ", true, PATH_DIRECT, { true, true }, { false, false } },
	{ "2 0 0 0 2 2 E 0 1 0 8:0 F 1 A 0 1 0 43:0 A 0 ", true, PATH_NBD, { true, true }, { true, false } },
	{ "2 0 0 0 2 2 E 0 1 0 8:0 A 1 A 0 1 0 43:0 A 0 ", true, PATH_NBD, { true, true }, { false, false } },
	{ "2 0 0 0 2 1 A 0 1 0 8:0 F 1 E 0 1 0 43:0 A 0 ", true, PATH_NBD, { true, true }, { true, false } },
	{ "2 0 0 0 2 1 E 0 1 0 8:0 F 1 E 0 1 0 43:0 F 4 ", true, -1, { true, true }, { true, true } },
	{ "2 0 0 0 1 1 A 0 1 0 43:7 A 0 ", true, PATH_NBD, { false, true }, { false, false } },
	{ "2 0 0 0 1 1 A 0 1 2 43:7 A 0 1 1 ", true, PATH_NBD, { false, true }, { false, false } },
	{ "2 0 0 0 2 1 A 0 1 0 8:0 A 0 E 0 1 0 8:16 A 0 ", false, 0, { false }, { false } },
	{ "2 0 0 0 3 1 A 0 1 0 8:0 A 0 E 0 1 0 43:0 A 0 E 0 1 0 8:16 A 0", false, 0, { false }, { false } },
	{ "", false, 0, { false }, { false } },
	{ "4294967295", false, 0, { false }, { false } },
	{ "2 0 0 0 2 1 A 0 1 0 8:0", false, 0, { false }, { false } },
};

static void statuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct control_state found = { 0 };

		if (multipath_parse_status(rows[i].text, &found) != rows[i].is_valid)
			fail_msg("%s", rows[i].text);
		if (!rows[i].is_valid)
			continue;
		if (found.active != rows[i].active)
			fail_msg("%s: active is %d", rows[i].text, found.active);
		for (int p = 0; p < PATHS; p++) {
			assert_int_equal(found.path[p].is_in, rows[i].is_in[p]);
			assert_int_equal(found.path[p].is_failed, rows[i].is_failed[p]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tables), cmocka_unit_test(statuses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
