/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What svc-pathcheck shows: names are escaped, and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "report/paths.h"

static struct paths paths;

static char *shown(bool is_json)
{
	struct paths_report report = { .paths = &paths, .width = 200 };
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	assert_int_equal(is_json ? report_paths_json(&report, out) : report_paths_text(&report, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void names_are_escaped_once(void **state)
{
	struct path_facts *facts = paths.check.facts;
	char *text;

	(void)state;
	facts[PATH_DIRECT].is_configured = facts[PATH_NBD].is_configured = true;
	strcpy(facts[PATH_DIRECT].device, "/dev/x\033[2J");
	strcpy(facts[PATH_NBD].device, "/dev/y\\z");
	facts[PATH_NBD].size_bytes = 4096;
	text = shown(false);
	assert_non_null(strstr(text, "/dev/x\\x1b[2J"));
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "x5c"));
	assert_non_null(strstr(text, "4096"));
	free(text);
	text = shown(true);
	assert_non_null(strstr(text, "\"/dev/x\\\\x1b[2J\""));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_escaped_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
