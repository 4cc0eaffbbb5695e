/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is newest: unfinished rebuilds out, every pair related, the order closed. */
#include <inttypes.h>
#include <string.h>

#include "verdict/history.h"
#include "verdict/judgement.h"

/* Rebuilds that were not finished: such a copy is older than any whole one, whatever its counters say. */
static void judge_unfinished(struct judgement *j)
{
	for (int i = 0; i < j->copies; i++) {
		const struct record *record = &j->copy[i].evidence.record.record;
		enum reason_id why;

		if (!j->is_member[i] || !history_is_unfinished(&j->copy[i], &why))
			continue;
		j->is_member[i] = false;
		j->verdict->state[i] = STATE_STALE;
		if (why == REASON_REBUILD_TARGET)
			reason_add(&j->verdict->reasons, why, i,
			           "%s is being rebuilt from %s and is not finished: at least %" PRIu64 " of %" PRIu64
			           " bytes are done",
			           j->copy[i].name, record->rebuild_source[0] ? record->rebuild_source : "another copy",
			           record->rebuild_done_bytes, record->rebuild_total_bytes);
		else
			reason_add(&j->verdict->reasons, why, i,
			           "%s: the kernel's rebuild of this leg stopped at byte %" PRIu64, j->copy[i].name,
			           j->copy[i].evidence.raid.recovery_offset * 512);
	}
}

static void explain(struct judgement *j, enum reason_id why, int x, int y)
{
	const struct copy *cx = &j->copy[x], *cy = &j->copy[y];
	uint64_t ex = cx->evidence.raid.events, ey = cy->evidence.raid.events;
	struct reasons *reasons = &j->verdict->reasons;

	switch (why) {
	case REASON_ACCUSED: /* x is the newer */
		reason_add(reasons, why, y,
		           "%s went on without %s: it names %s's leg failed, and %s does not name %s's", cx->name,
		           cy->name, cy->name, cy->name, cx->name);
		break;
	case REASON_GENERATION:
		reason_add(reasons, why, y, "%s's record has %s's generation in its history: it is newer", cx->name,
		           cy->name);
		break;
	case REASON_SAME_HISTORY:
		if (cx->evidence.raid.present)
			reason_add(reasons, why, -1,
			           "%s and %s have one history by their superblocks: neither names the other failed, "
			           "events %" PRIu64 " on both",
			           cx->name, cy->name, ex);
		else
			reason_add(reasons, why, -1,
			           "%s and %s have one history: LVM metadata seqno %" PRIu64 " on both", cx->name,
			           cy->name, cx->evidence.lvm.seqno);
		break;
	case REASON_MUTUAL:
	case REASON_MUTUAL_THIRD:
		reason_add(reasons, why, -1,
		           "%s and %s each name the other failed (events %" PRIu64 " and %" PRIu64 ")%s", cx->name,
		           cy->name, ex, ey,
		           why == REASON_MUTUAL ? ": both went on alone" : "; a third leg was not given");
		break;
	case REASON_COUNTER_TORN:
	case REASON_COUNTER_GAP:
		reason_add(reasons, why, -1,
		           "%s has events %" PRIu64 ", %s %" PRIu64 ", and neither names the other failed", cx->name,
		           ex, cy->name, ey);
		break;
	case REASON_GENERATION_SPLIT:
		reason_add(reasons, why, -1, "%s and %s went on separately from a common generation", cx->name,
		           cy->name);
		break;
	case REASON_CONTRADICTION:
		reason_add(reasons, why, -1, "%s and %s: their records and their superblocks contradict each other",
		           cx->name, cy->name);
		break;
	default:
		if (cx->leg_bytes == cy->leg_bytes)
			reason_add(reasons, why, -1, "%s and %s carry no mirror evidence that could be related",
			           cx->name, cy->name);
		else
			reason_add(reasons, why, -1,
			           "%s and %s carry no mirror evidence that could be related, and cannot be compared: "
			           "they are %" PRIu64 " and %" PRIu64 " bytes long",
			           cx->name, cy->name, cx->leg_bytes, cy->leg_bytes);
		break;
	}
}

/*
 * A leg whose rebuild by the kernel was cut off is no candidate, but what it knows still counts: it was
 * being rebuilt from a copy that went on without those it names failed. If the newest whole copy here is
 * among them, the other one holds what this one lacks. (svc-resync's own mark names nobody.) And whoever watched
 * the mirror go on without a leg wrote that into the leg's record as soon as it could be reached again.
 */
static bool judge_outdated(struct judgement *j)
{
	bool is_outdated = false;

	for (int x = 0; x < j->copies; x++)
		for (int y = 0; y < j->copies; y++) {
			enum reason_id why;

			if (!j->is_usable[x] || j->is_member[x] || !j->is_equal[y] ||
			    !history_is_unfinished(&j->copy[x], &why) || why != REASON_RECOVERING ||
			    !history_accuses(&j->copy[x], &j->copy[y]))
				continue;
			reason_add(&j->verdict->reasons, REASON_NEWER_ELSEWHERE, y,
			           "%s is not whole but names %s failed: newer data was on a copy that is not here",
			           j->copy[x].name, j->copy[y].name);
			is_outdated = true;
		}
	for (int y = 0; y < j->copies; y++) {
		const struct copy *copy = &j->copy[y];

		if (!j->is_equal[y] || !copy->evidence.record.present || !copy->evidence.record.record.is_outdated ||
		    strcmp(copy->evidence.record.record.pv_uuid, copy->evidence.lvm.pv_uuid) != 0)
			continue;
		reason_add(&j->verdict->reasons, REASON_NEWER_ELSEWHERE, y,
		           "%s's record says that the mirror went on without it: newer data was on a copy that is not "
		           "here",
		           copy->name);
		is_outdated = true;
	}
	return is_outdated && judgement_conclude(j, VERDICT_UNKNOWN, -1);
}

/* Relates every pair, closes the order transitively (A over S over B settles A and B), finds the newest. */
bool judge_history(struct judgement *j)
{
	enum relation relation[SVC_COPIES_MAX][SVC_COPIES_MAX];
	enum reason_id why[SVC_COPIES_MAX][SVC_COPIES_MAX];
	bool newer[SVC_COPIES_MAX][SVC_COPIES_MAX] = { 0 };
	uint64_t present = 0;
	int n = j->copies, top;

	judge_unfinished(j);
	for (int i = 0; i < n; i++)
		if (j->is_usable[i] && j->copy[i].evidence.lvm.leg_index < 64)
			present |= (uint64_t)1 << j->copy[i].evidence.lvm.leg_index;
	for (int x = 0; x < n; x++)
		for (int y = 0; y < n; y++) {
			if (x == y || !j->is_member[x] || !j->is_member[y])
				continue;
			relation[x][y] = history_relate(&j->copy[x], &j->copy[y], present, &why[x][y]);
			newer[x][y] = relation[x][y] == RELATION_NEWER;
		}
	for (int k = 0; k < n; k++)
		for (int x = 0; x < n; x++)
			for (int y = 0; y < n; y++)
				newer[x][y] |= newer[x][k] && newer[k][y];
	for (int x = 0; x < n; x++) {
		j->is_equal[x] = j->is_member[x];
		for (int y = 0; y < n; y++) {
			if (!newer[y][x])
				continue;
			j->is_equal[x] = false;
			j->verdict->state[x] = STATE_STALE;
			if (relation[y][x] == RELATION_NEWER)
				explain(j, why[y][x], y, x);
		}
	}
	top = judgement_first(j, j->is_equal);
	if (judgement_first(j, j->is_member) >= 0 && top < 0) { /* a circle: each is older than another */
		reason_add(&j->verdict->reasons, REASON_CONTRADICTION, -1, "each copy is older than another one");
		return judgement_conclude(j, VERDICT_UNKNOWN, -1);
	}
	for (int pass = 0; pass < 2; pass++) /* a split is worse news than what is merely not known */
		for (int x = 0; x < n; x++)
			for (int y = x + 1; y < n; y++) {
				if (!j->is_equal[x] || !j->is_equal[y])
					continue;
				if (relation[x][y] == (pass ? RELATION_UNKNOWN : RELATION_SPLIT)) {
					explain(j, why[x][y], x, y);
					return judgement_conclude(j, pass ? VERDICT_UNKNOWN : VERDICT_SPLIT_BRAIN, -1);
				}
				if (pass) {
					j->is_torn |= relation[x][y] == RELATION_TORN;
					explain(j, why[x][y], x, y);
				}
			}
	return judge_outdated(j);
}
