/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the records say before the mirror is written, and in which order they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim/claim.h"
#include "evidence/record.h"

enum { A = 1, B = 2, S = 4, ALL = 7 };

/* A record's state by letters: the generation and its history, newest first; "" no record. */
struct member_row {
	const char *generations;
	uint64_t legs;
	bool has_no_area;
};

#define NO_RECORD                 \
	{                         \
		.generations = "" \
	}
#define NO_PLACE                                       \
	{                                              \
		.generations = "", .has_no_area = true \
	}
#define HAS(letters, who)                           \
	{                                           \
		.generations = letters, .legs = who \
	}

static const struct row {
	const char *name;
	struct member_row leg[3]; /* flash-a, flash-b, shared */
	uint64_t members;
	const char *generations; /* of the members afterwards; N is the new one */
	int code;
} rows[] = {
	{ "all are there, no record yet", { NO_RECORD, NO_RECORD, NO_RECORD }, ALL, "N", 0 },
	{ "first record, one absent", { NO_RECORD, NO_RECORD, NO_RECORD }, A | S, "N", 0 },
	{ "known to be with the members alone", { HAS("x", A | S), NO_RECORD, HAS("x", A | S) }, A | S, "x", 0 },
	{ "an absent leg has it", { HAS("xw", ALL), NO_RECORD, HAS("xw", ALL) }, A | S, "Nxw", 0 },
	{ "who has it is not known, one absent", { HAS("x", 0), NO_RECORD, HAS("x", 0) }, A | S, "Nx", 0 },
	{ "who has it is not known, nobody absent", { HAS("x", 0), HAS("x", 0), HAS("x", 0) }, ALL, "x", 0 },
	{ "one does not know who has it", { HAS("x", A | S), NO_RECORD, HAS("x", 0) }, A | S, "Nx", 0 },
	{ "one knows of more who have it", { HAS("x", A | S), NO_RECORD, HAS("x", ALL) }, A | S, "Nx", 0 },
	{ "alone, the other has it", { HAS("x", A | S), NO_RECORD, NO_RECORD }, A, "Nx", 0 },
	{ "a rebuilt leg joins", { HAS("x", ALL), HAS("x", ALL), HAS("x", ALL) }, ALL, "x", 0 },
	{ "a member without a record gets one", { HAS("x", A | S), NO_RECORD, NO_RECORD }, A | S, "x", 0 },
	{ "a member without a place for one", { HAS("x", A | S), NO_RECORD, NO_PLACE }, A | S, "x", 0 },
	{ "nobody has a place for one", { NO_PLACE, NO_RECORD, NO_PLACE }, A | S, "", 0 },
	{ "generations differ", { HAS("x", A | S), NO_RECORD, HAS("yx", A | S) }, A | S, "", -ESTALE },
	{ "no member", { HAS("x", A | S), NO_RECORD, HAS("x", A | S) }, 0, "", -EINVAL },
};

static void set_generations(struct record *record, const char *letters)
{
	if (*letters)
		memset(record->generation, *letters, 16);
	for (int i = 0; *letters && letters[i + 1]; i++)
		memset(record->history[i], letters[i + 1], 16);
}

static void make_copies(const struct row *row, struct copy copy[3])
{
	static const char *const name[] = { "flash-a", "flash-b", "shared" };

	memset(copy, 0, 3 * sizeof(*copy));
	for (int i = 0; i < 3; i++) {
		struct record_evidence *evidence = &copy[i].evidence.record;

		strcpy(copy[i].name, name[i]);
		strcpy(copy[i].group, name[i]);
		strcpy(copy[i].evidence.lvm.lv_uuid, "lv");
		snprintf(copy[i].evidence.lvm.pv_uuid, LVM_UUID_SIZE, "pv%d", i);
		copy[i].evidence.lvm.leg_count = 3;
		copy[i].evidence.lvm.leg_index = (unsigned)i;
		evidence->has_area = !row->leg[i].has_no_area;
		evidence->present = row->leg[i].generations[0];
		snprintf(evidence->record.pv_uuid, LVM_UUID_SIZE, "pv%d", i);
		set_generations(&evidence->record, row->leg[i].generations);
		evidence->record.legs = row->leg[i].legs;
		evidence->record.epoch = (uint64_t)i;
		evidence->record.owner = 'b';
	}
}

static struct claim_wish make_wish(uint64_t members)
{
	struct claim_wish wish = { .authority = -1, .controller = 'a', .now = 1772352000 };

	memset(wish.fresh, 'N', sizeof(wish.fresh));
	for (int i = 0; i < 3; i++)
		wish.is_member[i] = members >> i & 1;
	return wish;
}

/*
 * Before any record gets a generation that it had not, shared knows if it is left out, and every member that has the
 * present one knows that others have it, or that anybody may have its successor. Returns where the final records begin.
 */
static int check_announced(const struct row *row, const struct claim *claim)
{
	int first = 0;

	if (!(row->members & S) && !row->leg[2].has_no_area) {
		assert_int_equal(claim->item[first].copy, 2);
		assert_true(claim->item[first].record.is_outdated);
		assert_string_equal(claim->item[first].record.pv_uuid, "pv2");
		assert_int_equal(claim->item[first++].record.generation[0], row->leg[2].generations[0]);
	}
	for (int i = 0; i < 3; i++) {
		uint64_t legs = claim->is_new_generation ? ALL : row->members;

		if (!(row->members >> i & 1) || !row->leg[i].generations[0] || row->leg[i].legs == legs)
			continue;
		assert_int_equal(claim->item[first].copy, i);
		assert_true(claim->item[first].record.legs == legs);
		assert_int_equal(claim->item[first].record.generation[0], row->leg[i].generations[0]);
		assert_int_equal(claim->item[first].record.owner, 'b'); /* nothing else changes */
		first++;
	}
	return first;
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct claim_wish wish = make_wish(row->members);
	struct record wanted = { 0 };
	struct copy copy[3];
	struct svc_error error;
	struct claim claim;
	int first;

	make_copies(row, copy);
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), row->code);
	if (row->code)
		return;
	set_generations(&wanted, row->generations);
	first = check_announced(row, &claim);
	for (int n = first; n < claim.items; n++) {
		const struct record *record = &claim.item[n].record;

		assert_memory_equal(record->generation, wanted.generation, 16);
		assert_memory_equal(record->history, wanted.history, sizeof(wanted.history));
		assert_true(record->legs == row->members);
		assert_int_equal(record->owner, 'a');
		assert_true(record->is_open);
		assert_int_equal(record->changed_time, 1772352000);
		assert_string_equal(record->pv_uuid, copy[claim.item[n].copy].evidence.lvm.pv_uuid);
		assert_string_equal(record->lv_uuid, "lv");
		assert_string_equal(record->copy_name, copy[claim.item[n].copy].name);
		assert_true(n == first || claim.item[n].copy != 2); /* shared comes first */
		assert_true(row->members >> claim.item[n].copy & 1);
	}
	for (int i = 0; i < 3; i++) {
		bool is_written = false;

		for (int n = first; n < claim.items; n++)
			is_written |= claim.item[n].copy == i;
		assert_int_equal(is_written, row->members >> i & 1 && !row->leg[i].has_no_area);
	}
}

/* The history keeps the newest ones. */
static void test_long_history(void **state)
{
	struct row row = { "", { HAS("x", ALL), NO_RECORD, NO_RECORD }, A, "", 0 };
	struct claim_wish wish = make_wish(A);
	struct copy copy[3];
	struct svc_error error;
	struct claim claim;

	(void)state;
	make_copies(&row, copy);
	for (int i = 0; i < SVC_RECORD_HISTORY; i++)
		memset(copy[0].evidence.record.record.history[i], i + 1, 16);
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_int_equal(claim.items, 2); /* that shared is left out, and this */
	assert_int_equal(claim.item[1].record.history[0][0], 'x');
	for (int i = 1; i < SVC_RECORD_HISTORY; i++)
		assert_int_equal(claim.item[1].record.history[i][15], i);
}

static void test_epoch(void **state)
{
	struct row row = { "", { HAS("x", ALL), HAS("x", ALL), HAS("x", ALL) }, ALL, "", 0 };
	struct claim_wish wish = make_wish(ALL);
	struct copy copy[3];
	struct svc_error error;
	struct claim claim;

	(void)state;
	make_copies(&row, copy);
	wish.promotions = 1;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	for (int n = 0; n < claim.items; n++)
		assert_int_equal(claim.item[n].record.epoch, 3); /* the highest there was, and one */
}

/* What must not be written over, and what another device's record says is nobody's. */
static void test_unfit_members(void **state)
{
	struct row row = { "", { HAS("x", A | S), NO_RECORD, HAS("x", A | S) }, A | S, "", 0 };
	struct claim_wish wish = make_wish(A | S);
	struct copy copy[3];
	struct svc_error error;
	struct claim claim;

	(void)state;
	make_copies(&row, copy);
	copy[0].evidence.record.is_newer = true;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), -EPROTONOSUPPORT);
	make_copies(&row, copy);
	copy[0].evidence.record.record.rebuild = REBUILD_CONTENT;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), -EINVAL);
	make_copies(&row, copy);
	copy[2].condition = COPY_DAMAGED;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), -EINVAL);
	make_copies(&row, copy);
	strcpy(copy[0].evidence.record.record.pv_uuid, "another");
	memset(copy[0].evidence.record.record.generation, 'o', 16);
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_int_equal(claim.items, 2);
	assert_int_equal(claim.item[1].copy, 0);
	assert_string_equal(claim.item[1].record.pv_uuid, "pv0");
	assert_int_equal(claim.item[1].record.generation[0], 'x');
}

/* What holds more than its generation says goes on from it with a new one; nobody is called its equal. */
static void test_beyond(void **state)
{
	struct row row = { "", { HAS("xw", A | S), NO_RECORD, HAS("xw", A | S) }, A | S, "", 0 };
	struct claim_wish wish = make_wish(A | S);
	struct copy copy[3];
	struct svc_error error;
	struct claim claim;

	(void)state;
	make_copies(&row, copy);
	copy[0].evidence.record.record.is_beyond = copy[2].evidence.record.record.is_beyond = true;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_true(claim.is_new_generation);
	assert_int_equal(claim.items, 2);
	for (int n = 0; n < 2; n++) {
		assert_int_equal(claim.item[n].record.generation[0], 'N');
		assert_int_equal(claim.item[n].record.history[0][0], 'x');
		assert_int_equal(claim.item[n].record.history[1][0], 'w');
		assert_false(claim.item[n].record.is_beyond);
	}
}

/* What was not read goes into the records, and stays there until it is, or has become a leg; so for the owner's crash. */
static void test_unseen(void **state)
{
	struct row row = { "", { HAS("x", A | S), HAS("w", B | S), HAS("x", A | S) }, S, "", 0 };
	struct claim_wish wish = make_wish(S);
	struct copy copy[3];
	struct svc_error error;
	struct claim claim;
	const struct record *last;

	(void)state;
	make_copies(&row, copy);
	copy[0].condition = COPY_UNREADABLE;
	wish.promotions = 1;
	wish.unseen = A;
	wish.is_after_crash = true;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	last = &claim.item[claim.items - 1].record;
	assert_int_equal(last->unseen, A);
	assert_true(last->is_after_crash);
	/* Who only notes that a leg is lost forgets neither. */
	copy[2].evidence.record.record = *last;
	wish = make_wish(S);
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	last = &claim.item[claim.items - 1].record;
	assert_int_equal(last->unseen, A);
	assert_true(last->is_after_crash);
	/* Whoever takes it over now does not say so. */
	wish.promotions = 1;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_false(claim.item[claim.items - 1].record.is_after_crash);
	/* It became a leg, and is lost: it is older then. */
	copy[2].evidence.record.record.legs = A | S;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_int_equal(claim.item[claim.items - 1].record.unseen, 0);
	/* It is read. */
	copy[2].evidence.record.record.legs = S;
	copy[0].condition = COPY_USABLE;
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_int_equal(claim.item[claim.items - 1].record.unseen, 0);
}

static void test_close(void **state)
{
	struct row row = { "", { HAS("x", A | S), HAS("x", A | S), HAS("x", A | S) }, A | S, "", 0 };
	bool is_member[SVC_COPIES_MAX] = { true, false, true };
	struct copy copy[3];
	struct claim claim;

	(void)state;
	make_copies(&row, copy);
	claim_plan_close(copy, 3, is_member, 5, &claim);
	assert_int_equal(claim.items, 0); /* closed already */
	for (int i = 0; i < 3; i++)
		copy[i].evidence.record.record.is_open = true;
	claim_plan_close(copy, 3, is_member, 5, &claim);
	assert_int_equal(claim.items, 2);
	assert_int_equal(claim.item[0].copy, 2);
	assert_int_equal(claim.item[1].copy, 0);
	for (int n = 0; n < 2; n++) {
		assert_false(claim.item[n].record.is_open);
		assert_int_equal(claim.item[n].record.changed_time, 5);
		assert_int_equal(claim.item[n].record.owner, 'b');
		assert_int_equal(claim.item[n].record.generation[0], 'x');
	}
}

static void test_generation(void **state)
{
	uint8_t one[16] = { 0 }, other[16] = { 0 };

	(void)state;
	assert_int_equal(claim_make_generation(one), 0);
	assert_int_equal(claim_make_generation(other), 0);
	assert_true(record_has_generation(one));
	assert_memory_not_equal(one, other, 16);
}

/* Written and read back; a record that does not arrive is noticed, and those behind it are not written. */
static void test_write(void **state)
{
	struct row row = { "", { HAS("x", ALL), NO_RECORD, HAS("x", ALL) }, A | S, "", 0 };
	struct claim_wish wish = make_wish(A | S);
	struct dev *area[SVC_COPIES_MAX] = { NULL };
	uint8_t *memory[2] = { calloc(1, RECORD_AREA_BYTES), calloc(1, RECORD_AREA_BYTES) };
	struct copy copy[3];
	struct svc_error error;
	struct record record;
	struct claim claim;

	(void)state;
	make_copies(&row, copy);
	assert_int_equal(claim_plan(copy, 3, &wish, &claim, &error), 0);
	assert_int_equal(dev_open_memory(memory[0], RECORD_AREA_BYTES, false, &area[0]), 0);
	assert_int_equal(dev_open_memory(memory[1], RECORD_AREA_BYTES, true, &area[2]), 0);
	assert_int_equal(claim_write(&claim, copy, area, &error), -EROFS);
	assert_non_null(strstr(error.text, "shared"));
	assert_int_equal(record_parse(memory[0], &record), RECORD_EMPTY);
	dev_close(area[2]);
	assert_int_equal(dev_open_memory(memory[1], RECORD_AREA_BYTES, false, &area[2]), 0);
	assert_int_equal(claim_write(&claim, copy, area, &error), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(record_parse(memory[i], &record), RECORD_VALID);
		assert_int_equal(record.generation[0], 'N');
		assert_int_equal(record.owner, 'a');
		dev_close(area[2 * i]);
		free(memory[i]);
	}
}

int main(void)
{
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_long_history), cmocka_unit_test(test_epoch), cmocka_unit_test(test_unfit_members),
		cmocka_unit_test(test_beyond),       cmocka_unit_test(test_close), cmocka_unit_test(test_generation),
		cmocka_unit_test(test_unseen),       cmocka_unit_test(test_write),
	};
	enum { OTHERS = sizeof(others) / sizeof(others[0]) };
	struct CMUnitTest tests[ROWS + OTHERS];

	for (int i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *)&rows[i] };
	memcpy(tests + ROWS, others, sizeof(others));
	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
