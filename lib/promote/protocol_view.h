/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs of the protocol's test are made of, and what a controller sees of the copies. */
#ifndef SVC_PROTOCOL_VIEW_H
#define SVC_PROTOCOL_VIEW_H

#include "evidence/record.h"
#include "path/legs.h"
#include "plan/plan.h"
#include "promote/decide.h"
#include "promote/protocol_world.h"
#include "rebuild/mark.h"

/*
 * One thing each that a hasty hand could leave out.
 */
enum broken {
	BROKEN_NOTHING,
	BROKEN_FENCE,     /* a refusal of the array is taken for a proof */
	BROKEN_REREAD,    /* the keys are not read again after they were changed */
	BROKEN_EXPORT,    /* the volume is still served to the other one */
	BROKEN_CUT,       /* the export is stopped before the other one's signs of life are watched */
	BROKEN_ALIVE,     /* the other one's signs of life are not watched */
	BROKEN_RELEASE,   /* a standby's hand-over takes the key away that the other one's writes come under */
	BROKEN_CLAIM,     /* activated without a claim */
	BROKEN_SHARED,    /* the flash is claimed before shared */
	BROKEN_NEW,       /* no new generation */
	BROKEN_ANNOUNCED, /* who has the generation does not learn of a leg that is being rebuilt */
	BROKEN_UNSEEN,    /* what was not read is not asked for */
	BROKEN_CLOSED,    /* a leg that was left behind is closed too */
	BROKEN_MEMORY,    /* the records do not keep what was not read */
	BROKEN_NUMBER,    /* a controller's key is the same one each time */
	BROKEN_SEEN,      /* the volume is taken from who has it when it is looked at, and not as the call began */
	BROKEN_RENEWED,   /* the key keeps its number once the mirror is claimed */
	BROKEN_LAST,      /* and when all is done */
	/* Too rare for chance: each has a history of its own. */
	BROKEN_HUNG,   /* a reservation that shuts a controller out which may hang is given up */
	BROKEN_SERVED, /* shared is served to one that is shut out */
};

enum stage {
	IDLE,
	/* a takeover */
	BEGIN,
	WATCH,
	WATCHED,
	STOP_EXPORT,
	FENCE,
	PROVE,
	LOOK,
	CHECK,
	CLAIM,
	CONFIRM,
	ACTIVATE,
	VERIFY,
	TELL, /* who called learns what came of it */
	/* a rebuild of what is behind, while the mirror is used */
	PLAN,
	ANNOUNCE,
	ATTACH,
	COPY,
	ATTACHED,
	NOTE,
	/* a hand-over */
	UNMOUNT,
	CLOSE,
	RELEASE,
	RELEASED,
	/* the monitor */
	LEGS_LOOK,
	LEGS_WRITE,
};

struct program {
	enum stage stage;
	bool is_stopped;  /* the process is, wherever it was */
	bool is_compared; /* the content is read, not the evidence alone */
	int from;         /* the leg that a person insists on; -1: none */
	uint64_t beats;
	struct reservation seen;
	struct fence fence;
	uint64_t began; /* by the clock */
	uint64_t key;   /* that the volume was got with; 0: it was not */
	struct fence_facts facts;
	enum fence_proof proof;
	struct record record; /* of shared, as the call began */
	bool is_serving;      /* the export was stopped by this call */
	bool has_cut;         /* the export was stopped by this call, and the other one was connected to it */
	unsigned version[LEGS];
	bool is_blind;
	bool is_warning;  /* what the call has to say: the other one's flash may hold newer writes */
	uint64_t missing; /* bit per write that is not in what it goes on with */
	unsigned legs;    /* to be activated; that were active */
	unsigned targets; /* to be rebuilt */
	unsigned whole;   /* of them, those that the bitmap does not help */
	int right;        /* the leg that they are rebuilt from */
	struct claim claim;
	int leg_of[LEGS]; /* the leg that a copy of the claim is */
	int item;
};

enum { MAIN, MONITOR, PROGRAMS };

struct tally {
	uint64_t takes, warned, forced, refused, lost, written_off, rebuilt, handed_over, noted, judgements, undecided,
		splits;
};

struct play {
	struct world world;
	struct program program[CONTROLLERS][PROGRAMS];
	enum broken broken;
	struct tally tally;
};

/* ---- what a controller, or an engineer with all of them on the desk, sees ---- */

struct view {
	int copies;
	int leg[LEGS];
	struct copy copy[LEGS];
	struct comparison comparison;
	struct verdict verdict;
};

static inline void describe(const struct world *w, int self, int leg, struct copy *copy)
{
	static const char *const name[] = { "flash-a", "flash-b", "shared" };
	const struct leg *l = &w->leg[leg];
	struct evidence *e = &copy->evidence;

	if (!copy->name[0] || strcmp(copy->name, name[leg]) != 0) {
		memset(copy, 0, sizeof(*copy));
		strcpy(copy->name, name[leg]);
		strcpy(copy->group, name[leg]);
		copy->leg_bytes = copy->device_bytes = 1 << 20;
		e->lvm = (struct lvm_evidence){ .present = true,
			                        .type = MIRROR_RAID1,
			                        .leg_count = LEGS,
			                        .leg_bytes = 1 << 20,
			                        .areas_valid = 2,
			                        .areas_total = 2 };
		e->lvm.leg_index = (unsigned)leg;
		for (int i = 0; i < LEGS; i++)
			snprintf(e->lvm.leg_pv_uuid[i], LVM_UUID_SIZE, "pv%d", i);
		strcpy(e->lvm.pv_uuid, e->lvm.leg_pv_uuid[leg]);
		e->raid = (struct raid_evidence){ .present = true, .num_devices = LEGS, .resync_offset = UINT64_MAX };
		e->raid.array_position = (uint32_t)leg;
		e->record.has_area = e->fs.present = e->unsettled.present = true;
		e->unsettled.regions = REGIONS;
	}
	copy->condition = self >= 0 && !can_read(w, self, leg) ? COPY_UNREADABLE : COPY_USABLE;
	e->raid.events = l->events;
	e->raid.failed_devices = l->failed;
	e->raid.recovery_offset = l->is_whole ? UINT64_MAX : 8;
	e->fs.mount_time = l->mounted;
	e->unsettled.dirty_regions = (unsigned)__builtin_popcount(l->regions);
	e->record.present = l->has_record;
	e->record.record = l->record;
	memset(&e->online, 0, sizeof(e->online));
	if (self >= 0 && w->controller[self].mirror.is_active) {
		e->online =
			(struct online_evidence){ .is_active = true, .is_under = true, .legs = LEGS, .action = "idle" };
		memcpy(e->online.health, w->controller[self].mirror.health, LEGS);
		copy->is_live = true;
	} else {
		copy->is_live = false;
	}
}

static inline void compare(const struct world *w, struct view *v)
{
	int reference = verdict_reference(v->copy, v->copies, &v->verdict);

	memset(&v->comparison, 0, sizeof(v->comparison));
	v->comparison.reference = reference;
	if (reference < 0 || v->copy[reference].condition != COPY_USABLE)
		return;
	v->comparison.done = true;
	for (int i = 0; i < v->copies; i++) {
		struct content_difference *content = &v->comparison.copy[i];
		const struct leg *mine = &w->leg[v->leg[i]], *theirs = &w->leg[v->leg[reference]];
		uint64_t differing = mine->writes ^ theirs->writes;

		content->compared = v->copy[i].condition == COPY_USABLE;
		for (int n = 0; content->compared && differing; n++, differing >>= 1) {
			unsigned region = 1u << n % REGIONS;

			if (!(differing & 1))
				continue;
			content->used_bytes += 4096;
			if (!((mine->regions | theirs->regions) & region))
				content->settled_bytes += 4096;
			else if (!(theirs->regions & region))
				content->own_bytes += 4096;
			else if (!(mine->regions & region))
				content->reference_bytes += 4096;
		}
	}
}

/* Of the legs given, by this controller; -1: an engineer who reads them all. */
static inline void look(const struct world *w, int self, unsigned legs, bool is_compared, struct view *v)
{
	v->copies = 0;
	for (int i = 0; i < LEGS; i++)
		if (legs >> i & 1) {
			v->leg[v->copies] = i;
			describe(w, self, i, &v->copy[v->copies++]);
		}
	verdict_judge(v->copy, v->copies, NULL, !is_compared, &v->verdict);
	memset(&v->comparison, 0, sizeof(v->comparison));
	if (is_compared)
		compare(w, v);
	if (v->comparison.done)
		verdict_judge(v->copy, v->copies, &v->comparison, true, &v->verdict);
}

static inline unsigned own_legs(int self)
{
	return 1u << self | 1u << SHARED;
}

static inline uint64_t relevant(const struct world *w)
{
	return w->acknowledged & ~w->given_up;
}

#endif
