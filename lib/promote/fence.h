/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the other controller can no longer write to shared. The array decides, where it knows persistent
 * reservations: of two controllers that ask at once it takes the one's key away, in one command.
 *
 * A command says whose hold it means by the key that it names, and may reach the array long after that was read: whoever
 * sends it may have been stopped in between. So a key has a number, which is another one with each takeover, and once more
 * when that has claimed the mirror and when it ends well. What names an older one comes to nothing.
 *
 * Taking must not run where the mirror is active: a key that was taken away and is registered again lets through what the
 * kernel still wants to write. Renewing may, for it does nothing for a key that was taken away.
 */
#ifndef SVC_PROMOTE_FENCE_H
#define SVC_PROMOTE_FENCE_H

#include "dev/reservation.h"
#include "verdict/reason.h"

/* The array's commands (dev/reservation.h); tests have one of their own. */
struct fence_ops {
	int (*read)(void *array, struct reservation *reservation, struct svc_error *error);
	/* As reservation_register, reservation_renew. */
	int (*register_key)(void *array, uint64_t key, struct svc_error *error);
	int (*renew)(void *array, uint64_t key, uint64_t fresh, struct svc_error *error);
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

enum { FENCE_ANY_NUMBER = 0 }; /* no key has it: whichever the array knows */

/*
 * 8 bytes, as the array shows them: "svc", the controller's letter, crc32 of the VG's UUID folded to 16 bits, and the
 * number, which has 16. Pure.
 */
uint64_t fence_key(char controller, const char *vg_uuid, uint16_t number);

/* Whether it is this key; of one with FENCE_ANY_NUMBER: one of that controller's. Pure. */
bool fence_is_key_of(uint64_t key, uint64_t whose);

/* The key there of that controller, the one that holds the volume first; 0: there is none. Pure. */
uint64_t fence_find_key(const struct reservation *reservation, uint64_t whose);

/* A random one. */
int fence_draw_number(uint16_t *number, struct svc_error *error);

/* What one reading of the array says. */
enum fence_hold {
	HOLD_UNKNOWN, /* there is no direct path, or it knows no reservations, or it does not answer */
	HOLD_MINE,    /* this controller has it, and nobody else has a key */
	HOLD_OPEN,    /* this controller has it, and the other one's key still lets it write */
	HOLD_LOST,    /* somebody else has it, or nobody */
	HOLD_FOREIGN, /* keys or a reservation that are of neither controller's making */
};

/* Either key may have FENCE_ANY_NUMBER. Pure. */
enum fence_hold fence_read_hold(const struct reservation *reservation, uint64_t own, uint64_t peer);

enum fence_stage {
	FENCE_LOOK,
	FENCE_RENEW, /* this controller has it already: its key gets the new number */
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
	uint64_t own;  /* with the number of this attempt */
	uint64_t peer; /* with any */
	enum fence_stage stage;
	uint64_t seen;             /* the key that had it as the call began; 0: none, or that was not to be read */
	struct reservation before; /* what it was when this attempt began */
	struct reservation last;   /* the newest reading */
	enum fence_hold hold;
	unsigned rereads;
	bool is_fleeting; /* the array forgets it when its power is cut */
	bool is_renewed;  /* by fence_renew */
};

/* What was read before anything else that the call goes by: who has got the volume since then keeps it. */
void fence_begin(struct fence *fence, const struct fence_ops *ops, void *array, uint64_t own, uint64_t peer,
                 const struct reservation *seen);

/* Does the next step. 1: there is more to do; 0: fence->hold says what came of it; -errno with a sentence. */
int fence_advance(struct fence *fence, struct svc_error *error);

/*
 * Whether the next step makes the other one lose what it had as the call began: not to be done where somebody has
 * claimed the mirror since the call read the records. The number tells what was claimed after that was asked. Pure.
 */
bool fence_is_to_look_again(const struct fence *fence);

/* Somebody has: the rest of the attempt leaves the volume to him. */
void fence_yield(struct fence *fence);

/* All of it. 0, and fence->hold says what came of it; -EOPNOTSUPP, -EIO ... with a sentence. */
int fence_take(struct fence *fence, struct svc_error *error);

/* Reads it once more. Returns as fence_take; nothing is changed. */
int fence_confirm(struct fence *fence, struct svc_error *error);

/*
 * Gives the key that this attempt got the volume with its next number, in one command that fails where the key was taken
 * away: whoever looked before can take the volume no more, and who looks after it finds what was written before. Only who
 * has the volume then has won. Returns as fence_take. Where another port of this controller's has the reservation the
 * number stays, and is_renewed is false.
 */
int fence_renew(struct fence *fence, struct svc_error *error);

/* Gives up what the newest reading shows of this controller's, at whichever port. Not where the mirror is active. */
int fence_release(struct fence *fence, struct svc_error *error);

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
