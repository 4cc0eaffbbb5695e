// SPDX-License-Identifier: GPL-2.0-or-later
/* How much can be saved in a place: a memory file system ends where the memory does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rebuild/room.h"

static const uint64_t mib = 1 << 20;

static void test_of(void **state)
{
	static const struct {
		bool is_memory, has_bound;
		uint64_t free_mib, available_mib, room_mib;
	} rows[] = {
		{ false, true, 500, 100, 500 }, /* a disk's room has nothing to do with memory */
		{ true, true, 500, 1000, 500 }, { true, true, 500, 100, 36 }, { true, false, 0, 1000, 936 },
		{ true, false, 0, 64, 0 },      { true, false, 0, 3, 0 },     { true, true, 0, 1000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(room_of(rows[i].is_memory, rows[i].has_bound, rows[i].free_mib * mib,
		                         rows[i].available_mib * mib),
		                 rows[i].room_mib * mib);
	assert_true(room_of(true, true, 500 * mib, UINT64_MAX) == 500 * mib);
	assert_true(room_of(false, false, 0, 100 * mib) == UINT64_MAX);
}

/* An entry's head and its checksums, undo.h, for blocks of 1024 bytes that lie apart. */
static void test_needed(void **state)
{
	(void)state;
	assert_true(room_needed(0, 2) >= 2 * mib);
	assert_true(room_needed(1024 * mib, 1) >= 1024 * mib + mib * (48 + 2 * 4));
}

static void test_for(void **state)
{
	char directory[] = "/tmp/svc-room.XXXXXX", path[64], deeper[64];
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
	snprintf(deeper, sizeof(deeper), "%s/a/b/c", directory);
	assert_true(room_for(path) > 0 && room_for(path) < UINT64_MAX);
	assert_true(room_for(deeper) > 0 && room_for(deeper) < UINT64_MAX);
	assert_true(room_for("not-there") < UINT64_MAX);
	assert_true(room_for("/not-there/at/all") < UINT64_MAX);
	assert_true(room_for("/proc/none") == UINT64_MAX); /* its blocks are not counted, and it lies in no memory */
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1 << 20; i++)
		fputc(i * 7 & 0xff, file);
	fclose(file);
	sync();
	assert_true(room_for(path) >= mib);
	unlink(path);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_needed),
		cmocka_unit_test(test_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
