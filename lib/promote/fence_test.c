/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two controllers ask the array at once, in every order and with deaths between; and what counts as a proof. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "promote/fence.h"

static const char vg_uuid[] = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg";
static const char letter[2] = { 'a', 'b' };

/* An array of one volume and two initiators, by SPC-4, 5.13. */
struct array {
	bool is_registered[2];
	int holder; /* -1: not reserved */
};

/* One initiator's way to it. */
struct way {
	struct array *array;
	int self;
	int failing; /* -errno that every command ends with; 0: none */
};

static int who(uint64_t key)
{
	return key == fence_key('a', vg_uuid) ? 0 : 1;
}

static int array_read(void *context, struct reservation *reservation, struct svc_error *error)
{
	const struct way *way = context;

	memset(reservation, 0, sizeof(*reservation));
	if (way->failing)
		return error_set(error, way->failing, "it fails");
	for (int i = 0; i < 2; i++)
		if (way->array->is_registered[i])
			reservation->key[reservation->keys++] = fence_key(letter[i], vg_uuid);
	reservation->is_reserved = reservation->is_registrants_only = way->array->holder >= 0;
	if (reservation->is_reserved)
		reservation->holder = fence_key(letter[way->array->holder], vg_uuid);
	return 0;
}

static int array_register(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;

	(void)error;
	assert_int_equal(who(key), way->self);
	way->array->is_registered[way->self] = true;
	return 0;
}

static int array_reserve(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;

	assert_int_equal(who(key), way->self);
	if (!way->array->is_registered[way->self] || (way->array->holder >= 0 && way->array->holder != way->self))
		return error_set(error, -EBUSY, "conflict");
	way->array->holder = way->self;
	return 0;
}

static int array_preempt(void *context, uint64_t key, uint64_t other, struct svc_error *error)
{
	const struct way *way = context;

	assert_int_equal(who(key), way->self);
	if (!way->array->is_registered[way->self] || !way->array->is_registered[who(other)])
		return error_set(error, -EBUSY, "conflict");
	if (way->array->holder == who(other))
		way->array->holder = way->self;
	way->array->is_registered[who(other)] = false;
	return 0;
}

static int array_release(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;

	assert_int_equal(who(key), way->self);
	if (!way->array->is_registered[way->self])
		return error_set(error, -EBUSY, "conflict");
	if (way->array->holder == way->self)
		way->array->holder = -1;
	way->array->is_registered[way->self] = false;
	return 0;
}

static const struct fence_ops ops = { array_read, array_register, array_reserve, array_preempt, array_release };

static void begin(struct fence *fence, int self)
{
	fence_begin(fence, &ops, NULL, fence_key(letter[self], vg_uuid), fence_key(letter[!self], vg_uuid));
}

struct world {
	struct array array;
	struct fence fence[2];
	bool has_begun[2], has_ended[2], is_dead[2];
};

static unsigned long histories;

static void step(struct world *world, int self)
{
	struct way way = { &world->array, self, 0 };
	struct svc_error error;
	int code;

	world->has_begun[self] = true;
	world->fence[self].array = &way;
	code = fence_advance(&world->fence[self], &error);
	assert_true(code >= 0);
	world->has_ended[self] = !code;
}

/* Somebody who comes when all is quiet gets it, whatever was left behind. */
static void check_rerun(const struct world *world, int self)
{
	struct world again = *world;
	struct way way = { &again.array, self, 0 };
	struct svc_error error;
	struct fence fence;

	begin(&fence, self);
	fence.array = &way;
	assert_int_equal(fence_take(&fence, &error), 0);
	assert_int_equal(fence.hold, HOLD_MINE);
	assert_int_equal(again.array.holder, self);
	assert_false(again.array.is_registered[!self]);
}

/* Whoever takes it from the other one has seen the other one have it; who asks at the same time does not. */
static bool saw_other(const struct fence *fence)
{
	return fence->before.is_reserved && fence->before.holder == fence->peer;
}

static enum fence_hold confirm(const struct world *world, int self)
{
	struct world again = *world;
	struct way way = { &again.array, self, 0 };
	struct svc_error error;

	again.fence[self].array = &way;
	assert_int_equal(fence_confirm(&again.fence[self], &error), 0);
	return again.fence[self].hold;
}

static void check_end(const struct world *world)
{
	int winner = world->array.holder;

	histories++;
	check_rerun(world, 0);
	check_rerun(world, 1);
	for (int i = 0; i < 2; i++)
		if (world->has_ended[i] && world->fence[i].hold == HOLD_MINE && winner != i) {
			/* It had it, and the other one took it over. */
			assert_true(world->has_begun[!i]);
			assert_true(saw_other(&world->fence[!i]));
		}
	if (!world->has_ended[0] || !world->has_ended[1])
		return;
	assert_true(winner >= 0);
	assert_int_equal(world->fence[winner].hold, HOLD_MINE);
	assert_false(world->array.is_registered[!winner]);
	assert_int_equal(confirm(world, winner), HOLD_MINE);
	assert_int_equal(confirm(world, !winner), HOLD_LOST);
}

static void go_on(const struct world *world)
{
	bool is_over = true;

	for (int i = 0; i < 2; i++) {
		struct world next = *world;

		if (world->has_ended[i] || world->is_dead[i])
			continue;
		is_over = false;
		step(&next, i);
		go_on(&next);
		next = *world;
		next.is_dead[i] = true;
		go_on(&next);
	}
	if (is_over)
		check_end(world);
}

static void test_race(void **state)
{
	(void)state;
	for (int registered = 0; registered < 4; registered++)
		for (int holder = -1; holder < 2; holder++) {
			struct world world = { .array = { { registered & 1, registered & 2 }, holder } };

			if (holder >= 0 && !world.array.is_registered[holder])
				continue;
			begin(&world.fence[0], 0);
			begin(&world.fence[1], 1);
			go_on(&world);
		}
	assert_true(histories > 10000);
}

static void test_nothing_to_change(void **state)
{
	struct array array = { { true, false }, 0 };
	struct way way = { &array, 0, 0 };
	struct svc_error error;
	struct fence fence;

	(void)state;
	begin(&fence, 0);
	fence.array = &way;
	assert_int_equal(fence_advance(&fence, &error), 0); /* one reading, and no command that changes */
	assert_int_equal(fence.hold, HOLD_MINE);
}

static void test_failure(void **state)
{
	struct array array = { { false, false }, -1 };
	struct way way = { &array, 0, -EIO };
	struct svc_error error;
	struct fence fence;

	(void)state;
	begin(&fence, 0);
	fence.array = &way;
	assert_int_equal(fence_take(&fence, &error), -EIO);
	assert_int_equal(fence.hold, HOLD_UNKNOWN);
	assert_false(array.is_registered[0]);
	way.failing = 0;
	begin(&fence, 0);
	fence.array = &way;
	for (int i = 0; i < 3; i++)
		assert_int_equal(fence_advance(&fence, &error), 1);
	way.failing = -EIO; /* it holds the volume and cannot read that back */
	assert_int_equal(fence_advance(&fence, &error), -EIO);
	assert_int_equal(fence.hold, HOLD_UNKNOWN);
}

static void test_key(void **state)
{
	uint64_t a = fence_key('a', vg_uuid);

	(void)state;
	assert_int_equal(a >> 32, 0x73766361);
	assert_int_equal(fence_key('b', vg_uuid) >> 32, 0x73766362);
	assert_int_equal((uint32_t)a, (uint32_t)fence_key('b', vg_uuid));
	assert_true((uint32_t)a != (uint32_t)fence_key('a', "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggh"));
}

static void test_hold(void **state)
{
	enum { OWN = 1, PEER = 2, ALIEN = 3 };
	static const struct {
		unsigned keys;
		uint64_t key[3];
		uint64_t holder;
		bool is_other_type;
		enum fence_hold hold;
	} rows[] = {
		{ 0, { 0 }, 0, false, HOLD_LOST },
		{ 1, { OWN }, 0, false, HOLD_LOST },
		{ 1, { OWN }, OWN, false, HOLD_MINE },
		{ 2, { OWN, OWN }, OWN, false, HOLD_MINE },
		{ 1, { OWN }, OWN, true, HOLD_FOREIGN },
		{ 2, { OWN, PEER }, OWN, false, HOLD_OPEN },
		{ 2, { OWN, PEER }, PEER, false, HOLD_LOST },
		{ 1, { PEER }, PEER, false, HOLD_LOST },
		{ 2, { OWN, ALIEN }, OWN, false, HOLD_FOREIGN },
		{ 1, { OWN }, ALIEN, false, HOLD_FOREIGN },
		{ 0, { 0 }, OWN, false, HOLD_LOST },
		{ RESERVATION_KEYS_MAX + 1, { OWN, OWN, OWN }, OWN, false, HOLD_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reservation reservation = { .keys = rows[i].keys,
			                           .is_reserved = rows[i].holder != 0,
			                           .is_registrants_only = !rows[i].is_other_type,
			                           .holder = rows[i].holder };

		memcpy(reservation.key, rows[i].key, sizeof(rows[i].key));
		if (fence_read_hold(&reservation, OWN, PEER) != rows[i].hold)
			fail_msg("row %zu", i);
	}
}

static void test_release(void **state)
{
	enum { OWN = 1, PEER = 2, ALIEN = 3 };
	static const struct {
		unsigned keys;
		uint64_t key[2];
		uint64_t holder;
		enum fence_peer peer;
		bool is_to_release;
	} rows[] = {
		{ 0, { 0 }, 0, PEER_DONE, false },
		{ 1, { PEER }, PEER, PEER_AT_WORK, false },
		{ 1, { OWN }, OWN, PEER_DONE, true },
		{ 2, { OWN, PEER }, OWN, PEER_DONE, true }, /* the other one stands by */
		{ 1, { OWN }, OWN, PEER_AT_WORK, true },
		{ 2, { OWN, PEER }, PEER, PEER_AT_WORK, false }, /* this one stands by, and may serve */
		{ 2, { OWN, PEER }, PEER, PEER_DONE, false },
		{ 1, { OWN }, 0, PEER_AT_WORK, false },
		{ 1, { OWN }, 0, PEER_DONE, true }, /* left over */
		{ 1, { OWN }, 0, PEER_SHUT_OUT, true },
		{ 2, { OWN, ALIEN }, ALIEN, PEER_DONE, true },
		{ 1, { OWN }, OWN, PEER_SHUT_OUT, false },
		{ 2, { OWN, PEER }, OWN, PEER_SHUT_OUT, true }, /* it stands by again */
		{ 2, { OWN, PEER }, PEER, PEER_SHUT_OUT, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reservation reservation = { .keys = rows[i].keys,
			                           .is_reserved = rows[i].holder != 0,
			                           .is_registrants_only = true,
			                           .holder = rows[i].holder };

		memcpy(reservation.key, rows[i].key, sizeof(rows[i].key));
		if (fence_is_to_release(&reservation, OWN, PEER, rows[i].peer) != rows[i].is_to_release)
			fail_msg("row %zu", i);
	}
}

static void test_kept(void **state)
{
	(void)state;
	assert_true(fence_is_kept(HOLD_MINE, true, PROOF_RESERVATION));
	assert_true(fence_is_kept(HOLD_OPEN, true, PROOF_RESERVATION)); /* a standby that serves */
	assert_false(fence_is_kept(HOLD_LOST, true, PROOF_RESERVATION));
	assert_false(fence_is_kept(HOLD_LOST, false, PROOF_RESERVATION));
	assert_false(fence_is_kept(HOLD_FOREIGN, true, PROOF_RESERVATION));
	assert_true(fence_is_kept(HOLD_LOST, false, PROOF_TOLD)); /* the array was never asked to */
	assert_false(fence_is_kept(HOLD_LOST, true, PROOF_HOOK));
}

static void test_watch(void **state)
{
	(void)state;
	assert_int_equal(fence_watch(7, 7, 5000, 5000), MOTION_STILL);
	assert_int_equal(fence_watch(7, 7, 4999, 5000), MOTION_UNWATCHED);
	assert_int_equal(fence_watch(7, 8, 1, 5000), MOTION_MOVING);
	assert_int_equal(fence_watch(8, 7, 9999, 5000), MOTION_MOVING);
}

static const struct {
	const char *name;
	struct fence_facts facts;
	enum fence_proof proof;
	enum reason_id reason;
} proofs[] = {
	{ "nobody says anything", { .is_export_stopped = true }, PROOF_NONE, REASON_NOT_FENCED },
	{ "silence alone is none",
	  { .is_export_stopped = true, .beats = MOTION_STILL, .mmp = MOTION_STILL },
	  PROOF_NONE,
	  REASON_NOT_FENCED },
	{ "closed alone is none: both could be asked to take over",
	  { .is_export_stopped = true, .is_closed = true, .beats = MOTION_STILL, .mmp = MOTION_STILL },
	  PROOF_NONE,
	  REASON_NOT_FENCED },
	{ "the array", { .hold = HOLD_MINE, .is_export_stopped = true }, PROOF_RESERVATION, REASON_FENCED },
	{ "the hook", { .hook = HOOK_PROVEN, .is_export_stopped = true }, PROOF_HOOK, REASON_FENCED },
	{ "the hook fails", { .hook = HOOK_FAILED, .is_export_stopped = true }, PROOF_NONE, REASON_NOT_FENCED },
	{ "the hook fails, the caller knows",
	  { .hook = HOOK_FAILED, .is_told = true, .is_export_stopped = true },
	  PROOF_TOLD,
	  REASON_FENCED },
	{ "the caller", { .is_told = true, .is_export_stopped = true }, PROOF_TOLD, REASON_FENCED },
	{ "the array has the last word",
	  { .hold = HOLD_LOST, .hook = HOOK_PROVEN, .is_told = true, .is_export_stopped = true },
	  PROOF_NONE,
	  REASON_PREEMPTED },
	{ "the peer's key stays",
	  { .hold = HOLD_OPEN, .is_told = true, .is_export_stopped = true },
	  PROOF_NONE,
	  REASON_NOT_FENCED },
	{ "alien keys",
	  { .hold = HOLD_FOREIGN, .is_told = true, .is_export_stopped = true },
	  PROOF_NONE,
	  REASON_NOT_FENCED },
	{ "it writes through us", { .hold = HOLD_MINE }, PROOF_NONE, REASON_NOT_FENCED },
	{ "its heart beats",
	  { .is_told = true, .is_export_stopped = true, .beats = MOTION_MOVING },
	  PROOF_NONE,
	  REASON_PEER_ALIVE },
	{ "its heart beats, and it is served: that goes on",
	  { .is_told = true, .beats = MOTION_MOVING },
	  PROOF_NONE,
	  REASON_PEER_ALIVE },
	{ "its heart beats, but it closed the mirror",
	  { .hold = HOLD_MINE, .is_export_stopped = true, .is_closed = true, .beats = MOTION_MOVING },
	  PROOF_RESERVATION,
	  REASON_FENCED },
	{ "it has it mounted, closed or not",
	  { .hold = HOLD_MINE, .is_export_stopped = true, .is_closed = true, .mmp = MOTION_MOVING },
	  PROOF_NONE,
	  REASON_PEER_ALIVE },
	{ "not watched for long enough",
	  { .hold = HOLD_MINE, .is_export_stopped = true, .beats = MOTION_UNWATCHED },
	  PROOF_NONE,
	  REASON_NOT_FENCED },
};

static void test_proofs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
		struct reasons reasons = { 0 };
		enum fence_proof proof = fence_judge(&proofs[i].facts, &reasons);

		if (proof != proofs[i].proof || reasons.count != 1 || reasons.item[0].id != proofs[i].reason)
			fail_msg("%s: proof %d, %zu reasons, the first %s", proofs[i].name, (int)proof, reasons.count,
			         reasons.count ? reason_row(reasons.item[0].id)->id : "-");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_race),    cmocka_unit_test(test_nothing_to_change),
		cmocka_unit_test(test_failure), cmocka_unit_test(test_key),
		cmocka_unit_test(test_hold),    cmocka_unit_test(test_release),
		cmocka_unit_test(test_kept),    cmocka_unit_test(test_watch),
		cmocka_unit_test(test_proofs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
