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

/* An array of one volume, and the ports that reach it, by SPC-4, 5.13. */
enum { PORT_A, PORT_B, OTHER_PORT_A, PORTS };

struct array {
	uint64_t key[PORTS]; /* 0: not registered */
	int holder;          /* -1: not reserved */
};

/* One port's way to it. */
struct way {
	struct array *array;
	int self;
	int failing; /* -errno that every command ends with; 0: none */
};

static uint64_t key_of(int self, uint16_t number)
{
	return fence_key(letter[self], vg_uuid, number);
}

static int conflict(struct svc_error *error)
{
	return error_set(error, -EBUSY, "conflict");
}

static int array_read(void *context, struct reservation *reservation, struct svc_error *error)
{
	const struct way *way = context;

	memset(reservation, 0, sizeof(*reservation));
	if (way->failing)
		return error_set(error, way->failing, "it fails");
	for (int i = 0; i < PORTS; i++)
		if (way->array->key[i])
			reservation->key[reservation->keys++] = way->array->key[i];
	reservation->is_reserved = reservation->is_registrants_only = way->array->holder >= 0;
	if (reservation->is_reserved)
		reservation->holder = way->array->key[way->array->holder];
	return 0;
}

static int array_register(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;

	(void)error;
	way->array->key[way->self] = key;
	return 0;
}

static int array_renew(void *context, uint64_t key, uint64_t fresh, struct svc_error *error)
{
	const struct way *way = context;

	if (way->failing)
		return error_set(error, way->failing, "it fails");
	if (way->array->key[way->self] != key)
		return conflict(error);
	way->array->key[way->self] = fresh;
	return 0;
}

static int array_reserve(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;

	if (way->array->key[way->self] != key || (way->array->holder >= 0 && way->array->holder != way->self))
		return conflict(error);
	way->array->holder = way->self;
	return 0;
}

static int array_preempt(void *context, uint64_t key, uint64_t other, struct svc_error *error)
{
	const struct way *way = context;
	struct array *array = way->array;
	bool is_known = false;

	assert_true(other != 0);
	if (array->key[way->self] != key)
		return conflict(error);
	for (int i = 0; i < PORTS; i++)
		is_known |= array->key[i] == other;
	if (!is_known)
		return conflict(error);
	if (array->holder >= 0 && array->key[array->holder] == other)
		array->holder = way->self;
	for (int i = 0; i < PORTS; i++)
		if (i != way->self && array->key[i] == other)
			array->key[i] = 0;
	return 0;
}

static int array_release(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;

	if (way->array->key[way->self] != key)
		return conflict(error);
	if (way->array->holder == way->self)
		way->array->holder = -1;
	way->array->key[way->self] = 0;
	return 0;
}

static const struct fence_ops ops = { array_read,    array_register, array_renew,
	                              array_reserve, array_preempt,  array_release };

static struct reservation see(struct array *array)
{
	struct way way = { array, PORT_A, 0 };
	struct reservation seen;
	struct svc_error error;

	assert_int_equal(array_read(&way, &seen, &error), 0);
	return seen;
}

/* A call of this controller's begins. */
static void begin(struct fence *fence, int self, struct way *way, uint16_t number)
{
	struct reservation seen = see(way->array);

	fence_begin(fence, &ops, way, key_of(self, number), key_of(!self, FENCE_ANY_NUMBER), &seen);
}

static enum fence_hold take(struct fence *fence)
{
	struct svc_error error;

	assert_int_equal(fence_take(fence, &error), 0);
	return fence->hold;
}

struct world {
	struct array array;
	struct fence fence[2];
	bool has_begun[2], has_ended[2], is_dead[2];
};

static unsigned long histories;

/* Its number differs from that of the key which was left behind. */
static void step(struct world *world, int self)
{
	struct way way = { &world->array, self, 0 };
	struct svc_error error;
	int code;

	if (!world->has_begun[self]) {
		begin(&world->fence[self], self, &way, 2);
		world->has_begun[self] = true;
		return;
	}
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
	struct fence fence;

	begin(&fence, self, &way, 7);
	assert_int_equal(take(&fence), HOLD_MINE);
	assert_int_equal(again.array.holder, self);
	assert_true(again.array.key[self] == key_of(self, 7));
	assert_true(again.array.key[!self] == 0);
}

/* Whoever takes it from the other one has seen the other one have it; who asks at the same time does not. */
static bool saw_other(const struct fence *fence)
{
	return fence->before.is_reserved && fence_is_key_of(fence->before.holder, fence->peer);
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
	assert_true(world->array.key[!winner] == 0);
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
			struct world world = { .array = { .holder = holder } };

			for (int i = 0; i < 2; i++)
				world.array.key[i] = registered >> i & 1 ? key_of(i, 1) : 0;
			if (holder < 0 || world.array.key[holder])
				go_on(&world);
		}
	assert_true(histories > 10000);
}

/* Who has it already goes on with it, by another key: what was said about the old one comes to nothing. */
static void test_mine_already(void **state)
{
	struct array array = { { key_of(PORT_A, 5) }, PORT_A };
	struct way way = { &array, PORT_A, 0 };
	struct fence fence;

	(void)state;
	begin(&fence, PORT_A, &way, 9);
	assert_int_equal(take(&fence), HOLD_MINE);
	assert_true(array.key[PORT_A] == key_of(PORT_A, 9));
	/* Chance drew the very number that is there. */
	begin(&fence, PORT_A, &way, 9);
	assert_int_equal(take(&fence), HOLD_MINE);
	assert_true(array.key[PORT_A] == key_of(PORT_A, 10));
	/* And the last one that there is. */
	array.key[PORT_A] = key_of(PORT_A, 0xffff);
	begin(&fence, PORT_A, &way, 0xffff);
	assert_int_equal(take(&fence), HOLD_MINE);
	assert_true(array.key[PORT_A] == key_of(PORT_A, 1));
}

static void advance(struct fence *fence, enum fence_stage until)
{
	struct svc_error error;

	while (fence->stage != until)
		assert_int_equal(fence_advance(fence, &error), 1);
}

/* b is stopped between looking and taking; a, which had it, takes the mirror over anew meanwhile. */
static void test_stale_preempt(void **state)
{
	struct array array = { { key_of(PORT_A, 5) }, PORT_A };
	struct way of_a = { &array, PORT_A, 0 }, of_b = { &array, PORT_B, 0 };
	struct fence a, b;
	struct svc_error error;

	(void)state;
	begin(&b, PORT_B, &of_b, 1);
	advance(&b, FENCE_SEIZE);
	begin(&a, PORT_A, &of_a, 6);
	assert_int_equal(take(&a), HOLD_MINE);
	assert_int_equal(take(&b), HOLD_LOST);
	assert_int_equal(array.holder, PORT_A);
	assert_true(array.key[PORT_B] == 0);
	/* The same where b had not come to look. */
	begin(&b, PORT_B, &of_b, 1);
	assert_int_equal(fence_renew(&a, &error), 0);
	assert_true(a.is_renewed);
	assert_int_equal(a.hold, HOLD_MINE);
	assert_true(array.key[PORT_A] == a.own && a.own == key_of(PORT_A, 7));
	assert_int_equal(take(&b), HOLD_LOST);
	assert_int_equal(array.holder, PORT_A);
}

/* The other way round: what was taken away is not renewed, and its key does not come back. */
static void test_renewed_too_late(void **state)
{
	struct array array = { { key_of(PORT_A, 5) }, PORT_A };
	struct way of_a = { &array, PORT_A, 0 }, of_b = { &array, PORT_B, 0 };
	struct fence a, b;
	struct svc_error error;

	(void)state;
	begin(&a, PORT_A, &of_a, 6);
	advance(&a, FENCE_RENEW);
	begin(&b, PORT_B, &of_b, 1);
	assert_int_equal(take(&b), HOLD_MINE);
	assert_int_equal(take(&a), HOLD_LOST);
	assert_true(array.key[PORT_A] == 0);
	begin(&a, PORT_A, &of_a, 8);
	assert_int_equal(take(&a), HOLD_MINE);
	begin(&b, PORT_B, &of_b, 2);
	assert_int_equal(take(&b), HOLD_MINE);
	assert_int_equal(fence_renew(&a, &error), 0);
	assert_false(a.is_renewed);
	assert_int_equal(a.hold, HOLD_LOST);
	assert_true(array.key[PORT_A] == 0);
	assert_int_equal(fence_renew(&b, &error), 0);
	assert_int_equal(b.hold, HOLD_MINE);
}

/* A controller's ports: commands go by one of them, and another one has the reservation. */
static void test_ports(void **state)
{
	struct array array = { { [OTHER_PORT_A] = key_of(PORT_A, 5) }, OTHER_PORT_A };
	struct way of_a = { &array, PORT_A, 0 }, of_b = { &array, PORT_B, 0 };
	struct fence a, b;
	struct svc_error error;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&a, PORT_A, &of_a, 6);
		assert_int_equal(take(&a), HOLD_MINE);
		assert_int_equal(array.holder, PORT_A);
		/* Then both are registered by one key. */
		array = (struct array){ { key_of(PORT_A, 5), 0, key_of(PORT_A, 5) }, OTHER_PORT_A };
	}
	/* It is renewed where it can be, and stays what it is where it cannot. */
	begin(&a, PORT_A, &of_a, 6);
	a.own = key_of(PORT_A, 5);
	assert_int_equal(fence_renew(&a, &error), 0);
	assert_int_equal(a.hold, HOLD_MINE);
	assert_false(a.is_renewed);
	assert_true(a.own == key_of(PORT_A, 5));
	/* All of them lose it. */
	begin(&b, PORT_B, &of_b, 1);
	assert_int_equal(take(&b), HOLD_MINE);
	assert_true(array.key[PORT_A] == 0 && array.key[OTHER_PORT_A] == 0);
	/* What goes by its own key is given up by that. */
	assert_int_equal(fence_release(&b, &error), 0);
	assert_true(array.key[PORT_B] == 0 && array.holder < 0);
	assert_int_equal(fence_confirm(&b, &error), 0);
	assert_int_equal(fence_release(&b, &error), 0);
}

/* So it is given up: whether commands go by a port that has no key, or one that is not the holder's. */
static void test_release_ports(void **state)
{
	const struct array arrays[] = {
		{ { [OTHER_PORT_A] = key_of(PORT_A, 5) }, OTHER_PORT_A },
		{ { key_of(PORT_A, 5), 0, key_of(PORT_A, 5) }, OTHER_PORT_A },
		{ { key_of(PORT_A, 5), 0, key_of(PORT_A, 7) }, OTHER_PORT_A },
		{ { key_of(PORT_A, 5), key_of(PORT_B, 1), key_of(PORT_A, 5) }, PORT_B },
	};
	struct fence a;
	struct svc_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		struct array array = arrays[i];
		struct way of_a = { &array, PORT_A, 0 };

		begin(&a, PORT_A, &of_a, 6);
		assert_int_equal(fence_confirm(&a, &error), 0);
		assert_int_equal(fence_release(&a, &error), 0);
		assert_true(array.key[PORT_A] == 0 && array.key[OTHER_PORT_A] == 0);
		assert_int_equal(array.holder, arrays[i].holder == PORT_B ? PORT_B : -1);
	}
	/* The other one took it meanwhile: nothing is registered for that. */
	for (int i = 0; i < 2; i++) {
		struct array array = arrays[i];
		struct way of_a = { &array, PORT_A, 0 };

		begin(&a, PORT_A, &of_a, 6);
		assert_int_equal(fence_confirm(&a, &error), 0);
		array = (struct array){ { 0, key_of(PORT_B, 1), 0 }, PORT_B };
		assert_int_equal(fence_release(&a, &error), 0);
		assert_true(array.key[PORT_A] == 0 && array.key[OTHER_PORT_A] == 0 && array.holder == PORT_B);
	}
}

static void test_failure(void **state)
{
	struct array array = { .holder = -1 };
	struct way way = { &array, PORT_A, 0 };
	struct svc_error error;
	struct fence fence;

	(void)state;
	begin(&fence, PORT_A, &way, 1);
	way.failing = -EIO;
	assert_int_equal(fence_take(&fence, &error), -EIO);
	assert_int_equal(fence.hold, HOLD_UNKNOWN);
	assert_true(array.key[PORT_A] == 0);
	way.failing = 0;
	begin(&fence, PORT_A, &way, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fence_advance(&fence, &error), 1);
	way.failing = -EIO; /* it holds the volume and cannot read that back */
	assert_int_equal(fence_advance(&fence, &error), -EIO);
	assert_int_equal(fence.hold, HOLD_UNKNOWN);
	assert_int_equal(fence_renew(&fence, &error), -EIO);
	assert_int_equal(fence.hold, HOLD_UNKNOWN);
}

static void test_key(void **state)
{
	uint64_t a = fence_key('a', vg_uuid, 0x1234), any = fence_key('a', vg_uuid, FENCE_ANY_NUMBER);
	uint64_t b = fence_key('b', vg_uuid, 0x1234);

	(void)state;
	assert_int_equal(a >> 32, 0x73766361);
	assert_int_equal(b >> 32, 0x73766362);
	assert_int_equal(a & 0xffff, 0x1234);
	assert_int_equal((uint32_t)a, (uint32_t)b);
	assert_true(fence_key('a', "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggh", 0x1234) != a);
	assert_true(fence_is_key_of(a, any) && fence_is_key_of(a, a));
	assert_false(fence_is_key_of(b, any));
	assert_false(fence_is_key_of(fence_key('a', vg_uuid, 0x1235), a));
	assert_false(fence_is_key_of(0, any));
}

static void test_number(void **state)
{
	struct svc_error error;
	uint16_t number = 0, other;
	int differing = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(fence_draw_number(&other, &error), 0);
		assert_true(other != FENCE_ANY_NUMBER);
		differing += other != number;
		number = other;
	}
	assert_true(differing > 1);
}

static void test_hold(void **state)
{
	enum { ANY = 0x10000, OWN, OLD, PEER = 0x20001, ALIEN = 0x30001 };
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
		{ 1, { OLD }, OLD, false, HOLD_LOST }, /* of another attempt */
		{ 2, { OWN, OLD }, OWN, false, HOLD_MINE },
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
		if (fence_read_hold(&reservation, OWN, PEER & ~0xffff) != rows[i].hold)
			fail_msg("row %zu", i);
		if (rows[i].holder == OLD && fence_read_hold(&reservation, ANY, PEER & ~0xffff) != HOLD_MINE)
			fail_msg("row %zu, by any number", i);
	}
}

static void test_release(void **state)
{
	enum { OWN = 0x10001, PEER = 0x20001, ALIEN = 0x30001, NUMBER = 0xffff };
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
		if (fence_is_to_release(&reservation, OWN & ~NUMBER, PEER & ~NUMBER, rows[i].peer) !=
		    rows[i].is_to_release)
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
		cmocka_unit_test(test_race),          cmocka_unit_test(test_mine_already),
		cmocka_unit_test(test_stale_preempt), cmocka_unit_test(test_renewed_too_late),
		cmocka_unit_test(test_ports),         cmocka_unit_test(test_number),
		cmocka_unit_test(test_release_ports), cmocka_unit_test(test_failure),
		cmocka_unit_test(test_key),           cmocka_unit_test(test_hold),
		cmocka_unit_test(test_release),       cmocka_unit_test(test_kept),
		cmocka_unit_test(test_watch),         cmocka_unit_test(test_proofs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
