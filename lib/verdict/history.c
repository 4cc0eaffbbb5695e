/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict/history.h"

#include <string.h>

#include "evidence/record.h"

static bool accuses(const struct copy *x, const struct copy *y)
{
	return x->evidence.raid.failed_devices >> y->evidence.raid.array_position & 1;
}

static enum relation relate_raid(const struct copy *x, const struct copy *y, uint64_t present, enum reason_id *why)
{
	bool forward = accuses(x, y), back = accuses(y, x);
	uint64_t ex = x->evidence.raid.events, ey = y->evidence.raid.events;
	uint64_t all = ((uint64_t)1 << x->evidence.lvm.leg_count) - 1;

	if (forward && back) {
		bool is_third_absent = (all & ~present) != 0;

		*why = is_third_absent ? REASON_MUTUAL_THIRD : REASON_MUTUAL;
		return is_third_absent ? RELATION_UNKNOWN : RELATION_SPLIT;
	}
	if (forward || back) {
		*why = REASON_ACCUSED;
		return forward ? RELATION_NEWER : RELATION_OLDER;
	}
	if (ex == ey) {
		*why = REASON_SAME_HISTORY;
		return RELATION_SAME;
	}
	if (ex - ey == 1 || ey - ex == 1) {
		*why = REASON_COUNTER_TORN;
		return RELATION_TORN;
	}
	*why = REASON_COUNTER_GAP;
	return RELATION_UNKNOWN;
}

/* The older "mirror" type has no counters: LVM notes a lost leg in the metadata of the PVs that are left. */
static enum relation relate_old_mirror(const struct copy *x, const struct copy *y, enum reason_id *why)
{
	const struct lvm_evidence *lx = &x->evidence.lvm, *ly = &y->evidence.lvm;

	*why = REASON_SAME_HISTORY;
	if (lx->seqno == ly->seqno)
		return RELATION_SAME;
	*why = REASON_ACCUSED;
	if (lx->seqno > ly->seqno && lx->missing_legs >> ly->leg_index & 1)
		return RELATION_NEWER;
	if (ly->seqno > lx->seqno && ly->missing_legs >> lx->leg_index & 1)
		return RELATION_OLDER;
	*why = REASON_COUNTER_GAP;
	return RELATION_UNKNOWN;
}

static bool has_generation(const struct copy *copy)
{
	return copy->evidence.record.present && record_has_generation(copy->evidence.record.record.generation);
}

static bool is_in_history(const uint8_t generation[16], const struct record *record)
{
	for (int i = 0; i < SVC_RECORD_HISTORY; i++)
		if (!memcmp(generation, record->history[i], 16))
			return true;
	return false;
}

static bool is_common_ancestor(const struct record *x, const struct record *y)
{
	for (int i = 0; i < SVC_RECORD_HISTORY; i++)
		if (record_has_generation(x->history[i]) && is_in_history(x->history[i], y))
			return true;
	return false;
}

static enum relation relate_generations(const struct record *x, const struct record *y)
{
	bool is_older = is_in_history(x->generation, y), is_newer = is_in_history(y->generation, x);

	if (!memcmp(x->generation, y->generation, 16))
		return RELATION_SAME;
	if (is_older != is_newer)
		return is_newer ? RELATION_NEWER : RELATION_OLDER;
	return !is_newer && is_common_ancestor(x, y) ? RELATION_SPLIT : RELATION_UNKNOWN;
}

/*
 * Who goes on without another claims it first. One that names the other failed, could have a generation and has none,
 * while the other has one, was chosen by somebody: what the other was claimed for may be on it alone.
 */
static bool is_unclaimed_winner(enum relation kernel, const struct copy *x, const struct copy *y)
{
	const struct copy *newer = kernel == RELATION_NEWER ? x : y, *older = newer == x ? y : x;

	return (kernel == RELATION_NEWER || kernel == RELATION_OLDER) && newer->evidence.record.has_area &&
	       !has_generation(newer) && has_generation(older);
}

enum relation history_relate(const struct copy *x, const struct copy *y, uint64_t present, enum reason_id *why)
{
	enum relation kernel, record;

	if (x->evidence.raid.present && y->evidence.raid.present) {
		kernel = relate_raid(x, y, present, why);
	} else if (x->evidence.lvm.type == MIRROR_OLD && y->evidence.lvm.type == MIRROR_OLD) {
		kernel = relate_old_mirror(x, y, why);
	} else {
		*why = REASON_NO_HISTORY;
		return RELATION_UNKNOWN;
	}
	if (is_unclaimed_winner(kernel, x, y)) {
		*why = REASON_CONTRADICTION;
		return RELATION_UNKNOWN;
	}
	if (!has_generation(x) || !has_generation(y) || kernel == RELATION_SPLIT)
		return kernel;
	record = relate_generations(&x->evidence.record.record, &y->evidence.record.record);
	switch (record) {
	case RELATION_NEWER:
	case RELATION_OLDER:
		if (kernel == record)
			return kernel;
		/* Then that another one has its generation in the past does not mean that it has all of it. */
		if (*why == REASON_MUTUAL_THIRD && history_is_beyond(record == RELATION_NEWER ? y : x))
			return kernel;
		if (kernel == RELATION_SAME || kernel == RELATION_TORN || *why == REASON_MUTUAL_THIRD) {
			*why = REASON_GENERATION;
			return record;
		}
		*why = REASON_CONTRADICTION;
		return RELATION_UNKNOWN;
	case RELATION_SPLIT:
		*why = REASON_GENERATION_SPLIT;
		return RELATION_SPLIT;
	case RELATION_UNKNOWN:
		*why = REASON_CONTRADICTION;
		return RELATION_UNKNOWN;
	default:
		return kernel;
	}
}

bool history_accuses(const struct copy *x, const struct copy *y)
{
	return x->evidence.raid.present && y->evidence.raid.present && accuses(x, y);
}

bool history_is_beyond(const struct copy *copy)
{
	const struct record *record = &copy->evidence.record.record;
	uint64_t legs = record->legs || !record->owner ? record->legs : ~(uint64_t)0;

	return has_generation(copy) && (record->is_beyond || copy->evidence.raid.failed_devices & legs);
}

bool history_is_unfinished(const struct copy *copy, enum reason_id *why)
{
	if (copy->evidence.record.present && copy->evidence.record.record.rebuild != REBUILD_NONE) {
		*why = REASON_REBUILD_TARGET;
		return true;
	}
	if (copy->evidence.raid.present && copy->evidence.raid.recovery_offset != UINT64_MAX) {
		*why = REASON_RECOVERING;
		return true;
	}
	return false;
}
