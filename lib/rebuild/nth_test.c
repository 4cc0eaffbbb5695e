/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every read, write and flush of every device fails in turn, once or from then on, every write is lost in turn while
 * this host's cache shows it, and the undo file meets a full disk: the rebuild never ends with 0 unless all is right,
 * the authority is untouched, the target marked or as it was, and a rerun finishes. So with what undoes it. What was not
 * flushed before the failure may be lost as well.
 *
 * SVC_TEST_SCALE     percent of the failures; 100 tries every one; 33, but 2 with AddressSanitizer
 * SVC_TEST_SEED      which of them; 1
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
enum { SCALE = 2 };
#else
enum { SCALE = 33 };
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
static uint64_t seed, first_seed, tried, by_exit[8];
static uint8_t *rebuilt[BED_COPIES]; /* the media after a rebuild that nothing went wrong in */

/* ---- one failure ---- */

/* A run of something on devices that fail, noting what reaches the media. */
struct attempt {
	struct fault_plan plan[BED_COPIES];
	struct fault_count count[BED_COPIES];
	struct recording recording;
	struct plan made;
	struct svc_error error;
	bool is_saving, is_lying, is_stubborn;
	int code;
	char wrong[600]; /* the same again where a lie was found: this host's cache still shows it */
};

/*
 * Where the cache shows for ever what the medium does not have, the mark's end may be what was lost: then nothing is left
 * to do, and the data is right. Of a bare file system the mark is in the data.
 */
static int check_legs(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++)
		if (bed->is_target[i] && bed->medium[i].metas && !bed_is_done(bed, i, NULL, 0))
			return bed_wrong(bed, "proven on the second run, and %s's medium differs", bed->row->copy[i]);
	return 0;
}

static void run_failing(struct bed *bed, struct attempt *attempt, bool is_undo)
{
	struct dev *noting[BED_COPIES] = { NULL }, *failing[SVC_COPIES_MAX] = { NULL };

	for (int i = 0; i < bed->copies; i++) {
		assert_int_equal(dev_open_recorder(&bed->medium[i].dev, &attempt->recording, (unsigned)i, &noting[i]),
		                 0);
		assert_int_equal(dev_open_fault(noting[i], &attempt->plan[i], &failing[i]), 0);
	}
	if (is_undo)
		attempt->code = bed_undo_on(failing, undo_path, &attempt->error);
	else
		attempt->code = bed_resync_on(bed, failing, attempt->is_saving ? undo_path : NULL, &attempt->made,
		                              &attempt->error);
	if (attempt->is_lying && attempt->code) {
		struct svc_error error;
		struct plan again;

		if (bed_check_crashed(bed) || (!bed_resync_on(bed, failing, NULL, &again, &error) &&
		                               (attempt->is_stubborn ? check_legs(bed) : bed_check_done(bed))))
			memcpy(attempt->wrong, bed->why, sizeof(attempt->wrong));
	}
	for (int i = 0; i < bed->copies; i++) {
		attempt->count[i] = fault_counted(failing[i]);
		dev_close(failing[i]);
		dev_close(noting[i]);
	}
}

static bool has_written(const struct attempt *attempt)
{
	for (size_t i = 0; i < attempt->recording.items; i++)
		if (!attempt->recording.item[i].is_flush)
			return true;
	return false;
}

/* What a rebuild calls proven is on the media to the last byte, whatever the cache shows. */
static int check_rebuilt(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++)
		if (memcmp(bed->medium[i].live, rebuilt[i], bed->medium[i].size) != 0)
			return bed_wrong(bed, "exit 0, and %s's medium does not have all that was written",
			                 bed->row->copy[i]);
	return 0;
}

static int check_after(struct bed *bed, const struct attempt *attempt)
{
	/* What could not be reached at all was left out, and the others were made
	 * equal among each other. */
	bool is_without = attempt->made.authority >= 0 && attempt->made.authority != bed->authority;
	int code = attempt->code;
	struct svc_error rerun;
	struct plan plan;

	if (!code)
		return bed_check_done(bed);
	if (has_written(attempt) && code != SVC_EXIT_IO && code != SVC_EXIT_INTERRUPTED)
		return bed_wrong(bed, "exit %d after something was written: %s", code, attempt->error.text);
	if (code != SVC_EXIT_IO && code != SVC_EXIT_REFUSED && code != SVC_EXIT_OPERATOR && code != SVC_EXIT_NO_COPY)
		return bed_wrong(bed, "exit %d: %s", code, attempt->error.text);
	if (!bed_is_authority_intact(bed))
		return bed_wrong(bed, "the authority's data was changed");
	if (!is_without && bed_check_crashed(bed))
		return -1;
	code = bed_resync(bed, NULL, &plan, &rerun);
	if (code)
		return bed_wrong(bed, "the rerun ends with %d: %s", code, rerun.text);
	return bed_check_done(bed);
}

/* The media as they are when half of what was not flushed is lost. */
static void lose_half(struct bed *bed, const struct attempt *attempt)
{
	struct dev *media[BED_COPIES];

	bed_roll_back(bed);
	bed_devices(bed, media);
	assert_int_equal(
		recording_replay(&attempt->recording, 0, attempt->recording.items, SURVIVE_SECTORS, &seed, media), 0);
}

static int check_failed(struct bed *bed, int device, const struct attempt *attempt)
{
	const struct fault_plan *plan = &attempt->plan[device];
	int wrong;

	if (!attempt->code && attempt->is_lying && check_rebuilt(bed))
		return -1;
	if (attempt->wrong[0])
		return bed_wrong(bed, "%s", attempt->wrong);
	if (!attempt->code && attempt->count[device].failed && !plan->fail[FAULT_READ].nth && !attempt->is_lying)
		return bed_wrong(bed, "what could not be written or flushed was swallowed");
	wrong = check_after(bed, attempt);
	if (wrong || !attempt->code)
		return wrong;
	lose_half(bed, attempt);
	return check_after(bed, attempt);
}

/* ---- the kinds of failures, and where they strike ---- */

static const struct kind {
	enum fault_operation operation;
	int code;
	bool is_short, is_lasting, is_lost, is_stubborn;
} kinds[] = {
	{ FAULT_READ, -EIO, .is_short = false },
	{ FAULT_WRITE, -EIO, .is_short = false },
	{ FAULT_WRITE, -ENOSPC, .is_short = false },
	{ FAULT_WRITE, -EIO, .is_short = true },
	{ FAULT_FLUSH, -EIO, .is_short = false },
	{ FAULT_READ, -ENOTCONN, .is_lasting = true },
	{ FAULT_WRITE, -EPIPE, .is_short = true, .is_lasting = true },
	{ FAULT_FLUSH, -ETIMEDOUT, .is_lasting = true },
	{ FAULT_WRITE, 0, .is_lost = true },
	{ FAULT_WRITE, 0, .is_lost = true, .is_lasting = true },
	{ FAULT_WRITE, 0, .is_lost = true, .is_stubborn = true },
};

static void complain(const struct bed *bed, const char *what, int device, const struct kind *kind, uint64_t nth,
                     const struct attempt *attempt)
{
	static const char *const names[] = { "read", "write", "flush" };

	fail_msg("SVC_TEST_SEED=%llu: %s of %s%s, %s, %s number %llu%s %s%s (%d): exit %d (%s): %s",
	         (unsigned long long)first_seed, what, bed->row->scenario, attempt->is_saving ? ", saving" : "",
	         bed->row->copy[device], names[kind->operation], (unsigned long long)nth,
	         kind->is_lasting ? " and all after it" : "", kind->is_lost ? "lost" : "failing",
	         kind->is_short ? ", short" : "", kind->code, attempt->code, attempt->error.text, bed->why);
}

static struct fault_plan plan_of(const struct kind *kind, uint64_t nth)
{
	struct fault_plan plan = { 0 };

	plan.fail[kind->operation].nth = nth;
	plan.fail[kind->operation].code = kind->code;
	plan.fail[kind->operation].is_short = kind->is_short;
	plan.fail[kind->operation].is_lasting = kind->is_lasting;
	plan.fail[kind->operation].is_lost = kind->is_lost;
	plan.fail[kind->operation].is_stubborn = kind->is_stubborn;
	return plan;
}

static unsigned step(void)
{
	const char *text = getenv("SVC_TEST_SCALE");
	long scale = text ? strtol(text, NULL, 10) : SCALE;

	return scale > 0 && scale < 100 ? (unsigned)(100 / scale) : 1;
}

/* Every one, or each of step() from one by chance on. */
static void strike(struct bed *bed, const struct fault_count count[], bool is_saving,
                   void (*once)(struct bed *bed, int device, const struct kind *kind, uint64_t nth, bool is_saving))
{
	for (int i = 0; i < bed->copies; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			uint64_t nth = 1 + recorder_random(&seed) % step();

			for (; nth <= count[i].operations[kinds[k].operation]; nth += step())
				once(bed, i, &kinds[k], nth, is_saving);
		}
}

/* ---- a rebuild ---- */

static void fail_rebuild(struct bed *bed, int device, const struct kind *kind, uint64_t nth, bool is_saving)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	assert_non_null(attempt);
	attempt->is_saving = is_saving;
	attempt->is_lying = kind->is_lost;
	attempt->is_stubborn = kind->is_stubborn;
	attempt->plan[device] = plan_of(kind, nth);
	unlink(undo_path);
	run_failing(bed, attempt, false);
	tried++;
	by_exit[attempt->code >= 0 && attempt->code < 8 ? attempt->code : 7]++;
	if (check_failed(bed, device, attempt))
		complain(bed, "the rebuild", device, kind, nth, attempt);
	recording_free(&attempt->recording);
	free(attempt);
	bed_roll_back(bed);
}

/* One run that nothing goes wrong in: the operations there are. */
static void count_operations(struct bed *bed, bool is_undo, bool is_saving, struct fault_count count[])
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	assert_non_null(attempt);
	attempt->is_saving = is_saving;
	run_failing(bed, attempt, is_undo);
	if (attempt->code)
		fail_msg("%s: nothing fails, and it ends with %d: %s", bed->row->scenario, attempt->code,
		         attempt->error.text);
	memcpy(count, attempt->count, sizeof(attempt->count));
	recording_free(&attempt->recording);
	free(attempt);
	bed_roll_back(bed);
}

/* The scenario's media, and what a first run makes of them: `rebuilt`. */
static void open_row(struct bed *bed, const struct bed_row *row, const char *save)
{
	struct recording recording = { 0 };

	unlink(undo_path);
	if (bed_open(bed, row))
		fail_msg("there are no images of %s", row->scenario);
	if (bed_first_run(bed, &recording, save))
		fail_msg("%s: %s", row->scenario, bed->why);
	for (int i = 0; i < bed->copies; i++) {
		rebuilt[i] = malloc(bed->medium[i].size);
		assert_non_null(rebuilt[i]);
		memcpy(rebuilt[i], bed->medium[i].live, bed->medium[i].size);
	}
	recording_free(&recording);
}

static void close_row(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++)
		free(rebuilt[i]);
	bed_close(bed);
	unlink(undo_path);
}

static void sweep_row(const struct bed_row *row, bool is_saving)
{
	struct fault_count count[BED_COPIES];
	struct bed bed;

	open_row(&bed, row, NULL);
	bed_roll_back(&bed);
	count_operations(&bed, false, is_saving, count);
	strike(&bed, count, is_saving, fail_rebuild);
	close_row(&bed);
}

static void print_tried(const char *what)
{
	print_message("  seed %llu: %llu failures of %s: exit 0 %llu, 2 %llu, 3 %llu, 4 %llu, 5 %llu\n",
	              (unsigned long long)first_seed, (unsigned long long)tried, what, (unsigned long long)by_exit[0],
	              (unsigned long long)by_exit[2], (unsigned long long)by_exit[3], (unsigned long long)by_exit[4],
	              (unsigned long long)by_exit[5]);
}

static void test_rebuild(void **state)
{
	(void)state;
	for (unsigned r = 0; r < ROWS; r++)
		for (int is_saving = 0; is_saving < 2; is_saving++)
			sweep_row(&rows[r], is_saving);
	print_tried("rebuilds");
	assert_int_equal(by_exit[1] + by_exit[6] + by_exit[7], 0);
	assert_true(by_exit[5] > tried / 2);
}

/* ---- its undoing ---- */

/* The undo file, as it is at some moment. */
struct file {
	uint8_t *bytes;
	size_t length;
};

static struct file load_undo(void)
{
	FILE *stream = fopen(undo_path, "re");
	struct file file;

	assert_non_null(stream);
	assert_int_equal(fseek(stream, 0, SEEK_END), 0);
	file.length = (size_t)ftell(stream);
	file.bytes = malloc(file.length);
	rewind(stream);
	assert_true(file.bytes && fread(file.bytes, 1, file.length, stream) == file.length);
	fclose(stream);
	return file;
}

static void store_undo(const struct file *file)
{
	FILE *stream = fopen(undo_path, "we");

	assert_true(stream && fwrite(file->bytes, 1, file->length, stream) == file->length && !fclose(stream));
}

static struct file finished; /* of the rebuild */

/* It ends with 0 where all is as it was before the rebuild, and else the next one makes it so. */
static int check_undone(struct bed *bed, const struct attempt *attempt)
{
	struct svc_error error;

	if (!attempt->code)
		return bed_is_original(bed) ? 0 : bed_wrong(bed, "not all is as it was");
	if (bed_check_crashed(bed))
		return -1;
	if (bed_undo(bed, undo_path, &error))
		return bed_wrong(bed, "undoing again fails: %s", error.text);
	return bed_is_original(bed) ? 0 : bed_wrong(bed, "after undoing again not all is as it was");
}

static void fail_undo(struct bed *bed, int device, const struct kind *kind, uint64_t nth, bool is_saving)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	struct file left;
	int wrong;

	(void)is_saving;
	assert_non_null(attempt);
	attempt->plan[device] = plan_of(kind, nth);
	store_undo(&finished);
	run_failing(bed, attempt, true);
	left = load_undo();
	tried++;
	by_exit[attempt->code ? 5 : 0]++;
	wrong = check_undone(bed, attempt);
	if (!wrong && attempt->code) {
		store_undo(&left);
		lose_half(bed, attempt);
		wrong = check_undone(bed, attempt);
	}
	if (wrong)
		complain(bed, "undoing", device, kind, nth, attempt);
	free(left.bytes);
	recording_free(&attempt->recording);
	free(attempt);
	bed_roll_back(bed);
}

static void test_undo(void **state)
{
	struct fault_count count[BED_COPIES];
	struct bed bed;

	(void)state;
	tried = 0;
	memset(by_exit, 0, sizeof(by_exit));
	for (unsigned r = 0; r < ROWS; r++) {
		open_row(&bed, &rows[r], undo_path);
		for (int i = 0; i < bed.copies; i++)
			medium_settle(&bed.medium[i]);
		finished = load_undo();
		count_operations(&bed, true, false, count);
		strike(&bed, count, false, fail_undo);
		free(finished.bytes);
		close_row(&bed);
	}
	print_tried("undoing");
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
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_full_disk),
	};

	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	snprintf(undo_path, sizeof(undo_path), "/tmp/svc-nth-%d", (int)getpid());
	first_seed = seed = getenv("SVC_TEST_SEED") ? strtoull(getenv("SVC_TEST_SEED"), NULL, 10) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
