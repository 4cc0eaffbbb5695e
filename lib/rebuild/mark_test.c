/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the records say of who has a generation, when a leg is rebuilt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "evidence/record.h"
#include "rebuild/mark.h"

enum { A = 1, B = 2, S = 4 };

static const struct row {
	const char *name;
	char generation; /* of the model, whose history is "xw"; 0: none */
	uint64_t legs;
	char old_generation; /* of the copy that is rebuilt; 0: none */
	uint64_t old_legs;
	uint64_t wanted; /* of the copy, when it is whole */
} rows[] = {
	{ "a blank copy joins", 'y', A | S, 0, 0, A | S | B },
	{ "an older copy", 'y', A | S, 'x', A | B, A | S | B },
	{ "a much older copy", 'y', A | S, 'w', A | B, A | S | B },
	{ "the same generation, and it knows of another one", 'y', A | B, 'y', B | S, A | B | S },
	{ "the same generation, and it does not know who has it", 'y', A | B, 'y', 0, 0 },
	{ "it went on by itself", 'y', A | S, 'z', B, 0 },
	{ "the model does not know who has it", 'y', 0, 0, 0, 0 },
	{ "the model has no generation", 0, 0, 0, 0, 0 },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct copy right = { .group = "shared" };
	struct record *model = &right.evidence.record.record, record = { .legs = row->old_legs };

	right.evidence.record.present = true;
	strcpy(right.evidence.lvm.pv_uuid, "pv");
	strcpy(model->pv_uuid, "pv");
	memset(model->generation, row->generation, sizeof(model->generation));
	memset(model->history[0], 'x', sizeof(model->history[0]));
	memset(model->history[1], 'w', sizeof(model->history[1]));
	model->legs = row->legs;
	model->unseen = A;
	model->is_after_crash = true;
	memset(record.generation, row->old_generation, sizeof(record.generation));
	mark_whole(&record, &right, B, 7);
	assert_true(record.legs == row->wanted);
	assert_memory_equal(record.generation, model->generation, sizeof(record.generation));
	assert_memory_equal(record.history, model->history, sizeof(record.history));
	assert_int_equal(record.changed_time, 7);
	assert_int_equal(record.unseen, A);
	assert_true(record.is_after_crash);
}

static void test_shared(void **state)
{
	struct record record = { .legs = A | S };

	(void)state;
	assert_true(mark_shared(&record, B, 7));
	assert_true(record.legs == (A | B | S));
	assert_int_equal(record.changed_time, 7);
	assert_false(mark_shared(&record, B, 8)); /* it knows */
	record.legs = 0;
	assert_false(mark_shared(&record, B, 8)); /* it does not know who has it, and that stays so */
	assert_true(record.legs == 0);
}

/* A record that could not be read again, or would not count, leaves the area as it is. */
static void test_stored(void **state)
{
	static uint8_t area[RECORD_AREA_BYTES], before[RECORD_AREA_BYTES];
	struct record record = { .copy_name = "flash-a" }, back;
	struct dev *dev;

	(void)state;
	assert_int_equal(dev_open_memory(area, sizeof(area), false, &dev), 0);
	assert_int_equal(record_check(dev, &record), 0); /* none, and none was read */
	assert_int_equal(record_store(dev, &record), 0);
	back = record;
	assert_int_equal(record_store(dev, &record), 0);
	assert_int_equal(record.sequence, 2);
	assert_int_equal(record_check(dev, &back), -ESTALE); /* somebody wrote since */
	assert_int_equal(record_parse(area + RECORD_SLOT_BYTES, &back), RECORD_VALID);
	assert_int_equal(record_check(dev, &record), 0);
	back.changed_time = 7;
	assert_int_equal(record_check(dev, &back), -ESTALE); /* the same number, and another record */
	memcpy(before, area, sizeof(area));
	strcpy(record.rebuild_source, "my shared.img");
	assert_int_equal(record_store(dev, &record), -EINVAL);
	assert_memory_equal(area, before, sizeof(area));
	record_set_name(record.rebuild_source, "my shared.img");
	assert_int_equal(record_store(dev, &record), 0);
	record.sequence = UINT64_MAX;
	assert_int_equal(record_format(&record, area), 0);
	memcpy(before, area, sizeof(area));
	assert_int_equal(record_store(dev, &record), -EOVERFLOW);
	assert_memory_equal(area, before, sizeof(area));
	dev_close(dev);
}

int main(void)
{
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct CMUnitTest tests[ROWS + 2];

	for (int i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *)&rows[i] };
	tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_shared);
	tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_stored);
	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
