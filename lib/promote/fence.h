/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the other controller can no longer write to shared. The array decides, where it knows persistent
 * reservations: of two controllers that ask at once it takes the one's key away, in one command.
 *
 * Must not run where the mirror is active: a key that was taken away and is registered again lets through what the
 * kernel still wants to write.
 */
#ifndef SVC_PROMOTE_FENCE_H
#define SVC_PROMOTE_FENCE_H

#include "dev/reservation.h"
#include "verdict/reason.h"

/* The array's commands (dev/reservation.h); tests have one of their own. */
struct fence_ops {
	int (*read)(void *array, struct reservation *reservation, struct svc_error *error);
	int (*register_key)(void *array, uint64_t key, struct svc_error *error); /* as reservation_register */
	int (*reserve)(void *array, uint64_t key, struct svc_error *error);
	int (*preempt)(void *array, uint64_t key, uint64_t other, struct svc_error *error);
	int (*release)(void *array, uint64_t key, struct svc_error *error);
};

/* For fence_ops_disk's `array`. */
struct fence_disk {
	const char *device; /* the disk of the direct path itself */
	unsigned timeout_seconds;
};

extern const struct fence_ops fence_ops_disk;

/* "svc", the controller's letter, and crc32 of the VG's UUID: 8 bytes, as the array shows them. Pure. */
uint64_t fence_key(char controller, const char *vg_uuid);

/* What one reading of the array says. */
enum fence_hold {
	HOLD_UNKNOWN, /* there is no direct path, or it knows no reservations, or it does not answer */
	HOLD_MINE,    /* this controller has it, and nobody else has a key */
	HOLD_OPEN,    /* this controller has it, and the other one's key still lets it write */
	HOLD_LOST,    /* somebody else has it, or nobody */
	HOLD_FOREIGN, /* keys or a reservation that are of neither controller's making */
};

/* Pure. */
enum fence_hold fence_read_hold(const struct reservation *reservation, uint64_t own, uint64_t peer);

enum fence_stage {
	FENCE_LOOK,
	FENCE_REGISTER,
	FENCE_SEIZE,
	FENCE_REREAD,
	FENCE_CLEAR,    /* take away a key of the other one that holds nothing */
	FENCE_WITHDRAW, /* lost: this controller's key goes */
	FENCE_END,
};

/* One attempt; each step is at most one change of the array. Killed at any of them, it is begun anew. */
struct fence {
	const struct fence_ops *ops;
	void *array;
	uint64_t own, peer;
	enum fence_stage stage;
	struct reservation before; /* what it was when this attempt began */
	struct reservation last;   /* the newest reading */
	enum fence_hold hold;
	unsigned rereads;
	bool is_fleeting; /* the array forgets it when its power is cut */
};

void fence_begin(struct fence *fence, const struct fence_ops *ops, void *array, uint64_t own, uint64_t peer);

/* Does the next step. 1: there is more to do; 0: fence->hold says what came of it; -errno with a sentence. */
int fence_advance(struct fence *fence, struct svc_error *error);

/*
 * Whether the next step makes the other one lose what it had as this attempt began: not to be done where somebody has
 * claimed the mirror since; keys do not tell an old hold from a new one. Pure.
 */
bool fence_is_to_look_again(const struct fence *fence);

/* Somebody has: the rest of the attempt leaves the volume to him. */
void fence_yield(struct fence *fence);

/* All of it. 0, and fence->hold says what came of it; -EOPNOTSUPP, -EIO ... with a sentence. */
int fence_take(struct fence *fence, struct svc_error *error);

/*
 * Reads it once more, for after the records were written: who got the volume loses it again to one who looked when that
 * had it. Only who has it then has won. Returns as fence_take; nothing is changed.
 */
int fence_confirm(struct fence *fence, struct svc_error *error);

/* The other controller, by the records. */
enum fence_peer {
	PEER_DONE,     /* it has not the mirror, as far as they know */
	PEER_AT_WORK,  /* it has */
	PEER_SHUT_OUT, /* it had as this one took it over; it never closed it, and was not seen to stop */
};

/*
 * Whether the other one is shut out, and is to stay so: it may hang, and write on once it wakes up. A key that it has got
 * since is that of a standby, which does not. Its own takeover gets past. Pure.
 */
bool fence_is_shutting_out(const struct reservation *reservation, uint64_t own, uint64_t peer, enum fence_peer state);

/*
 * Whether a controller that stops using the volume gives its key up. The key of a standby is no reservation: the other one's
 * writes come under it where this one serves. The reservation stays where the other one is shut out with it. Pure.
 */
bool fence_is_to_release(const struct reservation *reservation, uint64_t own, uint64_t peer, enum fence_peer state);

/* ---- the proof ---- */

enum fence_motion {
	MOTION_ABSENT,    /* there is nothing that could move, or it cannot be read */
	MOTION_UNWATCHED, /* not watched for as long as it takes to move */
	MOTION_STILL,
	MOTION_MOVING,
};

/* Two readings of a counter (a heartbeat, ext4's MMP block), so long apart. Pure. */
enum fence_motion fence_watch(uint64_t first, uint64_t last, uint64_t watched_ms, uint64_t interval_ms);

enum fence_hook {
	HOOK_NONE, /* not configured */
	HOOK_PROVEN,
	HOOK_FAILED,
};

/* All found in this very call: what was true of an earlier one proves nothing. */
struct fence_facts {
	enum fence_hold hold;
	enum fence_hook hook;
	bool is_told;            /* --peer-fenced */
	bool is_export_stopped;  /* nobody writes to shared through this controller */
	bool is_closed;          /* the records say that the other controller closed the mirror */
	enum fence_motion beats; /* of the other controller's probe slot */
	enum fence_motion mmp;
	unsigned needed_seconds; /* to watch them, where there was no time for that */
};

enum fence_proof {
	PROOF_NONE,
	PROOF_RESERVATION,
	PROOF_HOOK,
	PROOF_TOLD,
};

/* Whether the other controller's signs of life say that it is at work, or were not watched for long enough to tell. Pure. */
bool fence_is_alive(const struct fence_facts *facts, struct reasons *reasons);

/*
 * Whether a reading that came after the proof leaves it: where that was not the array's word, it must be nobody's. A key of
 * the other one's that came after this one's was made is that of a standby at the far end of the NBD path: it writes what
 * this controller sends. Pure.
 */
bool fence_is_kept(enum fence_hold hold, bool is_reserved, enum fence_proof proof);

/*
 * Whether something speaks against taking the volume, whatever may prove that the other controller is stopped. To be
 * asked before fence_take (with hold HOLD_UNKNOWN) too: a controller at work must not lose its disk to one that then
 * refuses. Pure.
 */
bool fence_is_contradicted(const struct fence_facts *facts, struct reasons *reasons);

/* What proves it, if anything does; the reasons say what, or why not. Pure. */
enum fence_proof fence_judge(const struct fence_facts *facts, struct reasons *reasons);

#endif
