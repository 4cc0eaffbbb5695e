/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitsets against a plain array of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bitset.h"

enum { BITS_MAX = 300 };

static uint32_t seed = 1;

static uint32_t next_random(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void assert_flags(const struct bitset *set, const bool *flag)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < set->bits; i++) {
		assert_int_equal(bitset_test(set, i), flag[i]);
		n += flag[i];
	}
	assert_int_equal(bitset_count(set), n);
}

/* Every run that is told is one: full of set bits, none before it, none behind it unless it was cut. */
static void assert_runs(const struct bitset *set, const bool *flag, uint64_t most)
{
	uint64_t at = 0, first, count;

	while (bitset_next_run(set, at, most, &first, &count)) {
		assert_true(first >= at && count >= 1 && count <= most && first + count <= set->bits);
		for (uint64_t i = at; i < first; i++)
			assert_false(flag[i]);
		for (uint64_t i = first; i < first + count; i++)
			assert_true(flag[i]);
		assert_true(count == most || first + count == set->bits || !flag[first + count]);
		at = first + count;
	}
	for (; at < set->bits; at++)
		assert_false(flag[at]);
}

static void test_random(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint64_t bits = 1 + next_random(BITS_MAX);
		struct bitset *set = bitset_new(bits), *other = bitset_new(bits);
		bool flag[BITS_MAX] = { false };

		assert_non_null(set);
		assert_non_null(other);
		for (int step = 0; step < 6; step++) {
			uint64_t first = next_random((uint32_t)bits), count = next_random((uint32_t)(bits - first + 1));

			switch (next_random(6)) {
			case 0:
				bitset_set(set, first);
				flag[first] = true;
				break;
			case 1:
				bitset_clear(set, first);
				flag[first] = false;
				break;
			case 2:
				bitset_set_range(set, first, count);
				memset(flag + first, true, count);
				break;
			case 3:
				bitset_set_range(other, first, count);
				bitset_or(set, other);
				for (uint64_t i = 0; i < bits; i++)
					flag[i] |= bitset_test(other, i);
				break;
			case 4:
				bitset_set_range(other, first, count);
				bitset_and(set, other);
				for (uint64_t i = 0; i < bits; i++)
					flag[i] &= bitset_test(other, i);
				break;
			default:
				bitset_clear(other, first);
				bitset_copy(set, other);
				for (uint64_t i = 0; i < bits; i++)
					flag[i] = bitset_test(other, i);
			}
		}
		assert_flags(set, flag);
		assert_runs(set, flag, UINT64_MAX);
		assert_runs(set, flag, 1 + next_random(70));
		bitset_free(set);
		bitset_free(other);
	}
}

static void test_edges(void **state)
{
	struct bitset *set = bitset_new(0);
	uint64_t first, count;

	(void)state;
	assert_non_null(set);
	assert_int_equal(bitset_count(set), 0);
	assert_false(bitset_next_run(set, 0, 10, &first, &count));
	bitset_free(set);
	set = bitset_new(128);
	bitset_set_range(set, 0, 128);
	assert_true(bitset_next_run(set, 0, UINT64_MAX, &first, &count));
	assert_true(first == 0 && count == 128);
	assert_true(bitset_next_run(set, 127, UINT64_MAX, &first, &count));
	assert_true(first == 127 && count == 1);
	assert_false(bitset_next_run(set, 128, 1, &first, &count));
	assert_false(bitset_next_run(set, UINT64_MAX, 1, &first, &count));
	bitset_set_range(set, 64, 0);
	assert_int_equal(bitset_count(set), 128);
	bitset_free(set);
	assert_null(bitset_new(UINT64_MAX));
	bitset_free(NULL);
}

static long resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
	fclose(file);
	return resident;
}

/* A set in which little is set costs little, whatever is done with it. */
static void test_resident(void **state)
{
	enum { BITS = 1 << 28, PAGES = BITS / 8 / 4096 };
	struct bitset *few = bitset_new(BITS), *set = bitset_new(BITS);
	long before = resident_pages();

	(void)state;
	assert_non_null(few);
	assert_non_null(set);
	bitset_set(few, 5);
	bitset_set(few, BITS - 1);
	bitset_copy(set, few);
	bitset_and(set, few);
	bitset_or(set, few);
	assert_int_equal(bitset_count(set), 2);
	assert_true(resident_pages() - before < PAGES / 8);
	bitset_free(few);
	bitset_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_edges),
		                            cmocka_unit_test(test_resident) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
