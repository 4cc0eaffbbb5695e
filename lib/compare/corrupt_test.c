/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ext4 whose first 64 KiB are wrong in one byte, each in turn, beside an intact copy of it: evidence,
 * verdict, comparison, verdict. Whatever the byte is, nothing crashes or hangs, the copies are only called
 * equal where the byte lies in a block that no file system uses, and the intact copy is never given up
 * for the other.
 *
 * SVC_CORRUPT_STEP: only every so many-th byte; 1 unless built with AddressSanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/test_image.h"
#include "compare/compare.h"
#include "evidence/evidence.h"
#include "fs/fs.h"
#include "verdict/verdict.h"

enum { SWEEP_BYTES = 64 << 10, SWEEP_BYTES_1K = 16 << 10, WORKERS = 2, HANG_SECONDS = 20 };

#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 16 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { STEP = 16 };
#else
enum { STEP = 1 };
#endif
#else
enum { STEP = 1 };
#endif

/* What the workers tell; shared memory. */
struct outcome {
	uint32_t offset; /* being tried */
	int wrong;       /* which copy is corrupted */
	uint32_t tried, in_sync, failures;
	uint32_t verdicts[VERDICT_UNKNOWN + 1];
	char first[400]; /* the first failure */
};

struct pair {
	struct test_copy copy[2];
	struct bitset *used; /* blocks the intact file system uses */
	uint32_t block_bytes;
};

/* As after a rebuild: the content of the one and its evidence on both, each in its own position (dm-raid.c). */
static void make_equal(struct pair *pair)
{
	enum { SUPERBLOCK_POSITION = 12, SUPERBLOCK_FAILED = 24, BITMAP_BITS = 4096 + 256, BITMAP_BYTES = 64 };
	struct access *from = &pair->copy[1].access, *to = &pair->copy[0].access;
	uint64_t bytes = from->leg->size_bytes, meta_bytes = from->meta->size_bytes;
	uint8_t *buffer = malloc(bytes + meta_bytes);

	assert_non_null(buffer);
	assert_true(to->leg->size_bytes == bytes && to->meta->size_bytes == meta_bytes);
	assert_int_equal(dev_read(from->leg, buffer, bytes, 0), 0);
	assert_int_equal(dev_write(to->leg, buffer, bytes, 0), 0);
	assert_int_equal(dev_read(from->meta, buffer, meta_bytes, 0), 0);
	put_le64(buffer + SUPERBLOCK_FAILED, 0);
	memset(buffer + BITMAP_BITS, 0, BITMAP_BYTES);
	assert_int_equal(dev_write(from->meta, buffer, meta_bytes, 0), 0);
	put_le32(buffer + SUPERBLOCK_POSITION, pair->copy[0].copy.evidence.lvm.leg_index);
	assert_int_equal(dev_write(to->meta, buffer, meta_bytes, 0), 0);
	free(buffer);
}

static int open_pair(struct pair *pair, const char *scenario)
{
	static const char *const name[2] = { "flash-a", "shared" };
	struct svc_error error;
	struct fs *fs;

	memset(pair, 0, sizeof(*pair));
	for (int i = 0; i < 2; i++)
		if (test_copy_open(&pair->copy[i], scenario, name[i]))
			return -1;
	make_equal(pair);
	assert_int_equal(fs_open(pair->copy[0].access.leg, FS_REPLAYED, &fs, &error), 0);
	pair->block_bytes = fs_block_bytes(fs);
	pair->used = bitset_new(pair->copy[0].copy.leg_bytes / pair->block_bytes);
	assert_non_null(pair->used);
	assert_int_equal(fs_mark_used(fs, pair->block_bytes, pair->used, &error), 0);
	fs_close(fs);
	return 0;
}

static void close_pair(struct pair *pair)
{
	for (int i = 0; i < 2; i++)
		test_copy_close(&pair->copy[i]);
	bitset_free(pair->used);
}

static void flip(struct pair *pair, int wrong, uint32_t offset)
{
	struct dev *leg = pair->copy[wrong].access.leg;
	uint8_t byte;

	assert_int_equal(dev_read(leg, &byte, 1, offset), 0);
	byte ^= 0xff;
	assert_int_equal(dev_write(leg, &byte, 1, offset), 0);
}

/* All that svc-compare does, but for locating and printing. */
static void judge(struct pair *pair, struct verdict *verdict)
{
	static const struct compare_options options = { .mode = COMPARE_ALLOCATED };
	struct copy copy[2] = { pair->copy[0].copy, pair->copy[1].copy };
	struct access access[2] = { pair->copy[0].access, pair->copy[1].access };
	struct comparison comparison = { .reference = -1 };
	struct svc_error error = { .text = "" };
	int reference;

	for (int i = 0; i < 2; i++)
		evidence_read(&copy[i], i, &access[i]);
	verdict_judge(copy, 2, NULL, false, verdict);
	reference = verdict_reference(copy, 2, verdict);
	if (reference >= 0 && compare_run(copy, 2, access, reference, &options, &comparison, &error))
		fail_msg("the comparison failed: %s", error.text);
	verdict_judge(copy, 2, &comparison, true, verdict);
	compare_free(&comparison);
}

static bool is_worse_than_in_sync(enum copy_state state)
{
	return state != STATE_AUTHORITY && state != STATE_IN_SYNC;
}

/* NULL, or what is wrong with this verdict. */
static const char *check(const struct pair *pair, const struct outcome *outcome, const struct verdict *verdict)
{
	bool is_used = bitset_test(pair->used, outcome->offset / pair->block_bytes);
	int intact = !outcome->wrong;

	if (verdict->kind == VERDICT_IN_SYNC && is_used)
		return "a changed byte in a block in use is called in-sync";
	if (verdict->kind != VERDICT_IN_SYNC && !is_used)
		return "a changed byte in a block not in use is seen";
	if (verdict->authority == outcome->wrong && is_worse_than_in_sync(verdict->state[intact]))
		return "the intact copy is given up for the corrupted one";
	if (verdict->kind == VERDICT_NONE)
		return "the intact copy is not seen";
	return NULL;
}

static void sweep(struct pair *pair, struct outcome *outcome, uint32_t bytes, uint32_t first, uint32_t every)
{
	struct verdict verdict;
	const char *why;

	for (uint32_t offset = first; offset < bytes; offset += WORKERS * every) {
		int wrong = offset / every % 2; /* one copy and the other in turn */

		outcome->offset = offset;
		outcome->wrong = wrong;
		alarm(HANG_SECONDS);
		flip(pair, wrong, offset);
		judge(pair, &verdict);
		flip(pair, wrong, offset);
		outcome->tried++;
		outcome->verdicts[verdict.kind]++;
		why = check(pair, outcome, &verdict);
		if (!why)
			continue;
		if (!outcome->failures++)
			snprintf(outcome->first, sizeof(outcome->first),
			         "byte %u of %s: %s (verdict %s, flash-a %s, shared %s)", offset,
			         pair->copy[wrong].copy.name, why, verdict_name(verdict.kind),
			         state_name(verdict.state[0]), state_name(verdict.state[1]));
	}
	alarm(0);
}

static uint32_t step_wanted(void)
{
	const char *text = getenv("SVC_CORRUPT_STEP");
	long step = text ? strtol(text, NULL, 10) : STEP;

	return step >= 1 && step <= SWEEP_BYTES ? (uint32_t)step : STEP;
}

static void run_scenario(const char *scenario, uint32_t bytes)
{
	struct outcome *outcome =
		mmap(NULL, WORKERS * sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t step = step_wanted(), tried = 0;
	struct pair pair;
	pid_t pid[WORKERS];
	int status;

	assert_ptr_not_equal(outcome, MAP_FAILED);
	if (open_pair(&pair, scenario)) {
		close_pair(&pair);
		skip();
	}
	for (uint32_t w = 0; w < WORKERS; w++) {
		pid[w] = fork();
		assert_true(pid[w] >= 0);
		if (!pid[w]) {
			sweep(&pair, &outcome[w], bytes, w * step, step);
			_exit(0);
		}
	}
	for (int w = 0; w < WORKERS; w++) {
		assert_int_equal(waitpid(pid[w], &status, 0), pid[w]);
		if (WIFSIGNALED(status) || WEXITSTATUS(status))
			fail_msg("%s: byte %u of %s: %s %d", scenario, outcome[w].offset,
			         pair.copy[outcome[w].wrong].copy.name,
			         WIFSIGNALED(status) ? WTERMSIG(status) == SIGALRM ? "hangs, signal" : "crashes, signal"
			                             : "exit",
			         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		if (outcome[w].failures)
			fail_msg("%s: %u of %u are wrong, the first: %s", scenario, outcome[w].failures,
			         outcome[w].tried, outcome[w].first);
		tried += outcome[w].tried;
	}
	assert_int_equal(tried, (bytes + step - 1) / step);
	for (int k = 0; k <= VERDICT_UNKNOWN; k++)
		if (outcome[0].verdicts[k] + outcome[1].verdicts[k])
			print_message("  %s: %s %u\n", scenario, verdict_name(k),
			              outcome[0].verdicts[k] + outcome[1].verdicts[k]);
	close_pair(&pair);
	munmap(outcome, WORKERS * sizeof(*outcome));
}

static void test_blocks_of_4_KiB(void **state)
{
	(void)state;
	run_scenario("in-sync", SWEEP_BYTES);
}

/* Behind these come blocks kept for more group descriptors, all alike. */
static void test_blocks_of_1_KiB(void **state)
{
	(void)state;
	run_scenario("blocks-1k", SWEEP_BYTES_1K);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_of_4_KiB),
		cmocka_unit_test(test_blocks_of_1_KiB),
	};

	/* The comparison's buffers would be unmapped and faulted in again each time. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
