/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sectors that stay bad, or until they are written: on the target and the authority, where blocks in use, free ones, the
 * journal, LVM's metadata, dm-raid's and the record are. A rebuild never ends with 0 while one that it needs cannot be
 * read; one of a target that is named is mended by it; and what fails leaves everything as the other failures do.
 *
 * SVC_TEST_SCALE     percent of the sectors; 100 tries about 60 of each copy; 30, but 6 with AddressSanitizer
 * SVC_TEST_SEED      which of them; 1
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <unistd.h>

#include "dev/fault.h"
#include "rebuild/test_bed.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SCALE = 6 };
#else
enum { SCALE = 30 };
#endif

enum { SECTOR = 512, BY_CHANCE = 30 };

static const struct bed_row rows[] = {
	{ .scenario = "stale-flash", .copy = A_AND_S, .to = "flash-a" },
	{ .scenario = "stale-flash", .copy = A_AND_S, .to = "flash-a", .is_allocated = true },
	{ .scenario = "metadata-old", .copy = A_AND_S, .to = "flash-a" },
	{ .scenario = "no-bootloader-area", .copy = A_AND_S, .to = "flash-a" },
	{ .scenario = "bare-ext4-differs", .copy = A_AND_S, .from = "flash-a", .to = "shared" },
	{ .scenario = "foreign-vg", .copy = A_AND_S, .from = "shared", .to = "flash-a" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static char undo_path[64];
static uint64_t seed, first_seed, tried, mended, refused;

/* What one run with one bad sector came to. */
struct attempt {
	int device;
	uint64_t at;
	bool is_mended, is_saving;
	int code;
	struct plan made;
	struct svc_error error;
	int again; /* judged once more through the devices as they are then: the exit code of svc-compare --full */
};

static int compare_on(struct bed *bed, struct dev *const device[])
{
	struct comparison comparison = { 0 };
	struct verdict verdict = { 0 };
	struct survey survey;
	int code = bed_survey(bed, device, &survey);

	if (!code)
		code = bed_judge(bed, &survey, bed->row->is_allocated ? COMPARE_ALLOCATED : COMPARE_FULL, &comparison,
		                 &verdict);
	compare_free(&comparison);
	bed_survey_close(&survey);
	return code ? code : (int)verdict.exit;
}

static void run(struct bed *bed, struct attempt *attempt)
{
	struct dev *device[BED_COPIES], *bad;
	const struct fault_plan plan = { .bad = { attempt->at, SECTOR }, .is_bad_mended = attempt->is_mended };

	bed_devices(bed, device);
	assert_int_equal(dev_open_fault(device[attempt->device], &plan, &bad), 0);
	device[attempt->device] = bad;
	unlink(undo_path);
	attempt->code =
		bed_resync_on(bed, device, attempt->is_saving ? undo_path : NULL, &attempt->made, &attempt->error);
	if (!attempt->code)
		attempt->again = compare_on(bed, device);
	dev_close(bad);
}

/* What was saved comes back, but for the sector that nobody could read. */
static int check_undone(struct bed *bed, const struct attempt *attempt)
{
	struct medium *medium = &bed->medium[attempt->device];
	struct svc_error error;

	if (!attempt->is_saving || access(undo_path, F_OK))
		return 0;
	if (bed_undo(bed, undo_path, &error))
		return bed_wrong(bed, "it cannot be undone: %s", error.text);
	memcpy(medium->live + attempt->at, medium->original + attempt->at, SECTOR);
	return bed_is_original(bed) ? 0 : bed_wrong(bed, "undoing leaves more changed than the bad sector");
}

static int check(struct bed *bed, const struct attempt *attempt)
{
	struct svc_error error;
	struct plan plan;

	if (!attempt->code && attempt->again)
		return bed_wrong(bed, "exit 0, and then svc-compare says %d", attempt->again);
	if (!attempt->code)
		return bed_check_done(bed) ? -1 : check_undone(bed, attempt);
	if (attempt->is_mended && attempt->device != bed->authority)
		return bed_wrong(bed, "the target is named, and not mended");
	if (attempt->code != SVC_EXIT_IO && attempt->code != SVC_EXIT_OPERATOR && attempt->code != SVC_EXIT_REFUSED &&
	    attempt->code != SVC_EXIT_NO_COPY)
		return bed_wrong(bed, "that is no exit code for it");
	if (!bed_is_authority_intact(bed))
		return bed_wrong(bed, "the authority's data was changed");
	if (attempt->device == bed->authority && attempt->made.authority == bed->authority && attempt->made.actions &&
	    !attempt->made.is_whole[!bed->authority] && !bed_is_original(bed))
		return bed_wrong(bed, "what the authority lacks was found after something was written");
	if (bed_check_crashed(bed))
		return -1;
	if (bed_resync(bed, NULL, &plan, &error))
		return bed_wrong(bed, "the rerun fails: %s", error.text);
	return bed_check_done(bed);
}

static void strike(struct bed *bed, int device, uint64_t at)
{
	for (int kind = 0; kind < 4; kind++) {
		struct attempt *attempt = calloc(1, sizeof(*attempt));

		assert_non_null(attempt);
		attempt->device = device;
		attempt->at = at / SECTOR * SECTOR;
		attempt->is_mended = kind & 1;
		attempt->is_saving = kind & 2;
		run(bed, attempt);
		tried++;
		mended += !attempt->code && attempt->is_mended;
		refused += attempt->code != 0;
		if (check(bed, attempt))
			fail_msg("SVC_TEST_SEED=%llu: %s%s%s, %s, bad sector at byte %llu%s: exit %d (%s): %s",
			         (unsigned long long)first_seed, bed->row->scenario,
			         bed->row->is_allocated ? ", allocated" : "", attempt->is_saving ? ", saving" : "",
			         bed->row->copy[device], (unsigned long long)attempt->at,
			         attempt->is_mended ? " until it is written" : "", attempt->code, attempt->error.text,
			         bed->why);
		free(attempt);
		bed_roll_back(bed);
	}
}

static bool is_chosen(void)
{
	const char *text = getenv("SVC_TEST_SCALE");
	uint64_t scale = text ? strtoull(text, NULL, 10) : SCALE;

	return recorder_random(&seed) % 100 < scale;
}

/* Where the rebuild writes, on its target; and places of the leg by chance. */
static void strike_row(const struct bed_row *row)
{
	struct recording recording = { 0 };
	struct bed bed;

	if (bed_open(&bed, row))
		fail_msg("there are no images of %s", row->scenario);
	if (bed_first_run(&bed, &recording, NULL))
		fail_msg("%s: %s", row->scenario, bed.why);
	bed_roll_back(&bed);
	for (size_t n = 0; n < recording.items; n++) {
		const struct recorded *item = &recording.item[n];

		if (!item->is_flush && is_chosen())
			strike(&bed, (int)item->device, item->offset + recorder_random(&seed) % item->length);
	}
	for (int i = 0; i < bed.copies; i++)
		for (int n = 0; n < BY_CHANCE; n++)
			if (is_chosen())
				strike(&bed, i,
				       bed_at(&bed.medium[i], recorder_random(&seed) % bed_leg_bytes(&bed.medium[i])));
	recording_free(&recording);
	bed_close(&bed);
	unlink(undo_path);
}

static void test_bad_sectors(void **state)
{
	(void)state;
	for (unsigned r = 0; r < ROWS; r++)
		strike_row(&rows[r]);
	print_message("  seed %llu: %llu runs with a bad sector: %llu mended, %llu refused or failed\n",
	              (unsigned long long)first_seed, (unsigned long long)tried, (unsigned long long)mended,
	              (unsigned long long)refused);
	assert_true(mended && refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_sectors),
	};

	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	snprintf(undo_path, sizeof(undo_path), "/tmp/svc-sectors-%d", (int)getpid());
	first_seed = seed = getenv("SVC_TEST_SEED") ? strtoull(getenv("SVC_TEST_SEED"), NULL, 10) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
