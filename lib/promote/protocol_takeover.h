/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A takeover in the protocol's test. */
#ifndef SVC_PROTOCOL_TAKEOVER_H
#define SVC_PROTOCOL_TAKEOVER_H

#include "promote/protocol_view.h"

static inline void end_program(struct program *p)
{
	p->stage = IDLE;
}

static inline void kill_controller(struct play *play, int self)
{
	tell(&play->world, "%c: dies\n", letter[self]);
	stop_serving(&play->world, self);
	play->world.controller[self] = (struct controller){ .has_direct = play->world.controller[self].has_direct,
		                                            .beats = play->world.controller[self].beats,
		                                            .mirror = play->world.controller[self].mirror };
	stop_mirror(&play->world, self);
	memset(play->program[self], 0, sizeof(play->program[self]));
}

/* kill -9 of svc-promote alone, wherever it is; what it did stays done. */
static inline void kill_call(struct play *play, int self)
{
	struct program *p = &play->program[self][MAIN];

	if ((p->stage < BEGIN || p->stage > TELL) && (p->stage < UNMOUNT || p->stage > RELEASED))
		return;
	tell(&play->world, "%c: the call is killed at %d\n", letter[self], p->stage);
	if (p->stage == TELL)
		play->world.call[self].won = 0;
	end_program(p);
}

static inline void stop_export(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;

	p->is_serving |= w->controller[self].is_exporting;
	p->has_cut |= w->controller[self].is_exporting && w->controller[!self].is_connected;
	if (play->broken != BROKEN_EXPORT)
		stop_serving(w, self);
}

/* A call that ends without having written anything leaves things as they were. */
static inline void refuse_call(struct play *play, int self, struct program *p)
{
	play->tally.refused++;
	play->world.controller[self].is_exporting |= p->is_serving;
	end_program(p);
}

/* Before anything else is read. */
static inline void begin_call(struct play *play, int self, struct program *p)
{
	struct way way = { &play->world, self };
	struct svc_error error;

	p->began = play->world.clock;
	p->key = 0;
	if (array_read(&way, &p->seen, &error))
		memset(&p->seen, 0, sizeof(p->seen));
	p->stage = WATCH;
}

static inline void watch_first(struct play *play, int self, struct program *p)
{
	const struct world *w = &play->world;
	const struct record *record = &w->leg[SHARED].record;

	memset(&p->fence, 0, sizeof(p->fence));
	memset(&p->facts, 0, sizeof(p->facts));
	if (w->controller[self].mirror.is_active) {
		p->stage = LOOK;
		return;
	}
	if (play->broken == BROKEN_CUT)
		stop_export(play, self, p);
	p->stage = STOP_EXPORT;
	p->record = *record;
	if (can_read(w, self, SHARED)) {
		p->beats = w->controller[!self].beats;
		p->facts.is_closed = !(record->owner == letter[!self] && record->is_open);
		p->stage = WATCHED;
	}
}

/* Its writes get to shared, but for what this call has done. */
static inline bool is_at_work(const struct world *w, int other, const struct program *call)
{
	struct world without = *w;
	const struct controller *c = &w->controller[other];

	without.controller[!other].is_exporting |= call->has_cut;
	without.controller[other].is_connected |= call->has_cut;
	return c->mirror.is_active && !c->is_hung && c->mirror.health[SHARED] != 'D' &&
	       can_write(&without, other, SHARED);
}

/* Long enough that who is alive has left a sign. */
static inline void watch_last(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct reasons reasons = { 0 };
	bool is_working = is_at_work(w, !self, p) && !p->facts.is_closed && can_read(w, self, SHARED);

	beat(w, !self);
	if (can_read(w, self, SHARED) && play->broken != BROKEN_ALIVE)
		p->facts.beats = fence_watch(p->beats, w->controller[!self].beats, 1000, 1000);
	p->stage = STOP_EXPORT;
	if (!fence_is_alive(&p->facts, &reasons)) {
		if (is_working)
			fail_world(w, "shared is taken from a controller at work");
		return;
	}
	if (is_working && p->has_cut)
		fail_world(w, "a call that is refused cuts a controller at work off");
	refuse_call(play, self, p);
}

/* Whoever has activated it keeps it, but for a call that came later. */
static inline void check_taken(struct world *w, int self, const struct program *p, int holder)
{
	if (holder == !self && w->holder == self && w->controller[!self].mirror.is_active &&
	    w->call[!self].confirmed > p->began)
		fail_world(w, "a mirror is taken by a call that began before it was claimed");
}

static inline void advance_fence(struct play *play, int self, struct program *p)
{
	struct way way = { &play->world, self };
	int code, holder = play->world.holder;
	struct svc_error error;

	if (!p->fence.ops)
		fence_begin(&p->fence, &array_ops, NULL, draw_key(&play->world, self), any_key(!self), &p->seen);
	p->fence.array = &way;
	if (p->fence.stage == FENCE_LOOK && (play->broken == BROKEN_SEEN || play->broken == BROKEN_NUMBER))
		p->fence.seen = play->world.holder < 0 ? 0 : play->world.key[play->world.holder];
	if (play->broken == BROKEN_REREAD && p->fence.stage == FENCE_REREAD) {
		p->fence.hold = HOLD_MINE;
		code = 0;
	} else {
		code = fence_advance(&p->fence, &error);
	}
	check_taken(&play->world, self, p, holder);
	/* Who finds it claimed after having looked at who has it leaves it alone. */
	if (code > 0 && fence_is_to_look_again(&p->fence) &&
	    memcmp(&p->record, &play->world.leg[SHARED].record, sizeof(p->record)) != 0)
		fence_yield(&p->fence);
	if (code > 0)
		return;
	p->facts.hold = p->fence.hold;
	p->key = p->facts.hold == HOLD_MINE ? p->fence.own : 0;
	tell(&play->world, "%c: fence %d, hold %d\n", letter[self], code, p->fence.hold);
	p->stage = PROVE;
}

/* The hook is taken at its word, so here it is true: it stops the other controller. So is the word of who calls. */
static inline void prove(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;
	struct reasons reasons = { 0 };

	if (p->facts.hold == HOLD_UNKNOWN && pick(w, 2)) {
		if (w->controller[!self].is_up)
			kill_controller(play, !self);
		if (pick(w, 2))
			p->facts.hook = HOOK_PROVEN;
		else
			p->facts.is_told = true;
	}
	p->stage = LOOK;
	if (play->broken == BROKEN_FENCE)
		return;
	p->proof = fence_judge(&p->facts, &reasons);
	if (p->proof == PROOF_NONE) {
		tell(w, "%c: refused\n", letter[self]);
		refuse_call(play, self, p);
	}
}

static inline bool is_going_on(const struct world *w, int self)
{
	const struct mirror *mirror = &w->controller[self].mirror;

	return mirror->is_active && mirror->health[self] != 'D' && !mirror->is_blind;
}

/* What the decision leaves behind has to be said. */
static inline void check_decision(struct play *play, int self, struct program *p, const struct view *v,
                                  const struct promote_decision *decision)
{
	struct world *w = &play->world;
	uint64_t missing = relevant(w) & ~w->leg[v->leg[decision->authority]].writes, read = 0;

	for (int i = 0; i < v->copies; i++)
		if (v->copy[i].condition == COPY_USABLE && w->leg[v->leg[i]].is_whole)
			read |= w->leg[v->leg[i]].writes;
	if (decision->is_forced) {
		play->tally.forced++;
		w->given_up |= missing & read;
		missing &= ~read;
	}
	/* Whoever was shut out and is still at work goes on with its flash. */
	p->is_warning = decision->unseen == UNSEEN_OPEN;
	if (is_going_on(w, !self) && !w->is_warned[self] && !p->is_warning)
		fail_world(w, "the other controller is at work, and nothing says that it may hold what is missing");
	if (missing & read)
		fail_world(w, "an acknowledged write that was read is left behind");
	if (missing & ~w->warned && (decision->unseen != UNSEEN_OPEN || play->broken == BROKEN_UNSEEN))
		fail_world(w, "acknowledged writes are missing, and nothing says so");
	play->tally.warned += decision->unseen == UNSEEN_OPEN;
	play->tally.lost += (missing & ~w->warned) != 0;
	p->missing = p->is_warning ? missing : 0;
	w->is_to_warn[self] = is_going_on(w, !self);
}

/* Active already: what an earlier call did not come to say is said now. */
static inline void check_already(struct play *play, int self, struct program *p, const struct view *v,
                                 const struct promote_decision *decision)
{
	struct world *w = &play->world;
	int right = -1;

	for (int i = 0; i < v->copies; i++)
		if (w->controller[self].mirror.health[v->leg[i]] == 'A')
			right = v->leg[i];
	p->is_warning = decision->unseen == UNSEEN_OPEN;
	p->missing = right < 0 ? 0 : relevant(w) & ~w->leg[right].writes;
	if (p->missing & ~w->warned && !p->is_warning)
		fail_world(w, "acknowledged writes are missing, and the call that is repeated does not say so");
	if (w->is_to_warn[self] && is_going_on(w, !self) && !w->is_warned[self] && !p->is_warning)
		fail_world(w, "the other controller is at work, and the call that is repeated does not say so");
	p->stage = TELL;
}

static inline void tell_caller(struct play *play, int self, struct program *p)
{
	struct world *w = &play->world;

	if (p->is_warning) {
		w->is_warned[self] = true;
		w->warned |= p->missing;
	}
	p->stage = PLAN;
}

static inline bool plan_claim(struct play *play, int self, const struct view *v,
                              const struct promote_decision *decision, struct program *p)
{
	struct world *w = &play->world;
	struct claim_wish wish = { .authority = decision->authority, .controller = letter[self], .promotions = 1 };
	struct svc_error error;

	wish.now = w->now;
	wish.unseen = decision->unseen == UNSEEN_OPEN && play->broken != BROKEN_MEMORY ? decision->unseen_legs : 0;
	wish.is_after_crash = decision->has_peer_crashed;
	memcpy(wish.is_member, decision->is_member, sizeof(wish.is_member));
	w->generations++;
	memcpy(wish.fresh, &w->generations, sizeof(w->generations));
	if (play->broken == BROKEN_NEW && w->leg[v->leg[decision->authority]].has_record)
		memcpy(wish.fresh, w->leg[v->leg[decision->authority]].record.generation, sizeof(wish.fresh));
	if (claim_plan(v->copy, v->copies, &wish, &p->claim, &error))
		return false;
	if (play->broken == BROKEN_SHARED && p->claim.items > 1)
		for (int a = 0, b = p->claim.items - 1; a < b; a++, b--) {
			struct record record = p->claim.item[a].record;
			int copy = p->claim.item[a].copy;

			p->claim.item[a] = p->claim.item[b];
			p->claim.item[b].copy = copy;
			p->claim.item[b].record = record;
		}
	return true;
}

static inline void decide(struct play *play, int self, struct program *p, struct view *v)
{
	struct promote_wish wish = { .controller = letter[self], .from = -1, .is_compared = p->is_compared };
	struct promote_decision decision;
	struct world *w = &play->world;

	look(w, self, own_legs(self), p->is_compared, v);
	wish.is_degraded_allowed = true;
	for (int i = 0; i < v->copies; i++)
		if (v->leg[i] == p->from) {
			wish.from = i;
			wish.is_confirmed = true;
		}
	promote_decide(&wish, v->copy, v->copies, &v->verdict, &decision);
	tell(w, "%c: verdict %s, authority %d; action %d, exit %d, unseen %d\n", letter[self],
	     verdict_name(v->verdict.kind), v->verdict.authority, decision.action, (int)decision.exit, decision.unseen);
	if (decision.action == PROMOTE_ALREADY) {
		check_already(play, self, p, v, &decision);
		return;
	}
	/* The mirror was active as the call began, and is so no more: nobody was shut out. */
	if ((decision.action == PROMOTE_TAKE && !p->fence.ops) || decision.action != PROMOTE_TAKE ||
	    !plan_claim(play, self, v, &decision, p)) {
		refuse_call(play, self, p);
		return;
	}
	check_decision(play, self, p, v, &decision);
	/* Nothing on shared says so, now or from before. */
	p->is_blind =
		!can_read(w, self, SHARED) &&
		(decision.is_forced || w->leg[SHARED].record.owner != letter[self] || !w->leg[SHARED].record.is_open);
	p->legs = 0;
	for (int i = 0; i < v->copies; i++) {
		p->leg_of[i] = v->leg[i];
		p->version[v->leg[i]] = w->leg[v->leg[i]].version;
		p->legs |= (unsigned)decision.is_member[i] << v->leg[i];
	}
	p->item = 0;
	p->stage = play->broken == BROKEN_CLAIM ? ACTIVATE : CHECK;
}

/* As claim_run has it: all of them are as they were when the first record is written. */
static inline bool has_changed(const struct play *play, const struct program *p)
{
	for (int n = 0; n < p->claim.items; n++) {
		int leg = p->leg_of[p->claim.item[n].copy];

		if (play->world.leg[leg].version != p->version[leg])
			return true;
	}
	return false;
}

static inline void write_item(struct play *play, int self, struct program *p, enum stage next)
{
	struct world *w = &play->world;

	if (p->item < p->claim.items) {
		int leg = p->leg_of[p->claim.item[p->item].copy];
		int code = write_record(w, self, leg, &p->claim.item[p->item].record);

		tell(w, "%c: record of leg %d: %d; owner %c%s, generation %d, legs %" PRIu64 "\n", letter[self], leg,
		     code, w->leg[leg].record.owner ? w->leg[leg].record.owner : '-',
		     w->leg[leg].record.is_open ? " open" : "", w->leg[leg].record.generation[0],
		     w->leg[leg].record.legs);
		/* The monitor's note that a leg is left behind goes without that leg. */
		if (code && !(next == IDLE && w->controller[self].mirror.health[leg] == 'D')) {
			end_program(p);
			return;
		}
		p->item++;
	}
	if (p->item >= p->claim.items)
		p->stage = next;
}

/* The array's word, once more; as shut_out_confirm has it. */
static inline bool is_confirmed(struct play *play, int self, const struct program *p)
{
	struct way way = { &play->world, self };
	struct svc_error error;
	struct fence fence;
	bool is_kept;

	fence_begin(&fence, &array_ops, &way, p->key ? p->key : any_key(self), any_key(!self), &p->seen);
	if (play->broken == BROKEN_FENCE)
		return true;
	if (fence_confirm(&fence, &error))
		return p->proof != PROOF_RESERVATION;
	is_kept = fence_is_kept(fence.hold, fence.last.is_reserved, p->proof);
	if (!is_kept)
		tell(&play->world, "%c: the array says no: %d\n", letter[self], fence.hold);
	return is_kept;
}

/* As shut_out_renew has it. */
static inline bool is_renewed(struct play *play, int self, struct program *p)
{
	struct way way = { &play->world, self };
	struct svc_error error;
	struct fence fence;

	if (p->proof != PROOF_RESERVATION || !p->key || play->broken == BROKEN_FENCE ||
	    (play->broken == BROKEN_RENEWED && p->stage == CONFIRM) ||
	    (play->broken == BROKEN_LAST && p->stage == VERIFY))
		return is_confirmed(play, self, p);
	fence_begin(&fence, &array_ops, &way, p->key, any_key(!self), &p->seen);
	if (fence_renew(&fence, &error)) {
		p->key = 0;
		return false;
	}
	p->key = fence.own;
	tell(&play->world, "%c: renews its key: hold %d\n", letter[self], fence.hold);
	return fence_is_kept(fence.hold, fence.last.is_reserved, p->proof);
}

static inline void confirm(struct play *play, int self, struct program *p)
{
	play->world.call[self].confirmed = play->world.clock;
	if (is_renewed(play, self, p))
		p->stage = ACTIVATE;
	else
		end_program(p);
}

/* It ends well. Nobody else's may who was at work at the same time, and has not lost the mirror or handed it over. */
static inline void win(struct play *play, int self, const struct program *p)
{
	struct world *w = &play->world;

	if (w->call[!self].won > p->began)
		fail_world(w, "two calls that ran at the same time both end well");
	w->call[self].won = w->clock;
}

/* After it was activated: where the other one was faster nothing of this stays. */
static inline void verify(struct play *play, int self, struct program *p)
{
	if (is_renewed(play, self, p)) {
		p->stage = TELL;
		win(play, self, p);
		return;
	}
	stop_mirror(&play->world, self);
	end_program(p);
}

#endif
