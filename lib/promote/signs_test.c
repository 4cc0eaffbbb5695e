/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other controller's signs of life, read from media; and the hook that stops it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/slot.h"
#include "promote/signs.h"

static uint8_t memory[PROBE_SLOT_OFFSET + 2 * PROBE_SLOT_BYTES] __attribute__((aligned(4096)));

static void beat(char controller, uint64_t sequence, int64_t time)
{
	struct probe_slot slot = { .controller = controller, .sequence = sequence, .time = time };

	probe_slot_format(&slot, memory + probe_slot_offset(controller));
}

static void test_beat(void **state)
{
	struct signs first, last;
	struct fence_facts facts;
	struct svc_error error;
	struct dev *area;

	(void)state;
	assert_int_equal(dev_open_memory(memory, sizeof(memory), true, &area), 0);
	assert_int_equal(signs_read(area, NULL, 'a', &first, &error), 0);
	assert_false(first.has_beat);
	beat('b', 99, 1); /* one's own is none of the other's */
	beat('a', 7, 1234);
	assert_int_equal(signs_read(area, NULL, 'a', &last, &error), 0);
	assert_true(last.has_beat);
	assert_int_equal(last.beat, 7);
	assert_int_equal(last.beat_time, 1234);
	signs_compare(&first, &last, 9000, 5000, &facts);
	assert_int_equal(facts.beats, MOTION_MOVING);
	signs_compare(&last, &last, 9000, 5000, &facts);
	assert_int_equal(facts.beats, MOTION_STILL);
	assert_int_equal(facts.mmp, MOTION_ABSENT);
	signs_compare(&last, &last, 100, 5000, &facts);
	assert_int_equal(facts.beats, MOTION_UNWATCHED);
	memory[probe_slot_offset('a') + 100] ^= 1; /* torn: as if it had never been written */
	assert_int_equal(signs_read(area, NULL, 'a', &first, &error), 0);
	assert_false(first.has_beat);
	beat('b', 99, 1); /* another one's slot in its place */
	memcpy(memory + probe_slot_offset('a'), memory + probe_slot_offset('b'), PROBE_SLOT_BYTES);
	assert_int_equal(signs_read(area, NULL, 'a', &first, &error), 0);
	assert_false(first.has_beat);
	dev_close(area);
	assert_int_equal(dev_open_memory(memory, 4096, true, &area), 0);
	assert_int_equal(signs_read(area, NULL, 'a', &first, &error), 0); /* an area too small for slots */
	assert_false(first.has_beat);
	dev_close(area);
}

static void test_mmp(void **state)
{
	struct signs mounted = { .has_mmp = true, .mmp = 5 }, later = { .has_mmp = true, .mmp = 6 }, clean = { 0 };
	struct fence_facts facts;

	(void)state;
	signs_compare(&mounted, &later, 9000, 5000, &facts);
	assert_int_equal(facts.mmp, MOTION_MOVING);
	assert_int_equal(facts.beats, MOTION_ABSENT);
	signs_compare(&mounted, &mounted, 9000, 5000, &facts);
	assert_int_equal(facts.mmp, MOTION_STILL);
	signs_compare(&mounted, &clean, 9000, 5000, &facts);
	assert_int_equal(facts.mmp, MOTION_ABSENT);
	signs_compare(&clean, &mounted, 1, 5000, &facts);
	assert_int_equal(facts.mmp, MOTION_MOVING);
	mounted.mmp = 0; /* there now, and with the number of nothing */
	signs_compare(&clean, &mounted, 9000, 5000, &facts);
	assert_int_equal(facts.mmp, MOTION_MOVING);
}

static void test_mmp_wait(void **state)
{
	static const unsigned wait[][2] = { { 0, 11 },   { 1, 11 },   { 5, 11 },    { 10, 21 },    { 58, 117 },
		                            { 59, 119 }, { 60, 120 }, { 300, 360 }, { 65535, 360 } };

	(void)state;
	for (size_t i = 0; i < sizeof(wait) / sizeof(wait[0]); i++)
		assert_int_equal(signs_mmp_wait(wait[i][0]), wait[i][1]);
}

/* The interval is the file system's own. */
static void test_mmp_interval(void **state)
{
	char path[] = "/tmp/svc-mmp-XXXXXX", command[200];
	struct dev_options reading = { .access = DEV_READ };
	int fd = mkstemp(path);
	struct svc_error error;
	struct signs signs;
	struct dev *leg;

	(void)state;
	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "mke2fs -qF -t ext4 -O mmp -E mmp_update_interval=30 %s 8M", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(dev_open(path, &reading, &leg, &error), 0);
	assert_int_equal(signs_read(NULL, leg, 'a', &signs, &error), 0);
	assert_false(signs.has_mmp); /* unmounted in good order */
	assert_int_equal(signs.mmp_wait_seconds, 61);
	dev_close(leg);
	close(fd);
	unlink(path);
}

static enum fence_hook ask(const char *script, struct svc_error *error)
{
	char path[] = "/tmp/svc-hook-XXXXXX";
	int fd = mkstemp(path);
	enum fence_hook answer;
	FILE *f;

	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fchmod(fd, 0755), 0);
	fclose(f);
	answer = signs_ask_hook(path, 'a', "the-uuid", 2000, error);
	unlink(path);
	return answer;
}

static void test_hook(void **state)
{
	struct svc_error error = { 0 };

	(void)state;
	assert_int_equal(signs_ask_hook("", 'a', "the-uuid", 2000, &error), HOOK_NONE);
	assert_int_equal(ask("[ \"$1\" = a ] && [ \"$2\" = the-uuid ] && [ $# = 2 ]", &error), HOOK_PROVEN);
	assert_int_equal(ask("echo no such outlet >&2; exit 3", &error), HOOK_FAILED);
	assert_non_null(strstr(error.text, "ended with 3: no such outlet"));
	assert_int_equal(ask("kill -9 $$", &error), HOOK_FAILED);
	assert_int_equal(ask("sleep 30", &error), HOOK_FAILED);
	assert_non_null(strstr(error.text, "2000 ms"));
	assert_int_equal(signs_ask_hook("/nonexistent/hook", 'a', "the-uuid", 2000, &error), HOOK_FAILED);
	assert_non_null(strstr(error.text, "/nonexistent/hook"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beat),         cmocka_unit_test(test_mmp),  cmocka_unit_test(test_mmp_wait),
		cmocka_unit_test(test_mmp_interval), cmocka_unit_test(test_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
