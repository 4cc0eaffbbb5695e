/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The world that the protocol's test runs in: two controllers, a volume of an array with persistent reservations, a
 * flash each, paths, and the kernel's mirror over them. Nothing here decides anything.
 *
 * The kernel is what was measured, and what its source says (drivers/md/raid1.c, md.c): the superblocks that name a leg
 * failed are durable before a write that missed that leg is acknowledged; those of an activation may come later. Every leg's
 * bitmap has a write's bit before the first leg has the write (flush_bio_list). In a
 * mirror with a leg absent no bit of the write-intent bitmap is ever cleared. A reservation conflict is no error of a
 * path (blk_path_error), so that it reaches the mirror, which drops the leg.
 */
#ifndef SVC_PROTOCOL_WORLD_H
#define SVC_PROTOCOL_WORLD_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim/claim.h"
#include "promote/fence.h"
#include "verdict/verdict.h"

enum { FLASH_A, FLASH_B, SHARED, LEGS };
enum { A, B, CONTROLLERS };
enum { WRITES_MAX = 60, REGIONS = 8, ALL_LEGS = (1 << LEGS) - 1 };

static const char protocol_vg[] = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg";
static const char letter[CONTROLLERS] = { 'a', 'b' };

struct leg {
	uint64_t events, failed;
	uint64_t writes;  /* bit per write that it holds: the truth */
	unsigned regions; /* bit per region that its bitmap calls unsettled */
	unsigned mounted; /* the number of the last mount */
	bool is_whole;    /* no rebuild onto it is unfinished */
	bool has_record;
	struct record record;
	unsigned version; /* counts whatever changes on it */
};

/* What a controller's kernel runs. */
struct mirror {
	bool is_active;
	bool is_blind;          /* begun on a flash while shared was out of reach: nobody can know */
	bool is_superblock_due; /* it has not yet written whom it was activated without */
	char health[LEGS + 1];  /* as in online_evidence */
};

struct controller {
	bool is_up, has_direct;
	bool is_hung;      /* up, and does nothing; whatever it was at goes on when it wakes up */
	bool is_exporting; /* serves its direct path to the other one */
	bool is_connected; /* to the other one's export, since that began */
	uint64_t beats;    /* its probe slot's sequence */
	struct mirror mirror;
};

struct world {
	struct leg leg[LEGS];
	struct controller controller[CONTROLLERS];
	bool has_link;
	bool has_reservations;           /* the array knows them */
	uint64_t key[CONTROLLERS];       /* registered; 0: none */
	bool is_constant;                /* keys are told apart by whose they are alone */
	uint16_t numbers;                /* of keys, so far */
	int holder;                      /* -1: not reserved */
	int claimant;                    /* who said last that shared is its own; -1: nobody */
	unsigned write;                  /* the next one's number */
	uint64_t acknowledged, given_up; /* bit per write; given up: a person chose to */
	uint64_t warned;                 /* whoever has the volume was told that they may be missing */
	bool is_warned[CONTROLLERS];     /* the other one's flash may hold newer writes */
	bool is_to_warn[CONTROLLERS];    /* the other one was at work when this one claimed the mirror, and still is */
	unsigned generations, mounts;
	struct {
		uint64_t confirmed; /* by the clock: when the array confirmed what had been claimed */
		uint64_t won;       /* when it did so for the last time, and the call ended well; 0: never */
	} call[CONTROLLERS];        /* by which a controller has the mirror */
	uint64_t clock;             /* counts the steps of programs */
	int64_t now;
	uint64_t random;
	bool is_told;        /* what happens is printed */
	const char *failure; /* what must not happen, and did */
};

/* ---- chance, and the story ---- */

static inline unsigned pick(struct world *w, unsigned below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (unsigned)(w->random >> 33) % below;
}

#define tell(w, ...)                                       \
	do {                                               \
		if ((w)->is_told)                          \
			print_message("    " __VA_ARGS__); \
	} while (0)

static inline void fail_world(struct world *w, const char *why)
{
	if (!w->failure)
		w->failure = why;
	tell(w, "*** %s\n", why);
}

/* ---- paths and the array, by SPC-4, 5.13 ---- */

/* Whose port a controller's requests come to the array by; -1: by none. */
static inline int way_of(const struct world *w, int self)
{
	const struct controller *peer = &w->controller[!self];

	if (w->controller[self].has_direct)
		return self;
	return w->has_link && peer->is_up && !peer->is_hung && peer->is_exporting && peer->has_direct &&
	                       w->controller[self].is_connected
	               ? !self
	               : -1;
}

/* What its client had open is gone, until the client's monitor connects again. */
static inline void stop_serving(struct world *w, int self)
{
	w->controller[self].is_exporting = w->controller[!self].is_connected = false;
}

static inline bool can_read(const struct world *w, int self, int leg)
{
	return leg == SHARED ? way_of(w, self) >= 0 : leg == self;
}

/* "Write exclusive, registrants only". */
static inline bool can_write(const struct world *w, int self, int leg)
{
	int way = way_of(w, self);

	return leg == SHARED ? way >= 0 && (w->holder < 0 || w->key[way]) : leg == self;
}

/* One initiator. */
struct way {
	struct world *world;
	int self;
};

static inline int array_begin(const struct way *way, struct svc_error *error)
{
	if (!way->world->controller[way->self].has_direct)
		return error_set(error, -EIO, "no path");
	return way->world->has_reservations ? 0 : error_set(error, -EOPNOTSUPP, "no reservations");
}

static inline int array_conflict(struct svc_error *error)
{
	return error_set(error, -EBUSY, "conflict");
}

static inline uint64_t any_key(int self)
{
	return fence_key(letter[self], protocol_vg, FENCE_ANY_NUMBER);
}

static inline uint64_t draw_key(struct world *w, int self)
{
	return any_key(self) | ++w->numbers;
}

/* Whose it is; -1: nobody has registered it. */
static inline int who(const struct world *w, uint64_t key)
{
	for (int i = 0; i < CONTROLLERS; i++)
		if (w->key[i] && (w->is_constant ? fence_is_key_of(key, any_key(i)) : w->key[i] == key))
			return i;
	return -1;
}

static inline int array_read(void *context, struct reservation *reservation, struct svc_error *error)
{
	const struct way *way = context;
	int code = array_begin(way, error);

	memset(reservation, 0, sizeof(*reservation));
	if (code)
		return code;
	for (int i = 0; i < CONTROLLERS; i++)
		if (way->world->key[i])
			reservation->key[reservation->keys++] = way->world->key[i];
	reservation->is_reserved = reservation->is_registrants_only = way->world->holder >= 0;
	if (reservation->is_reserved)
		reservation->holder = way->world->key[way->world->holder];
	return 0;
}

static inline int array_register(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;
	int code = array_begin(way, error);

	assert_true(fence_is_key_of(key, any_key(way->self)));
	if (!code)
		way->world->key[way->self] = key;
	return code;
}

static inline int array_renew(void *context, uint64_t key, uint64_t fresh, struct svc_error *error)
{
	const struct way *way = context;
	struct world *w = way->world;
	int code = array_begin(way, error);

	assert_true(fence_is_key_of(fresh, any_key(way->self)) && fresh != key);
	if (code)
		return code;
	if (key ? who(w, key) != way->self : w->key[way->self] != 0)
		return array_conflict(error);
	w->key[way->self] = fresh;
	return 0;
}

static inline int array_reserve(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;
	struct world *w = way->world;
	int code = array_begin(way, error);

	if (code)
		return code;
	if (who(w, key) != way->self || (w->holder >= 0 && w->holder != way->self))
		return array_conflict(error);
	w->holder = way->self;
	return 0;
}

static inline int array_preempt(void *context, uint64_t key, uint64_t other, struct svc_error *error)
{
	const struct way *way = context;
	struct world *w = way->world;
	int code = array_begin(way, error);

	if (code)
		return code;
	if (who(w, key) != way->self || who(w, other) != !way->self)
		return array_conflict(error);
	if (w->holder == !way->self)
		w->holder = way->self;
	w->key[!way->self] = 0;
	return 0;
}

static inline int array_release(void *context, uint64_t key, struct svc_error *error)
{
	const struct way *way = context;
	struct world *w = way->world;
	int code = array_begin(way, error);

	if (code)
		return code;
	if (who(w, key) != way->self)
		return array_conflict(error);
	if (w->holder == way->self)
		w->holder = -1;
	w->key[way->self] = 0;
	return 0;
}

static const struct fence_ops array_ops = { array_read,    array_register, array_renew,
	                                    array_reserve, array_preempt,  array_release };

/* ---- records ---- */

static inline int write_record(struct world *w, int self, int leg, const struct record *record)
{
	if (!can_write(w, self, leg))
		return -EIO;
	if (leg == SHARED && record->is_open && record->owner == letter[self] && w->claimant != self) {
		w->claimant = self;
		w->is_warned[!self] = false;
	}
	w->leg[leg].record = *record;
	w->leg[leg].has_record = true;
	w->leg[leg].version++;
	return 0;
}

static inline void beat(struct world *w, int self)
{
	if (w->controller[self].is_up && !w->controller[self].is_hung && can_write(w, self, SHARED))
		w->controller[self].beats++;
}

/* ---- the kernel's mirror ---- */

/* The legs that it writes, with `wanted` as their health: 'A' in sync, 'a' on the way. */
static inline unsigned legs_with(const struct mirror *mirror, char wanted)
{
	unsigned legs = 0;

	for (int i = 0; i < LEGS; i++)
		if (mirror->health[i] == wanted)
			legs |= 1u << i;
	return legs;
}

static inline void stop_mirror(struct world *w, int self)
{
	w->controller[self].mirror = (struct mirror){ 0 };
	w->is_to_warn[!self] = false;
	w->call[self].won = 0;
}

/* A leg that does not take its superblock is dropped. */
static inline void write_superblocks(struct world *w, int self)
{
	struct mirror *mirror = &w->controller[self].mirror;
	unsigned written;
	uint64_t events = 0;

	for (int i = 0; i < LEGS; i++)
		if (mirror->health[i] != 'D' && !can_write(w, self, i)) {
			mirror->health[i] = 'D';
			tell(w, "%c: the kernel drops a leg: %s\n", letter[self], mirror->health);
		}
	if (!legs_with(mirror, 'A')) {
		stop_mirror(w, self);
		return;
	}
	written = legs_with(mirror, 'A') | legs_with(mirror, 'a');
	for (int i = 0; i < LEGS; i++)
		if (written >> i & 1 && w->leg[i].events > events)
			events = w->leg[i].events;
	for (int i = 0; i < LEGS; i++)
		if (written >> i & 1) {
			w->leg[i].events = events + 1;
			w->leg[i].failed = ~(uint64_t)written & ALL_LEGS;
			w->leg[i].version++;
		}
	mirror->is_superblock_due = false;
}

/* The kernel begins to recover legs that the freshest one names failed, and then loses that one. */
static inline void lose_race(struct world *w, int self, unsigned legs, int freshest)
{
	tell(w, "%c: activates what the other one has taken meanwhile\n", letter[self]);
	for (int i = 0; i < LEGS; i++)
		if (legs >> i & 1 && i != freshest) {
			if (w->leg[i].writes & w->acknowledged & ~w->given_up & ~w->leg[freshest].writes)
				fail_world(w, "the kernel overwrites an acknowledged write");
			w->leg[i].is_whole = false;
			w->leg[i].version++;
		}
}

/* With the legs given; one that the freshest calls failed would be recovered, which must not be left to the kernel. */
static inline void activate(struct world *w, int self, unsigned legs)
{
	struct mirror *mirror = &w->controller[self].mirror;
	int freshest = -1;

	for (int i = 0; i < LEGS; i++)
		if (legs >> i & 1 && (freshest < 0 || w->leg[i].events > w->leg[freshest].events))
			freshest = i;
	if (freshest < 0)
		return;
	if (w->leg[freshest].failed & legs) {
		if (w->claimant != self && w->holder != self)
			lose_race(w, self, legs, freshest);
		else
			fail_world(w, "the kernel is given a leg that it recovers by itself");
		return;
	}
	w->mounts++;
	for (int i = 0; i < LEGS; i++) {
		mirror->health[i] = legs >> i & 1 ? 'A' : 'D';
		if (!(legs >> i & 1))
			continue;
		if (!w->leg[i].is_whole)
			fail_world(w, "the kernel is given a leg that is not whole");
		w->leg[i].mounted = w->mounts;
		w->leg[i].version++;
	}
	mirror->is_active = mirror->is_superblock_due = true;
	tell(w, "%c: active, legs %s\n", letter[self], mirror->health);
}

/* A write is acknowledged: nobody else may be writing shared, or have claimed it. */
static inline void acknowledge(struct world *w, int self)
{
	const struct mirror *mirror = &w->controller[self].mirror, *other = &w->controller[!self].mirror;

	w->acknowledged |= (uint64_t)1 << w->write;
	tell(w, "%c: write %u acknowledged, legs %s\n", letter[self], w->write, mirror->health);
	if (mirror->health[SHARED] == 'D') {
		/* It was shut out: who did that was told that this may happen. Or a person was. */
		if (mirror->is_blind || w->claimant == !self || w->holder == !self)
			w->warned |= (uint64_t)1 << w->write;
		return;
	}
	if (other->is_active && other->health[SHARED] != 'D' && can_write(w, !self, SHARED))
		fail_world(w, "two controllers write shared");
	if (w->claimant != self)
		fail_world(w, "shared is written by who has not claimed it");
}

/* One write, to one leg after the other; the power may go between any two of them. Returns false where it went. */
static inline bool write_something(struct world *w, int self, bool is_cut)
{
	struct mirror *mirror = &w->controller[self].mirror;
	int cut = is_cut ? (int)pick(w, LEGS + 1) : -1;

	if (w->write == WRITES_MAX)
		return true;
	for (int i = 0; i < LEGS && mirror->is_active; i++)
		if (mirror->health[i] != 'D' && can_write(w, self, i))
			w->leg[i].regions |= 1u << w->write % REGIONS;
	for (int i = 0; i < LEGS && mirror->is_active; i++) {
		if (i == cut)
			break;
		if (mirror->health[i] == 'D')
			continue;
		if (!can_write(w, self, i)) {
			write_superblocks(w, self);
			continue;
		}
		w->leg[i].writes |= (uint64_t)1 << w->write;
		w->leg[i].version++;
	}
	if (mirror->is_active && !is_cut)
		acknowledge(w, self);
	w->write++;
	return !is_cut;
}

#endif
