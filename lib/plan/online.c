/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/online.h"

#include <string.h>

#include "verdict/history.h"
#include "verdict/verdict.h"

struct online_planning {
	const struct copy *copy;
	int copies;
	const struct verdict *verdict;
	const struct comparison *comparison;
	const struct plan_wish *wish;
	struct plan *plan;
	struct reasons *refusals;
};

static const struct copy *authority_of(const struct online_planning *p)
{
	return &p->copy[p->plan->authority];
}

static char health_of(const struct online_planning *p, unsigned leg)
{
	const struct online_evidence *online = &authority_of(p)->evidence.online;

	return leg < online->legs ? online->health[leg] : 'D';
}

static bool is_own_copy(const struct online_planning *p, int i)
{
	return verdict_first_path(p->copy, p->copies, i) == i && strcmp(p->copy[i].group, authority_of(p)->group) != 0;
}

static bool is_right(const struct online_planning *p, int i)
{
	const struct content_difference *content = &p->comparison->copy[i];

	return !p->plan->is_forced && p->copy[i].condition == COPY_USABLE &&
	       (p->verdict->state[i] == STATE_IN_SYNC || p->verdict->state[i] == STATE_AUTHORITY) &&
	       health_of(p, p->copy[i].evidence.lvm.leg_index) == 'A' &&
	       (!p->comparison->done || !content->compared || (!content->used_bytes && !content->free_bytes));
}

/* The leg is one of this very mirror, of the same size, and nothing but the kernel has to be asked. */
static bool is_leg_of_mirror(const struct online_planning *p, int i)
{
	const struct lvm_evidence *right = &authority_of(p)->evidence.lvm, *own = &p->copy[i].evidence.lvm;

	return own->present && own->type == MIRROR_RAID1 && !strcmp(right->lv_uuid, own->lv_uuid) &&
	       !strcmp(right->vg_uuid, own->vg_uuid) && own->leg_index < right->leg_count &&
	       p->copy[i].leg_bytes == authority_of(p)->leg_bytes;
}

static int refuse(struct online_planning *p, int i, const char *why)
{
	reason_add(p->refusals, REASON_IN_USE, i, "%s: the mirror is active on this host, and %s", p->copy[i].name,
	           why);
	return SVC_EXIT_REFUSED;
}

/*
 * A recovery by the bitmap is right only where the leg is an older state of the authority: the authority
 * names it failed, keeps bits since, and the leg itself went nowhere on its own. Anything else is rebuilt
 * from its first byte.
 */
static bool can_refresh(const struct online_planning *p, int i)
{
	const struct evidence *right = &authority_of(p)->evidence, *own = &p->copy[i].evidence;
	unsigned leg = own->lvm.leg_index;
	enum reason_id why;

	if (p->plan->is_forced || p->verdict->state[i] != STATE_STALE || !right->raid.present || !own->raid.present)
		return false;
	if (health_of(p, leg) == 'a')
		return true; /* the kernel is at it already: only to be waited for */
	if (health_of(p, leg) == 'A' && history_is_unfinished(&p->copy[i], &why) && why == REASON_RECOVERING)
		return true; /* it was when the superblock was read, and has ended since: only to be proven */
	return health_of(p, leg) == 'D' && (right->raid.failed_devices >> leg & 1) &&
	       !(own->raid.failed_devices >> right->lvm.leg_index & 1) && own->raid.events <= right->raid.events &&
	       own->raid.array_position == leg && right->unsettled.present && !right->unsettled.is_stale &&
	       !history_is_unfinished(&p->copy[i], &why);
}

static int choose_target(struct online_planning *p, int i)
{
	const struct copy *copy = &p->copy[i];

	if (copy->condition == COPY_UNREADABLE) {
		if (!p->wish->has_to || !p->wish->to[i])
			return 0;
		reason_add(p->refusals, REASON_OPEN, i, "%s cannot be reached", copy->name);
		return SVC_EXIT_IO;
	}
	if (!is_leg_of_mirror(p, i))
		return refuse(p, i, "this device has no leg of it; a new device is laid out while it is stopped");
	if (copy->is_live && !copy->evidence.online.is_under)
		return refuse(p, i, "this leg is in use by something else");
	if (copy->evidence.record.present && copy->evidence.record.record.rebuild != REBUILD_NONE)
		return refuse(p, i, "the rebuild that was begun while it was stopped has to be finished then");
	p->plan->is_target[i] = true;
	p->plan->is_member[i] = true;
	return 0;
}

/* The kernel reads from every leg that it takes for whole: each has to be known, and right. */
static int check_sources(struct online_planning *p)
{
	const struct online_evidence *online = &authority_of(p)->evidence.online;
	uint64_t known = 0;

	for (int i = 0; i < p->copies; i++)
		if (p->plan->is_member[i])
			known |= (uint64_t)1 << p->plan->leg_index[i];
	for (unsigned leg = 0; leg < online->legs; leg++) {
		if (online->health[leg] != 'A' || known >> leg & 1)
			continue;
		reason_add(p->refusals, REASON_LEG_UNKNOWN, -1,
		           "leg %u is active too and was not given: the kernel would read from it, right or wrong",
		           leg);
		return SVC_EXIT_REFUSED;
	}
	return 0;
}

static int check_authority(struct online_planning *p)
{
	const struct copy *right = authority_of(p);
	const struct online_evidence *online = &right->evidence.online;

	if (!online->is_under || online->legs != right->evidence.lvm.leg_count)
		return refuse(p, p->plan->authority, "this copy is no part of it as it runs");
	if (health_of(p, right->evidence.lvm.leg_index) != 'A')
		return refuse(p, p->plan->authority, "the kernel no longer reads this leg");
	if (strcmp(online->action, "idle") != 0 && strcmp(online->action, "recover") != 0)
		return refuse(p, p->plan->authority, "the kernel is checking or synchronising it");
	return 0;
}

static void list_actions(struct online_planning *p)
{
	struct plan *plan = p->plan;
	int targets = 0;

	for (int i = 0; i < p->copies; i++) {
		bool is_refresh = plan->is_target[i] && can_refresh(p, i);
		uint64_t bytes =
			is_refresh ? authority_of(p)->evidence.unsettled.dirty_bytes : authority_of(p)->leg_bytes;

		if (!plan->is_target[i])
			continue;
		plan->action[plan->actions++] =
			(struct action){ is_refresh ? ACTION_REFRESH : ACTION_REBUILD_ONLINE, i, bytes };
		plan->bytes += bytes;
		targets++;
	}
	for (int i = 0; i < p->copies && targets; i++)
		if (plan->is_target[i])
			plan->action[plan->actions++] = (struct action){ ACTION_PROVE, i, authority_of(p)->leg_bytes };
}

int plan_make_online(const struct copy *copy, int copies, const struct verdict *verdict,
                     const struct comparison *comparison, const struct plan_wish *wish, struct plan *plan,
                     struct reasons *refusals)
{
	struct online_planning p = { copy, copies, verdict, comparison, wish, plan, refusals };
	int code = 0, targets = 0;

	plan->is_online = true;
	plan->is_member[plan->authority] = true;
	plan->leg_index[plan->authority] = copy[plan->authority].evidence.lvm.leg_index;
	for (int i = 0; i < copies && !code; i++) {
		if (i == plan->authority || !is_own_copy(&p, i))
			continue;
		plan->leg_index[i] = copy[i].evidence.lvm.leg_index;
		if (is_right(&p, i))
			plan->is_member[i] = true;
		else if (!wish->has_to || wish->to[i])
			code = choose_target(&p, i);
		targets += plan->is_target[i];
	}
	if (code || !targets)
		return code;
	code = check_authority(&p);
	if (!code)
		code = check_sources(&p);
	if (!code)
		list_actions(&p);
	return code;
}
