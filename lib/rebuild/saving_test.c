/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A limit that the undo file reaches, wherever in a rebuild that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rebuild/test_bed.h"

static char undo_path[64];

/* One svc-resync whose undo file may grow to `most` bytes. */
static int resync_within(struct bed *bed, uint64_t most, uint64_t *saved, struct svc_error *error)
{
	struct resync_options options = {
		.wish = { .from = -1, .is_forced = true },
		.is_saving = true,
		.save_path = undo_path,
		.now = 1770000000,
	};
	struct dev *device[BED_COPIES];
	struct resync resync;
	struct survey survey;
	int code;

	for (int i = 0; i < bed->copies; i++)
		device[i] = &bed->medium[i].dev;
	memset(error, 0, sizeof(*error));
	assert_int_equal(bed_survey(bed, device, &survey), 0);
	code = resync_prepare(&survey, &options, &resync, error);
	assert_int_equal(code, 0);
	resync.save_most_bytes = most;
	code = resync_execute(&survey, &options, device, &resync, error);
	*saved = resync.outcome.saved_bytes;
	resync_free(&resync);
	bed_survey_close(&survey);
	return code;
}

/*
 * Refused only where nothing was written; else it is not finished, exit 5. Without the limit it goes on, and undoing
 * it puts every byte back.
 */
static void test_limit(void **state)
{
	static const struct bed_row row = { "stale-flash", A_AND_S, NULL, NULL, NULL, false, false };
	unsigned refused = 0, unfinished = 0;
	struct svc_error error;
	uint64_t all, saved;
	struct bed bed;

	(void)state;
	assert_int_equal(bed_open(&bed, &row), 0);
	unlink(undo_path);
	assert_int_equal(resync_within(&bed, 0, &all, &error), 0);
	assert_true(all > 10000);
	bed_roll_back(&bed);
	for (uint64_t most = 4096; most < all; most += 1 + all / 37) {
		int code;

		unlink(undo_path);
		code = resync_within(&bed, most, &saved, &error);
		if (code != SVC_EXIT_IO && code != SVC_EXIT_REFUSED)
			fail_msg("at most %llu bytes: exit %d: %s", (unsigned long long)most, code, error.text);
		if (code == SVC_EXIT_REFUSED && !bed_is_original(&bed))
			fail_msg("at most %llu bytes: refused after something was written", (unsigned long long)most);
		assert_non_null(strstr(error.text, undo_path));
		assert_non_null(strstr(error.text, "that it may"));
		assert_non_null(strstr(error.next, "--save"));
		refused += code == SVC_EXIT_REFUSED;
		unfinished += code == SVC_EXIT_IO;
		if (resync_within(&bed, 0, &saved, &error))
			fail_msg("going on after %llu bytes: %s", (unsigned long long)most, error.text);
		if (bed_undo(&bed, undo_path, &error))
			fail_msg("undoing after %llu bytes: %s", (unsigned long long)most, error.text);
		assert_true(bed_is_original(&bed));
		bed_roll_back(&bed);
	}
	print_message("  %u times refused, %u times ended in the middle\n", refused, unfinished);
	assert_true(refused > 0 && unfinished > 10);
	bed_close(&bed);
	unlink(undo_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_limit) };

	snprintf(undo_path, sizeof(undo_path), "/tmp/svc-saving-%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
