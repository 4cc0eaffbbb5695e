/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promote/fence.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum {
	REREADS_MAX = 8, /* the other one may come and go meanwhile, but not for ever */
	NUMBER_MASK = 0xffff,
};

uint64_t fence_key(char controller, const char *vg_uuid, uint16_t number)
{
	uint32_t sum = (uint32_t)crc32(crc32(0, NULL, 0), (const uint8_t *)vg_uuid, (unsigned)strlen(vg_uuid));

	return (uint64_t)'s' << 56 | (uint64_t)'v' << 48 | (uint64_t)'c' << 40 | (uint64_t)(uint8_t)controller << 32 |
	       (uint64_t)((sum >> 16 ^ sum) & 0xffff) << 16 | number;
}

static uint64_t with_number(uint64_t key, uint16_t number)
{
	return (key & ~(uint64_t)NUMBER_MASK) | number;
}

static uint64_t any_of(uint64_t key)
{
	return with_number(key, FENCE_ANY_NUMBER);
}

bool fence_is_key_of(uint64_t key, uint64_t whose)
{
	return (whose & NUMBER_MASK) == FENCE_ANY_NUMBER ? any_of(key) == whose : key == whose;
}

uint64_t fence_find_key(const struct reservation *reservation, uint64_t whose)
{
	uint64_t found = 0;

	for (unsigned i = 0; i < reservation->keys && i < RESERVATION_KEYS_MAX; i++)
		if (fence_is_key_of(reservation->key[i], whose) &&
		    (!found || (reservation->is_reserved && reservation->key[i] == reservation->holder)))
			found = reservation->key[i];
	return found;
}

/* The key with the next number that the array does not know. */
static uint64_t fresh_key(const struct reservation *reservation, uint64_t key)
{
	do
		key = with_number(key, (uint16_t)(key + 1));
	while ((key & NUMBER_MASK) == FENCE_ANY_NUMBER || reservation_has_key(reservation, key));
	return key;
}

static bool is_of_either(uint64_t key, uint64_t own, uint64_t peer)
{
	return fence_is_key_of(key, any_of(own)) || fence_is_key_of(key, any_of(peer));
}

enum fence_hold fence_read_hold(const struct reservation *reservation, uint64_t own, uint64_t peer)
{
	/* One initiator may have several ports, each with the same key: keys come more than once. */
	if (reservation->keys > RESERVATION_KEYS_MAX)
		return HOLD_FOREIGN;
	for (unsigned i = 0; i < reservation->keys; i++)
		if (!is_of_either(reservation->key[i], own, peer))
			return HOLD_FOREIGN;
	if (reservation->is_reserved &&
	    (!reservation->is_registrants_only || !is_of_either(reservation->holder, own, peer)))
		return HOLD_FOREIGN;
	if (!reservation->is_reserved || !fence_is_key_of(reservation->holder, own) ||
	    !reservation_has_key(reservation, reservation->holder))
		return HOLD_LOST;
	return fence_find_key(reservation, peer) ? HOLD_OPEN : HOLD_MINE;
}

void fence_begin(struct fence *fence, const struct fence_ops *ops, void *array, uint64_t own, uint64_t peer,
                 const struct reservation *seen)
{
	*fence = (struct fence){ .ops = ops, .array = array, .own = own, .peer = peer };
	fence->seen = seen->is_reserved ? seen->holder : 0;
}

static int look(struct fence *fence, struct svc_error *error)
{
	int code = fence->ops->read(fence->array, &fence->before, error);

	fence->last = fence->before;
	if (code)
		return code;
	fence->hold = fence_read_hold(&fence->before, any_of(fence->own), fence->peer);
	if (reservation_has_key(&fence->before, fence->own))
		fence->own = fresh_key(&fence->before, fence->own);
	/* Somebody else's is not to be touched, nor is what the other one has got since this call began. */
	if (fence->hold == HOLD_FOREIGN)
		fence->stage = FENCE_END;
	else if (fence->hold != HOLD_LOST)
		fence->stage = FENCE_RENEW;
	else if (fence->before.is_reserved && fence->before.holder != fence->seen)
		fence->stage = FENCE_END;
	else
		fence->stage = FENCE_REGISTER;
	return 0;
}

static int renew(struct fence *fence, struct svc_error *error)
{
	int code = fence->ops->renew(fence->array, fence->before.holder, fence->own, error);

	fence->is_fleeting = code > 0;
	fence->stage = FENCE_REREAD;
	return code == -EBUSY || code > 0 ? 0 : code; /* it was taken away since, or another port has it */
}

static int register_key(struct fence *fence, struct svc_error *error)
{
	int code = fence->ops->register_key(fence->array, fence->own, error);

	fence->is_fleeting = code > 0;
	fence->stage = FENCE_SEIZE;
	return code > 0 ? 0 : code;
}

/* Only who held it as this call began loses it to this one, by that very key: who has got it since then has won. */
static int seize(struct fence *fence, struct svc_error *error)
{
	int code = 0;

	if (!fence->before.is_reserved)
		code = fence->ops->reserve(fence->array, fence->own, error);
	else
		code = fence->ops->preempt(fence->array, fence->own, fence->before.holder, error);
	fence->stage = FENCE_REREAD;
	return code == -EBUSY ? 0 : code; /* the reading tells who was faster */
}

/* This controller has it still by its old key, at another port than that which commands are sent by. */
static bool is_at_another_port(const struct fence *fence)
{
	return fence->last.is_reserved && fence->last.holder == fence->before.holder &&
	       fence_is_key_of(fence->last.holder, any_of(fence->own));
}

static int reread(struct fence *fence, struct svc_error *error)
{
	int code = fence->ops->read(fence->array, &fence->last, error);

	if (code)
		return code;
	fence->hold = fence_read_hold(&fence->last, fence->own, fence->peer);
	fence->stage = FENCE_END;
	if (fence->hold == HOLD_OPEN && fence->rereads++ < REREADS_MAX)
		fence->stage = FENCE_CLEAR;
	else if (fence->hold == HOLD_LOST && is_at_another_port(fence) && fence->rereads++ < REREADS_MAX)
		fence->stage = reservation_has_key(&fence->last, fence->own) ? FENCE_SEIZE : FENCE_REGISTER;
	else if (fence->hold != HOLD_MINE && reservation_has_key(&fence->last, fence->own))
		fence->stage = FENCE_WITHDRAW;
	return 0;
}

static int clear(struct fence *fence, struct svc_error *error)
{
	uint64_t other = fence_find_key(&fence->last, fence->peer);
	int code = fence->ops->preempt(fence->array, fence->own, other, error);

	fence->stage = FENCE_REREAD;
	return code == -EBUSY ? 0 : code; /* its key went by itself, or this one's did */
}

static int withdraw(struct fence *fence, struct svc_error *error)
{
	int code = fence->ops->release(fence->array, fence->own, error);

	fence->stage = FENCE_END;
	return code == -EBUSY ? 0 : code; /* it is gone already */
}

int fence_advance(struct fence *fence, struct svc_error *error)
{
	int code = 0;

	switch (fence->stage) {
	case FENCE_LOOK:
		code = look(fence, error);
		break;
	case FENCE_RENEW:
		code = renew(fence, error);
		break;
	case FENCE_REGISTER:
		code = register_key(fence, error);
		break;
	case FENCE_SEIZE:
		code = seize(fence, error);
		break;
	case FENCE_REREAD:
		code = reread(fence, error);
		break;
	case FENCE_CLEAR:
		code = clear(fence, error);
		break;
	case FENCE_WITHDRAW:
		code = withdraw(fence, error);
		break;
	case FENCE_END:
		break;
	}
	if (code)
		fence->hold = HOLD_UNKNOWN;
	return code ? code : fence->stage != FENCE_END;
}

bool fence_is_to_look_again(const struct fence *fence)
{
	return (fence->stage == FENCE_REGISTER || fence->stage == FENCE_SEIZE) && fence->before.is_reserved;
}

void fence_yield(struct fence *fence)
{
	fence->stage = fence->stage == FENCE_SEIZE ? FENCE_WITHDRAW : FENCE_END;
	fence->hold = HOLD_LOST;
}

int fence_take(struct fence *fence, struct svc_error *error)
{
	int code;

	do
		code = fence_advance(fence, error);
	while (code > 0);
	return code;
}

int fence_confirm(struct fence *fence, struct svc_error *error)
{
	int code = fence->ops->read(fence->array, &fence->last, error);

	fence->hold = code ? HOLD_UNKNOWN : fence_read_hold(&fence->last, fence->own, fence->peer);
	return code;
}

int fence_renew(struct fence *fence, struct svc_error *error)
{
	uint64_t fresh = fresh_key(&fence->last, fence->own);
	int code = fence->ops->renew(fence->array, fence->own, fresh, error);

	fence->is_renewed = false;
	fence->hold = HOLD_UNKNOWN;
	if (code < 0 && code != -EBUSY)
		return code;
	code = fence->ops->read(fence->array, &fence->last, error);
	if (code)
		return code;
	fence->is_renewed = fence->last.is_reserved && fence->last.holder == fresh;
	if (fence->is_renewed)
		fence->own = fresh;
	fence->hold = fence_read_hold(&fence->last, fence->own, fence->peer);
	return 0;
}

/* It is this controller's still, at another port than that which commands are sent by: after a new login, say. */
static int move_here(struct fence *fence, uint64_t key, struct svc_error *error)
{
	int code = fence->ops->read(fence->array, &fence->last, error);
	uint64_t fresh = fresh_key(&fence->last, key);

	if (code || !reservation_has_key(&fence->last, key))
		return code;
	code = fence->ops->register_key(fence->array, fresh, error);
	if (code >= 0)
		code = fence->ops->preempt(fence->array, fresh, key, error);
	return code == -EBUSY ? 0 : code; /* it went by itself */
}

int fence_release(struct fence *fence, struct svc_error *error)
{
	for (int round = 0; round < REREADS_MAX; round++) {
		uint64_t key = fence_find_key(&fence->last, any_of(fence->own));
		int code = key ? fence->ops->release(fence->array, key, error) : 0;

		if (code == -EBUSY)
			code = move_here(fence, key, error);
		if (code || !key)
			return code;
		code = fence->ops->read(fence->array, &fence->last, error);
		if (code)
			return code;
	}
	return error_set(error, -EBUSY, "this controller's key does not go away");
}

bool fence_is_shutting_out(const struct reservation *reservation, uint64_t own, uint64_t peer, enum fence_peer state)
{
	return state == PEER_SHUT_OUT && reservation->is_reserved && fence_is_key_of(reservation->holder, own) &&
	       !fence_find_key(reservation, peer);
}

bool fence_is_to_release(const struct reservation *reservation, uint64_t own, uint64_t peer, enum fence_peer state)
{
	if (!fence_find_key(reservation, own))
		return false;
	if (reservation->is_reserved && fence_is_key_of(reservation->holder, own))
		return !fence_is_shutting_out(reservation, own, peer, state);
	return state != PEER_AT_WORK && !(reservation->is_reserved && fence_is_key_of(reservation->holder, peer));
}

/* ---- the proof ---- */

enum fence_motion fence_watch(uint64_t first, uint64_t last, uint64_t watched_ms, uint64_t interval_ms)
{
	if (first != last)
		return MOTION_MOVING;
	return watched_ms < interval_ms ? MOTION_UNWATCHED : MOTION_STILL;
}

bool fence_is_kept(enum fence_hold hold, bool is_reserved, enum fence_proof proof)
{
	return hold == HOLD_MINE || hold == HOLD_OPEN || (proof != PROOF_RESERVATION && !is_reserved);
}

bool fence_is_alive(const struct fence_facts *facts, struct reasons *reasons)
{
	size_t before = reasons->count;

	if (facts->mmp == MOTION_MOVING)
		reason_add(reasons, REASON_PEER_ALIVE, -1,
		           "the file system's MMP block moves: it is mounted elsewhere");
	/* One that closed the mirror may well be alive: it stands by. */
	if (facts->beats == MOTION_MOVING && !facts->is_closed)
		reason_add(reasons, REASON_PEER_ALIVE, -1, "the other controller's heartbeat moves");
	if (facts->mmp != MOTION_UNWATCHED && (facts->beats != MOTION_UNWATCHED || facts->is_closed))
		return reasons->count > before;
	if (facts->needed_seconds)
		reason_add(reasons, REASON_NOT_FENCED, -1,
		           "there is no time to watch the other controller's signs of life: that takes %u s of what "
		           "--timeout gives",
		           facts->needed_seconds);
	else
		reason_add(reasons, REASON_NOT_FENCED, -1,
		           "the other controller's signs of life were not watched for long enough");
	return true;
}

bool fence_is_contradicted(const struct fence_facts *facts, struct reasons *reasons)
{
	size_t before = reasons->count;

	if (facts->hold == HOLD_LOST)
		reason_add(reasons, REASON_PREEMPTED, -1,
		           "the drive array has not given the volume to this controller");
	if (facts->hold == HOLD_OPEN)
		reason_add(reasons, REASON_NOT_FENCED, -1, "the other controller's key does not go away");
	if (facts->hold == HOLD_FOREIGN)
		reason_add(reasons, REASON_NOT_FENCED, -1,
		           "the drive array has a reservation or keys that neither controller made");
	fence_is_alive(facts, reasons);
	/* It goes on for a controller that is seen to be at work. */
	if (!facts->is_export_stopped && reasons->count == before)
		reason_add(reasons, REASON_NOT_FENCED, -1,
		           "this controller still serves the volume to the other one, which can write through it");
	return reasons->count > before;
}

enum fence_proof fence_judge(const struct fence_facts *facts, struct reasons *reasons)
{
	if (fence_is_contradicted(facts, reasons))
		return PROOF_NONE;
	if (facts->hold == HOLD_MINE) {
		reason_add(reasons, REASON_FENCED, -1,
		           "the drive array has this controller's key alone, and refuses the other");
		return PROOF_RESERVATION;
	}
	if (facts->hook == HOOK_PROVEN) {
		reason_add(reasons, REASON_FENCED, -1, "the fence-peer hook says that the other controller is stopped");
		return PROOF_HOOK;
	}
	if (facts->is_told) {
		reason_add(reasons, REASON_FENCED, -1, "the caller says that the other controller is stopped");
		return PROOF_TOLD;
	}
	reason_add(reasons, REASON_NOT_FENCED, -1, "%s, and nobody says that the other controller is stopped",
	           facts->hook == HOOK_FAILED ? "the fence-peer hook failed"
	                                      : "there is no reservation that shuts the other controller out");
	return PROOF_NONE;
}
