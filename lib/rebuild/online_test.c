/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables the kernel is given, what is read from its status, and what is planned for an active mirror. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "evidence/online.h"
#include "plan/plan.h"
#include "rebuild/online.h"

static void test_tables(void **state)
{
	static const struct {
		const char *live;
		uint64_t rebuild;
		const char *wanted; /* NULL: refused */
	} cases[] = {
		{ "raid1 3 0 region_size 4096 2 252:0 252:1 252:2 252:3", 0,
		  "raid1 3 0 region_size 4096 2 252:0 252:1 252:2 252:3" },
		{ "raid1 3 0 region_size 4096 2 252:0 252:1 252:2 252:3", 1,
		  "raid1 5 0 region_size 4096 rebuild 0 2 252:0 252:1 252:2 252:3" },
		{ "raid1 5 0 rebuild 0 region_size 64 2 252:0 252:1 252:2 252:3", 2,
		  "raid1 5 0 region_size 64 rebuild 1 2 252:0 252:1 252:2 252:3" },
		{ "raid1 4 0 nosync region_size 64 2 252:0 252:1 252:2 252:3", 0,
		  "raid1 3 0 region_size 64 2 252:0 252:1 252:2 252:3" },
		{ "raid1 1 0 3 1:0 1:1 1:2 1:3 1:4 1:5", 6, "raid1 5 0 rebuild 1 rebuild 2 3 1:0 1:1 1:2 1:3 1:4 1:5" },
		{ "raid5_ls 3 128 region_size 64 3 1:0 1:1 1:2 1:3 1:4 1:5", 0, NULL },
		{ "raid1 99 0 2 1:0 1:1 1:2 1:3", 0, NULL },
		{ "raid1 0 0 2 1:0", 0, NULL },
		{ "", 0, NULL },
	};
	char text[MAPPER_PARAMETERS_SIZE];

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		int code = online_table(cases[c].live, cases[c].rebuild, text, sizeof(text));

		assert_int_equal(code, cases[c].wanted ? 0 : -22);
		if (cases[c].wanted)
			assert_string_equal(text, cases[c].wanted);
	}
	assert_int_equal(online_table(cases[0].live, 1, text, 40), -22);
}

static void test_status(void **state)
{
	static const char *const wrong[] = { "",
		                             "raid1 2 AAA 1/1 idle 0 0 -",
		                             "raid5_ls 3 AAA 1/1 idle 0 0 -",
		                             "raid1 9 AAAAAAAAA 1/1 idle 0 0 -",
		                             "raid1 0  1/1 idle 0",
		                             "raid1 2 AA 1 idle 0" };
	struct online_evidence online = { 0 };

	(void)state;
	assert_true(online_parse_status("raid1 3 aDA 13184/24576 recover 128 0 -", &online));
	assert_string_equal(online.health, "aDA");
	assert_string_equal(online.action, "recover");
	assert_int_equal(online.done_sectors, 13184);
	assert_int_equal(online.mismatch_sectors, 128);
	for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++)
		assert_false(online_parse_status(wrong[w], &online));
}

static void test_health(void **state)
{
	static const struct {
		const char *planned, *now;
		uint64_t wanted;
		bool is_as_planned;
	} cases[] = {
		{ "aAA", "aAA", 1, true },  { "aAA", "AAA", 1, true }, /* the kernel came to its end meanwhile */
		{ "aAA", "AAA", 2, false },                            /* nobody judged what it reads from now */
		{ "aAA", "DAA", 1, false }, { "AaA", "aAA", 3, false }, { "DAA", "AAA", 1, false },
		{ "AAA", "aAA", 1, false }, { "aA", "AAA", 1, false },  { "", "", 0, true },
	};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		assert_int_equal(online_is_as_planned(cases[c].planned, cases[c].now, cases[c].wanted),
		                 cases[c].is_as_planned);
}

/* ---- the plan ---- */

struct scene {
	struct copy copy[3];
	struct verdict verdict;
	struct comparison comparison;
	struct plan_wish wish;
	struct plan plan;
	struct reasons refusals;
};

/* Three legs active as `health`; shared, the last one, is right; flash-a is stale by accusation, flash-b equal. */
static void set_scene(struct scene *s, const char *health)
{
	static const char *const name[] = { "flash-a", "flash-b", "shared" };

	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < 3; i++) {
		struct copy *copy = &s->copy[i];
		struct evidence *e = &copy->evidence;

		strcpy(copy->name, name[i]);
		strcpy(copy->group, name[i]);
		copy->condition = COPY_USABLE;
		copy->is_live = true;
		copy->leg_bytes = 1 << 20;
		e->lvm = (struct lvm_evidence){ .present = true, .type = MIRROR_RAID1, .leg_count = 3, .leg_index = i };
		strcpy(e->lvm.lv_uuid, "lv");
		strcpy(e->lvm.vg_uuid, "vg");
		e->raid = (struct raid_evidence){ .present = true,
			                          .num_devices = 3,
			                          .array_position = i,
			                          .events = 7,
			                          .recovery_offset = UINT64_MAX,
			                          .resync_offset = UINT64_MAX };
		e->unsettled = (struct unsettled_evidence){ .present = true, .dirty_bytes = 4096 };
		e->online = (struct online_evidence){ .is_active = true, .is_under = true, .legs = 3 };
		strcpy(e->online.health, health);
		strcpy(e->online.action, "idle");
		s->verdict.state[i] = STATE_IN_SYNC;
	}
	s->copy[2].evidence.raid.failed_devices = 1;
	s->copy[0].evidence.raid.events = 5;
	s->verdict.kind = VERDICT_STALE;
	s->verdict.authority = 2;
	s->verdict.state[0] = STATE_STALE;
	s->verdict.state[2] = STATE_AUTHORITY;
	s->wish.from = -1;
}

static int make(struct scene *s, int copies)
{
	static const int leg_of[SVC_COPIES_MAX] = { -1, -1, -1, -1, -1, -1, -1, -1 };

	return plan_make(s->copy, copies, &s->verdict, &s->comparison, &s->wish, leg_of, &s->plan, &s->refusals);
}

static void expect_one(struct scene *s, enum action_kind kind)
{
	assert_int_equal(make(s, 3), 0);
	assert_true(s->plan.is_online);
	assert_int_equal(s->plan.actions, 2);
	assert_int_equal(s->plan.action[0].kind, kind);
	assert_int_equal(s->plan.action[0].copy, 0);
	assert_int_equal(s->plan.action[1].kind, ACTION_PROVE);
}

static void expect_refusal(struct scene *s, enum reason_id why)
{
	assert_int_equal(make(s, 3), SVC_EXIT_REFUSED);
	assert_int_equal(s->refusals.count, 1);
	assert_int_equal(s->refusals.item[0].id, why);
	assert_int_equal(s->plan.actions, 0);
}

static void test_refresh_or_rebuild(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, "DAA");
	expect_one(&s, ACTION_REFRESH);
	assert_int_equal(s.plan.bytes, 4096);
	set_scene(&s, "aAA");
	expect_one(&s, ACTION_REFRESH);
	set_scene(&s, "AAA"); /* the kernel came to its end after the superblock was read */
	s.copy[0].evidence.raid.recovery_offset = 8;
	expect_one(&s, ACTION_REFRESH);
	set_scene(&s, "DAA"); /* it went on by itself */
	s.copy[0].evidence.raid.failed_devices = 4;
	expect_one(&s, ACTION_REBUILD_ONLINE);
	set_scene(&s, "DAA"); /* its counter is ahead */
	s.copy[0].evidence.raid.events = 8;
	expect_one(&s, ACTION_REBUILD_ONLINE);
	set_scene(&s, "DAA"); /* nobody kept bits for it */
	s.copy[2].evidence.raid.failed_devices = 0;
	expect_one(&s, ACTION_REBUILD_ONLINE);
	set_scene(&s, "DAA");
	s.copy[2].evidence.unsettled.is_stale = true;
	expect_one(&s, ACTION_REBUILD_ONLINE);
	set_scene(&s, "AAA"); /* the kernel takes it for whole: its content was found to differ */
	expect_one(&s, ACTION_REBUILD_ONLINE);
	set_scene(&s, "DAA");
	s.wish.from = 2;
	s.wish.is_forced = true;
	s.verdict.kind = VERDICT_SPLIT_BRAIN;
	s.verdict.authority = -1;
	s.wish.has_to = s.wish.to[0] = true;
	s.verdict.state[1] = STATE_DIVERGED;
	assert_int_equal(make(&s, 3), SVC_EXIT_REFUSED); /* flash-b is read from too, and is not right */
	assert_int_equal(s.refusals.item[0].id, REASON_LEG_UNKNOWN);
}

static void test_refusals(void **state)
{
	struct scene s;

	(void)state;
	set_scene(&s, "DAA");
	s.copy[0].evidence.online.is_under = false; /* live, and not by the mirror */
	expect_refusal(&s, REASON_IN_USE);
	set_scene(&s, "DAA");
	s.copy[0].evidence.lvm.present = false;
	expect_refusal(&s, REASON_IN_USE);
	set_scene(&s, "DAD"); /* the kernel dropped the authority */
	expect_refusal(&s, REASON_IN_USE);
	set_scene(&s, "DAA");
	strcpy(s.copy[2].evidence.online.action, "check");
	expect_refusal(&s, REASON_IN_USE);
	set_scene(&s, "DAA");
	s.copy[0].evidence.record.present = true;
	s.copy[0].evidence.record.record.rebuild = REBUILD_CONTENT;
	expect_refusal(&s, REASON_IN_USE);
	set_scene(&s, "DAA"); /* a whole leg that was not given is a source nobody judged */
	s.copy[1] = s.copy[2];
	s.verdict.state[1] = STATE_AUTHORITY;
	s.verdict.authority = 1;
	assert_int_equal(make(&s, 2), SVC_EXIT_REFUSED);
	assert_int_equal(s.refusals.item[0].id, REASON_LEG_UNKNOWN);
	set_scene(&s, "AAA");
	s.verdict.kind = VERDICT_IN_SYNC;
	s.verdict.state[0] = STATE_IN_SYNC;
	assert_int_equal(make(&s, 3), 0);
	assert_int_equal(s.plan.actions, 0);
}

/* What was not read proves nothing, whichever side it is on: a comparison lists it with the copy that failed. */
static void test_judge(void **state)
{
	const struct {
		int wanted;
		struct content_difference authority, target;
	} cases[] = {
		{ 0, { .compared = true }, { .compared = true } },
		{ -EIO, { .compared = true, .errors = { .count = 1, .bytes = 512 } }, { .compared = true } },
		{ -EIO, { .compared = false }, { .compared = true } },
		{ -EBADMSG, { .compared = true }, { .compared = false } },
		{ -EBADMSG, { .compared = true }, { .compared = true, .errors = { .count = 1, .bytes = 512 } } },
		{ -EBADMSG, { .compared = true }, { .compared = true, .used_bytes = 4096 } },
		{ -EBADMSG, { .compared = true }, { .compared = true, .free_bytes = 4096 } },
	};
	struct scene s;
	struct svc_error error;

	(void)state;
	set_scene(&s, "DAA");
	assert_int_equal(make(&s, 3), 0);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct comparison now = { .done = true };

		now.copy[2] = cases[c].authority;
		now.copy[0] = cases[c].target;
		error.text[0] = '\0';
		assert_int_equal(online_judge(&s.plan, s.copy, 3, &now, &error), cases[c].wanted);
		assert_int_equal(error.text[0] != '\0', cases[c].wanted != 0);
	}
	s.comparison.done = false; /* nothing was compared at all */
	assert_int_equal(online_judge(&s.plan, s.copy, 3, &s.comparison, &error), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),   cmocka_unit_test(test_status),
		cmocka_unit_test(test_health),   cmocka_unit_test(test_refresh_or_rebuild),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
