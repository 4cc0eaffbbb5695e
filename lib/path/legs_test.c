/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the records have to say of a mirror's legs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dev/nbd_test_server.h"
#include "path/legs.h"

enum { FLASH, SHARED, COPIES };

static struct copy copy[COPIES];
static struct claim claim;
static const uint8_t fresh[16] = "fresh generation";

/* Two legs in sync, claimed by a, of generation 'g'. */
static void make(const char *health)
{
	static const char *const name[] = { "flash-a", "shared" };

	memset(copy, 0, sizeof(copy));
	for (int i = 0; i < COPIES; i++) {
		struct evidence *evidence = &copy[i].evidence;

		strcpy(copy[i].name, name[i]);
		strcpy(copy[i].group, name[i]);
		copy[i].condition = COPY_USABLE;
		evidence->lvm.present = true;
		evidence->lvm.leg_count = 2;
		evidence->lvm.leg_index = (unsigned)i;
		snprintf(evidence->lvm.pv_uuid, sizeof(evidence->lvm.pv_uuid), "pv-%d", i);
		evidence->online.is_active = evidence->online.is_under = true;
		evidence->online.legs = 2;
		strcpy(evidence->online.health, health);
		evidence->record.has_area = evidence->record.present = true;
		evidence->record.record.owner = 'a';
		evidence->record.record.is_open = true;
		evidence->record.record.legs = 3;
		evidence->record.record.generation[0] = 'g';
		strcpy(evidence->record.record.pv_uuid, evidence->lvm.pv_uuid);
		strcpy(evidence->record.record.copy_name, name[i]);
	}
}

static enum legs_change plan(void)
{
	return legs_plan(copy, COPIES, 'a', fresh, 1000, &claim);
}

/* Whether only this copy's record is to be written; it may be in several steps. */
static bool is_for(int i)
{
	for (int n = 0; n < claim.items; n++)
		if (claim.item[n].copy != i)
			return false;
	return claim.items > 0;
}

/* Puts what was planned onto the copies; planning again must then find nothing to do. */
static void apply(void)
{
	for (int n = 0; n < claim.items; n++)
		copy[claim.item[n].copy].evidence.record.record = claim.item[n].record;
	assert_int_equal(plan(), LEGS_NONE);
}

static struct record *record_of(int i)
{
	return &copy[i].evidence.record.record;
}

static void nothing_to_do(void **state)
{
	(void)state;
	make("AA");
	assert_int_equal(plan(), LEGS_NONE);
	/* Not ours: another controller's, closed, without records, not active. */
	make("AD");
	record_of(FLASH)->owner = record_of(SHARED)->owner = 'b';
	assert_int_equal(plan(), LEGS_NONE);
	make("AD");
	record_of(FLASH)->is_open = record_of(SHARED)->is_open = false;
	assert_int_equal(plan(), LEGS_NONE);
	make("AD");
	copy[FLASH].evidence.record.present = copy[SHARED].evidence.record.present = false;
	assert_int_equal(plan(), LEGS_NONE);
	make("AD");
	copy[FLASH].evidence.online.is_active = copy[SHARED].evidence.online.is_active = false;
	assert_int_equal(plan(), LEGS_NONE);
	make("DD");
	assert_int_equal(plan(), LEGS_NONE);
}

static void a_story(void **state)
{
	(void)state;
	/* Both paths die: the flash alone gets a new generation; shared cannot be reached. */
	make("AD");
	copy[SHARED].condition = COPY_UNREADABLE;
	assert_int_equal(plan(), LEGS_LOST);
	assert_true(is_for(FLASH));
	apply();
	assert_memory_equal(record_of(FLASH)->generation, fresh, 16);
	assert_int_equal(record_of(FLASH)->history[0][0], 'g');
	assert_int_equal(record_of(FLASH)->legs, 1);

	/* A path returns: shared learns it. Its generation stays, for that is what its data is. */
	copy[SHARED].condition = COPY_USABLE;
	assert_int_equal(plan(), LEGS_OUTDATED);
	assert_true(is_for(SHARED));
	apply();
	assert_true(record_of(SHARED)->is_outdated);
	assert_int_equal(record_of(SHARED)->generation[0], 'g');

	/* While the kernel recovers it nothing is said. */
	for (int i = 0; i < COPIES; i++)
		strcpy(copy[i].evidence.online.health, "Aa");
	assert_int_equal(plan(), LEGS_NONE);

	/* In sync again. */
	for (int i = 0; i < COPIES; i++)
		strcpy(copy[i].evidence.online.health, "AA");
	assert_int_equal(plan(), LEGS_RETURNED);
	apply();
	for (int i = 0; i < COPIES; i++) {
		assert_memory_equal(record_of(i)->generation, fresh, 16);
		assert_int_equal(record_of(i)->legs, 3);
		assert_false(record_of(i)->is_outdated);
		assert_true(record_of(i)->is_open);
	}
	assert_string_equal(record_of(SHARED)->pv_uuid, "pv-1");
	assert_string_equal(record_of(SHARED)->copy_name, "shared");
}

static void the_flash_dies(void **state)
{
	(void)state;
	make("DA");
	assert_int_equal(plan(), LEGS_LOST);
	assert_true(is_for(SHARED));
	*record_of(SHARED) = claim.item[claim.items - 1].record;
	/* It can still be reached, and learns it at once. */
	assert_int_equal(plan(), LEGS_OUTDATED);
	assert_true(is_for(FLASH));
	apply();
	assert_true(record_of(FLASH)->is_outdated);
	assert_memory_equal(record_of(SHARED)->generation, fresh, 16);
}

/* What went its own way is no older version, and gets no mark that says so. */
static void a_stranger_is_left_alone(void **state)
{
	(void)state;
	make("AD");
	record_of(FLASH)->legs = 1;
	record_of(SHARED)->generation[0] = 'x';
	assert_int_equal(plan(), LEGS_NONE);
	/* The other controller took shared over while this one wrote: the flash goes on by itself, and shared is not touched. */
	make("AD");
	record_of(SHARED)->generation[0] = 'x';
	record_of(SHARED)->history[0][0] = 'g';
	record_of(SHARED)->owner = 'b';
	assert_int_equal(plan(), LEGS_LOST);
	assert_true(is_for(FLASH));
	apply();
	assert_memory_equal(record_of(FLASH)->generation, fresh, 16);
	assert_int_equal(record_of(FLASH)->history[0][0], 'g');
	make("AA");
	record_of(SHARED)->generation[0] = 'x';
	plan();
	for (int n = 0; n < claim.items; n++)
		assert_int_equal(claim.item[n].record.generation[0], record_of(claim.item[n].copy)->generation[0]);
}

/* A leg that is in sync but out of reach would be left with an old record: nothing is said before it is there. */
static void a_leg_out_of_reach(void **state)
{
	(void)state;
	make("AA");
	record_of(FLASH)->legs = 1;
	record_of(FLASH)->history[0][0] = 'f';
	copy[SHARED].condition = COPY_UNREADABLE;
	assert_int_equal(plan(), LEGS_NONE);
}

/* Two copies that never answer take their deadlines, and no more: the third one is looked at all the same. */
static void who_does_not_answer_holds_up_nobody(void **state)
{
	struct path_check_options options = { .locate.dev.timeout_seconds = 1, .controller = 'a' };
	struct path_places places = { 0 };
	struct legs_state legs;
	FILE *image;

	(void)state;
	assert_int_equal(server_folder_make(), 0);
	image = fopen(in_folder("image"), "we");
	assert_non_null(image);
	assert_int_equal(ftruncate(fileno(image), 1 << 20), 0);
	fclose(image);
	strcpy(places.flash[0], server_unix("qemu-nbd -t -e 4 -f raw -k %s %s/image"));
	snprintf(places.flash[1], sizeof(places.flash[1]), "%.200s&", places.flash[0]);
	server_pause();
	legs_update(&places, in_folder("image"), &options, &legs);
	server_stop_all();
	server_folder_remove();
	if (legs.error)
		fail_msg("%s", legs.why.text);
	assert_false(legs.is_active);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do),      cmocka_unit_test(a_story),
		cmocka_unit_test(the_flash_dies),     cmocka_unit_test(a_stranger_is_left_alone),
		cmocka_unit_test(a_leg_out_of_reach), cmocka_unit_test(who_does_not_answer_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
