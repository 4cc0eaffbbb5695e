/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim/claim.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "evidence/record.h"
#include "rebuild/mark.h"

/* The copy's record, where it is its own and its generation is what the copy holds. */
static const struct record *record_of(const struct copy *copy)
{
	const struct record *record = &copy->evidence.record.record;

	return mark_is_own(copy) && record_has_generation(record->generation) && !record->is_beyond ? record : NULL;
}

static uint64_t leg_bit(const struct copy *copy)
{
	return (uint64_t)1 << copy->evidence.lvm.leg_index;
}

static int check_member(const struct copy *copy, struct svc_error *error)
{
	if (copy->evidence.record.is_newer) {
		error_set(error, -EPROTONOSUPPORT, "%s: its record was written by a newer version of these tools",
		          copy->name);
		error_next(error, "%s", reason_row(REASON_RECORD_VERSION)->next);
		return -EPROTONOSUPPORT;
	}
	if (copy->condition != COPY_USABLE || copy->evidence.lvm.leg_index >= SVC_LEGS_MAX ||
	    (mark_is_own(copy) && copy->evidence.record.record.rebuild != REBUILD_NONE))
		return error_set(error, -EINVAL, "%s is not a whole copy and cannot be claimed", copy->name);
	return 0;
}

/* What the members' records have in common: whose generation goes on, and who else may have it. */
struct common {
	const struct record *model; /* NULL: nobody has a generation yet */
	uint64_t members, all;      /* bits by leg */
	uint64_t holders;           /* bits by leg: who may have the generation */
	uint64_t read, unseen;      /* bits by leg */
	bool is_older;              /* the members hold more than the generation */
	uint64_t epoch;
};

static int find_common(const struct copy *copy, int copies, const struct claim_wish *wish, struct common *common,
                       struct svc_error *error)
{
	const struct record *record;

	memset(common, 0, sizeof(*common));
	if (wish->authority >= 0)
		common->model = record_of(&copy[wish->authority]);
	common->unseen = wish->unseen;
	for (int i = 0; i < copies; i++) {
		int code;

		if (copy[i].condition == COPY_USABLE && copy[i].evidence.lvm.leg_index < SVC_LEGS_MAX)
			common->read |= leg_bit(&copy[i]);
		if (!wish->is_member[i])
			continue;
		code = check_member(&copy[i], error);
		if (code)
			return code;
		common->members |= leg_bit(&copy[i]);
		common->all |= ((uint64_t)1 << copy[i].evidence.lvm.leg_count) - 1;
		if (mark_is_own(&copy[i]) && copy[i].evidence.record.record.epoch > common->epoch)
			common->epoch = copy[i].evidence.record.record.epoch;
		/* What once was not read is not known until it is. */
		if (mark_is_own(&copy[i]))
			common->unseen |= copy[i].evidence.record.record.unseen & ~copy[i].evidence.record.record.legs;
		record = record_of(&copy[i]);
		if (!record)
			continue;
		if (common->model && memcmp(record->generation, common->model->generation, 16) != 0)
			return error_set(error, -ESTALE, "%s: its record's generation is not the others'",
			                 copy[i].name);
		common->model = record;
		common->holders |= record->legs ? record->legs : ~(uint64_t)0;
	}
	if (!common->members)
		return error_set(error, -EINVAL, "no copy is to be claimed");
	for (int i = 0; i < copies && !common->model; i++)
		if (wish->is_member[i] && mark_is_own(&copy[i]) && copy[i].evidence.record.record.is_beyond) {
			/* What it holds goes on from there, and is not that. */
			common->model = &copy[i].evidence.record.record;
			common->holders = ~(uint64_t)0;
			common->is_older = true;
		}
	common->holders &= common->all;
	return 0;
}

static struct record make_record(const struct copy *copy, const struct common *common, const struct claim_wish *wish,
                                 bool is_new)
{
	struct record record = { 0 };

	if (mark_is_own(copy))
		record = copy->evidence.record.record;
	memcpy(record.pv_uuid, copy->evidence.lvm.pv_uuid, sizeof(record.pv_uuid));
	memcpy(record.lv_uuid, copy->evidence.lvm.lv_uuid, sizeof(record.lv_uuid));
	record_set_name(record.copy_name, copy->group);
	if (common->model) {
		memcpy(record.generation, common->model->generation, sizeof(record.generation));
		memcpy(record.history, common->model->history, sizeof(record.history));
	}
	if (is_new) {
		if (common->model) {
			memmove(record.history[1], record.history[0],
			        sizeof(record.history) - sizeof(record.history[0]));
			memcpy(record.history[0], record.generation, sizeof(record.history[0]));
		}
		memcpy(record.generation, wish->fresh, sizeof(record.generation));
	}
	record.epoch = common->epoch + wish->promotions;
	record.unseen = common->unseen & ~common->read;
	if (wish->promotions)
		record.is_after_crash = wish->is_after_crash;
	record.legs = common->members;
	record.owner = wish->controller;
	record.is_open = true;
	record.is_beyond = false;
	record.is_outdated = false; /* whoever claims it has decided that it is the one */
	record.changed_time = wish->now;
	return record;
}

static bool is_shared(const struct copy *copy)
{
	return !strcmp(copy->group, "shared");
}

static void add(struct claim *claim, int copy, const struct record *record)
{
	claim->item[claim->items].copy = copy;
	claim->item[claim->items++].record = *record;
}

/*
 * Shared is what the other controller goes on with. One that is readable and not among those that will be written
 * learns that first.
 */
static void leave(const struct copy *copy, int copies, const struct claim_wish *wish, struct claim *claim)
{
	if (wish->is_shared_spared)
		return;
	for (int i = 0; i < copies; i++)
		if (wish->is_member[i] && is_shared(&copy[i]))
			return;
	for (int i = 0; i < copies; i++) {
		const struct record_evidence *old = &copy[i].evidence.record;
		struct record record = { 0 };

		if (!is_shared(&copy[i]) || copy[i].condition != COPY_USABLE || !old->has_area || old->is_newer)
			continue;
		if (mark_is_own(&copy[i]))
			record = old->record;
		else
			mark_own(&record, &copy[i], wish->now);
		if (!record.is_outdated) {
			record.is_outdated = true;
			record.changed_time = wish->now;
			add(claim, i, &record);
		}
		return;
	}
}

/* Those who have the generation learn of the others; where it gets a successor, that anybody may have that. */
static void announce(const struct copy *copy, int copies, const struct claim_wish *wish, const struct common *common,
                     struct claim *claim)
{
	uint64_t legs = claim->is_new_generation ? common->all : common->members;

	for (int i = 0; i < copies; i++) {
		struct record record;

		if (!wish->is_member[i] || !record_of(&copy[i]) || record_of(&copy[i])->legs == legs)
			continue;
		record = *record_of(&copy[i]);
		record.legs = legs;
		record.changed_time = wish->now;
		add(claim, i, &record);
	}
}

int claim_plan(const struct copy *copy, int copies, const struct claim_wish *wish, struct claim *claim,
               struct svc_error *error)
{
	struct common common;
	int code = find_common(copy, copies, wish, &common, error);

	memset(claim, 0, sizeof(*claim));
	if (code)
		return code;
	claim->is_new_generation = !common.model || common.is_older || (common.holders & ~common.members);
	leave(copy, copies, wish, claim);
	announce(copy, copies, wish, &common, claim);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < copies; i++) {
			struct record record;

			if (!wish->is_member[i] || !copy[i].evidence.record.has_area || is_shared(&copy[i]) != !pass)
				continue;
			record = make_record(&copy[i], &common, wish, claim->is_new_generation);
			add(claim, i, &record);
		}
	return 0;
}

void claim_plan_close(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX], int64_t now,
                      struct claim *claim)
{
	memset(claim, 0, sizeof(*claim));
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < copies; i++) {
			struct record record;

			if (!is_member[i] || is_shared(&copy[i]) != !pass || !mark_is_own(&copy[i]) ||
			    !copy[i].evidence.record.record.is_open)
				continue;
			record = copy[i].evidence.record.record;
			record.is_open = false;
			record.changed_time = now;
			add(claim, i, &record);
		}
}

int claim_make_generation(uint8_t generation[16])
{
	return getrandom(generation, 16, 0) == 16 ? 0 : -EIO;
}
