/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random histories of two- and three-leg mirrors through the very verdict code, held against the truth:
 * which writes each copy really has. The model of dm-raid is what was measured on the stock kernel: the
 * highest counter wins, a tie keeps the first leg; legs the winner names failed are recovered from it;
 * every leg's failed bits are cleared and absent legs are named failed; the counter goes up.
 *
 * Mirrors are only activated as the verdict allows: that is what the gate is for.
 *
 * The second test adds what svc-boot writes: every activation is claimed, with the very code that claims it. And it adds
 * what makes the kernel's own evidence unreliable: accusations that never reach the superblocks, a choice that a
 * person forces while the third leg is elsewhere, a power cut between two records. Each judgement is made with
 * the records and without them.
 *
 * SVC_TEST_SCALE  percent of the histories; 100, but 10 with AddressSanitizer
 * SVC_TEST_SEED   other histories
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "claim/claim.h"
#include "rebuild/mark.h"
#include "verdict/verdict.h"

enum { HISTORIES = 60000, STEPS = 12, WRITES = 60 };

#ifdef __SANITIZE_ADDRESS__
enum { SCALE = 10 };
#else
enum { SCALE = 100 };
#endif

struct leg {
	uint64_t events, failed;
	uint64_t writes; /* bit per write that this copy has: the truth */
	bool is_whole;   /* false: a recovery onto it was cut off */
	bool has_record;
	struct record record;
};

struct world {
	struct leg leg[3];
	unsigned legs;
	unsigned write; /* the next one's number */
	uint64_t random;
	bool is_claimed;      /* svc-boot is in use */
	bool is_hostile;      /* accusations are lost, choices forced, claims cut off */
	unsigned generations; /* minted so far */
};

/* How many judgements there were, how many left it to an operator, how many were wrong. */
struct tally {
	uint64_t judgements, undecided, wrong;
};

static uint64_t next_random(struct world *world)
{
	uint64_t x = world->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return world->random = x;
}

static unsigned pick(struct world *world, unsigned below)
{
	return (unsigned)(next_random(world) >> 33) % below;
}

static void describe(const struct leg *leg, unsigned legs, unsigned position, struct copy *copy)
{
	static const char *const name[] = { "flash-a", "flash-b", "shared" };
	struct raid_evidence *raid = &copy->evidence.raid;

	memset(copy, 0, sizeof(*copy));
	strcpy(copy->name, name[position]);
	strcpy(copy->group, name[position]);
	copy->leg_bytes = 1 << 20;
	copy->evidence.fs.present = true;
	copy->evidence.lvm.present = true;
	copy->evidence.lvm.type = MIRROR_RAID1;
	copy->evidence.lvm.leg_count = legs;
	copy->evidence.lvm.leg_index = position;
	snprintf(copy->evidence.lvm.pv_uuid, sizeof(copy->evidence.lvm.pv_uuid), "pv%u", position);
	raid->present = true;
	raid->num_devices = legs;
	raid->array_position = position;
	raid->events = leg->events;
	raid->failed_devices = leg->failed;
	raid->recovery_offset = leg->is_whole ? UINT64_MAX : 8;
	raid->resync_offset = UINT64_MAX;
	copy->evidence.record.has_area = true;
	copy->evidence.record.present = leg->has_record;
	copy->evidence.record.record = leg->record;
}

/* Judges the copies in `given`; the comparison tells the truth about their content. index: copy -> leg. */
static int judge(const struct world *world, unsigned given, bool with_records, struct copy *copy, unsigned *index,
                 struct verdict *verdict)
{
	struct comparison comparison = { .done = true };
	int n = 0;

	for (unsigned i = 0; i < world->legs; i++)
		if (given >> i & 1) {
			index[n] = i;
			describe(&world->leg[i], world->legs, i, &copy[n]);
			copy[n++].evidence.record.present &= with_records;
		}
	verdict_judge(copy, n, NULL, false, verdict);
	comparison.reference = verdict_reference(copy, n, verdict);
	if (comparison.reference < 0)
		return n;
	for (int i = 0; i < n; i++) {
		const struct leg *mine = &world->leg[index[i]], *theirs = &world->leg[index[comparison.reference]];

		comparison.copy[i].compared = true;
		comparison.copy[i].used_bytes = mine->writes != theirs->writes ? 4096 : 0;
		comparison.copy[i].settled_bytes = comparison.copy[i].used_bytes;
	}
	verdict_judge(copy, n, &comparison, true, verdict);
	return n;
}

/* The leg whose superblock the kernel goes by. */
static unsigned freshest_of(const struct world *world, unsigned given)
{
	unsigned freshest = 3;

	for (unsigned i = 0; i < world->legs; i++)
		if (given >> i & 1 && (freshest > 2 || world->leg[i].events > world->leg[freshest].events))
			freshest = i;
	return freshest;
}

/*
 * What the kernel does with the legs it is given; recovery is cut off where is_cut. Where is_lost the power went before
 * it wrote its superblocks: the legs are written all the same.
 */
static void activate(struct world *world, unsigned given, bool is_cut, bool is_lost)
{
	unsigned freshest = freshest_of(world, given);

	for (unsigned i = 0; i < world->legs; i++) {
		struct leg *leg = &world->leg[i];
		bool is_behind = !leg->is_whole || world->leg[freshest].failed >> i & 1;

		if (!(given >> i & 1) || i == freshest || !is_behind)
			continue;
		leg->is_whole = !is_cut;
		leg->writes = is_cut ? leg->writes & world->leg[freshest].writes : world->leg[freshest].writes;
	}
	if (is_lost)
		return;
	for (unsigned i = 0; i < world->legs; i++)
		if (given >> i & 1)
			world->leg[i].failed = ~given & ((1u << world->legs) - 1);
	world->leg[freshest].events++;
	for (unsigned i = 0; i < world->legs; i++)
		if (given >> i & 1)
			world->leg[i].events = world->leg[freshest].events;
}

static void write_something(struct world *world, unsigned given)
{
	for (unsigned n = pick(world, 3); n && world->write < WRITES; n--, world->write++)
		for (unsigned i = 0; i < world->legs; i++)
			if (given >> i & 1 && world->leg[i].is_whole)
				world->leg[i].writes |= (uint64_t)1 << world->write;
}

/* svc-resync: the others become the authority, which no longer names them failed. A choice names who is absent. */
static void resync(struct world *world, const struct copy *copy, int authority, bool is_forced, int n,
                   const unsigned *index)
{
	struct leg *right = &world->leg[index[authority]];
	uint64_t members = 0;

	for (int i = 0; i < n; i++)
		members |= (uint64_t)1 << index[i];
	right->failed = (is_forced ? ((uint64_t)1 << world->legs) - 1 : right->failed) & ~members;
	if (right->has_record)
		mark_shared(&right->record, members, 0);
	for (int i = 0; i < n; i++) {
		struct record record = world->leg[index[i]].record;

		if (i == authority)
			continue;
		mark_rebuilding(&record, &copy[i], copy[i].evidence.lvm.pv_uuid, &copy[authority], REBUILD_CONTENT, 0,
		                0, 0);
		mark_whole(&record, &copy[authority], members & ~((uint64_t)1 << index[authority]), 0);
		world->leg[index[i]] = *right;
		world->leg[index[i]].record = record;
		world->leg[index[i]].has_record = true;
	}
}

/* svc-boot: the records before the activation. Returns false where the power went before all of them were written. */
static bool claim(struct world *world, const struct copy *copy, int n, const unsigned *index)
{
	struct claim_wish wish = { .authority = -1 };
	struct svc_error error;
	struct claim claim;
	int items;

	for (int i = 0; i < n; i++)
		wish.is_member[i] = true;
	world->generations++;
	memcpy(wish.fresh, &world->generations, sizeof(world->generations));
	assert_int_equal(claim_plan(copy, n, &wish, &claim, &error), 0);
	items = !world->is_hostile || pick(world, 12) ? claim.items : (int)pick(world, (unsigned)claim.items);
	for (int i = 0; i < items; i++) {
		struct leg *leg = &world->leg[index[claim.item[i].copy]];

		leg->record = claim.item[i].record;
		leg->has_record = true;
	}
	return items == claim.items;
}

static bool check(const struct world *world, const struct verdict *verdict, int n, const unsigned *index)
{
	if (verdict->kind == VERDICT_IN_SYNC)
		for (int i = 1; i < n; i++)
			if (world->leg[index[i]].writes != world->leg[index[0]].writes)
				return false;
	if (verdict->authority < 0)
		return true;
	for (int i = 0; i < n; i++) {
		const struct leg *right = &world->leg[index[verdict->authority]], *other = &world->leg[index[i]];

		if (!right->is_whole || (other->is_whole && other->writes & ~right->writes))
			return false;
	}
	return true;
}

/* Every set of copies is judged after every step. Returns false where a verdict was wrong. */
static bool check_all(const struct world *world, bool with_records, struct tally *tally)
{
	uint64_t wrong = tally->wrong;

	for (unsigned given = 1; given < 1u << world->legs; given++) {
		struct copy copy[3];
		unsigned index[3];
		struct verdict verdict;
		int n = judge(world, given, with_records, copy, index, &verdict);

		tally->judgements++;
		tally->undecided += verdict.exit == SVC_EXIT_OPERATOR;
		tally->wrong += !check(world, &verdict, n, index);
	}
	return tally->wrong == wrong;
}

/* A person who keeps one of several copies that nothing can tell apart. Who is absent is not asked. */
static bool force(struct world *world, const struct copy *copy, int n, const unsigned *index)
{
	int from = (int)pick(world, (unsigned)n);

	if (!world->is_hostile || pick(world, 3) || !world->leg[index[from]].is_whole)
		return false;
	resync(world, copy, from, true, n, index);
	return true;
}

static void step(struct world *world)
{
	unsigned given = 1 + pick(world, (1u << world->legs) - 1), index[3];
	struct copy copy[3];
	struct verdict verdict;
	int n = judge(world, given, true, copy, index, &verdict);
	bool is_cut = false, is_lost = world->is_hostile && pick(world, 3) == 0;

	/* A copy alone is what a controller has left; several are only activated as the verdict allows. */
	if (n > 1 && verdict.exit > SVC_EXIT_DIFFER && !force(world, copy, n, index))
		return;
	if (n == 1 && !world->leg[index[0]].is_whole)
		return;
	/* The kernel may settle it itself only where it would take the same side; svc-boot never leaves it to it. */
	if (verdict.exit == SVC_EXIT_DIFFER && n > 1 &&
	    (world->is_claimed || (verdict.kind == VERDICT_STALE &&
	                           (pick(world, 2) || freshest_of(world, given) != index[verdict.authority]))))
		resync(world, copy, verdict.authority, false, n, index);
	else
		is_cut = !world->is_claimed && pick(world, 8) == 0;
	if (world->is_claimed) {
		judge(world, given, true, copy, index, &verdict); /* what it is now */
		if (!claim(world, copy, n, index))
			return;
	}
	activate(world, given, is_cut, is_lost);
	if (!is_cut)
		write_something(world, given);
}

static void run_histories(bool is_claimed, bool is_hostile, struct tally *with, struct tally *without)
{
	const char *scale = getenv("SVC_TEST_SCALE"), *seed_text = getenv("SVC_TEST_SEED");
	uint64_t histories = HISTORIES * (scale ? strtoull(scale, NULL, 10) : SCALE) / 100;
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 1;

	for (uint64_t h = 0; h < histories; h++) {
		struct world world = { .legs = 2 + (h & 1),
			               .random = (seed << 32) + h * 0x9E3779B97F4A7C15 + 1,
			               .is_claimed = is_claimed,
			               .is_hostile = is_hostile };

		for (unsigned i = 0; i < 3; i++)
			world.leg[i] = (struct leg){ .events = 3, .is_whole = true };
		for (unsigned s = 0; s < STEPS; s++) {
			step(&world);
			check_all(&world, false, without);
			if (!check_all(&world, true, with))
				fail_msg("seed %" PRIu64 ", history %" PRIu64 ", step %u: a wrong verdict", seed, h, s);
		}
	}
}

static void test_histories(void **state)
{
	struct tally with = { 0 }, without = { 0 };

	(void)state;
	run_histories(false, false, &with, &without);
	print_message("%" PRIu64 " judgements, none wrong, %" PRIu64 " left to an operator\n", with.judgements,
	              with.undecided);
	assert_true(with.judgements > 0);
}

static void compare_tallies(const char *what, const struct tally *with, const struct tally *without)
{
	print_message("%s: %" PRIu64 " judgements, none wrong, %" PRIu64 " left to an operator; "
	              "without the records %" PRIu64 " wrong, %" PRIu64 " left to an operator\n",
	              what, with->judgements, with->undecided, without->wrong, without->undecided);
	/* Right and decided, more often than without. */
	assert_true(with->undecided < without->undecided + without->wrong);
}

static void test_claimed_histories(void **state)
{
	struct tally with = { 0 }, without = { 0 };

	(void)state;
	run_histories(true, false, &with, &without);
	compare_tallies("claimed", &with, &without);
}

static void test_hostile_histories(void **state)
{
	struct tally with = { 0 }, without = { 0 };

	(void)state;
	run_histories(true, true, &with, &without);
	compare_tallies("claimed, and the kernel's word lost", &with, &without);
	assert_true(without.wrong > 0); /* else the histories would show nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histories),
		cmocka_unit_test(test_claimed_histories),
		cmocka_unit_test(test_hostile_histories),
	};

	return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
