// SPDX-License-Identifier: GPL-2.0-or-later
/* The console's model: what keys do on every screen, what is recommended, and that nothing writes unasked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "console/console_private.h"
#include "console/draw.h"
#include "console/test_documents.h"

static struct console console;

static const struct said stale = { "stale", "shared", 1, { "stale", "authority" }, true, 7, 18, NULL };
static const struct said stale_fast = { "stale", "shared", 1, { "stale", "authority" }, false, 0, 18, NULL };
static const struct said split = { "split-brain", NULL, 2, { "diverged", "diverged" }, true, 7, 18, "SVC-MUTUAL" };

static void begin(bool is_boot, bool is_read_only)
{
	struct console_options options = { .is_boot = is_boot,
		                           .is_read_only = is_read_only,
		                           .has_pathcheck = true,
		                           .has_promote = true,
		                           .controller = 'a' };

	console_free(&console);
	console_init(&console, &options);
}

static struct request press(const char *keys)
{
	struct request request = { .kind = REQUEST_NONE };

	for (; *keys; keys++)
		request = console_key(&console, *keys == '\n' ? KEY_ENTER : *keys, 1000);
	return request;
}

static int teardown(void **state)
{
	(void)state;
	console_free(&console);
	return 0;
}

/* ---- the table ---- */

static void test_table(void **state)
{
	(void)state;
	for (int screen = 0; screen < SCREENS; screen++) {
		bool has_back = false, has_help = false;

		for (size_t i = 0; i < KEYS; i++) {
			if (!(key_rows[i].screens >> screen & 1))
				continue;
			assert_int_equal(key_rows[i].action, i);
			assert_true(strlen(key_rows[i].hint) > 10);
			assert_true(strlen(key_rows[i].name) < 16);
			has_back |= key_rows[i].key == 'q';
			has_help |= key_rows[i].key == '?';
			for (size_t k = 0; k < i; k++)
				if (key_rows[k].screens >> screen & 1 && key_rows[k].key == key_rows[i].key)
					fail_msg("screen %d: key %c is there twice", screen, key_rows[i].key);
		}
		assert_int_equal(has_back, screen != SCREEN_PROMPT);
		assert_int_equal(has_help, screen != SCREEN_PROMPT);
	}
}

static bool shows(const char *text)
{
	static struct canvas canvas;
	bool is_shown = false;

	draw(&console, &canvas);
	for (int row = 0; row < canvas.rows; row++)
		is_shown |= strstr(canvas.text[row], text) != NULL;
	return is_shown;
}

/* ---- what is recommended ---- */

static void test_recommendations(void **state)
{
	static const struct {
		struct said said;
		int key, key_in_boot;
	} cases[] = {
		{ { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 1, NULL }, 'c', 'g' },
		{ { "in-sync", NULL, 0, { "in-sync", "in-sync" }, true, 0, 1, NULL }, 0, 'g' },
		{ { "stale", "shared", 1, { "stale", "authority" }, false, 0, 1, NULL }, 'r', 'r' },
		{ { "dirty", "shared", 1, { "stale", "authority" }, true, 2, 1, NULL }, 'r', 'r' },
		{ { "single", "shared", 1, { "blank", "authority" }, false, 0, 1, NULL }, 'r', 'r' },
		{ { "single", "shared", 1, { "damaged", "authority" }, false, 0, 1, NULL }, 'r', 'r' },
		{ { "single", "shared", 1, { "damaged", "authority" }, false, 0, 1, "SVC-MAY-BE-NEWER" }, 'e', 'e' },
		{ { "single", "flash-a", 5, { "authority", "unreadable" }, false, 0, 1, NULL }, 'p', 'p' },
		{ { "split-brain", NULL, 2, { "diverged", "diverged" }, false, 0, 1, NULL }, 'c', 'c' },
		{ { "split-brain", NULL, 2, { "diverged", "diverged" }, true, 3, 1, NULL }, 'd', 'd' },
		{ { "mismatch", NULL, 2, { "diverged", "diverged" }, true, 0, 1, NULL }, 'r', 'r' },
		{ { "mismatch", NULL, 2, { "diverged", "diverged" }, true, 1, 1, NULL }, 'd', 'd' },
		{ { "unknown", NULL, 2, { "diverged", "diverged" }, true, 0, 1, "SVC-PATHS-DIFFER" }, 'p', 'p' },
		{ { "unrelated", NULL, 2, { "foreign", "foreign" }, false, 0, 1, NULL }, 'e', 'e' },
		{ { "none", NULL, 3, { "damaged", "damaged" }, false, 0, 1, NULL }, 'e', 'e' },
		{ { "unknown", NULL, 2, { "diverged", "diverged" }, true, 2, 1, NULL }, 'd', 'd' },
	};
	char text[400];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_boot = i % 2;
		int key, wanted = is_boot ? cases[i / 2].key_in_boot : cases[i / 2].key;
		bool is_there = false;

		begin(is_boot, false);
		assert_int_equal(console_recommend(&console, text, sizeof(text)), 0); /* nothing is known */
		tell(&console, cases[i / 2].said.has_content ? TASK_COMPARE : TASK_LOOK, say(&cases[i / 2].said, NULL),
		     false);
		key = console_recommend(&console, text, sizeof(text));
		if (key != wanted)
			fail_msg("case %zu: %c is recommended: %s", i / 2, key, text);
		assert_true(*text);
		for (size_t k = 0; k < KEYS; k++) /* and it is a key of this screen */
			is_there |= key_rows[k].key == key && console_has_key(&console, &key_rows[k]);
		assert_true(is_there || !key);
	}
}

/* The path is down, but what is stale must be rebuilt all the same. */
static void test_recommend_paths(void **state)
{
	char text[400];

	(void)state;
	begin(false, false);
	tell(&console, TASK_PATHS, TEST_PATHS, false);
	tell(&console, TASK_LOOK,
	     say(&(struct said){ "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 1, NULL }, NULL), false);
	assert_int_equal(console_recommend(&console, text, sizeof(text)), 'p');
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	assert_int_equal(console_recommend(&console, text, sizeof(text)), 'r');
}

/* What a rebuild has proven need not be compared once more; what was taken back, or failed, does. */
static void test_recommend_rebuilt(void **state)
{
	static const struct {
		enum task task;
		int exit, key;
	} cases[] = { { TASK_RESYNC, 0, 0 }, { TASK_RESYNC, 5, 'c' }, { TASK_UNDO, 0, 'c' } };
	const struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 1, NULL };
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job job = {
			.name = "4", .number = 4, .task = cases[i].task, .state = JOB_ENDED, .exit = cases[i].exit
		};

		begin(false, false);
		tell(&console, TASK_LOOK, say(&fast, NULL), false);
		console_jobs(&console, &job, 1);
		assert_int_equal(console_recommend(&console, text, sizeof(text)), cases[i].key);
	}
}

/* Where no copy is known to be right, the one that the others are measured by is not praised with a 0. */
static void test_reference(void **state)
{
	(void)state;
	begin(false, false);
	console.rows = 24, console.columns = 80;
	tell(&console, TASK_COMPARE, say(&split, NULL), false);
	assert_true(shows("reference"));
	begin(false, false);
	console.rows = 24, console.columns = 64;
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	assert_false(shows("reference"));
	assert_true(shows("differs by"));
	assert_true(shows("? help  q leave"));
}

/* Side by side only half a line has room: one that is longer goes on below, and what differs there is marked there. */
static void test_long_lines(void **state)
{
	static const char text[] = "{\"schema\":\"svc/1\",\"command\":\"view\",\"versions\":["
				   "{\"copy\":\"flash-a\",\"present\":true,\"bytes\":60,\"modified\":0,\"text\":"
				   "\"a line that is longer than half of such a narrow screen: before\\n\"},"
				   "{\"copy\":\"shared\",\"present\":true,\"bytes\":60,\"modified\":0,\"text\":"
				   "\"a line that is longer than half of such a narrow screen: after\\n\"}]}";

	(void)state;
	begin(false, false);
	console.rows = 24, console.columns = 80;
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	press("d\n");
	tell(&console, TASK_VIEW, text, true);
	assert_int_equal(console.screen, SCREEN_FILE);
	assert_true(shows("a line that is longer than half of suc   a line that is longer"));
	assert_true(shows("h a narrow screen: before              | h a narrow screen: after"));
}

/* What only one copy has can be read; beside it stands why the other has nothing. */
static void test_one_version(void **state)
{
	static const char text[] = "{\"schema\":\"svc/1\",\"command\":\"view\",\"versions\":["
				   "{\"copy\":\"flash-a\",\"present\":false,\"text\":null,\"why\":"
				   "\"its inode is another file's there, and so it is not shown\"},"
				   "{\"copy\":\"shared\",\"present\":true,\"bytes\":60,\"modified\":0,\"text\":"
				   "\"first\\nsecond\\nthird\\n\"}]}";

	(void)state;
	begin(false, false);
	console.rows = 24, console.columns = 80;
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	press("d\n");
	tell(&console, TASK_VIEW, text, true);
	assert_true(shows("does not have it                         60 bytes, "));
	assert_true(shows("(its inode is another file's there,      first"));
	assert_true(shows("and so it is not shown)                  second"));
	assert_true(shows("                                         third"));
	press("n");
	assert_string_equal(console.message, "nothing more differs"); /* there is nothing to hold it against */
}

/* The next place that differs: its first line, with two before it; within a run that is on the screen, the next run. */
static void test_next_line(void **state)
{
	static char text[65536];
	clock_t start, once;
	size_t at = 0;

	(void)state;
	for (int side = 0; side < 2; side++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		                       "%s{\"copy\":\"%s\",\"present\":true,\"bytes\":1,\"modified\":0,\"text\":\"",
		                       side ? "," : "{\"schema\":\"svc/1\",\"command\":\"view\",\"versions\":[",
		                       side ? "shared" : "flash-a");
		for (int i = 0; i < 500; i++) /* lines 50 to 349 and 400 differ */
			at += (size_t)snprintf(text + at, sizeof(text) - at, "line %d%s\\n", i,
			                       side && ((i >= 50 && i < 350) || i == 400) ? " changed" : "");
		at += (size_t)snprintf(text + at, sizeof(text) - at, "\"}");
	}
	snprintf(text + at, sizeof(text) - at, "]}");
	begin(false, false);
	console.rows = 24, console.columns = 80;
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	press("d\n");
	tell(&console, TASK_VIEW, text, true);
	assert_int_equal(console.cursor[SCREEN_FILE], 48); /* it is there from the beginning */
	start = clock();
	assert_true(shows("line 50 changed"));
	once = clock() - start;
	start = clock();
	press("n");
	assert_true(clock() - start <
	            20 * once); /* the lines are aligned once for all of the run, not for each of its lines */
	assert_int_equal(console.cursor[SCREEN_FILE], 398);
	press("n");
	assert_int_equal(console.cursor[SCREEN_FILE], 398);
	assert_string_equal(console.message, "nothing more differs");
}

/* The field that is typed into is in sight on the smallest screen, and a smaller one says that it is. */
static void test_small(void **state)
{
	(void)state;
	begin(false, false);
	console.rows = 18, console.columns = 64;
	press("uunlo");
	assert_true(shows("> unlo_"));
	console.columns = 63;
	assert_true(shows("too small: 64x18 needed"));
	assert_false(shows("unlo_"));
	console.rows = 1, console.columns = 12;
	assert_true(shows("too small: 6"));
}

/* Whether all its keys are in the footer, but for those that only move. */
static void check_footer(void)
{
	for (size_t i = 0; i < KEYS; i++) {
		const struct key_row *row = &key_rows[i];

		if (*row->name && row->action != KEY_OF_DOWN && row->action != KEY_OF_PAGE_DOWN &&
		    console_has_key(&console, row) && !shows(row->name))
			fail_msg("screen %d: %s is not shown", console.screen, row->name);
	}
}

/* What would be overwritten may be the newer copy: the plan says so too, above its steps. */
static void test_may_be_newer(void **state)
{
	struct said newer = stale;
	struct request request;

	(void)state;
	for (int warned = 0; warned < 2; warned++) {
		begin(false, false);
		newer.reason = warned ? "SVC-MAY-BE-NEWER" : "SVC-ACCUSED";
		tell(&console, TASK_LOOK, say(&newer, NULL), false);
		request = press("r");
		console.planned = request;
		tell(&console, TASK_PLAN, say(&newer, TEST_PLAN), true);
		assert_int_equal(console.screen, SCREEN_PLAN);
		assert_true(
			shows(warned ? " but      SVC-MAY-BE-NEWER: so it is" : "press y if what follows is right"));
		assert_int_equal(shows("it may be the newer one"), warned);
	}
}

/* On the smallest screen that is called enough each one has its title, how it is locked, its keys, and what it is for. */
static void test_smallest(void **state)
{
	static const char *const ways[] = { "", "1", "p", "d", "e", "l", "?", "m", "ms", "w", "r" };
	static const char *const titles[] = { "Overview",
		                              "Copy",
		                              "Paths",
		                              "Differences",
		                              "Reasons",
		                              "Log",
		                              "Help",
		                              "More",
		                              "Support bundle",
		                              "Work",
		                              "Choose the copy to keep" };

	(void)state;
	for (int boot = 0; boot < 2; boot++)
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			begin(boot, false);
			console.rows = 18, console.columns = 64;
			tell(&console, TASK_PATHS, TEST_PATHS, false);
			tell(&console, TASK_COMPARE, say(&split, NULL), false);
			press(ways[i]);
			assert_true(shows(titles[i]));
			assert_true(shows("controller a  locked "));
			check_footer();
			assert_true(i != 3 || shows("/cfg/file-0"));
			assert_true(i != 10 || shows("2026-03-01 08:00:00Z"));
		}
	begin(false, true);
	console.rows = 18, console.columns = 64;
	press("r");
	console.planned = (struct request){ .kind = REQUEST_RUN, .task = TASK_PLAN };
	tell(&console, TASK_PLAN, say(&stale, TEST_PLAN), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_true(shows("Plan: nothing is written yet"));
	assert_true(shows(" read-only "));
	check_footer();
	begin(false, false);
	console.rows = 18, console.columns = 64;
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	press("d\n");
	tell(&console, TASK_VIEW, TEST_VIEW, true);
	assert_int_equal(console.screen, SCREEN_FILE);
	check_footer();
}

/* However long the name of the file under the cursor is, the list below it is there. */
static void test_long_name(void **state)
{
	static char text[40000], name[4001];
	const char *said = say(&stale, NULL), *at = strstr(said, "/cfg/file-0");

	(void)state;
	begin(false, false);
	console.rows = 18, console.columns = 64;
	memset(name, 'n', sizeof(name) - 1);
	snprintf(text, sizeof(text), "%.*s/%s%s", (int)(at - said), said, name, at);
	tell(&console, TASK_COMPARE, text, false);
	press("d");
	assert_true(shows("bytes differ"));
	assert_true(shows("/cfg/file-1"));
}

/* ---- which report counts ---- */

/* The same document of copies that are in use. */
static char *in_use(char *document)
{
	static const char is_not[] = "\"live\":false", is[] = "\"live\": true";
	char *at = document;

	while ((at = strstr(at, is_not)))
		memcpy(at, is, sizeof(is) - 1);
	return document;
}

static void test_report(void **state)
{
	struct said mismatch = { "mismatch", NULL, 2, { "diverged", "diverged" }, true, 2, 5, NULL };
	struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 5, NULL };

	(void)state;
	begin(false, false);
	assert_null(console_report(&console));
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "in-sync");
	tell(&console, TASK_COMPARE, say(&mismatch, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "mismatch");
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "mismatch");
	/* other evidence is that of other data: the content is forgotten, and stays so */
	fast.events = 6;
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "in-sync");
	assert_int_equal(console_report(&console)->compared_bytes, 0);
	fast.events = 5;
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "in-sync");
	/* content that is newer than the last look counts */
	fast.events = 6;
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	tell(&console, TASK_COMPARE, say(&mismatch, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "mismatch");
	/* of copies in use counters go on by themselves: what was found out stays */
	tell(&console, TASK_COMPARE, in_use(say(&mismatch, NULL)), false);
	fast.events = 9;
	tell(&console, TASK_LOOK, in_use(say(&fast, NULL)), false);
	assert_string_equal(console_report(&console)->verdict, "mismatch");
	/* and what is written makes all of it old: no advice is given on it */
	tell(&console, TASK_RESYNC, say(&stale, TEST_PLAN), false);
	assert_null(console_report(&console));
}

/* Copies that were stale when they were compared, and that somebody else has rebuilt since. */
static void test_repaired_elsewhere(void **state)
{
	struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 19, NULL };

	(void)state;
	begin(false, false);
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	assert_true(shows("press r"));
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	assert_true(shows(" verdict  in-sync"));
	assert_false(shows("stale"));
	assert_true(shows("press c"));
}

/* Of what was there before the console began, times tell which is the newer. */
static void test_report_before(void **state)
{
	struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 19, NULL };
	struct job look = { .name = "look", .task = TASK_LOOK, .state = JOB_ENDED };
	struct job compare = { .name = "1", .number = 1, .task = TASK_COMPARE, .state = JOB_ENDED, .started = 50 };
	const char *text;

	(void)state;
	for (look.started = 40; look.started <= 60; look.started += 20) {
		begin(false, false);
		text = say(&fast, NULL);
		console_answer(&console, &look, text, strlen(text));
		text = say(&stale, NULL);
		console_answer(&console, &compare, text, strlen(text));
		assert_string_equal(console_report(&console)->verdict, look.started < 50 ? "stale" : "in-sync");
	}
}

/* Whose the mirror is, by the records, and whether that is this controller. */
static void test_role(void **state)
{
	(void)state;
	begin(false, false);
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	assert_true(shows(" role     this is controller a, the owner; owner a since promotion 3, closed in"));
	console.options.controller = 'b';
	assert_true(shows(" role     this is controller b, not the owner; owner a since promotion 3,"));
	console.options.controller = 0;
	assert_true(shows(" role     owner a since promotion 3, closed in good order"));
}

/* What the boot compared before it asked is known from the start. */
static void test_judged(void **state)
{
	struct said mismatch = { "mismatch", NULL, 2, { "diverged", "diverged" }, true, 2, 5, NULL };
	struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 5, NULL };
	struct said asking = stale;
	const char *text = say(&mismatch, NULL);

	(void)state;
	begin(true, false);
	console_judged(&console, text, strlen(text), 1772352000);
	assert_string_equal(console_report(&console)->verdict, "mismatch");
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	assert_string_equal(console_report(&console)->verdict, "mismatch");
	/* a boot that asks ends with 2, whatever the verdict is */
	asking.exit = 2;
	text = say(&asking, NULL);
	begin(true, false);
	console_judged(&console, text, strlen(text), 1772352000);
	assert_int_equal(press("r").task, TASK_PLAN);
	begin(true, false);
	console_judged(&console, "{", 1, 1772352000);
	assert_null(console_report(&console));
}

/* What a person waits for and does not get is not passed over. */
static void test_unread(void **state)
{
	static const char *const cases[][2] = {
		{ NULL, "the answer has 50000000 bytes, and was not read" },
		{ "{\"schema\":\"svc/2\"}", "not a document of the schema" },
		{ "{\"schema\":\"svc/1\",\"command\":\"resync\",\"error\":{\"text\":\"no such key\"}}", "no such key" },
	};
	struct request plan;

	(void)state;
	begin(false, false);
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	plan = press("r");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job job = { .name = "5", .number = 5, .task = TASK_PLAN, .state = JOB_ENDED, .exit = 1 };

		console_taken(&console, &plan, "5");
		console_jobs(&console, &job, 1);
		console_answer(&console, &job, cases[i][0], cases[i][0] ? strlen(cases[i][0]) : 50000000);
		assert_int_equal(console.screen, SCREEN_JOB);
		assert_true(shows(cases[i][1]));
		press("q");
	}
}

static void test_deeds(void **state)
{
	static const char text[] = "{\"schema\":\"svc/1\",\"command\":\"promote\",\"steps\":["
				   "{\"id\":\"preflight\",\"state\":\"done\",\"milliseconds\":12},"
				   "{\"id\":\"fence\",\"state\":\"failed\",\"milliseconds\":0},"
				   "{\"id\":\"claim\",\"state\":\"todo\",\"milliseconds\":0}],"
				   "\"reasons\":[{\"text\":\"a remark\",\"next\":\"nothing\"}],"
				   "\"error\":{\"text\":\"it still writes\",\"next\":\"stop it\"}}";
	static struct canvas canvas;
	struct job job = { .name = "4", .number = 4, .task = TASK_PROMOTE, .state = JOB_ENDED, .exit = 4 };
	char all[CANVAS_ROWS_MAX * (CANVAS_COLUMNS_MAX + 1)] = "";

	(void)state;
	begin(false, false);
	console_jobs(&console, &job, 1);
	press("w");
	console_answer(&console, &job, text, sizeof(text) - 1);
	draw(&console, &canvas);
	for (int row = 0; row < canvas.rows; row++)
		strcat(all, canvas.text[row]);
	assert_non_null(strstr(all, "preflight  done         12 ms"));
	assert_non_null(strstr(all, "fence      failed"));
	assert_non_null(strstr(all, "it still writes"));
	assert_non_null(strstr(all, "next: stop it"));
	assert_null(strstr(all, "claim")); /* it never came to that */
	assert_non_null(strstr(all, "a remark"));
	assert_null(strstr(all, "next: nothing"));
}

/* Work of other copies is named as such, is no reason to wait, and nothing is made of it. */
static void test_others(void **state)
{
	struct job job = { .name = "3", .number = 3, .task = TASK_RESYNC, .state = JOB_RUNNING, .is_of_others = true };

	(void)state;
	begin(false, false);
	strcpy(job.command, "svc-resync --quiet -- flash-a=flash-a.img");
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	console_jobs(&console, &job, 1);
	assert_null(console_work(&console));
	assert_true(shows("press r"));
	assert_true(shows("#3 rebuild, of other copies: under way"));
	console_tick(&console, 1000);
	assert_int_equal(console_tick(&console, 1000).task, TASK_PATHS); /* it looks all the same */
	press("w");
	assert_true(shows("svc-resync --quiet -- flash-a=flash-a.img"));
	assert_true(shows("other copies than those of this console"));
	job.state = JOB_ENDED;
	console_jobs(&console, &job, 1);
	assert_true(shows("this is the work of other copies"));
	assert_false(shows("proven"));
	press("q");
	assert_false(shows("#3"));
	press("w");
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
	assert_true(shows("nothing was done yet"));
	press("l");
	assert_true(shows("#3 rebuild, of other copies"));
}

/* A restart would end the work of other copies too. */
static void test_others_boot(void **state)
{
	struct job job = { .name = "3", .number = 3, .task = TASK_RESYNC, .state = JOB_RUNNING, .is_of_others = true };

	(void)state;
	begin(true, false);
	console_jobs(&console, &job, 1);
	press("mb");
	assert_true(shows("work is under way"));
}

static void test_trouble(void **state)
{
	struct job job = { .task = TASK_LOOK, .state = JOB_ENDED, .exit = 78, .lines = 1 };

	(void)state;
	begin(false, false);
	strcpy(job.name, "look");
	strcpy(job.line[0], "svc-compare: /etc/svc/svc.conf: not there");
	console_answer(&console, &job, NULL, 0);
	assert_null(console_report(&console));
	assert_string_equal(console.trouble, job.line[0]);
	console_answer(&console, &job, "{\"schema\":\"svc/2\"}", 18);
	assert_null(console_report(&console));
}

/* ---- what is done ---- */

static void test_rebuild(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	assert_int_equal(press("r").kind, REQUEST_NONE); /* nothing is known yet */
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	request = press("r");
	assert_int_equal(request.kind, REQUEST_RUN);
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.from, "");
	tell(&console, TASK_PLAN, say(&stale, TEST_PLAN), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_int_equal(press("yshared\n").kind, REQUEST_NONE); /* locked: that is not the word which unlocks */
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_false(console.is_unlocked);
	assert_int_equal(press("yunlock\n").kind, REQUEST_NONE); /* and goes on to what was wanted */
	assert_true(console.is_unlocked);
	assert_int_equal(console.screen, SCREEN_PROMPT);
	assert_string_equal(console.prompt.wanted, "shared");
	assert_int_equal(press("\n").kind, REQUEST_NONE);
	assert_int_equal(press("yyes\n").kind, REQUEST_NONE); /* not the copy's name */
	assert_int_equal(press("y\n").kind, REQUEST_NONE);
	assert_int_equal(press("yshared").kind, REQUEST_NONE); /* no Enter yet */
	request = press("\n");
	assert_int_equal(request.kind, REQUEST_RUN);
	assert_int_equal(request.task, TASK_RESYNC);
	assert_string_equal(request.word, "0badcafe");
	console_taken(&console, &request, "9");
	assert_int_equal(console.screen, SCREEN_JOB);
	press("q");
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
	assert_int_equal(console.depth, 0);
}

static void test_choice(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_COMPARE, say(&split, NULL), false);
	assert_int_equal(press("r").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_CHOOSE);
	assert_int_equal(press("7").kind, REQUEST_NONE);
	request = press("2");
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.from, "shared");
	console.planned = request;
	tell(&console, TASK_PLAN, say(&split, TEST_PLAN), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_int_equal(press("o").kind, REQUEST_NONE); /* changed one's mind */
	assert_int_equal(console.screen, SCREEN_CHOOSE);
	assert_string_equal(press("1").from, "flash-a");
	press("qq");
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
}

static void test_target(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	console.planned = press("r");
	tell(&console, TASK_PLAN, say(&stale, TEST_REFUSED), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	console.is_unlocked = true;
	assert_int_equal(press("y").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_PLAN); /* a plan that is refused cannot be confirmed */
	request = press("t");
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.to, "flash-a");
	assert_string_equal(request.from, "shared");
}

/* The mirror has fewer legs than there are copies to be rebuilt: a person says which one, at that copy's screen. */
static void test_one_too_many(void **state)
{
	struct said two = { "single", "shared", 1, { "blank", "authority", "blank" }, false, 0, 18, "SVC-BLANK" };
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_LOOK, say(&two, NULL), false);
	console.planned = press("r");
	assert_string_equal(console.planned.to, "");
	tell(&console, TASK_PLAN, say(&two, TEST_ONE_TOO_MANY), true);
	assert_true(shows("press q, then the number of the one copy to be rebuilt, and r there"));
	press("q2");
	assert_false(shows("r rebuild it")); /* the authority */
	assert_int_equal(press("r").kind, REQUEST_NONE);
	press("q3");
	assert_true(shows("r rebuild it"));
	request = press("r");
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.to, "flash-b");
	assert_string_equal(request.from, "");
	console.planned = request;
	tell(&console, TASK_PLAN, say(&two, TEST_ONE_TOO_MANY), true);
	assert_true(shows("press q to go back: this is refused")); /* the same advice again would lead nowhere */
	/* saved elsewhere or confirmed, it is still that one */
	tell(&console, TASK_PLAN, say(&two, TEST_PLAN ",\"left\":[\"flash-a\"]"), true);
	assert_true(shows(" leaves   flash-a as it is, not in sync"));
	assert_string_equal(press("w/stick/undo\n").to, "flash-b");
	console.is_unlocked = true;
	request = press("yshared\n");
	assert_int_equal(request.task, TASK_RESYNC);
	assert_string_equal(request.to, "flash-b");
	/* and a plan for all that need it is for all again */
	press("qqqq");
	assert_string_equal(press("r").to, "");
}

/* Copies that are in sync leave nothing to choose: the plan says whether their content is equal too. */
static void test_nothing_to_choose(void **state)
{
	struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 5, NULL };
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_LOOK, say(&fast, NULL), false);
	request = press("r");
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.from, "");
	console.planned = request;
	tell(&console, TASK_PLAN, say(&fast, ",\"plan\":[],\"from\":null,\"refusals\":[]"), true);
	assert_true(shows("nothing: the copies are equal"));
}

/* One alone, where a person also has to say which copy is kept. */
static void test_one_alone(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_COMPARE, say(&split, NULL), false);
	assert_int_equal(press("1r").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_CHOOSE);
	assert_true(shows("flash-a alone is rebuilt from it"));
	assert_int_equal(press("1").kind, REQUEST_NONE); /* not from itself */
	request = press("2");
	assert_string_equal(request.from, "shared");
	assert_string_equal(request.to, "flash-a");
	press("qqr");
	assert_string_equal(press("1").to, "");
}

/* There is no room for what would be overwritten: it is saved elsewhere, or a person says that it need not be. */
static void test_no_room(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	console.rows = 24, console.columns = 80;
	console.is_unlocked = true;
	tell(&console, TASK_COMPARE, say(&split, NULL), false);
	press("r");
	console.planned = press("2");
	tell(&console, TASK_PLAN, say(&split, TEST_NO_ROOM), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_true(shows("press w: save what is overwritten elsewhere"));
	assert_int_equal(press("y").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_int_equal(press("w\n").kind, REQUEST_NONE); /* no name */
	request = press("w/stick/undo\n");
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.from, "shared");
	assert_string_equal(request.save, "/stick/undo");
	assert_false(request.is_unsaved);
	request = press("n");
	assert_int_equal(request.task, TASK_PLAN);
	assert_string_equal(request.save, "");
	assert_true(request.is_unsaved);
	console.planned = request;
	tell(&console, TASK_PLAN, say(&split, TEST_UNSAVED), true);
	assert_true(shows("NOT saved, and gone for good"));
	assert_int_equal(press("n").kind, REQUEST_NONE); /* only where saving is the trouble */
	assert_false(shows("n not saved"));
	request = press("yshared\n");
	assert_int_equal(request.task, TASK_RESYNC);
	assert_true(request.is_unsaved);
	assert_string_equal(request.word, "0badf00d");
}

/* The plan that ends a history names what is lost with it, and nothing of what is kept. */
static void test_losses(void **state)
{
	(void)state;
	begin(false, false);
	console.rows = 30, console.columns = 80;
	tell(&console, TASK_COMPARE, say(&split, NULL), false);
	press("r");
	console.planned = press("2");
	tell(&console, TASK_PLAN, say(&split, TEST_LOSSES), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	assert_int_equal(console.plan.plan.losses.count, 2);
	assert_true(shows(" loses                4096  flash-a   /only/a"));
	assert_true(shows(" replaces             8192  flash-a   /both"));
	assert_true(shows(" loses    also files that cannot be told: everything, or what a file system"));
	assert_false(shows("/cfg/file-")); /* what differs is longer */
}

/* What another console planned is not what this one's person saw. */
static void test_foreign_plan(void **state)
{
	(void)state;
	begin(false, false);
	console.is_unlocked = true;
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	tell(&console, TASK_PLAN, say(&stale, TEST_PLAN), false);
	assert_false(console.has_plan);
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
	/* and one's own is gone when the evidence changed by somebody's writing */
	console.planned = press("r");
	tell(&console, TASK_PLAN, say(&stale, TEST_PLAN), true);
	assert_int_equal(console.screen, SCREEN_PLAN);
	tell(&console, TASK_UNDO, say(&stale, TEST_PLAN), false);
	assert_int_equal(press("y").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_PLAN);
}

static void test_undo(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	assert_int_equal(press("o").task, TASK_UNDOS);
	tell(&console, TASK_UNDOS, TEST_UNDOS, true);
	assert_int_equal(console.screen, SCREEN_UNDO);
	press("yflash-a\n");
	assert_int_equal(console.screen, SCREEN_UNDO); /* locked */
	press("uunlock\n");
	assert_int_equal(console.screen, SCREEN_UNDO);
	request = press("yflash-a\n");
	assert_int_equal(request.task, TASK_UNDO);
	assert_string_equal(request.word, "/var/lib/svc/undo-2");
	request = press("w/stick/undo\n");
	assert_int_equal(request.task, TASK_UNDOS);
	assert_string_equal(request.word, "/stick/undo");
	press("jy");
	assert_int_equal(console.screen, SCREEN_UNDO); /* that one was put back already */
	assert_non_null(strstr(console.message, "put back already"));
}

/* What an undo file on somebody's stick calls a copy is its own choice: whatever writes wants a word all the same. */
static void test_nameless(void **state)
{
	static const char undos[] =
		"{\"schema\":\"svc/1\",\"command\":\"undo-list\",\"undos\":[{\"path\":\"/stick/undo\","
		"\"time\":1,\"bytes\":9,\"usable\":true,\"copies\":[\"@x\"]}]}";
	struct request request;

	(void)state;
	begin(false, false);
	console.is_unlocked = true;
	press("o");
	tell(&console, TASK_UNDOS, undos, true);
	assert_int_equal(press("ywhatever\n").kind, REQUEST_NONE);
	request = press("y@x\n");
	assert_int_equal(request.task, TASK_UNDO);
	prompt_open(&console, "Rebuild", "", "It is overwritten.");
	console.prompt.request = request_run(TASK_RESYNC, "0badcafe");
	assert_int_equal(press("whatever\n").kind, REQUEST_NONE);
}

static void test_read_only(void **state)
{
	(void)state;
	begin(false, true);
	tell(&console, TASK_LOOK, say(&stale_fast, NULL), false);
	press("u");
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
	assert_false(console.is_unlocked);
	console.planned = press("r");
	tell(&console, TASK_PLAN, say(&stale, TEST_PLAN), true);
	assert_int_equal(press("yshared\n").kind, REQUEST_NONE);
	press("qpn");
	assert_int_equal(console.screen, SCREEN_PATHS);
}

static void test_paths(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_PATHS, TEST_PATHS, false);
	press("uunlock\np");
	request = press("nyes\n");
	assert_int_equal(request.task, TASK_SWITCH);
	assert_string_equal(request.word, "nbd");
	request = press("xyes\n");
	assert_int_equal(request.task, TASK_EXPORT);
}

/* Whose the mirror is changes as it was shown, or not at all. */
static void test_take_over(void **state)
{
	static const char text[] =
		"{\"schema\":\"svc/1\",\"command\":\"promote\",\"authority\":\"shared\",\"refresh\":[\"flash-a\"],"
		"\"steps\":[{\"id\":\"fence\",\"state\":\"todo\",\"milliseconds\":0}],\"reasons\":[]}";
	struct job job = { .name = "4", .number = 4, .task = TASK_PROMOTE_PLAN, .state = JOB_ENDED };
	struct request request;

	(void)state;
	begin(false, false);
	console.rows = 24, console.columns = 80;
	request = press("mp");
	assert_int_equal(request.task, TASK_PROMOTE_PLAN);
	console_taken(&console, &request, "4");
	assert_int_equal(console.screen, SCREEN_JOB);
	assert_int_equal(press("y").kind, REQUEST_NONE); /* there is no plan yet */
	assert_int_equal(console.screen, SCREEN_JOB);
	console_jobs(&console, &job, 1);
	console_answer(&console, &job, text, sizeof(text) - 1);
	assert_true(shows("fence      todo"));
	assert_true(shows("flash-a    is overwritten with what shared holds"));
	assert_true(shows("press y if what follows is right"));
	assert_int_equal(press("yyes\n").kind, REQUEST_NONE); /* locked */
	press("yunlock\n");
	assert_int_equal(console.screen, SCREEN_PROMPT);
	request = press("yes\n");
	assert_int_equal(request.task, TASK_PROMOTE);
	job.exit = SVC_EXIT_REFUSED;
	console_jobs(&console, &job, 1);
	assert_true(shows("this is refused"));
	assert_int_equal(press("yyes\n").kind, REQUEST_NONE);
	job.task = TASK_PROMOTE; /* what was done is no plan */
	job.exit = 0;
	console_jobs(&console, &job, 1);
	assert_false(shows("y do it"));
	assert_int_equal(press("yyes\n").kind, REQUEST_NONE);
	assert_int_equal(press("qmd").task, TASK_DEMOTE_PLAN);
}

/* Where nothing but a person's word says that the other controller is stopped it is asked for; and not against what does. */
static void test_other_is_off(void **state)
{
	static const char *const refused[] = {
		"{\"schema\":\"svc/1\",\"command\":\"promote\",\"exit\":4,\"steps\":[],"
		"\"reasons\":[{\"id\":\"SVC-NOT-FENCED\",\"text\":\"no proof\",\"next\":\"prove it\"}]}",
		"{\"schema\":\"svc/1\",\"command\":\"promote\",\"exit\":4,\"steps\":[],"
		"\"reasons\":[{\"id\":\"SVC-NOT-FENCED\",\"text\":\"no proof\",\"next\":\"prove it\"},"
		"{\"id\":\"SVC-PEER-ALIVE\",\"text\":\"it writes\",\"next\":\"stop it\"}]}",
		"{\"schema\":\"svc/1\",\"command\":\"promote\",\"exit\":5,\"steps\":[],"
		"\"reasons\":[{\"id\":\"SVC-NOT-FENCED\",\"text\":\"no proof\",\"next\":\"prove it\"}]}",
	};
	struct job job = { .name = "4", .number = 4, .task = TASK_PROMOTE, .state = JOB_ENDED, .exit = 4 };
	const struct task_options options = { .copies = 0 };
	struct request request;
	struct task_line line = { 0 };

	(void)state;
	for (int i = 2; i >= 0; i--) {
		begin(false, false);
		console.rows = 24, console.columns = 80;
		console_jobs(&console, &job, 1);
		press("w");
		console_answer(&console, &job, refused[i], strlen(refused[i]));
		assert_int_equal(shows("other is off"), i == 0);
	}
	press("ounlock\n");
	assert_true(shows("Type off and press Enter"));
	assert_int_equal(press("yes\n").kind, REQUEST_NONE);
	request = press("ooff\n");
	assert_int_equal(request.task, TASK_PROMOTE);
	task_command(&request, &options, &line);
	assert_string_equal(line.argument[1], "--peer-fenced");
	job.task = TASK_PROMOTE_PLAN;
	console_jobs(&console, &job, 1);
	assert_false(shows("other is off"));
}

static void test_differences(void **state)
{
	struct request request;

	(void)state;
	begin(false, false);
	tell(&console, TASK_COMPARE, say(&stale, NULL), false);
	press("d/FILE-3\n");
	assert_int_equal(console.screen, SCREEN_DIFFERENCES);
	assert_int_equal(console.cursor[SCREEN_DIFFERENCES], 3);
	request = press("\n");
	assert_int_equal(request.task, TASK_VIEW);
	assert_string_equal(request.word, "flash-a:23"); /* whose number it is */
	tell(&console, TASK_VIEW, TEST_VIEW, true);
	assert_int_equal(console.screen, SCREEN_FILE);
	press("q/nowhere\n");
	assert_int_equal(console.cursor[SCREEN_DIFFERENCES], 3);
	assert_non_null(strstr(console.message, "nowhere"));
	press("jjjjjjjjjjjj");
	assert_int_equal(console.cursor[SCREEN_DIFFERENCES], 6);
	press("kkkkkkkkkkkk");
	assert_int_equal(console.cursor[SCREEN_DIFFERENCES], 0);
}

static void test_boot(void **state)
{
	struct job running = { .name = "3", .number = 3, .task = TASK_RESYNC, .state = JOB_RUNNING };
	struct request request;

	(void)state;
	begin(true, false);
	console.options.wait_seconds = 60;
	assert_int_equal(console_tick(&console, 5000).task, TASK_LOOK);
	assert_int_equal(console_countdown(&console), 60);
	console_tick(&console, 64000);
	assert_int_equal(console_countdown(&console), 1);
	request = console_tick(&console, 65000);
	assert_int_equal(request.kind, REQUEST_LEAVE);
	assert_int_equal(request.exit, SVC_EXIT_INTERRUPTED);
	press("j"); /* somebody is there */
	assert_int_equal(console_countdown(&console), -1);
	assert_int_not_equal(console_tick(&console, 999000).kind, REQUEST_LEAVE);
	request = press("g");
	assert_int_equal(request.kind, REQUEST_LEAVE);
	assert_int_equal(request.exit, SVC_EXIT_DONE);
	request = press("xwithout\n");
	assert_int_equal(request.kind, REQUEST_LEAVE);
	assert_int_equal(request.exit, SVC_EXIT_OPERATOR);
	assert_int_equal(press("q").kind, REQUEST_NONE);
	assert_int_equal(press("mt\n").kind, REQUEST_NONE); /* a shell writes: locked */
	assert_int_equal(press("tunlock\n").kind, REQUEST_SHELL);
	assert_int_equal(press("breboot\n").kind, REQUEST_REBOOT);
	console_jobs(&console, &running, 1);
	press("q");
	assert_int_equal(press("g").kind, REQUEST_NONE);
	assert_int_equal(press("x").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
	assert_int_equal(press("mbreboot\n").kind, REQUEST_NONE);
}

/* What stands in the boot's way and no key here settles is not passed over where the copies are right. */
static void test_hindrance(void **state)
{
	static const char text[] =
		"{\"schema\":\"svc/1\",\"command\":\"boot\",\"verdict\":\"in-sync\",\"copies\":[],\"boot\":"
		"{\"log\":[{\"id\":null,\"text\":\"mode auto\"},{\"id\":\"%s\",\"text\":\"who is it\"},"
		"{\"id\":null,\"text\":\"verdict in-sync: ask\"}%s]}}";
	static const char again[] = ",{\"id\":\"SVC-EQUAL\",\"text\":\"so it is\"},{\"id\":null,\"text\":\"verdict\"}";
	struct said fast = { "in-sync", NULL, 0, { "in-sync", "in-sync" }, false, 0, 5, NULL };
	static const struct {
		const char *id, *more;
		int key;
	} rows[] = { { "SVC-NO-CONTROLLER", "", 'e' },
		     { "SVC-EQUAL", "", 'g' },
		     { "SVC-NO-CONTROLLER", again, 'g' } }; /* it was settled since */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char document[1024], advice[300];

		begin(true, false);
		snprintf(document, sizeof(document), text, rows[i].id, rows[i].more);
		console_judged(&console, document, strlen(document), 1772352000);
		tell(&console, TASK_LOOK, say(&fast, NULL), false);
		assert_int_equal(console_recommend(&console, advice, sizeof(advice)), rows[i].key);
		press("e");
		assert_int_equal(shows(" here     who is it"), true);
	}
}

static void test_stop(void **state)
{
	struct job running = { .name = "3", .number = 3, .task = TASK_RESYNC, .state = JOB_RUNNING };
	struct request request;

	(void)state;
	begin(false, false);
	console_jobs(&console, &running, 1);
	press("w");
	assert_int_equal(console.screen, SCREEN_JOB);
	assert_int_equal(press("sstop\n").kind, REQUEST_NONE); /* locked: it writes, and may be somebody else's */
	assert_int_equal(press("sunlock\n").kind, REQUEST_NONE);
	assert_string_equal(console.prompt.wanted, "stop");
	press("\n");
	assert_int_equal(press("syes\n").kind, REQUEST_NONE);
	request = press("sstop\n");
	assert_int_equal(request.kind, REQUEST_STOP);
	assert_string_equal(request.word, "3");
	/* while work writes, nobody looks at what it changes */
	console_tick(&console, 1000);
	assert_int_equal(console_tick(&console, 100000).kind, REQUEST_NONE);
}

/* Work, and what goes on beside it: both are shown, and w leads to what is under way, the latest first. */
static void test_beside(void **state)
{
	struct job job[] = {
		{ .name = "3",
		  .number = 3,
		  .task = TASK_COMPARE,
		  .state = JOB_RUNNING,
		  .serial = 1,
		  .progress = "rebuilding  45 %  [##########..............]  1023 KiB/s  ETA 99:59" },
		{ .name = "switch", .task = TASK_SWITCH, .state = JOB_RUNNING, .serial = 2 },
	};

	(void)state;
	begin(false, false);
	console.rows = 24, console.columns = 80;
	console_jobs(&console, job, 2);
	assert_true(shows("#3 compare every block in use"));
	assert_true(shows("          rebuilding  45 %  [##########..............]  1023 KiB/s  ETA 99:59")); /* whole */
	assert_true(shows("work     switch the path: under way"));
	press("w");
	assert_true(shows("work     switch the path: under way"));
	assert_false(shows("#3"));
	job[1].state = JOB_ENDED;
	console_jobs(&console, job, 2);
	assert_true(shows("work     switch the path: done"));
	press("q");
	assert_false(shows("switch the path"));
	press("w");
	assert_true(shows("#3 compare every block in use"));
	assert_true(shows("          rebuilding  45 %  [##########..............]  1023 KiB/s  ETA 99:59")); /* whole */
	assert_true(shows("It goes on when you leave this screen"));
	job[0].state = JOB_ENDED;
	console_jobs(&console, job, 2);
	press("qw");
	assert_true(shows("switch the path: done")); /* the latest */
}

/* Who only looks on ends nothing that writes, and decides nothing. */
static void test_read_only_stop(void **state)
{
	struct job running = { .name = "3", .number = 3, .task = TASK_RESYNC, .state = JOB_RUNNING };

	(void)state;
	begin(false, true);
	console.rows = 24, console.columns = 80;
	console_jobs(&console, &running, 1);
	press("w");
	assert_false(shows("s stop"));
	assert_int_equal(press("sstop\n").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_JOB);
	running.task = TASK_COMPARE; /* which can be begun again */
	console_jobs(&console, &running, 1);
	assert_true(shows("s stop"));
	assert_int_equal(press("sstop\n").kind, REQUEST_STOP);
	begin(true, true);
	assert_int_equal(press("xwithout\n").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_OVERVIEW);
	assert_int_equal(press("mbreboot\n").kind, REQUEST_NONE);
	assert_int_equal(console.screen, SCREEN_MORE);
	assert_int_equal(press("qg").kind, REQUEST_LEAVE);
}

static void test_commands(void **state)
{
	static const char *const copies[] = { "flash-a=/dev/a", "--undo=x" };
	struct task_options options = { .config = "/x.conf", .copies = 2, .copy = copies };
	struct request request = { .kind = REQUEST_RUN };
	struct task_line line;

	(void)state;
	for (enum task task = TASK_NONE + 1; task < TASKS; task++) {
		bool is_dry = task == TASK_PLAN, is_ended = false, is_told_where = false;

		request.task = task;
		strcpy(request.word, "word");
		strcpy(request.save, task == TASK_RESYNC ? "/stick/undo" : "");
		request.is_unsaved = task == TASK_PLAN;
		task_command(&request, &options, &line);
		assert_true(!strncmp(line.argument[0], "svc-", 4));
		for (int i = 1; line.argument[i]; i++) {
			const char *argument = line.argument[i];

			assert_false(is_dry && !strncmp(argument, "--confirmed", 11));
			is_told_where |= !strcmp(argument, task == TASK_RESYNC ? "--save=/stick/undo" : "--no-save");
			/* what reads is never told that it may write */
			if (!is_ended && !task_row(task)->is_writing)
				assert_false(!strcmp(argument, "--yes") || !strncmp(argument, "--confirmed", 11) ||
				             !strncmp(argument, "--undo=", 7) || !strncmp(argument, "--switch", 8));
			is_ended |= !strcmp(argument, "--");
		}
		assert_true(is_ended);
		assert_int_equal(is_told_where, task == TASK_RESYNC || task == TASK_PLAN);
	}
}

/* Random keys over random documents: what writes is only ever asked for by the Enter behind the very word. */
static void test_random(void **state)
{
	static const char *const words[] = { "unlock\n", "shared\n",  "flash-a\n", "yes\n",
		                             "reboot\n", "without\n", "stop\n" };
	static const char likely[] = "ryuoopnmd12q";
	struct said saids[] = { stale, split, stale_fast };
	struct canvas *canvas = malloc(sizeof(*canvas));
	unsigned writes = 0;

	(void)state;
	assert_non_null(canvas);
	srandom(7);
	for (int round = 0; round < 60; round++) {
		begin(round % 2, round % 5 == 4);
		for (int n = 0; n < 2500; n++) {
			bool is_asked = console.screen == SCREEN_PROMPT;
			const char *word = random() % (is_asked ? 2 : 6) ? NULL : words[random() % 7];
			int key = word           ? *word
			          : random() % 2 ? (int)(random() % 96) + 31
			                         : likely[random() % (sizeof(likely) - 1)];
			struct request request;
			struct prompt before;
			bool was_prompt;

			console.rows = (int)(random() % 40);
			console.columns = (int)(random() % 140);
			do {
				if (key == 31)
					key = KEY_ENTER;
				was_prompt = console.screen == SCREEN_PROMPT;
				before = console.prompt;
				request = console_key(&console, word && *word == '\n' ? KEY_ENTER : key, (uint64_t)n);
				if (request.kind == REQUEST_RUN && task_row(request.task)->is_writing) {
					writes++;
					assert_true(was_prompt && key == KEY_ENTER);
					assert_true(*before.wanted);
					assert_string_equal(before.typed, before.wanted);
					assert_true(console.is_unlocked);
					assert_false(console.options.is_read_only);
				}
				if (request.kind == REQUEST_SHELL || request.kind == REQUEST_REBOOT)
					assert_true(console.options.is_boot);
				if (request.kind == REQUEST_RUN && request.task == TASK_PLAN) {
					console.planned = request;
					tell(&console, TASK_PLAN,
					     say(&saids[random() % 2], random() % 4 ? TEST_PLAN : TEST_REFUSED), true);
				} else if (request.kind == REQUEST_RUN && request.task == TASK_UNDOS) {
					tell(&console, TASK_UNDOS, TEST_UNDOS, true);
				} else if (request.kind == REQUEST_RUN && request.task == TASK_VIEW) {
					tell(&console, TASK_VIEW, TEST_VIEW, true);
				} else if (request.kind == REQUEST_RUN && random() % 2) {
					console_taken(&console, &request, "5");
				}
				key = word && *++word ? (*word == '\n' ? KEY_ENTER : *word) : 0;
			} while (key);
			if (!(random() % 30))
				tell(&console, random() % 2 ? TASK_LOOK : TASK_COMPARE, say(&saids[random() % 3], NULL),
				     false);
			if (!(random() % 100))
				tell(&console, TASK_PATHS, TEST_PATHS, false);
			console_tick(&console, (uint64_t)n * 100);
			draw(&console, canvas);
			for (int row = 0; row < canvas->rows; row++)
				for (int column = 0; column < canvas->columns; column++)
					assert_in_range((unsigned char)canvas->text[row][column], 0x20, 0x7e);
		}
	}
	assert_true(writes > 20); /* or this shows nothing */
	free(canvas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_table, teardown),
		cmocka_unit_test_teardown(test_recommendations, teardown),
		cmocka_unit_test_teardown(test_recommend_paths, teardown),
		cmocka_unit_test_teardown(test_recommend_rebuilt, teardown),
		cmocka_unit_test_teardown(test_reference, teardown),
		cmocka_unit_test_teardown(test_long_lines, teardown),
		cmocka_unit_test_teardown(test_one_version, teardown),
		cmocka_unit_test_teardown(test_next_line, teardown),
		cmocka_unit_test_teardown(test_small, teardown),
		cmocka_unit_test_teardown(test_may_be_newer, teardown),
		cmocka_unit_test_teardown(test_smallest, teardown),
		cmocka_unit_test_teardown(test_long_name, teardown),
		cmocka_unit_test_teardown(test_report, teardown),
		cmocka_unit_test_teardown(test_repaired_elsewhere, teardown),
		cmocka_unit_test_teardown(test_report_before, teardown),
		cmocka_unit_test_teardown(test_role, teardown),
		cmocka_unit_test_teardown(test_judged, teardown),
		cmocka_unit_test_teardown(test_unread, teardown),
		cmocka_unit_test_teardown(test_deeds, teardown),
		cmocka_unit_test_teardown(test_other_is_off, teardown),
		cmocka_unit_test_teardown(test_others, teardown),
		cmocka_unit_test_teardown(test_others_boot, teardown),
		cmocka_unit_test_teardown(test_trouble, teardown),
		cmocka_unit_test_teardown(test_rebuild, teardown),
		cmocka_unit_test_teardown(test_choice, teardown),
		cmocka_unit_test_teardown(test_target, teardown),
		cmocka_unit_test_teardown(test_one_too_many, teardown),
		cmocka_unit_test_teardown(test_nothing_to_choose, teardown),
		cmocka_unit_test_teardown(test_one_alone, teardown),
		cmocka_unit_test_teardown(test_no_room, teardown),
		cmocka_unit_test_teardown(test_losses, teardown),
		cmocka_unit_test_teardown(test_foreign_plan, teardown),
		cmocka_unit_test_teardown(test_undo, teardown),
		cmocka_unit_test_teardown(test_nameless, teardown),
		cmocka_unit_test_teardown(test_read_only, teardown),
		cmocka_unit_test_teardown(test_paths, teardown),
		cmocka_unit_test_teardown(test_take_over, teardown),
		cmocka_unit_test_teardown(test_differences, teardown),
		cmocka_unit_test_teardown(test_boot, teardown),
		cmocka_unit_test_teardown(test_hindrance, teardown),
		cmocka_unit_test_teardown(test_stop, teardown),
		cmocka_unit_test_teardown(test_beside, teardown),
		cmocka_unit_test_teardown(test_read_only_stop, teardown),
		cmocka_unit_test_teardown(test_commands, teardown),
		cmocka_unit_test_teardown(test_random, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
