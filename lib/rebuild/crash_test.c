/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A power cut at every moment of a rebuild. Each scenario is rebuilt once while every write and flush is
 * noted; then the media are built as a cut after each of them may leave them: what was not flushed is
 * kept, lost, or torn into sectors. From each such state the copies are judged, the rebuild is run again
 * (now and then it is cut a second time), and for some the undo file puts everything back. Then the same is
 * done to the undo of the whole rebuild.
 *
 * SVC_TEST_SCALE     percent of the states; 100, but 10 with AddressSanitizer
 * SVC_TEST_SEED      another choice of what survives
 * SVC_TEST_SECONDS   go on with further seeds for so long
 * SVC_TEST_VERBOSE   every failure, not only the first
 * SVC_TEST_STATE     SCENARIO:KIND:PREFIX:VARIANT, as a failure prints it: this one alone
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rebuild/test_bed.h"
#include "rebuild/undo.h"

enum { WORKERS = 2, HANG_SECONDS = 60, VARIANTS = 12, UNDO_VARIANTS = 6, STATES_WANTED = 10000 };

#if defined(__SANITIZE_ADDRESS__)
enum { SCALE = 10 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SCALE = 10 };
#else
enum { SCALE = 100 };
#endif
#else
enum { SCALE = 100 };
#endif

static const struct bed_row rows[] = {
	{ .scenario = "stale-flash", .copy = A_AND_S },
	{ .scenario = "stale-flash", .copy = A_AND_S, .is_allocated = true },
	{ .scenario = "stale-flash", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "stale-shared", .copy = A_AND_S },
	{ .scenario = "three-two-stale", .copy = A_B_AND_S },
	{ .scenario = "three-two-stale", .copy = A_B_AND_S, .to = "shared" },
	{ .scenario = "three-chain", .copy = A_B_AND_S },
	{ .scenario = "three-one-blank", .copy = A_B_AND_S },
	{ .scenario = "blank", .copy = A_AND_S },
	{ .scenario = "dirty-crash", .copy = A_AND_S },
	{ .scenario = "dirty-degraded", .copy = A_AND_S },
	{ .scenario = "interrupted-recovery", .copy = A_AND_S },
	{ .scenario = "split-equal", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "split-equal", .copy = A_AND_S, .from = "shared" },
	{ .scenario = "split-unequal", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "split-three", .copy = A_B_AND_S, .from = "flash-b" },
	{ .scenario = "mismatch", .copy = A_AND_S, .from = "shared" },
	{ .scenario = "mismatch", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "foreign-swap", .copy = A_AND_S, .from = "shared", .to = "flash-a" },
	{ .scenario = "foreign-vg", .copy = A_AND_S, .from = "shared", .to = "flash-a" },
	{ .scenario = "foreign-ext4", .copy = A_AND_S, .from = "shared", .to = "flash-a" },
	{ .scenario = "no-bootloader-area", .copy = A_AND_S },
	{ .scenario = "bare-ext4-differs", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "bare-ext4-differs", .copy = A_AND_S, .from = "shared" },
	{ .scenario = "old-mirror-dirty", .copy = A_AND_S, .is_old = true },
	{ .scenario = "metadata-old", .copy = A_AND_S },
	{ .scenario = "damaged-fs", .copy = A_AND_S },
	{ .scenario = "damaged-label", .copy = A_AND_S },
	{ .scenario = "damaged-metadata", .copy = A_AND_S },
	{ .scenario = "damaged-superblock", .copy = A_AND_S },
	{ .scenario = "record-foreign", .copy = A_AND_S, .from = "flash-a" },
	{ .scenario = "record-foreign", .copy = A_AND_S, .from = "shared" },
	{ .scenario = "pe-64k", .copy = A_AND_S },
	{ .scenario = "blocks-1k", .copy = A_AND_S },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* What is asked for from outside. */
static struct {
	uint64_t seed;
	unsigned scale;
	long seconds;
	const char *only;
} wish;

/* What the workers tell; shared memory. */
struct tally {
	char where[120]; /* the state being tried */
	uint64_t states, cut_twice, undone, failures;
	char first[800];
};

struct sweep {
	struct bed bed;
	struct recording recording;
	enum { CUT_PLAIN = 'p', CUT_SAVING = 's', CUT_UNDO = 'u' } kind; /* what is cut: a rebuild, or an undo */
	char undo_path[64];
	uint8_t *undo; /* the whole file */
	size_t undo_bytes;
	struct tally *tally;
	unsigned worker;
	uint64_t number; /* of states, both workers' */
};

static uint64_t undo_file_size(void *context)
{
	struct stat now;

	return stat(context, &now) ? 0 : (uint64_t)now.st_size;
}

/* Where undo.h has the notes: what states the file has reached is noted after all else. */
static void forget_notes(uint8_t *undo, int states)
{
	memset(undo + 4096 + states * 512, 0, 4096 - (size_t)states * 512);
}

static void load_undo(struct sweep *sweep)
{
	FILE *file = fopen(sweep->undo_path, "re");

	if (!file)
		return;
	sweep->undo_bytes = undo_file_size(sweep->undo_path);
	sweep->undo = malloc(sweep->undo_bytes);
	if (!sweep->undo || fread(sweep->undo, 1, sweep->undo_bytes, file) != sweep->undo_bytes)
		abort();
	fclose(file);
	unlink(sweep->undo_path);
	forget_notes(sweep->undo, UNDO_OPEN);
}

/* ---- one state ---- */

/* How far the pending writes reach back: the first one that a cut after `prefix` items may have lost. */
static size_t first_pending(const struct recording *recording, size_t prefix)
{
	size_t first = prefix;

	for (size_t i = prefix; i > 0; i--)
		if (!recording->item[i - 1].is_flush &&
		    i - 1 >= recording_durable(recording, recording->item[i - 1].device, prefix))
			first = i - 1;
	return first;
}

static int put_state(struct sweep *sweep, size_t first, size_t prefix, enum survival survival, uint64_t seed)
{
	struct dev *device[BED_COPIES];

	bed_devices(&sweep->bed, device);
	return recording_replay(&sweep->recording, first, prefix, survival, &seed, device);
}

static enum survival survival_of(unsigned variant)
{
	return (enum survival)(variant < 2 ? variant : 2 + variant % (SURVIVALS - 2));
}

static int record_undo(struct sweep *sweep, struct recording *recording)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	struct bed *bed = &sweep->bed;
	struct svc_error error;
	int code = 0;

	for (int i = 0; i < bed->copies && !code; i++)
		code = dev_open_recorder(&bed->medium[i].dev, recording, (unsigned)i, &device[i]);
	if (!code && bed_undo_on(device, sweep->undo_path, &error))
		code = bed_wrong(bed, "undoing fails: %s", error.text);
	for (int i = 0; i < bed->copies; i++)
		dev_close(device[i]);
	return code;
}

static void write_undo(const struct sweep *sweep, const uint8_t *bytes, size_t length)
{
	FILE *file = fopen(sweep->undo_path, "we");

	if (!file || fwrite(bytes, 1, length, file) != length || fclose(file))
		abort();
}

static int undo_all(struct sweep *sweep, const char *path, const char *what)
{
	struct svc_error error;

	if (bed_undo(&sweep->bed, path, &error))
		return bed_wrong(&sweep->bed, "%s: undoing fails: %s", what, error.text);
	return 0;
}

/* The rebuild goes on with the file and comes to its end; or with another file, and then the first one is not undone first. */
static int check_undo_of_rerun(struct sweep *sweep, bool is_same_file)
{
	char other[80];
	struct svc_error error;
	struct plan plan;
	int code;

	snprintf(other, sizeof(other), "%s-other", sweep->undo_path);
	unlink(other);
	code = bed_resync(&sweep->bed, is_same_file ? sweep->undo_path : other, &plan, &error);
	if (code)
		return bed_wrong(&sweep->bed, "the rerun with %s undo file ends with %d: %s",
		                 is_same_file ? "its" : "another", code, error.text);
	if (is_same_file || !plan.actions)
		return undo_all(sweep, sweep->undo_path, "after the rerun");
	code = bed_undo(&sweep->bed, sweep->undo_path, &error);
	if (!code && !bed_is_original(&sweep->bed) && bed_check_done(&sweep->bed))
		return bed_wrong(&sweep->bed, "the first file makes a mix of what the other one's run made");
	if (code && code != -ESTALE)
		return bed_wrong(&sweep->bed, "the first file after the other: %s", error.text);
	code = bed_is_original(&sweep->bed) ? 0 : undo_all(sweep, other, "the other file");
	if (!code)
		code = undo_all(sweep, sweep->undo_path, "the first file, after the other");
	unlink(other);
	return code;
}

/*
 * What was saved when the cut came puts every byte back, at once or after the rebuild went on. The file may
 * end in a torn entry.
 */
static int check_undo(struct sweep *sweep, size_t prefix, uint64_t *seed)
{
	const struct recorded *item = sweep->recording.item;
	uint64_t least = prefix ? item[prefix - 1].stamp : item[0].stamp;
	uint64_t most = prefix < sweep->recording.items ? item[prefix].stamp : sweep->undo_bytes;
	uint64_t cut = least + (most > least ? recorder_random(seed) % (most - least + 1) : 0);
	uint64_t how = recorder_random(seed) % 4;
	int code;

	write_undo(sweep, sweep->undo, cut);
	code = how < 2 ? undo_all(sweep, sweep->undo_path, "as it is") : check_undo_of_rerun(sweep, how == 2);
	if (!code && !bed_is_original(&sweep->bed))
		code = bed_wrong(&sweep->bed, "undoing leaves something changed");
	unlink(sweep->undo_path);
	sweep->tally->undone++;
	return code;
}

/* The rebuild from this state, to its end. */
static int check_rerun(struct sweep *sweep, bool is_repeated)
{
	struct svc_error error;
	struct plan plan;
	int code = bed_resync(&sweep->bed, NULL, &plan, &error);

	if (code)
		return bed_wrong(&sweep->bed, "the rerun ends with %d: %s", code, error.text);
	code = bed_check_done(&sweep->bed);
	if (code || !is_repeated)
		return code;
	code = bed_resync(&sweep->bed, NULL, &plan, &error);
	if (code || plan.actions)
		return bed_wrong(&sweep->bed, "a run after the rerun ends with %d and has %d actions", code,
		                 plan.actions);
	return 0;
}

/* The rerun is cut too, at a moment by chance. */
static int check_cut_twice(struct sweep *sweep, size_t first, size_t prefix, enum survival survival, uint64_t seed)
{
	struct recording second = { 0 };
	struct dev *device[BED_COPIES];
	struct svc_error error;
	struct plan plan;
	int code = bed_record(&sweep->bed, &second, NULL, &plan, &error);

	bed_devices(&sweep->bed, device);
	if (code) {
		code = bed_wrong(&sweep->bed, "the rerun ends with %d: %s", code, error.text);
	} else {
		bed_roll_back(&sweep->bed);
		code = put_state(sweep, first, prefix, survival, seed);
		if (!code)
			code = recording_replay(&second, 0, second.items ? recorder_random(&seed) % second.items : 0,
			                        (enum survival)(recorder_random(&seed) % SURVIVALS), &seed, device);
		if (!code)
			code = bed_check_crashed(&sweep->bed);
		if (!code)
			code = check_rerun(sweep, false);
		sweep->tally->cut_twice++;
	}
	recording_free(&second);
	return code;
}

static int check_rebuild_cut(struct sweep *sweep, size_t first, size_t prefix, unsigned variant, uint64_t own)
{
	enum survival survival = survival_of(variant);
	struct bed *bed = &sweep->bed;
	int code = check_rerun(sweep, variant == 0);

	if (!code && variant % 4 == 3) {
		bed_roll_back(bed);
		code = put_state(sweep, first, prefix, survival, own);
		if (!code)
			code = check_cut_twice(sweep, first, prefix, survival, own);
	}
	if (!code && sweep->undo && sweep->number / WORKERS % 5 == 0) {
		bed_roll_back(bed);
		code = put_state(sweep, first, prefix, survival, own);
		if (!code)
			code = check_undo(sweep, prefix, &own);
	}
	return code;
}

/* What an undo that was cut left is put back by the next one; now and then that is cut as well. */
static int check_undo_cut(struct sweep *sweep, size_t first, size_t prefix, unsigned variant, uint64_t own)
{
	struct bed *bed = &sweep->bed;
	int code = 0;

	write_undo(sweep, sweep->undo, sweep->undo_bytes);
	if (variant % 2) {
		struct recording second = { 0 };
		struct dev *device[BED_COPIES];

		bed_devices(bed, device);
		code = record_undo(sweep, &second);
		bed_roll_back(bed);
		if (!code)
			code = put_state(sweep, first, prefix, survival_of(variant), own);
		if (!code && second.items)
			code = recording_replay(&second, 0, recorder_random(&own) % second.items,
			                        (enum survival)(recorder_random(&own) % SURVIVALS), &own, device);
		recording_free(&second);
		if (!code)
			code = bed_check_crashed(bed);
		write_undo(sweep, sweep->undo, sweep->undo_bytes);
		sweep->tally->cut_twice++;
	}
	if (!code)
		code = undo_all(sweep, sweep->undo_path, "cut while undoing");
	if (!code && !bed_is_original(bed))
		code = bed_wrong(bed, "undoing again leaves something changed");
	unlink(sweep->undo_path);
	sweep->tally->undone++;
	return code;
}

static void check_state(struct sweep *sweep, size_t first, size_t prefix, unsigned variant, uint64_t seed)
{
	struct tally *tally = sweep->tally;
	struct bed *bed = &sweep->bed;
	uint64_t own = seed ^ prefix << 20 ^ variant;
	int code;

	snprintf(tally->where, sizeof(tally->where), "%s%s%s:%c:%zu:%u", bed->row->scenario, bed->row->from ? "+" : "",
	         bed->row->from ? bed->row->from : "", sweep->kind, prefix, variant);
	if (wish.only && strcmp(wish.only, tally->where) != 0)
		return;
	if (sweep->number++ % WORKERS != sweep->worker)
		return;
	alarm(HANG_SECONDS);
	code = put_state(sweep, first, prefix, survival_of(variant), own);
	if (!code)
		code = bed_check_crashed(bed);
	if (!code && sweep->kind == CUT_UNDO)
		code = check_undo_cut(sweep, first, prefix, variant, own);
	else if (!code)
		code = check_rebuild_cut(sweep, first, prefix, variant, own);
	tally->states++;
	if (code && getenv("SVC_TEST_VERBOSE"))
		fprintf(stderr, "%s: %s\n", tally->where, bed->why);
	if (code && !tally->failures++)
		snprintf(tally->first, sizeof(tally->first), "SVC_TEST_SEED=%llu SVC_TEST_STATE=%s: %s",
		         (unsigned long long)seed, tally->where, bed->why);
	bed_roll_back(bed);
}

/* ---- all states of a rebuild ---- */

/* A flush makes what the device was given before it part of the base. */
static void advance(struct sweep *sweep, size_t prefix)
{
	const struct recorded *flush = &sweep->recording.item[prefix - 1];
	struct medium *medium = &sweep->bed.medium[flush->device];

	if (!flush->is_flush)
		return;
	for (size_t i = recording_durable(&sweep->recording, flush->device, prefix - 1); i < prefix; i++) {
		const struct recorded *item = &sweep->recording.item[i];

		if (!item->is_flush && item->device == flush->device)
			dev_write(&medium->dev, item->bytes, item->length, item->offset);
	}
	medium_settle(medium);
}

static void sweep_states(struct sweep *sweep, uint64_t seed)
{
	unsigned all = sweep->kind == CUT_UNDO ? UNDO_VARIANTS : VARIANTS;
	unsigned variants = wish.scale > 100 ? wish.scale * all / 100 : all;
	unsigned every = wish.scale < 100 ? 100 / wish.scale : 1;

	for (size_t prefix = 0; prefix <= sweep->recording.items; prefix++) {
		size_t first;

		if (prefix)
			advance(sweep, prefix);
		first = first_pending(&sweep->recording, prefix);
		for (unsigned variant = 0; variant < (first < prefix ? variants : 1); variant++)
			if (wish.only || every == 1 || (prefix + variant) % every == seed % every)
				check_state(sweep, first, prefix, variant, seed);
	}
	alarm(0);
}

/* From the rebuilt media, which are the base now, back to where they were: one whole undo, and all its cuts. */
static void sweep_undo(struct sweep *sweep, uint64_t seed)
{
	FILE *file;

	sweep->kind = CUT_UNDO;
	write_undo(sweep, sweep->undo, sweep->undo_bytes);
	recording_free(&sweep->recording);
	sweep->recording = (struct recording){ 0 };
	if (record_undo(sweep, &sweep->recording) || !bed_is_original(&sweep->bed)) {
		if (!sweep->tally->failures++)
			snprintf(sweep->tally->first, sizeof(sweep->tally->first), "%s: %s", sweep->bed.row->scenario,
			         sweep->bed.why[0] ? sweep->bed.why : "undoing leaves something changed");
		return;
	}
	file = fopen(sweep->undo_path, "re");
	if (!file || fread(sweep->undo, 1, sweep->undo_bytes, file) != sweep->undo_bytes || fclose(file))
		abort();
	forget_notes(sweep->undo, UNDO_BEGUN);
	bed_roll_back(&sweep->bed);
	sweep_states(sweep, seed);
}

static void sweep_row(const struct bed_row *row, bool is_saving, unsigned worker, uint64_t seed, struct tally *tally)
{
	struct sweep sweep = { .kind = is_saving ? CUT_SAVING : CUT_PLAIN, .tally = tally, .worker = worker };

	snprintf(sweep.undo_path, sizeof(sweep.undo_path), "/tmp/svc-crash-%d", (int)getpid());
	sweep.recording.stamp = undo_file_size;
	sweep.recording.context = sweep.undo_path;
	unlink(sweep.undo_path);
	if (bed_open(&sweep.bed, row)) {
		tally->failures++;
		snprintf(tally->first, sizeof(tally->first), "there are no images of %s", row->scenario);
		return;
	}
	if (bed_first_run(&sweep.bed, &sweep.recording, is_saving ? sweep.undo_path : NULL)) {
		if (!tally->failures++)
			snprintf(tally->first, sizeof(tally->first), "%s: %s", row->scenario, sweep.bed.why);
	} else {
		load_undo(&sweep);
		bed_roll_back(&sweep.bed);
		sweep_states(&sweep, seed);
		if (sweep.undo)
			sweep_undo(&sweep, seed);
	}
	unlink(sweep.undo_path);
	recording_free(&sweep.recording);
	bed_close(&sweep.bed);
	free(sweep.undo);
}

static void work(unsigned worker, uint64_t seed, struct tally *tally)
{
	for (unsigned r = 0; r < ROWS; r++)
		for (int is_saving = 0; is_saving < 2; is_saving++)
			if (!wish.only || !strncmp(wish.only, rows[r].scenario, strlen(rows[r].scenario)))
				sweep_row(&rows[r], is_saving, worker, seed, tally);
}

static void run_workers(uint64_t seed, struct tally *tally)
{
	pid_t pid[WORKERS];
	int status;

	for (unsigned w = 0; w < WORKERS; w++) {
		pid[w] = fork();
		assert_true(pid[w] >= 0);
		if (!pid[w]) {
			work(w, seed, &tally[w]);
			_exit(0);
		}
	}
	for (int w = 0; w < WORKERS; w++) {
		assert_int_equal(waitpid(pid[w], &status, 0), pid[w]);
		if (WIFSIGNALED(status) || WEXITSTATUS(status))
			fail_msg("SVC_TEST_SEED=%llu SVC_TEST_STATE=%s: %s %d", (unsigned long long)seed,
			         tally[w].where,
			         WIFSIGNALED(status) ? WTERMSIG(status) == SIGALRM ? "hangs, signal" : "crashes, signal"
			                             : "exit",
			         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
}

static void test_power_cuts(void **state)
{
	struct tally *tally =
		mmap(NULL, WORKERS * sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t states = 0, cut_twice = 0, undone = 0, failures = 0;
	time_t end = time(NULL) + wish.seconds;

	(void)state;
	assert_ptr_not_equal(tally, MAP_FAILED);
	do
		run_workers(wish.seed, tally);
	while (++wish.seed && time(NULL) < end && !tally[0].failures && !tally[1].failures);
	for (int w = 0; w < WORKERS; w++) {
		states += tally[w].states;
		cut_twice += tally[w].cut_twice;
		undone += tally[w].undone;
		failures += tally[w].failures;
	}
	print_message("  %llu states after a power cut, %llu cut a second time, %llu undone\n",
	              (unsigned long long)states, (unsigned long long)cut_twice, (unsigned long long)undone);
	if (failures)
		fail_msg("%llu are wrong, the first: %s", (unsigned long long)failures,
		         tally[0].failures ? tally[0].first : tally[1].first);
	if (!wish.only)
		assert_true(states >= STATES_WANTED * (wish.scale < 100 ? wish.scale : 100) / 100);
	munmap(tally, WORKERS * sizeof(*tally));
}

static long number_wanted(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : otherwise;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_cuts),
	};

	/* The buffers of a comparison would be unmapped and faulted in again for each state. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	wish.seed = (uint64_t)number_wanted("SVC_TEST_SEED", 1);
	wish.scale = (unsigned)number_wanted("SVC_TEST_SCALE", SCALE);
	wish.seconds = number_wanted("SVC_TEST_SECONDS", 0);
	wish.only = getenv("SVC_TEST_STATE");
	if (!wish.scale)
		wish.scale = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
