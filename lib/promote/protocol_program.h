/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs on a controller, in steps of one change each: a takeover, a hand-over, the rebuild of a leg that is
 * behind, and the monitor that keeps the records. Every decision is the library's own; here is only the order that the
 * commands call it in, so that it can be broken: see enum broken.
 */
#ifndef SVC_PROTOCOL_PROGRAM_H
#define SVC_PROTOCOL_PROGRAM_H

#include "promote/protocol_takeover.h"

/* ---- the rebuild of what is behind ---- */

static inline void plan_rebuild(struct play *play, int self, struct program *p, struct view *v)
{
	struct plan_wish wish = { .from = -1 };
	struct reasons refusals = { 0 };
	struct world *w = &play->world;
	int leg_of[SVC_COPIES_MAX];
	struct plan plan;

	memset(leg_of, -1, sizeof(leg_of));
	look(w, self, own_legs(self), p->is_compared, v);
	end_program(p);
	if (v->verdict.authority < 0 || !w->controller[self].mirror.is_active ||
	    plan_make(v->copy, v->copies, &v->verdict, &v->comparison, &wish, leg_of, &plan, &refusals))
		return;
	p->targets = p->whole = 0;
	for (int a = 0; a < plan.actions; a++) {
		unsigned leg = 1u << v->leg[plan.action[a].copy];

		if (plan.action[a].kind == ACTION_REFRESH || plan.action[a].kind == ACTION_REBUILD_ONLINE)
			p->targets |= leg;
		if (plan.action[a].kind == ACTION_REBUILD_ONLINE)
			p->whole |= leg;
	}
	if (!p->targets)
		return;
	p->right = v->leg[plan.authority];
	p->stage = ANNOUNCE;
	tell(w, "%c: rebuild of legs %x (whole: %x) from %d\n", letter[self], p->targets, p->whole, p->right);
}

/* As online_announce has it, one record a step: first the targets', then that of who is right. */
static inline void announce(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct record record;
	int code = 0;

	for (int i = 0; i < LEGS && play->broken != BROKEN_ANNOUNCED; i++) {
		record = w->leg[i].record;
		if (!(p->targets >> i & 1) || !w->leg[i].has_record || !mark_beyond(&record, w->now))
			continue;
		if (write_record(w, self, i, &record))
			end_program(p);
		return;
	}
	p->stage = ATTACH;
	record = w->leg[p->right].record;
	if (play->broken != BROKEN_ANNOUNCED && w->leg[p->right].has_record && mark_shared(&record, p->targets, w->now))
		code = write_record(w, self, p->right, &record);
	if (code)
		end_program(p);
}

static inline void attach(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct mirror *mirror = &w->controller[self].mirror;

	if (!mirror->is_active || mirror->health[p->right] != 'A') {
		end_program(p);
		return;
	}
	for (int i = 0; i < LEGS; i++)
		if (p->targets >> i & 1) {
			if (!can_write(w, self, i)) {
				end_program(p);
				return;
			}
			if (i == SHARED)
				w->claimant = self;
			mirror->health[i] = 'a';
			w->leg[i].is_whole = false;
		}
	write_superblocks(w, self);
	p->stage = COPY;
}

/* By the bitmap only what that calls unsettled. */
static inline void copy_legs(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct mirror *mirror = &w->controller[self].mirror;
	const struct leg *right = &w->leg[p->right];
	uint64_t unsettled = 0;

	for (int n = 0; n < WRITES_MAX; n++)
		if (right->regions >> n % REGIONS & 1)
			unsettled |= (uint64_t)1 << n;
	p->stage = ATTACHED;
	for (int i = 0; i < LEGS && mirror->is_active; i++) {
		struct leg *leg = &w->leg[i];
		uint64_t part = p->whole >> i & 1 ? UINT64_MAX : unsettled;

		if (!(p->targets >> i & 1) || mirror->health[i] != 'a')
			continue;
		if (!can_write(w, self, i)) {
			write_superblocks(w, self);
			continue;
		}
		if (leg->writes & relevant(w) & ~right->writes)
			fail_world(w, "an acknowledged write is overwritten");
		leg->writes = (leg->writes & ~part) | (right->writes & part);
		leg->regions = right->regions;
		leg->mounted = right->mounted;
		leg->version++;
		if (leg->writes != right->writes)
			fail_world(w, "a recovery by the bitmap leaves a difference");
		play->tally.rebuilt++;
	}
}

static inline void finish_attach(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct mirror *mirror = &w->controller[self].mirror;

	if (!mirror->is_active) {
		end_program(p);
		return;
	}
	for (int i = 0; i < LEGS; i++)
		if (p->targets >> i & 1 && mirror->health[i] == 'a') {
			mirror->health[i] = 'A';
			w->leg[i].is_whole = true;
			tell(w, "%c: leg %d is whole\n", letter[self], i);
		}
	write_superblocks(w, self);
	p->item = 0;
	p->stage = NOTE;
}

/* The targets' records, one a step: what they hold now. */
static inline void note(struct play *play, int self, struct program *p, struct view *v)
{
	struct world *w = &play->world;
	struct record right = w->leg[p->right].record;

	if (w->leg[p->right].has_record && mark_shared(&right, p->targets, w->now)) {
		if (play->broken == BROKEN_ANNOUNCED || write_record(w, self, p->right, &right))
			end_program(p);
		return;
	}
	for (; p->item < LEGS; p->item++) {
		struct record record = w->leg[p->item].record;

		if (!(p->targets >> p->item & 1) || w->controller[self].mirror.health[p->item] != 'A')
			continue;
		describe(w, self, p->right, &v->copy[0]);
		describe(w, self, p->item, &v->copy[1]);
		mark_rebuilding(&record, &v->copy[1], v->copy[1].evidence.lvm.pv_uuid, &v->copy[0], REBUILD_NONE, 0, 0,
		                w->now);
		mark_whole(&record, &v->copy[0], p->targets, w->now);
		if (write_record(w, self, p->item, &record)) {
			end_program(p);
			return;
		}
		p->item++;
		return;
	}
	end_program(p);
}

/* ---- the hand-over, and the monitor ---- */

static inline void unmount(struct play *play, int self, struct program *p, struct view *v)
{
	struct world *w = &play->world;
	struct mirror *mirror = &w->controller[self].mirror;
	bool is_member[SVC_COPIES_MAX] = { false };
	unsigned written;

	if (mirror->is_active && legs_with(mirror, 'a')) {
		end_program(p);
		return;
	}
	for (int i = 0; i < LEGS && mirror->is_active; i++)
		if (mirror->health[i] == 'A' && !can_write(w, self, i))
			write_superblocks(w, self);
	if (mirror->is_active && mirror->is_superblock_due)
		write_superblocks(w, self);
	written = legs_with(mirror, 'A');
	stop_mirror(w, self);
	tell(w, "%c: stopped\n", letter[self]);
	look(w, self, own_legs(self), false, v);
	for (int i = 0; i < v->copies; i++) {
		p->leg_of[i] = v->leg[i];
		is_member[i] =
			play->broken == BROKEN_CLOSED || promote_is_to_close(v->copy, v->copies, i, letter[self]);
		/* But for one that became whole a moment ago, and whose record does not say so yet. */
		if (written >> v->leg[i] & 1 && v->copy[i].evidence.record.record.is_open &&
		    v->copy[i].evidence.record.record.owner == letter[self] && !is_member[i] &&
		    !memcmp(v->copy[0].evidence.record.record.generation,
		            v->copy[v->copies - 1].evidence.record.record.generation, 16))
			fail_world(w, "a leg that was written to the end is left open");
	}
	claim_plan_close(v->copy, v->copies, is_member, w->now, &p->claim);
	p->item = 0;
	p->stage = p->claim.items ? CLOSE : RELEASE;
	play->tally.handed_over++;
}

static inline void look_before_release(struct play *play, int self, struct program *p)
{
	static struct view v;
	struct world *w = &play->world;
	struct way way = { w, self };
	const struct reservation *last = &p->fence.last;
	enum fence_peer state;
	struct svc_error error;

	fence_begin(&p->fence, &array_ops, &way, any_key(self), any_key(!self), &p->seen);
	if (fence_confirm(&p->fence, &error)) {
		end_program(p);
		return;
	}
	look(w, self, own_legs(self), false, &v);
	state = promote_peer(v.copy, v.copies, letter[self]);
	if (play->broken == BROKEN_HUNG && state == PEER_SHUT_OUT)
		state = PEER_DONE;
	if (play->broken == BROKEN_RELEASE ? fence_find_key(last, any_key(self)) != 0
	                                   : fence_is_to_release(last, any_key(self), any_key(!self), state))
		p->stage = RELEASED;
	else
		end_program(p);
}

static inline void release(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct way way = { w, self };
	bool is_other_at_work = is_at_work(w, !self, p);
	struct svc_error error;

	p->fence.array = &way;
	fence_release(&p->fence, &error);
	end_program(p);
	if (is_other_at_work && !can_write(w, !self, SHARED))
		fail_world(w, "a standby that is to hand over cuts a controller at work off");
}

static inline void legs_look(struct play *play, int self, struct program *p, struct view *v)
{
	struct world *w = &play->world;
	uint8_t fresh[16] = { 0 };

	end_program(p);
	if (!w->controller[self].mirror.is_active)
		return;
	look(w, self, own_legs(self), false, v);
	w->generations++;
	memcpy(fresh, &w->generations, sizeof(w->generations));
	for (int i = 0; i < v->copies; i++)
		p->leg_of[i] = v->leg[i];
	if (legs_plan(v->copy, v->copies, letter[self], fresh, w->now, &p->claim) == LEGS_NONE)
		return;
	play->tally.noted++;
	p->item = 0;
	p->stage = LEGS_WRITE;
}

/* One step; each changes at most one thing that somebody else can see. */
static inline void advance(struct play *play, int self, struct program *p)
{
	static struct view v;
	const struct program *other = &play->program[self][p == play->program[self]];

	/* record_lock: who reads records to write them is alone with that. */
	if ((p->stage == LEGS_LOOK && (other->stage == ANNOUNCE || other->stage == NOTE)) ||
	    ((p->stage == ANNOUNCE || p->stage == NOTE || p->stage == UNMOUNT || p->stage == VERIFY) &&
	     other->stage == LEGS_WRITE))
		return;
	play->world.clock++;
	switch (p->stage) {
	case IDLE:
		break;
	case BEGIN:
		begin_call(play, self, p);
		break;
	case WATCH:
		watch_first(play, self, p);
		break;
	case WATCHED:
		watch_last(play, self, p);
		break;
	case STOP_EXPORT:
		stop_export(play, self, p);
		p->facts.is_export_stopped = true;
		p->stage = FENCE;
		break;
	case FENCE:
		advance_fence(play, self, p);
		break;
	case PROVE:
		prove(play, self, p);
		break;
	case LOOK:
		decide(play, self, p, &v);
		break;
	case CHECK:
		if (has_changed(play, p))
			end_program(p);
		else
			p->stage = CLAIM;
		break;
	case CLAIM:
		write_item(play, self, p, CONFIRM);
		break;
	case CONFIRM:
		confirm(play, self, p);
		break;
	case ACTIVATE:
		activate(&play->world, self, p->legs);
		play->world.controller[self].mirror.is_blind = p->is_blind;
		play->tally.takes++;
		p->stage = VERIFY;
		break;
	case VERIFY:
		verify(play, self, p);
		break;
	case TELL:
		tell_caller(play, self, p);
		break;
	case PLAN:
		plan_rebuild(play, self, p, &v);
		break;
	case ANNOUNCE:
		announce(play, self, p);
		break;
	case ATTACH:
		attach(play, self, p);
		break;
	case COPY:
		copy_legs(play, self, p);
		break;
	case ATTACHED:
		finish_attach(play, self, p);
		break;
	case NOTE:
		note(play, self, p, &v);
		break;
	case UNMOUNT:
		unmount(play, self, p, &v);
		break;
	case CLOSE:
		write_item(play, self, p, RELEASE);
		break;
	case RELEASE:
		look_before_release(play, self, p);
		break;
	case RELEASED:
		release(play, self, p);
		break;
	case LEGS_LOOK:
		legs_look(play, self, p, &v);
		break;
	case LEGS_WRITE:
		write_item(play, self, p, IDLE);
		break;
	}
}

#endif
