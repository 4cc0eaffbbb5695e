/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scan over devices whose every read is watched. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bitset.h"
#include "compare/scan.h"

enum { UNIT = 4096, UNITS = 300, LEG = (UNITS - 1) * UNIT + 512 };

/* A device in memory, with one run of data as far as next_data says, and a note of what was read. */
struct watched {
	struct dev dev;
	uint8_t bytes[LEG];
	struct extent data; /* everything else is said to be a hole */
	int result;         /* of next_data */
	pthread_mutex_t lock;
	bool is_read[UNITS];
};

static int watched_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct watched *w = (struct watched *)dev;

	memcpy(buffer, w->bytes + offset, length);
	pthread_mutex_lock(&w->lock);
	for (uint64_t unit = offset / UNIT; unit <= (offset + length - 1) / UNIT; unit++)
		w->is_read[unit] = true;
	pthread_mutex_unlock(&w->lock);
	return 0;
}

static int watched_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	struct watched *w = (struct watched *)dev;
	uint64_t end = w->data.offset + w->data.length;

	if (offset < w->data.offset)
		*run = w->data;
	else if (offset < end)
		*run = (struct extent){ offset, end - offset };
	else
		*run = (struct extent){ .offset = dev->size_bytes };
	return w->result;
}

static void watched_close(struct dev *dev)
{
	free(dev);
}

static const struct dev_ops watched_ops = {
	.pread = watched_pread,
	.next_data = watched_next_data,
	.close = watched_close,
};

struct pair {
	struct watched *leg[2];
	struct scan scan;
	struct bitset *wanted;
};

static void pair_open(struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->wanted = bitset_new(UNITS);
	bitset_set_range(pair->wanted, 0, UNITS);
	pair->scan = (struct scan){ .parts = 2, .unit_bytes = UNIT, .leg_bytes = LEG, .wanted = pair->wanted };
	for (int p = 0; p < 2; p++) {
		struct watched *w = calloc(1, sizeof(*w));

		w->dev = (struct dev){ .ops = &watched_ops,
			               .size_bytes = LEG,
			               .align_bytes = 1,
			               .parallel = 3,
			               .chunk_bytes = 64 * UNIT };
		pthread_mutex_init(&w->lock, NULL);
		pair->leg[p] = w;
		pair->scan.part[p].leg = &w->dev;
		pair->scan.part[p].differing = bitset_new(UNITS);
	}
}

static void pair_close(struct pair *pair)
{
	for (int p = 0; p < 2; p++) {
		dev_close(&pair->leg[p]->dev);
		bitset_free(pair->scan.part[p].differing);
	}
	bitset_free(pair->wanted);
}

static unsigned units_read(const struct watched *w)
{
	unsigned n = 0;

	for (int unit = 0; unit < UNITS; unit++)
		n += w->is_read[unit];
	return n;
}

static void holes_of_all_are_equal_unread(void **state)
{
	/* A run of data on each, overlapping, neither at the edge of a unit; then none at all. */
	static const struct {
		struct extent data[2];
		unsigned units; /* that have to be read */
	} cases[] = {
		{ { { 100 * UNIT + 7, 3 * UNIT }, { 102 * UNIT, 2 * UNIT } }, 4 },
		{ { { 0, 1 }, { LEG - 1, 1 } }, 2 },
		{ { { 50 * UNIT, UNIT }, { 250 * UNIT, UNIT } }, 2 },
		{ { { LEG, 0 }, { LEG, 0 } }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;
		struct pair pair;

		pair_open(&pair);
		for (int p = 0; p < 2; p++) {
			const struct extent *data = &cases[i].data[p];

			pair.leg[p]->data = *data;
			memset(pair.leg[p]->bytes + data->offset, 1 + p, data->length);
		}
		assert_int_equal(scan_run(&pair.scan), 0);
		for (int unit = 0; unit < UNITS; unit++) {
			uint64_t length = scan_unit_length(&pair.scan, (uint64_t)unit), at = (uint64_t)unit * UNIT;
			bool differs = memcmp(pair.leg[0]->bytes + at, pair.leg[1]->bytes + at, length) != 0;

			assert_int_equal(bitset_test(pair.scan.part[1].differing, (uint64_t)unit), differs);
			bytes += length;
		}
		assert_int_equal(pair.scan.done_bytes, bytes);
		/* What is read is read of both, in chunks of at most 64 units that may reach past the run. */
		assert_int_equal(units_read(pair.leg[0]), units_read(pair.leg[1]));
		assert_in_range(units_read(pair.leg[0]), cases[i].units, cases[i].units ? 2 * 64 + 4 : 0);
		pair_close(&pair);
	}
}

/* A hole on one side only, and a device that cannot tell any more: everything there is read. */
static void a_hole_on_one_side_is_read(void **state)
{
	(void)state;
	for (int fails = 0; fails < 2; fails++) {
		struct pair pair;

		pair_open(&pair);
		pair.leg[0]->data = (struct extent){ LEG, 0 };
		pair.leg[1]->data = (struct extent){ fails ? LEG : 0, fails ? 0 : LEG };
		pair.leg[1]->result = fails ? -EIO : 0;
		pair.leg[1]->bytes[LEG - 1] = 1;
		assert_int_equal(scan_run(&pair.scan), 0);
		assert_int_equal(units_read(pair.leg[0]), UNITS);
		assert_int_equal(bitset_count(pair.scan.part[1].differing), 1);
		assert_true(bitset_test(pair.scan.part[1].differing, UNITS - 1));
		assert_int_equal(pair.scan.read_bytes, 2 * LEG);
		pair_close(&pair);
	}
}

/* What differed and is a hole on both sides now differs no more. */
static void a_repeated_scan_forgets_in_holes(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	pair.leg[0]->data = pair.leg[1]->data = (struct extent){ LEG, 0 };
	bitset_set(pair.scan.part[1].differing, 17);
	bitset_set(pair.scan.part[1].differing, UNITS - 1);
	pair.scan.is_repeated = true;
	assert_int_equal(scan_run(&pair.scan), 0);
	assert_int_equal(bitset_count(pair.scan.part[1].differing), 0);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_of_all_are_equal_unread),
		cmocka_unit_test(a_hole_on_one_side_is_read),
		cmocka_unit_test(a_repeated_scan_forgets_in_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
