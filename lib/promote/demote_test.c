/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a hand-over, on image files: whose record says closed then, and whose does not; and what nobody claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test_image.h"
#include "promote/takeover.h"
#include "rebuild/mark.h"

enum { FLASH, SHARED, COPIES, LOCKED_MS = 300 };

static char folder[] = "/tmp/demote_test.XXXXXX";
static struct svc_conf conf;
static struct promote_options options;
static struct promote_result result;
static struct takeover t;

/* The mirror was controller a's, and nobody has closed it; with the generation of the lists, newest first. */
static uint64_t legs_of_record = 3;

static void put_record(int i, const char *generations)
{
	struct dev_options writing = { .access = DEV_WRITE };
	struct copy *copy = &t.survey.copy[i];
	struct record record;
	struct svc_error error;
	struct dev *device, *area;

	mark_own(&record, copy, 1000);
	record.owner = 'a';
	record.is_open = true;
	record.legs = legs_of_record;
	memset(record.generation, *generations, sizeof(record.generation));
	for (int n = 0; generations[n + 1]; n++)
		memset(record.history[n], generations[n + 1], sizeof(record.history[n]));
	assert_int_equal(dev_open(copy->locator, &writing, &device, &error), 0);
	assert_int_equal(dev_open_slice(device, &copy->evidence.lvm.bootloader_area, 1, &area), 0);
	assert_int_equal(record_store(area, &record), 0);
	dev_close(area);
	dev_close(device);
}

static void begin(const char *scenario, const char *of_flash, const char *of_shared)
{
	struct svc_error error;

	assert_int_equal(test_image_put(folder, scenario, "flash-a"), 0);
	assert_int_equal(test_image_put(folder, scenario, "shared"), 0);
	memset(&t, 0, sizeof(t));
	/* A dry run tells nothing to the host's logs. */
	options = (struct promote_options){ .conf = &conf, .controller = 'a', .is_dry_run = true };
	t.options = &options;
	t.result = &result;
	t.arguments = COPIES;
	for (int i = 0; i < COPIES; i++) {
		const char *name = i == FLASH ? "flash-a" : "shared";

		snprintf(t.argument[i], sizeof(t.argument[i]), "%s=%s/%s.img", name, folder, name);
		t.pointer[i] = t.argument[i];
	}
	assert_int_equal(look_survey(&t, &error), 0);
	put_record(FLASH, of_flash);
	put_record(SHARED, of_shared);
}

static void only_flash_has_it(void)
{
	legs_of_record = (uint64_t)1 << t.survey.copy[FLASH].evidence.lvm.leg_index;
	put_record(FLASH, "h");
	legs_of_record = 3;
}

static bool is_open(int i)
{
	const struct record *record = look_record(&t, i);

	assert_non_null(record);
	assert_int_equal(record->owner, 'a');
	return record->is_open;
}

/* In a mirror with a leg absent the kernel keeps regions unsettled for ever: none of the others is older by that. */
static void test_both(void **state)
{
	static const char *const scenario[] = { "in-sync", "dirty-crash" };
	struct svc_error error;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(scenario[i], "g", "g");
		assert_int_equal(demote_close(&t, &error), 0);
		assert_false(is_open(FLASH));
		assert_false(is_open(SHARED));
		survey_close(&t.survey);
	}
}

/* By the superblocks, and by the records where these do not tell. */
static void test_left_behind(void **state)
{
	struct svc_error error;

	(void)state;
	begin("stale-shared", "g", "g");
	assert_int_equal(demote_close(&t, &error), 0);
	assert_false(is_open(FLASH));
	assert_true(is_open(SHARED));
	survey_close(&t.survey);
	begin("in-sync", "g", "hg");
	assert_int_equal(demote_close(&t, &error), 0);
	assert_true(is_open(FLASH));
	assert_false(is_open(SHARED));
	survey_close(&t.survey);
}

/* What was written last is on the flash alone: by the evidence of both, or of the flash where shared is gone. */
static void test_on_flash_alone(void **state)
{
	static const struct {
		const char *scenario, *of_flash, *of_shared;
		bool is_alone, is_alone_without;
	} rows[] = {
		{ "in-sync", "g", "g", false, false },
		{ "stale-shared", "g", "g", true, true },
		{ "stale-flash", "g", "g", false, false },
		{ "in-sync", "hg", "g", true, false },
	};
	struct svc_error error;
	char path[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(rows[i].scenario, rows[i].of_flash, rows[i].of_shared);
		assert_int_equal(demote_close(&t, &error), 0);
		if (promote_is_on_flash_alone(t.survey.copy, t.survey.copies, 'a') != rows[i].is_alone)
			fail_msg("%zu: both read", i);
		assert_false(promote_is_on_flash_alone(t.survey.copy, t.survey.copies, 'b'));
		snprintf(path, sizeof(path), "%s/shared.img", folder);
		assert_int_equal(truncate(path, 0), 0);
		assert_int_equal(look_survey(&t, &error), 0);
		if (promote_is_on_flash_alone(t.survey.copy, t.survey.copies, 'a') != rows[i].is_alone_without)
			fail_msg("%zu: the flash read", i);
		survey_close(&t.survey);
	}
	/* The monitor noted it, and the kernel's evidence is gone since: who has the generation. */
	begin("in-sync", "g", "g");
	only_flash_has_it();
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(demote_close(&t, &error), 0);
	assert_true(promote_is_on_flash_alone(t.survey.copy, t.survey.copies, 'a'));
	survey_close(&t.survey);
}

/* Another process, which has the records' lock, is about to note something: that is read, and stays. */
static void test_alone(void **state)
{
	struct svc_error error;
	int channel[2], status;
	pid_t child;
	char ready;

	(void)state;
	begin("in-sync", "g", "g");
	assert_int_equal(pipe(channel), 0);
	child = fork();
	if (!child) {
		int lock = record_lock();

		if (lock < 0 || write(channel[1], "x", 1) != 1)
			_exit(1);
		usleep(LOCKED_MS * 1000);
		put_record(FLASH, "hg");
		put_record(SHARED, "hg");
		record_unlock(lock);
		_exit(0);
	}
	assert_int_equal(read(channel[0], &ready, 1), 1);
	assert_int_equal(demote_close(&t, &error), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(look_survey(&t, &error), 0);
	for (int i = 0; i < COPIES; i++) {
		assert_false(is_open(i));
		assert_int_equal(look_record(&t, i)->generation[0], 'h');
	}
	survey_close(&t.survey);
	close(channel[0]);
	close(channel[1]);
}

/* By which path shared was read; by none where it was not. */
static void test_path(void **state)
{
	struct svc_error error;
	char path[100];

	(void)state;
	begin("in-sync", "g", "g");
	snprintf(t.device, sizeof(t.device), "%s/shared.img", folder);
	memcpy(t.direct, t.device, sizeof(t.direct));
	assert_int_equal(look_survey(&t, &error), 0);
	assert_int_equal(result.path, PATH_DIRECT);
	strcpy(t.direct, "/dev/another");
	assert_int_equal(look_survey(&t, &error), 0);
	assert_int_equal(result.path, PATH_NBD);
	snprintf(path, sizeof(path), "%s/shared.img", folder);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(look_survey(&t, &error), 0);
	assert_int_equal(result.path, -1);
	survey_close(&t.survey);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* The flash is another leg than svc.conf makes of it: it is the other controller's, whose key and records these are. */
static void test_other_flash(void **state)
{
	struct svc_error error;

	(void)state;
	begin("in-sync", "a", "a");
	strcpy(conf.legs, "flash-b flash-a shared");
	assert_int_equal(look_survey(&t, &error), -EINVAL);
	assert_int_equal(result.exit, SVC_EXIT_CONFIG);
	assert_int_equal(result.reasons.item[0].id, REASON_WRONG_CONTROLLER);
	conf.legs[0] = '\0';
	assert_int_equal(look_survey(&t, &error), 0);
	survey_close(&t.survey);
	memset(&result, 0, sizeof(result));
}

/* What is no block device cannot be activated: a takeover claims no part of such a mirror. */
static void test_claim_on_files(void **state)
{
	struct record before[COPIES];
	struct svc_error error;

	(void)state;
	begin("in-sync", "g", "g");
	assert_int_equal(look_survey(&t, &error), 0);
	for (int i = 0; i < COPIES; i++) {
		before[i] = *look_record(&t, i);
		t.decision.is_member[i] = true;
	}
	assert_int_equal(takeover_claim(&t, 1000, &error), -EPERM);
	assert_int_equal(result.exit, SVC_EXIT_REFUSED);
	assert_non_null(strstr(error.text, "flash-a: "));
	assert_non_null(strstr(error.next, "losetup"));
	assert_int_equal(look_survey(&t, &error), 0);
	for (int i = 0; i < COPIES; i++)
		assert_memory_equal(look_record(&t, i), &before[i], sizeof(before[i]));
	survey_close(&t.survey);
	memset(&result, 0, sizeof(result));
}

static void test_mountpoint(void **state)
{
	struct svc_error error;

	(void)state;
	t.options = &options;
	t.result = &result;
	assert_int_equal(volume_check_mountpoint(&t, &error), 0);
	snprintf(result.mountpoint, sizeof(result.mountpoint), "%s", folder);
	assert_int_equal(volume_check_mountpoint(&t, &error), 0);
	snprintf(result.mountpoint, sizeof(result.mountpoint), "%s/none", folder);
	assert_int_equal(volume_check_mountpoint(&t, &error), -EINVAL);
	assert_int_equal(result.exit, SVC_EXIT_CONFIG);
	assert_non_null(strstr(error.text, "mountpoint"));
	assert_non_null(strstr(error.next, "svc.conf"));
	result.exit = SVC_EXIT_DONE;
	strcpy(conf.promote_mount_options, "noatime,X-mount.mkdir=0755");
	assert_int_equal(volume_check_mountpoint(&t, &error), 0);
	conf.promote_mount_options[0] = '\0';
	strcpy(result.mountpoint, "/dev/null");
	assert_int_equal(volume_check_mountpoint(&t, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no directory"));
	memset(&result, 0, sizeof(result));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),           cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_on_flash_alone), cmocka_unit_test(test_alone),
		cmocka_unit_test(test_other_flash),    cmocka_unit_test(test_path),
		cmocka_unit_test(test_claim_on_files), cmocka_unit_test(test_mountpoint),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
