// SPDX-License-Identifier: GPL-2.0-or-later
/* Whatever makes a plan another one makes its ID another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/id.h"

static struct copy copy[2];
static struct plan plan;
static struct verdict verdict;
static uint64_t fingerprint;

static int setup(void **state)
{
	(void)state;
	memset(copy, 0, sizeof(copy));
	fingerprint = 0;
	strcpy(copy[0].name, "flash-a");
	strcpy(copy[1].name, "shared");
	plan = (struct plan){ .authority = 1, .is_target = { true }, .actions = 1 };
	plan.action[0] = (struct action){ ACTION_USED, 0, 4096 };
	verdict = (struct verdict){ .kind = VERDICT_STALE, .authority = 1 };
	return 0;
}

static const char *id_now(void)
{
	static char id[2][PLAN_ID_SIZE];
	static int next;

	next = !next;
	return plan_id(&plan, copy, 2, &verdict, fingerprint, id[next]);
}

static void test_same(void **state)
{
	(void)state;
	assert_string_equal(id_now(), id_now());
	assert_int_equal(strlen(id_now()), PLAN_ID_SIZE - 1);
}

#define CHANGES(statement)                                 \
	do {                                               \
		char before[PLAN_ID_SIZE];                 \
		setup(NULL);                               \
		strcpy(before, id_now());                  \
		statement;                                 \
		assert_string_not_equal(before, id_now()); \
	} while (0)

static void test_changes(void **state)
{
	(void)state;
	CHANGES(plan.authority = 0);
	CHANGES(plan.is_forced = true);
	CHANGES(plan.is_online = true);
	CHANGES(plan.is_saved = true);
	CHANGES(plan.is_target[1] = true);
	CHANGES(plan.is_whole[0] = true);
	CHANGES(plan.actions = 0);
	CHANGES(plan.action[0].kind = ACTION_FREE);
	CHANGES(plan.action[0].copy = 1);
	CHANGES(plan.action[0].bytes = 8192);
	CHANGES(verdict.kind = VERDICT_SPLIT_BRAIN);
	CHANGES(verdict.authority = -1);
	CHANGES(strcpy(copy[0].locator, "/dev/sdb"));
	CHANGES(strcpy(copy[0].evidence.lvm.pv_uuid, "x"));
	CHANGES(copy[0].evidence.raid.events = 7);
	CHANGES(copy[1].evidence.raid.failed_devices = 1);
	CHANGES(copy[1].evidence.fs.write_time = 1);
	CHANGES(copy[1].evidence.record.record.sequence = 1);
	CHANGES(fingerprint = 1);
	CHANGES(fingerprint = UINT64_C(1) << 63);
}

/* While the mirror runs, its counters do. */
static void test_online(void **state)
{
	char before[PLAN_ID_SIZE];

	(void)state;
	plan.is_online = true;
	strcpy(before, id_now());
	copy[0].evidence.raid.events = 7;
	copy[0].evidence.fs.write_time = 7;
	plan.action[0].bytes = 7;
	fingerprint = 7;
	assert_string_equal(before, id_now());
	plan.authority = 0;
	assert_string_not_equal(before, id_now());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_same, setup),
		cmocka_unit_test(test_changes),
		cmocka_unit_test_setup(test_online, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
