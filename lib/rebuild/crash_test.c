/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A power cut at every moment of a rebuild. Each scenario is rebuilt once while every write and flush is
 * noted; then the media are built as a cut after each of them may leave them: what was not flushed is
 * kept, lost, or torn into sectors. From each such state the copies are judged, the rebuild is run again
 * (now and then it is cut a second time), and for some the undo file puts everything back.
 *
 * SVC_TEST_SCALE     percent of the states; 100, but 10 with AddressSanitizer
 * SVC_TEST_SEED      another choice of what survives
 * SVC_TEST_SECONDS   go on with further seeds for so long
 * SVC_TEST_VERBOSE   every failure, not only the first
 * SVC_TEST_STATE     SCENARIO:SAVED:PREFIX:VARIANT, as a failure prints it: this one alone
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

enum { WORKERS = 2, HANG_SECONDS = 60, VARIANTS = 12, STATES_WANTED = 10000 };

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

#define A_AND_S                     \
	{                           \
		"flash-a", "shared" \
	}
#define A_B_AND_S                              \
	{                                      \
		"flash-a", "flash-b", "shared" \
	}

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
	bool is_saving;
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

/* What was saved when the cut came puts every byte back. The file may end in a torn entry. */
static int check_undo(struct sweep *sweep, size_t prefix, uint64_t *seed)
{
	const struct recorded *item = sweep->recording.item;
	uint64_t least = prefix ? item[prefix - 1].stamp : item[0].stamp;
	uint64_t most = prefix < sweep->recording.items ? item[prefix].stamp : sweep->undo_bytes;
	uint64_t cut = least + (most > least ? recorder_random(seed) % (most - least + 1) : 0), written;
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	struct svc_error error;
	struct undo *undo;
	FILE *file = fopen(sweep->undo_path, "we");
	int code = 0;

	if (!file || fwrite(sweep->undo, 1, cut, file) != cut || fclose(file))
		abort();
	if (undo_open(sweep->undo_path, &undo, &error))
		return bed_wrong(&sweep->bed, "the undo file of %llu bytes cannot be opened: %s",
		                 (unsigned long long)cut, error.text);
	bed_devices(&sweep->bed, device);
	if (rebuild_undo(undo, device, NULL, &written, &error))
		code = bed_wrong(&sweep->bed, "undoing fails: %s", error.text);
	for (int i = 0; i < sweep->bed.copies && !code; i++)
		if (!medium_is_original(&sweep->bed.medium[i]))
			code = bed_wrong(&sweep->bed, "undoing leaves %s changed", sweep->bed.row->copy[i]);
	undo_close(undo);
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

static void check_state(struct sweep *sweep, size_t first, size_t prefix, unsigned variant, uint64_t seed)
{
	struct tally *tally = sweep->tally;
	struct bed *bed = &sweep->bed;
	enum survival survival = (enum survival)(variant < 2 ? variant : 2 + variant % (SURVIVALS - 2));
	uint64_t own = seed ^ prefix << 20 ^ variant;
	int code;

	snprintf(tally->where, sizeof(tally->where), "%s%s%s:%d:%zu:%u", bed->row->scenario, bed->row->from ? "+" : "",
	         bed->row->from ? bed->row->from : "", sweep->is_saving, prefix, variant);
	if (wish.only && strcmp(wish.only, tally->where) != 0)
		return;
	if (sweep->number++ % WORKERS != sweep->worker)
		return;
	alarm(HANG_SECONDS);
	code = put_state(sweep, first, prefix, survival, own);
	if (!code)
		code = bed_check_crashed(bed);
	if (!code)
		code = check_rerun(sweep, variant == 0);
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
	unsigned variants = wish.scale > 100 ? wish.scale * VARIANTS / 100 : VARIANTS;
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

static void sweep_row(const struct bed_row *row, bool is_saving, unsigned worker, uint64_t seed, struct tally *tally)
{
	struct sweep sweep = { .is_saving = is_saving, .tally = tally, .worker = worker };

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
