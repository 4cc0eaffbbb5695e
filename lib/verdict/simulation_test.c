/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random histories of two- and three-leg mirrors through the very verdict code, held against the truth:
 * which writes each copy really has. The model of dm-raid is what was measured on the stock kernel: the
 * highest counter wins, a tie keeps the first leg; legs the winner names failed are recovered from it;
 * every leg's failed bits are cleared and absent legs are named failed; the counter goes up.
 *
 * Mirrors are only activated as the verdict allows: that is what the gate is for.
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
};

struct world {
	struct leg leg[3];
	unsigned legs;
	unsigned write; /* the next one's number */
	uint64_t random;
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
}

/* Judges the copies in `given`; the comparison tells the truth about their content. index: copy -> leg. */
static int judge(const struct world *world, unsigned given, struct copy *copy, unsigned *index, struct verdict *verdict)
{
	struct comparison comparison = { .done = true };
	int n = 0;

	for (unsigned i = 0; i < world->legs; i++)
		if (given >> i & 1) {
			index[n] = i;
			describe(&world->leg[i], world->legs, i, &copy[n++]);
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

/* What the kernel does with the legs it is given; recovery is cut off where is_cut. */
static void activate(struct world *world, unsigned given, bool is_cut)
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

/* svc-resync: the others become the authority, which no longer names them failed. */
static void resync(struct world *world, const struct verdict *verdict, int n, const unsigned *index)
{
	struct leg *right = &world->leg[index[verdict->authority]];
	uint64_t members = 0;

	for (int i = 0; i < n; i++)
		members |= (uint64_t)1 << index[i];
	right->failed &= ~members;
	for (int i = 0; i < n; i++)
		world->leg[index[i]] = *right;
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
static bool check_all(const struct world *world, uint64_t *judgements, uint64_t *undecided)
{
	for (unsigned given = 1; given < 1u << world->legs; given++) {
		struct copy copy[3];
		unsigned index[3];
		struct verdict verdict;
		int n = judge(world, given, copy, index, &verdict);

		++*judgements;
		*undecided += verdict.exit == SVC_EXIT_OPERATOR;
		if (!check(world, &verdict, n, index))
			return false;
	}
	return true;
}

static void step(struct world *world)
{
	unsigned given = 1 + pick(world, (1u << world->legs) - 1), index[3];
	struct copy copy[3];
	struct verdict verdict;
	int n = judge(world, given, copy, index, &verdict);
	bool is_cut = false;

	/* A copy alone is what a controller has left; several are only activated as the verdict allows. */
	if (n > 1 && verdict.exit > SVC_EXIT_DIFFER)
		return;
	if (n == 1 && !world->leg[index[0]].is_whole)
		return;
	/* The kernel may settle it itself only where it would take the same side. */
	if (verdict.kind == VERDICT_STALE && (pick(world, 2) || freshest_of(world, given) != index[verdict.authority]))
		resync(world, &verdict, n, index);
	else
		is_cut = pick(world, 8) == 0;
	activate(world, given, is_cut);
	if (!is_cut)
		write_something(world, given);
}

static void test_histories(void **state)
{
	const char *scale = getenv("SVC_TEST_SCALE"), *seed_text = getenv("SVC_TEST_SEED");
	uint64_t histories = HISTORIES * (scale ? strtoull(scale, NULL, 10) : SCALE) / 100, judgements = 0,
		 undecided = 0;
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 1;

	(void)state;
	for (uint64_t h = 0; h < histories; h++) {
		struct world world = { .legs = 2 + (h & 1), .random = (seed << 32) + h * 0x9E3779B97F4A7C15 + 1 };

		for (unsigned i = 0; i < 3; i++)
			world.leg[i] = (struct leg){ .events = 3, .is_whole = true };
		for (unsigned s = 0; s < STEPS; s++) {
			step(&world);
			if (!check_all(&world, &judgements, &undecided))
				fail_msg("seed %" PRIu64 ", history %" PRIu64 ", step %u: a wrong verdict", seed, h, s);
		}
	}
	print_message("%" PRIu64 " histories, %" PRIu64 " judgements, none wrong, %" PRIu64 " left to an operator\n",
	              histories, judgements, undecided);
	assert_true(judgements > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_histories) };

	return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
