/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every read, write and flush of every device fails in turn, and the undo file meets a full disk: the
 * rebuild never ends with 0 unless all is right, the authority is untouched, the target marked or as it
 * was, and a rerun finishes. What was not flushed before the failure may be lost as well.
 *
 * SVC_TEST_SCALE     percent of the failures; 100 tries every one; 20, but 4 with AddressSanitizer
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dev/fault.h"
#include "rebuild/test_bed.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SCALE = 4 };
#else
enum { SCALE = 20 };
#endif

static const struct bed_row rows[] = {
	{ .scenario = "stale-flash", .copy = A_AND_S },
	{ .scenario = "three-chain", .copy = A_B_AND_S },
	{ .scenario = "three-one-blank", .copy = A_B_AND_S },
	{ .scenario = "split-equal", .copy = A_AND_S, .from = "shared" },
	{ .scenario = "no-bootloader-area", .copy = A_AND_S },
	{ .scenario = "bare-ext4-differs", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "foreign-vg", .copy = A_AND_S, .from = "shared", .to = "flash-a" },
	{ .scenario = "metadata-old", .copy = A_AND_S },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static char undo_path[64];
static uint64_t seed = 1, tried, by_exit[8];

/* One run on devices that fail, noting what reaches the media. */
static int run_failing(struct bed *bed, const struct fault_plan plan[], struct recording *recording, const char *save,
                       struct fault_count counts[], struct plan *made, struct svc_error *error)
{
	struct dev *noting[BED_COPIES] = { NULL }, *failing[BED_COPIES] = { NULL };
	int code;

	for (int i = 0; i < bed->copies; i++) {
		assert_int_equal(dev_open_recorder(&bed->medium[i].dev, recording, (unsigned)i, &noting[i]), 0);
		assert_int_equal(dev_open_fault(noting[i], &plan[i], &failing[i]), 0);
	}
	code = bed_resync_on(bed, failing, save, made, error);
	for (int i = 0; i < bed->copies; i++) {
		counts[i] = fault_counted(failing[i]);
		dev_close(failing[i]);
		dev_close(noting[i]);
	}
	return code;
}

static int check_after(struct bed *bed, int code, bool has_written, const struct plan *made,
                       const struct svc_error *error)
{
	/* What could not be reached at all was left out, and the others were made
   * equal among each other. */
	bool is_without = made->authority >= 0 && made->authority != bed->authority;
	struct svc_error rerun;
	struct plan plan;

	if (!code)
		return bed_check_done(bed);
	if (has_written && code != SVC_EXIT_IO && code != SVC_EXIT_INTERRUPTED)
		return bed_wrong(bed, "exit %d after something was written: %s", code, error->text);
	if (code != SVC_EXIT_IO && code != SVC_EXIT_REFUSED && code != SVC_EXIT_OPERATOR && code != SVC_EXIT_NO_COPY)
		return bed_wrong(bed, "exit %d: %s", code, error->text);
	if (!bed_is_authority_intact(bed))
		return bed_wrong(bed, "the authority's data was changed");
	if (!is_without && bed_check_crashed(bed))
		return -1;
	code = bed_resync(bed, NULL, &plan, &rerun);
	if (code)
		return bed_wrong(bed, "the rerun ends with %d: %s", code, rerun.text);
	return bed_check_done(bed);
}

/* One failure: looked at as it left the media, and as it left them when half of what was not flushed is lost. */
static void fail_once(struct bed *bed, int device, const struct fault_plan *one, bool is_saving)
{
	static const char *const names[] = { "read", "write", "flush" };
	struct fault_plan plan[BED_COPIES] = { 0 };
	struct fault_count counts[BED_COPIES];
	struct recording recording = { 0 };
	struct dev *media[BED_COPIES];
	bool has_written = false;
	struct svc_error error;
	struct plan made;
	int code, wrong;

	plan[device] = *one;
	unlink(undo_path);
	code = run_failing(bed, plan, &recording, is_saving ? undo_path : NULL, counts, &made, &error);
	for (size_t i = 0; i < recording.items; i++)
		has_written |= !recording.item[i].is_flush;
	if (!code && counts[device].failed && !one->fail[FAULT_READ].nth)
		wrong = bed_wrong(bed, "what could not be written or flushed was swallowed");
	else
		wrong = check_after(bed, code, has_written, &made, &error);
	if (!wrong && code) {
		bed_roll_back(bed);
		bed_devices(bed, media);
		assert_int_equal(recording_replay(&recording, 0, recording.items, SURVIVE_SECTORS, &seed, media), 0);
		wrong = check_after(bed, code, has_written, &made, &error);
	}
	tried++;
	by_exit[code >= 0 && code < 8 ? code : 7]++;
	for (int o = 0; o < FAULT_OPERATIONS && wrong; o++)
		if (one->fail[o].nth)
			fail_msg("%s, %s, %s number %llu fails with %d%s%s: exit %d (%s): %s", bed->row->scenario,
			         bed->row->copy[device], names[o], (unsigned long long)one->fail[o].nth,
			         one->fail[o].code, one->fail[o].is_short ? ", short" : "", is_saving ? ", saving" : "",
			         code, error.text, bed->why);
	recording_free(&recording);
	bed_roll_back(bed);
}

static unsigned step(void)
{
	const char *text = getenv("SVC_TEST_SCALE");
	long scale = text ? strtol(text, NULL, 10) : SCALE;

	return scale > 0 && scale < 100 ? (unsigned)(100 / scale) : 1;
}

static void fail_each(struct bed *bed, int device, const struct fault_count *count, bool is_saving)
{
	static const struct {
		enum fault_operation operation;
		int code;
		bool is_short;
	} kinds[] = {
		{ FAULT_READ, -EIO, false },   { FAULT_WRITE, -EIO, false },       { FAULT_WRITE, -ENOSPC, false },
		{ FAULT_WRITE, -EIO, true },   { FAULT_FLUSH, -EIO, false },       { FAULT_READ, -ENOTCONN, false },
		{ FAULT_WRITE, -EPIPE, true }, { FAULT_FLUSH, -ETIMEDOUT, false },
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (uint64_t nth = 1 + k % step(); nth <= count->operations[kinds[k].operation]; nth += step()) {
			struct fault_plan plan = { 0 };

			plan.fail[kinds[k].operation].nth = nth;
			plan.fail[kinds[k].operation].code = kinds[k].code;
			plan.fail[kinds[k].operation].is_short = kinds[k].is_short;
			fail_once(bed, device, &plan, is_saving);
		}
}

static void sweep_row(const struct bed_row *row, bool is_saving)
{
	const struct fault_plan none[BED_COPIES] = { 0 };
	struct fault_count counts[BED_COPIES];
	struct recording recording = { 0 };
	struct svc_error error;
	struct plan made;
	struct bed bed;

	if (bed_open(&bed, row))
		fail_msg("there are no images of %s", row->scenario);
	if (bed_first_run(&bed, &recording, NULL))
		fail_msg("%s: %s", row->scenario, bed.why);
	bed_roll_back(&bed);
	recording_free(&recording);
	unlink(undo_path);
	assert_int_equal(run_failing(&bed, none, &recording, is_saving ? undo_path : NULL, counts, &made, &error), 0);
	bed_roll_back(&bed);
	recording_free(&recording);
	for (int i = 0; i < bed.copies; i++)
		fail_each(&bed, i, &counts[i], is_saving);
	bed_close(&bed);
	unlink(undo_path);
}

static void test_devices(void **state)
{
	(void)state;
	for (unsigned r = 0; r < ROWS; r++)
		for (int is_saving = 0; is_saving < 2; is_saving++)
			sweep_row(&rows[r], is_saving);
	print_message("  %llu failures: exit 0 %llu, 2 %llu, 3 %llu, 4 %llu, 5 %llu\n", (unsigned long long)tried,
	              (unsigned long long)by_exit[0], (unsigned long long)by_exit[2], (unsigned long long)by_exit[3],
	              (unsigned long long)by_exit[4], (unsigned long long)by_exit[5]);
	assert_int_equal(by_exit[1] + by_exit[6] + by_exit[7], 0);
	assert_true(by_exit[5] > tried / 2);
}

/* ---- the undo file's disk is full ---- */

static void set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What was overwritten until then was saved: undoing it puts every byte back. */
static void assert_undone(struct bed *bed)
{
	struct svc_error error;
	struct undo *undo;

	if (undo_open(undo_path, false, &undo, &error)) {
		assert_true(bed_is_original(bed));
		return;
	}
	undo_close(undo);
	if (bed_undo(bed, undo_path, &error))
		fail_msg("it cannot be undone: %s", error.text);
	assert_true(bed_is_original(bed));
}

static void test_full_disk(void **state)
{
	struct recording recording = { 0 };
	uint64_t failed = 0;
	struct svc_error error;
	struct plan plan;
	struct bed bed;
	int code;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned r = 0; r < ROWS; r++) {
		unlink(undo_path);
		assert_int_equal(bed_open(&bed, &rows[r]), 0);
		assert_int_equal(bed_first_run(&bed, &recording, undo_path), 0);
		recording_free(&recording);
		bed_roll_back(&bed);
		for (uint64_t limit = 0;; limit += 3001 * step()) {
			unlink(undo_path);
			set_file_limit(limit);
			code = bed_resync(&bed, undo_path, &plan, &error);
			set_file_limit(RLIM_INFINITY);
			if (!code)
				break;
			failed++;
			/* That is no fault of a copy. (Blank and bare ones cannot be probed so, and are left out.) */
			if (code != SVC_EXIT_IO && code != SVC_EXIT_REFUSED)
				fail_msg("%s: exit %d: %s", rows[r].scenario, code, error.text);
			if (plan.actions && error.text[0] && !strstr(error.text, undo_path))
				fail_msg("%s: the undo file is not named: %s", rows[r].scenario, error.text);
			if (code == SVC_EXIT_REFUSED && !bed_is_original(&bed))
				fail_msg("%s: refused after something was written: %s", rows[r].scenario, error.text);
			if (bed_check_crashed(&bed))
				fail_msg("%s, %llu bytes free: %s", rows[r].scenario, (unsigned long long)limit,
				         bed.why);
			assert_undone(&bed);
			bed_roll_back(&bed);
		}
		bed_roll_back(&bed);
		bed_close(&bed);
	}
	unlink(undo_path);
	print_message("  %llu times no room to save\n", (unsigned long long)failed);
	assert_true(failed >= ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_full_disk),
	};

	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	snprintf(undo_path, sizeof(undo_path), "/tmp/svc-nth-%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
