/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static void test_escape(void **state)
{
	static const struct {
		const char *raw, *text;
	} row[] = {
		{ "", "" },
		{ "/cfg/table.db", "/cfg/table.db" },
		{ "two words ~!", "two words ~!" },
		{ "a\\b", "a\\\\b" },
		{ "\033[2J\a", "\\x1b[2J\\x07" },
		{ "line\nnext\r\t", "line\\x0anext\\x0d\\x09" },
		{ "\303\244\377\200\177", "\\xc3\\xa4\\xff\\x80\\x7f" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_ptr_equal(text_escape(row[i].raw, text, sizeof(text)), text);
		assert_string_equal(text, row[i].text);
	}
}

/* Cut between characters, never within an escape, and never past the end. */
static void test_escape_cut(void **state)
{
	static const char *const expected[] = { NULL, "",       "a",       "a",       "a",
		                                "a",  "a\\x01", "a\\x01b", "a\\x01b", "a\\x01b\\\\" };
	char text[16];

	(void)state;
	for (size_t size = 0; size < sizeof(expected) / sizeof(expected[0]); size++) {
		memset(text, '#', sizeof(text));
		text_escape("a\001b\\", text, size);
		if (expected[size])
			assert_string_equal(text, expected[size]);
		for (size_t i = size; i < sizeof(text); i++)
			assert_int_equal(text[i], '#');
	}
}

static void test_time(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} row[] = {
		{ 0, "never" },
		{ 1, "1970-01-01 00:00:01Z" },
		{ 1772352010, "2026-03-01 08:00:10Z" },
		{ 4294967296, "2106-02-07 06:28:16Z" },
		{ 17179869183, "2514-05-30 01:53:03Z" }, /* the last second that ext4's 34 bits hold */
		{ -1, "1969-12-31 23:59:59Z" },
		{ INT64_MAX, "out of range" },
		{ INT64_MIN, "out of range" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_ptr_equal(text_time(row[i].seconds, text, sizeof(text)), text);
		assert_string_equal(text, row[i].text);
	}
	assert_string_equal(text_time(1772352010, text, 8), "out of ");
}

static void test_put_word(void **state)
{
	static const struct {
		const char *word, *quoted;
	} row[] = {
		{ "flash-a=/dev/sda1", " flash-a=/dev/sda1" },
		{ "", " ''" },
		{ "a b", " 'a b'" },
		{ "it's $(rm)", " 'it'\\''s $(rm)'" },
		{ "a\nb'\\\xff", " $'a\\x0ab\\x27\\x5c\\xff'" },
		{ "~/x", " '~/x'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		text_put_word(out, row[i].word);
		fclose(out);
		assert_string_equal(text, row[i].quoted);
		free(text);
	}
}

static void test_error(void **state)
{
	struct svc_error error;
	char large[2000];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	memset(&error, '#', sizeof(error));
	assert_int_equal(error_set(&error, -5, "%s: %d", "flash-a", 7), -5);
	assert_string_equal(error.text, "flash-a: 7");
	assert_string_equal(error.next, "");
	error_next(&error, "try %d", 8);
	assert_string_equal(error.next, "try 8");
	assert_string_equal(error.text, "flash-a: 7");
	error_set(&error, -1, "%s", large);
	error_next(&error, "%s", large);
	assert_true(strlen(error.text) < sizeof(error.text) && strlen(error.next) < sizeof(error.next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),   cmocka_unit_test(test_escape_cut), cmocka_unit_test(test_time),
		cmocka_unit_test(test_put_word), cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
