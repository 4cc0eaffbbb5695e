/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow over image files, the watch over a process that stops, whose turn it is, and LVM's filter. What a kernel has
 * to do with it is shown by booting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/test_image.h"
#include "gate/activate.h"
#include "gate/gate.h"
#include "gate/parts.h"

static char folder[] = "/tmp/gate_test.XXXXXX";

static uint64_t sum_of(const char *name)
{
	char path[100];
	uint64_t sum = 0;
	int byte;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.img", folder, name);
	f = fopen(path, "r");
	while (f && (byte = getc(f)) != EOF)
		sum = sum * 31 + (uint64_t)byte;
	if (f)
		fclose(f);
	return sum;
}

static const struct row {
	const char *scenario, *command_line;
	char controller;
	enum svc_exit exit;
	const char *action, *verdict;
	const char *shared; /* the scenario that shared is of, where it is another one */
} rows[] = {
	{ "in-sync", "", 'a', SVC_EXIT_DONE, "activate", "in-sync", NULL },
	{ "in-sync", "", 'b', SVC_EXIT_CONFIG, "ask", "in-sync", NULL }, /* with flash-a */
	{ "in-sync", "", 0, SVC_EXIT_CONFIG, "ask", "in-sync", NULL },
	{ "stale-flash", "svc.controller=c", 0, SVC_EXIT_CONFIG, "ask", "stale", NULL },
	{ "in-sync", "svc.controller=a", 0, SVC_EXIT_DONE, "activate", "in-sync", NULL },
	{ "in-sync", "svc.mode=off", 'a', SVC_EXIT_DONE, "pass", "unknown", NULL },
	{ "stale-flash", "", 'a', SVC_EXIT_DIFFER, "rebuild", "stale", NULL },
	{ "stale-flash", "svc.mode=ask", 'a', SVC_EXIT_OPERATOR, "ask", "stale", NULL },
	{ "stale-flash", "svc.oops", 'a', SVC_EXIT_OPERATOR, "ask", "stale", NULL },
	{ "stale-flash", "svc.mode=nonsense", 'a', SVC_EXIT_OPERATOR, "ask", "stale", NULL },
	{ "stale-flash", "svc.timeout=-1", 'a', SVC_EXIT_OPERATOR, "ask", "stale", NULL },
	{ "stale-shared", "", 'a', SVC_EXIT_DIFFER, "rebuild", "stale", NULL },
	{ "split-equal", "", 'a', SVC_EXIT_OPERATOR, "ask", "split-brain", NULL },
	{ "mismatch", "", 'a', SVC_EXIT_OPERATOR, "ask", "mismatch", NULL },
	{ "dirty-crash", "", 'a', SVC_EXIT_DIFFER, "rebuild", "dirty", NULL },
	{ "no-bootloader-area", "", 'a', SVC_EXIT_OPERATOR, "ask", "stale", NULL },
	/* Both volume groups have the same name. */
	{ "in-sync", "", 'a', SVC_EXIT_OPERATOR, "ask", "unrelated", "stale-flash" },
};

/* A dry run: the decision, and not a byte of the copies is another. */
static void test_row(void **state)
{
	const struct row *row = *state;
	struct svc_conf conf = { .controller = row->controller };
	struct gate_options options = { .conf = &conf, .is_dry_run = true, .is_verbose = true, .width = 80 };
	char wanted[100], text[4096], *json;
	uint64_t before[2];
	size_t size;

	assert_int_equal(test_image_put(folder, row->scenario, "flash-a"), 0);
	assert_int_equal(test_image_put(folder, row->shared ? row->shared : row->scenario, "shared"), 0);
	snprintf(conf.flash_a, sizeof(conf.flash_a), "%s/flash-a.img", folder);
	snprintf(conf.shared, sizeof(conf.shared), "%s/shared.img", folder);
	policy_read(&conf, row->command_line, &options.policy);
	before[0] = sum_of("flash-a");
	before[1] = sum_of("shared");
	snprintf(wanted, sizeof(wanted), "%s/result", folder);
	options.json = fopen(wanted, "w+");
	options.out = tmpfile(); /* the process that works writes to it too */
	assert_non_null(options.out);
	assert_int_equal(gate_run(&options), row->exit);
	rewind(options.out);
	text[fread(text, 1, sizeof(text) - 1, options.out)] = '\0';
	fclose(options.out);
	if (strcmp(row->action, "pass") && !strstr(text, "metadata areas 1 of 1 valid"))
		fail_msg("no evidence in %s", text);
	fseek(options.json, 0, SEEK_END);
	size = (size_t)ftell(options.json);
	rewind(options.json);
	json = calloc(1, size + 1);
	assert_int_equal(fread(json, 1, size, options.json), size);
	fclose(options.json);
	snprintf(wanted, sizeof(wanted), "\"boot\":{\"action\":\"%s\"", row->action);
	if (!strstr(json, wanted))
		fail_msg("no %s in %s", wanted, json);
	snprintf(wanted, sizeof(wanted), "\"verdict\":\"%s\"", row->verdict);
	assert_non_null(strstr(json, wanted));
	/* A rebuild has to know every block. */
	snprintf(wanted, sizeof(wanted), "\"compared\":{\"mode\":\"%s\"",
	         strcmp(row->action, "rebuild") ? "allocated" : "full");
	if (!strstr(json, wanted))
		fail_msg("no %s in %s", wanted, json);
	free(json);
	assert_true(before[0] == sum_of("flash-a") && before[1] == sum_of("shared"));
}

/* svc.conf cannot be used: that, and nothing else, is what there is to tell. */
static void test_unconfigured(void **state)
{
	struct svc_conf conf = { 0 };
	struct gate_options options = { .conf = &conf, .is_dry_run = true };
	char *json = NULL;
	size_t size;

	(void)state;
	options.json = open_memstream(&json, &size);
	assert_non_null(options.json);
	assert_int_equal(gate_end_unconfigured(&options, "svc.conf:3: [boot] has no key oops"), SVC_EXIT_CONFIG);
	assert_int_equal(fclose(options.json), 0);
	assert_non_null(strstr(json, "\"verdict\":\"unknown\",\"authority\":null"));
	assert_non_null(strstr(json, "\"action\":\"pass\""));
	assert_non_null(strstr(json, "\"reasons\":[{\"id\":\"SVC-BOOT-CONF\""));
	assert_non_null(strstr(json, "\"status\":\"nothing is known of the copies\""));
	assert_non_null(strstr(json, "\"id\":\"SVC-BOOT-CONF\",\"text\":\"svc.conf:3: [boot] has no key oops\""));
	assert_non_null(strstr(json, "\"exit\":78"));
	free(json);
}

static struct watch *watch;

static int hangs(void *context)
{
	(void)context;
	watch_step(watch, 1, "waiting for nothing");
	sleep(100);
	return 0;
}

/* Who waits for a device while another thread shows the progress. */
static int looks_at_the_clock(void *context)
{
	(void)context;
	watch_step(watch, 1, "looking at the clock");
	for (int i = 0; i < 1000; i++)
		usleep(20000);
	return 0;
}

static int beats(void *context)
{
	(void)context;
	watch_step(watch, 5, "beating");
	for (int i = 0; i < 24; i++) {
		usleep(250000);
		watch_beat(watch);
	}
	return 7;
}

static int computes(void *context)
{
	time_t end = time(NULL) + 3;

	(void)context;
	watch_step(watch, 1, "computing");
	while (time(NULL) < end)
		;
	return 8;
}

static int crashes(void *context)
{
	(void)context;
	return raise(SIGABRT);
}

static int waits_for_a_person(void *context)
{
	(void)context;
	watch_step(watch, 0, "asking");
	sleep(3);
	return 9;
}

/* Given up: who neither says that he gets on nor uses the processor, for longer than his step may. Nobody else. */
static void test_watch(void **state)
{
	(void)state;
	watch = watch_memory(sizeof(*watch));
	assert_non_null(watch);
	assert_int_equal(watch_run(watch, hangs, NULL, NULL), -ETIMEDOUT);
	assert_string_equal(watch->step, "waiting for nothing");
	assert_int_equal(watch_run(watch, looks_at_the_clock, NULL, NULL), -ETIMEDOUT);
	assert_int_equal(watch_run(watch, beats, NULL, NULL), 7);
	assert_int_equal(watch_run(watch, computes, NULL, NULL), 8);
	assert_int_equal(watch_run(watch, waits_for_a_person, NULL, NULL), 9);
	assert_int_equal(watch_run(watch, crashes, NULL, NULL), 128 + SIGABRT);
}

/* A new flash card may take longer to read than a step may do nothing: the watch is told, piece by piece. */
static void test_reading_blanks_beats(void **state)
{
	enum { PIECES = 16 };
	static const char zeros[1 << 20];
	struct svc_conf conf = { .controller = 'a' };
	struct gate_options options = { .conf = &conf };
	struct shared *shared = watch_memory(sizeof(*shared));
	struct run run = { .options = &options, .shared = shared, .turn = { .lock = -1 } };
	char argument[100];
	const char *pointer = argument;
	struct round r = { .run = &run };
	unsigned before;
	int fd;

	(void)state;
	assert_non_null(shared);
	policy_read(&conf, "", &run.policy);
	snprintf(argument, sizeof(argument), "%s/result", folder);
	fd = open(argument, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	for (int i = 0; i < PIECES; i++) /* written, not holes: those are not read */
		assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	close(fd);
	snprintf(argument, sizeof(argument), "flash-a=%s/result", folder);
	assert_int_equal(survey_open(&pointer, 1, &options.locate, &r.survey, &r.error), 0);
	before = atomic_load(&shared->watch.beats);
	assert_int_equal(round_judge(&r), 0);
	assert_int_equal(r.resync.verdict.state[0], STATE_BLANK);
	assert_in_range(atomic_load(&shared->watch.beats) - before, PIECES, 2 * PIECES);
	resync_free(&r.resync);
	survey_close(&r.survey);
}

/* A person may have changed what a rebuild could not: it is tried once more. */
static void test_asked_again(void **state)
{
	static const char *const console[] = { "sh", "-c", "exit 0", NULL };
	static const char *const shell[] = { "sh", NULL };
	static const char *const *const programs[] = { console, shell, NULL };
	struct svc_conf conf = { .controller = 'a' };
	struct gate_options options = { .conf = &conf, .programs = programs };
	struct run run = { .options = &options, .shared = watch_memory(sizeof(*run.shared)), .turn = { .lock = -1 } };
	struct round r = { .run = &run };
	int person = posix_openpt(O_RDWR | O_NOCTTY), line, code;
	char name[64];
	pid_t child;

	(void)state;
	assert_non_null(run.shared);
	assert_true(person >= 0 && !grantpt(person) && !unlockpt(person) && !ptsname_r(person, name, sizeof(name)));
	line = open(name, O_RDWR | O_NOCTTY);
	assert_true(line >= 0);
	policy_read(&conf, "", &run.policy);
	run.policy.console_seconds = 120;
	snprintf(run.policy.console, sizeof(run.policy.console), "%.40s", name + strlen("/dev/"));
	run.is_rebuilt = true;
	child = fork();
	if (!child) {
		char byte;

		while (read(person, &byte, 1) == 1 && byte != '?')
			write(person, byte == ')' ? " " : "", byte == ')');
		_exit(0);
	}
	code = act_question(&r, SVC_EXIT_OPERATOR);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(code, ROUND_AGAIN);
	assert_false(run.is_rebuilt);
	close(line);
	close(person);
}

/* Somebody at a console, whose work takes so many looks at the clock, and who tells of each or of none. */
static pid_t start_work(const char *directory, int looks, bool tells)
{
	struct svc_error error;
	struct turn turn;
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		turn_open(&turn, directory);
		if (turn_take(&turn, 0, watch, NULL, &error) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (int i = 0; i < looks; i++) {
			char path[120];
			int file;

			usleep(250000);
			snprintf(path, sizeof(path), "%s/1.job", directory);
			file = tells ? (unlink(path), open(path, O_WRONLY | O_CREAT, 0600)) : -1;
			if (file >= 0)
				close(file);
		}
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

/* Work that tells of itself is waited for longer than a step may take, work that does not is not; nobody waits for himself. */
static void test_turn(void **state)
{
	volatile sig_atomic_t stop = 1;
	char directory[100], path[120];
	struct svc_error error;
	struct turn turn;
	pid_t child;

	(void)state;
	watch = watch_memory(sizeof(*watch));
	assert_non_null(watch);
	snprintf(directory, sizeof(directory), "%s/jobs", folder);
	turn_open(&turn, directory);
	assert_true(turn.lock >= 0);
	child = start_work(directory, 4000, false);
	assert_int_equal(turn_take(&turn, 0, watch, NULL, &error), -EBUSY);
	assert_int_equal(turn_take(&turn, 1, watch, NULL, &error), -EBUSY);
	assert_int_equal(turn_take(&turn, 1, watch, &stop, &error), -EINTR);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	child = start_work(directory, 40, true);
	assert_int_equal(turn_take(&turn, 8, watch, NULL, &error), 0);
	assert_int_equal(spawn_wait(child, 60000), 0); /* it had ended */
	assert_int_equal(turn_take(&turn, 0, watch, NULL, &error), 0);
	child = fork();
	if (!child) /* as the process that works */
		_exit(turn_take(&turn, 0, watch, NULL, &error) ? 1 : 0);
	assert_int_equal(spawn_wait(child, 60000), 0);
	turn_give(&turn);
	turn_close(&turn);
	snprintf(path, sizeof(path), "%s/work.lock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/1.job", directory);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
}

/* Nobody answers any more, and work that was begun goes on: it is waited for, and what came of it judged. */
static void test_question_during_work(void **state)
{
	struct gate_options options = { .conf = NULL };
	struct run run = { .options = &options, .shared = watch_memory(sizeof(*run.shared)) };
	int person = posix_openpt(O_RDWR | O_NOCTTY), line;
	struct round r = { .run = &run };
	char directory[100], path[120], name[64];
	pid_t child;

	(void)state;
	assert_non_null(run.shared);
	assert_true(person >= 0 && !grantpt(person) && !unlockpt(person) && !ptsname_r(person, name, sizeof(name)));
	line = open(name, O_RDWR | O_NOCTTY);
	assert_true(line >= 0);
	run.policy.device_seconds = 10;
	snprintf(run.policy.console, sizeof(run.policy.console), "%.40s", name + strlen("/dev/"));
	watch = watch_memory(sizeof(*watch));
	snprintf(directory, sizeof(directory), "%s/jobs", folder);
	turn_open(&run.turn, directory);
	child = start_work(directory, 8, true);
	assert_int_equal(act_question(&r, SVC_EXIT_OPERATOR), ROUND_AGAIN);
	assert_int_equal(spawn_wait(child, 60000), 0); /* it had ended */
	assert_int_equal(act_question(&r, SVC_EXIT_OPERATOR), SVC_EXIT_OPERATOR);
	turn_close(&run.turn);
	close(line);
	close(person);
	snprintf(path, sizeof(path), "%s/work.lock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/1.job", directory);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
}

static void test_filter(void **state)
{
	const char *const good[] = { "/dev/sda2", "/dev/mapper/shared-1", "/dev/x.y+z" };
	const char *const bad[] = { "/dev/a|b", "/dev/a\"b", "/dev/a b", "/dev/a\\b", "/dev/a\nb", "/dev/a$" };
	char text[300];

	(void)state;
	assert_true(activate_filter(good, 3, text, sizeof(text)));
	assert_non_null(strstr(text, "global_filter=[\"a|^/dev/sda2$|\",\"a|^/dev/mapper/shared-1$|\","
	                             "\"a|^/dev/x[.]y[+]z$|\",\"r|.*|\"]"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(activate_filter(&bad[i], 1, text, sizeof(text)));
	for (size_t size = 1; size < 100; size++)
		assert_false(activate_filter(good, 3, text, size));
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const name[] = { "flash-a.img", "shared.img", "result" };
	char path[100];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, name[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct CMUnitTest tests[ROWS + 7];

	for (int i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){ rows[i].scenario, test_row, NULL, NULL, (void *)&rows[i] };
	tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(test_watch);
	tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_turn);
	tests[ROWS + 2] = (struct CMUnitTest)cmocka_unit_test(test_filter);
	tests[ROWS + 3] = (struct CMUnitTest)cmocka_unit_test(test_reading_blanks_beats);
	tests[ROWS + 4] = (struct CMUnitTest)cmocka_unit_test(test_unconfigured);
	tests[ROWS + 5] = (struct CMUnitTest)cmocka_unit_test(test_question_during_work);
	tests[ROWS + 6] = (struct CMUnitTest)cmocka_unit_test(test_asked_again);
	return cmocka_run_group_tests_name("gate", tests, make_folder, remove_folder);
}
