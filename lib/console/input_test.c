// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys that are pressed count; what is pasted, or comes from a noisy line, does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "console/console_private.h"
#include "console/input.h"
#include "console/typed.h"

static struct input input;
static uint64_t now_ms;
static int got[64];
static int count;

static int setup(void **state)
{
	(void)state;
	input_init(&input);
	now_ms = 100000;
	count = 0;
	return 0;
}

static void keep(int key)
{
	if (key != INPUT_NONE && count < 64)
		got[count++] = key;
}

/* Bytes, each `apart_ms` after the one before; between them the console's clock goes on. */
static void send(const char *bytes, size_t length, bool is_word, unsigned apart_ms)
{
	for (size_t i = 0; i < length; i++) {
		for (unsigned ms = 0; ms < apart_ms; ms++) {
			now_ms++;
			keep(input_tick(&input, now_ms));
		}
		keep(input_byte(&input, (uint8_t)bytes[i], is_word, now_ms));
	}
}

static void settle(void)
{
	for (int ms = 0; ms < 500; ms++) {
		now_ms++;
		keep(input_tick(&input, now_ms));
	}
}

static void expect(const int *keys, int keys_count)
{
	settle();
	assert_int_equal(count, keys_count);
	for (int i = 0; i < count; i++)
		assert_int_equal(got[i], keys[i]);
	count = 0;
}

#define EXPECT(...) expect((const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static void test_keys(void **state)
{
	(void)state;
	send("r", 1, false, 500);
	EXPECT('r');
	send("jjj", 3, false, 33); /* a key held down */
	EXPECT('j', 'j', 'j');
	send("\n", 1, false, 200);
	EXPECT(KEY_ENTER);
	send("\b", 1, false, 200);
	EXPECT(KEY_ERASE);
}

static void test_response(void **state)
{
	(void)state;
	keep(input_byte(&input, 'r', false, now_ms));
	assert_in_range(input_wait_ms(&input, now_ms), 1, 100); /* well below 200 ms */
	keep(input_tick(&input, now_ms + (uint64_t)input_wait_ms(&input, now_ms)));
	assert_int_equal(count, 1);
}

static void test_pasted(void **state)
{
	static const char text[] = "r\ny\nshared\nuunlock\nq";

	(void)state;
	for (unsigned apart = 0; apart <= 20; apart++) { /* 9600 baud: one byte in a millisecond */
		send(text, sizeof(text) - 1, false, apart);
		EXPECT(KEY_PASTED);
		settle();
	}
	/* the first byte of a burst is no key either, nor the last one */
	send("ry", 2, false, 3);
	EXPECT(KEY_PASTED);
}

static void test_sequences(void **state)
{
	(void)state;
	send("\x1b[A", 3, false, 1);
	EXPECT('k');
	send("\x1bOB", 3, false, 1);
	EXPECT('j');
	send("\x1b[15~", 5, false, 1); /* F5 */
	assert_int_equal(count, 0);
	send("\x1b[200~r\x1b[201~", 13, false, 1); /* what is pasted, marked as such */
	settle();
	for (int i = 0; i < count; i++)
		assert_int_equal(got[i], KEY_PASTED);
	count = 0;
	send("\x1b", 1, false, 300); /* Escape alone */
	settle();
	assert_int_equal(count, 0);
	send("q", 1, false, 300);
	EXPECT('q');
}

static void test_noise(void **state)
{
	(void)state;
	send("\xff\xfe\x00\x80", 4, false, 300);
	settle();
	for (int i = 0; i < count; i++)
		assert_int_equal(got[i], KEY_PASTED);
}

static void test_word(void **state)
{
	(void)state;
	send("shared", 6, true, 1); /* a word may be pasted */
	EXPECT('s', 'h', 'a', 'r', 'e', 'd');
	send("\r", 1, true, 300); /* its Enter may not */
	EXPECT(KEY_ENTER);
	send("shared\r", 7, true, 1);
	settle();
	for (int i = 0; i < count; i++)
		assert_int_not_equal(got[i], KEY_ENTER);
	count = 0;
	send("x\ry", 3, true, 1);
	settle();
	for (int i = 0; i < count; i++)
		assert_int_not_equal(got[i], KEY_ENTER);
}

/* What is pasted into a confirmation is gone: the Enter that a person presses then, told that it goes back, goes back. */
static void test_pasted_word(void **state)
{
	static const char *const pasted[] = {
		"some garbage\x15shared\n", "\nshared",   "x\nshared", "shared\n", "\x15shared",
		"\x07\x15shared\n",         "\xffshared",
	};
	struct console_options options = { .is_read_only = false };

	(void)state;
	for (size_t i = 0; i < sizeof(pasted) / sizeof(pasted[0]); i++)
		for (unsigned apart = 0; apart <= 20; apart += 4) {
			struct request request = { .kind = REQUEST_NONE };
			struct console console;

			console_init(&console, &options);
			prompt_open(&console, "Rebuild", "shared", "It is overwritten.");
			console.prompt.request = request_run(TASK_RESYNC, "0badcafe");
			send(pasted[i], strlen(pasted[i]), true, apart);
			send("\r", 1, true, 1000);
			settle();
			assert_true(count > 0);
			for (int k = 0; k < count && request.kind == REQUEST_NONE; k++)
				request = console_key(&console, got[k], now_ms);
			if (request.kind != REQUEST_NONE)
				fail_msg("paste %zu, %u ms apart: it was carried out", i, apart);
			assert_int_not_equal(console.screen, SCREEN_PROMPT);
			console_free(&console);
			count = 0;
		}
}

/* ---- line mode ---- */

static int lines(struct typed *typed, struct console *console, const char *text, unsigned apart_ms,
                 int keys[TYPED_KEYS_MAX])
{
	int total = 0;

	for (; *text; text++) {
		for (unsigned ms = 0; ms < apart_ms; ms++)
			total += typed_tick(typed, console, ++now_ms, keys + total);
		typed_byte(typed, (uint8_t)*text, now_ms);
	}
	for (int ms = 0; ms < 200; ms++)
		total += typed_tick(typed, console, ++now_ms, keys + total);
	return total;
}

static void test_typed(void **state)
{
	struct console_options options = { .is_read_only = false };
	struct typed typed = { .length = 0 };
	int keys[TYPED_KEYS_MAX * 2];
	struct console console;

	(void)state;
	console_init(&console, &options);
	assert_int_equal(lines(&typed, &console, "r\n", 0, keys), 1); /* a terminal in line mode sends it at once */
	assert_int_equal(keys[0], 'r');
	assert_int_equal(lines(&typed, &console, "ry\n", 0, keys), 0);
	assert_int_equal(lines(&typed, &console, "r\ny\n", 1, keys), 1);
	assert_int_equal(keys[0], KEY_PASTED);
	assert_int_equal(lines(&typed, &console, "\n", 0, keys), 1);
	assert_int_equal(keys[0], KEY_ENTER);
	console.screen = SCREEN_PROMPT;
	assert_int_equal(lines(&typed, &console, "ab\n", 0, keys), 4);
	assert_int_equal(keys[0], KEY_KILL);
	assert_int_equal(keys[3], KEY_ENTER);
	assert_int_equal(lines(&typed, &console, "shared\nx\n", 0, keys), 1);
	assert_int_equal(keys[0], KEY_PASTED);
	assert_int_equal(lines(&typed, &console, "garbage\x15shared\n", 0, keys), 1);
	assert_int_equal(keys[0], KEY_PASTED);
	assert_int_equal(lines(&typed, &console, "\x04\nshared\n", 0, keys), 1);
	assert_int_equal(keys[0], KEY_PASTED);
	console_free(&console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_keys, setup),        cmocka_unit_test_setup(test_response, setup),
		cmocka_unit_test_setup(test_pasted, setup),      cmocka_unit_test_setup(test_sequences, setup),
		cmocka_unit_test_setup(test_noise, setup),       cmocka_unit_test_setup(test_word, setup),
		cmocka_unit_test_setup(test_pasted_word, setup), cmocka_unit_test_setup(test_typed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
