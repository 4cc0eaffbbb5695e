/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each copy by itself, and whether the copies are what they claim to be. */
#include <inttypes.h>
#include <string.h>

#include "verdict/judgement.h"
#include "verdict/verdict.h"

static enum copy_state state_of_condition(enum copy_condition condition)
{
	switch (condition) {
	case COPY_BLANK:
		return STATE_BLANK;
	case COPY_DAMAGED:
		return STATE_DAMAGED;
	case COPY_FOREIGN:
		return STATE_FOREIGN;
	case COPY_UNREADABLE:
		return STATE_UNREADABLE;
	default:
		return STATE_DIVERGED; /* until a later step knows better */
	}
}

/* A leg without a file system is damaged where another one has one; where none has, nobody knows ext4. */
void judge_conditions(struct judgement *j)
{
	bool has_fs = false;

	for (int i = 0; i < j->copies; i++)
		has_fs |= j->copy[i].condition == COPY_USABLE && j->copy[i].evidence.fs.present;
	for (int i = 0; i < j->copies; i++) {
		const struct copy *copy = &j->copy[i];

		j->verdict->state[i] = state_of_condition(copy->condition);
		j->is_usable[i] = copy->condition == COPY_USABLE;
		if (j->is_usable[i] && has_fs && !copy->evidence.fs.present) {
			j->is_usable[i] = false;
			j->verdict->state[i] = STATE_DAMAGED;
			reason_add(&j->verdict->reasons, REASON_FS_DAMAGED, i,
			           "%s holds no file system whose superblock makes sense", copy->name);
		}
		j->is_member[i] = j->is_usable[i] && verdict_first_path(j->copy, j->copies, i) == i;
	}
	if (!has_fs && judgement_first(j, j->is_usable) >= 0)
		reason_add(&j->verdict->reasons, REASON_NO_FS, -1, "no copy holds an ext4 file system");
}

static bool is_same_volume(const struct copy *x, const struct copy *y)
{
	const struct evidence *ex = &x->evidence, *ey = &y->evidence;

	return !strcmp(ex->lvm.pv_uuid, ey->lvm.pv_uuid) && !strcmp(ex->lvm.lv_uuid, ey->lvm.lv_uuid) &&
	       !strcmp(ex->fs.uuid, ey->fs.uuid) && ex->lvm.seqno == ey->lvm.seqno && x->leg_bytes == y->leg_bytes &&
	       ex->raid.events == ey->raid.events && ex->raid.failed_devices == ey->raid.failed_devices &&
	       ex->record.record.sequence == ey->record.record.sequence;
}

/* Two paths to one copy must show one volume; a path that is down is said, and the other one used. */
bool judge_paths(struct judgement *j)
{
	bool is_bad = false;

	for (int i = 0; i < j->copies; i++) {
		int first = verdict_first_path(j->copy, j->copies, i);
		const struct content_difference *content = j->comparison ? &j->comparison->copy[i] : NULL;

		if (first == i)
			continue;
		if (j->copy[i].condition != COPY_USABLE) {
			reason_add(&j->verdict->reasons, REASON_PATH_DOWN, i, "%s does not show the copy that %s shows",
			           j->copy[i].name, j->copy[first].name);
			is_bad |= j->copy[i].condition != COPY_UNREADABLE;
		} else if (!is_same_volume(&j->copy[first], &j->copy[i])) {
			reason_add(&j->verdict->reasons, REASON_PATHS_DIFFER, i,
			           "%s and %s do not show the same volume in the same state", j->copy[first].name,
			           j->copy[i].name);
			is_bad = true;
		} else if (content && content->compared && (content->used_bytes || content->free_bytes)) {
			reason_add(&j->verdict->reasons, REASON_PATHS_DIFFER, i,
			           "%s and %s are paths to one volume but %" PRIu64 " bytes read differently",
			           j->copy[first].name, j->copy[i].name, content->used_bytes + content->free_bytes);
			is_bad = true;
		}
	}
	return is_bad && judgement_conclude(j, VERDICT_UNKNOWN, -1);
}

static bool is_related(const struct copy *x, const struct copy *y)
{
	if (x->evidence.lvm.present && y->evidence.lvm.present)
		return !strcmp(x->evidence.lvm.vg_uuid, y->evidence.lvm.vg_uuid) &&
		       !strcmp(x->evidence.lvm.lv_uuid, y->evidence.lvm.lv_uuid);
	return x->evidence.fs.present && y->evidence.fs.present && !strcmp(x->evidence.fs.uuid, y->evidence.fs.uuid);
}

/* Who the others are held against: a leg of a mirror rather than a bare file system. */
static int first_leg(const struct judgement *j)
{
	bool is_leg[SVC_COPIES_MAX];
	int first;

	for (int i = 0; i < j->copies; i++)
		is_leg[i] = j->is_member[i] && j->copy[i].evidence.lvm.present;
	first = judgement_first(j, is_leg);
	return first >= 0 ? first : judgement_first(j, j->is_member);
}

/* Something else on a device, or legs of different mirrors: nothing may be compared or rebuilt. */
bool judge_relation(struct judgement *j)
{
	int first = first_leg(j);
	bool is_unrelated = false;

	for (int i = 0; i < j->copies; i++)
		is_unrelated |= j->copy[i].condition == COPY_FOREIGN;
	for (int i = 0; i < j->copies; i++) {
		const struct copy *copy = &j->copy[i];

		if (!j->is_member[i] || i == first || is_related(&j->copy[first], copy))
			continue;
		is_unrelated = true;
		reason_add(&j->verdict->reasons, REASON_UNRELATED, i,
		           "%s (%s/%s) and %s (%s/%s) are not copies of one mirror: their UUIDs differ",
		           j->copy[first].name, j->copy[first].evidence.lvm.vg_name,
		           j->copy[first].evidence.lvm.lv_name, copy->name, copy->evidence.lvm.vg_name,
		           copy->evidence.lvm.lv_name);
	}
	if (!is_unrelated)
		return false;
	for (int i = 0; i < j->copies; i++)
		if (j->is_usable[i] && first >= 0 && !is_related(&j->copy[first], &j->copy[i]))
			j->verdict->state[i] = STATE_FOREIGN;
	return judgement_conclude(j, VERDICT_UNRELATED, -1);
}

enum leg_by verdict_leg_by(const struct lvm_evidence *text, const struct lvm_evidence *own, unsigned leg)
{
	if (text->type != own->type || text->leg_count != own->leg_count || leg >= SVC_LEGS_MAX ||
	    strcmp(text->leg_pv_uuid[leg], own->leg_pv_uuid[leg]) != 0)
		return LEG_GONE;
	return text->leg_place[leg] == own->leg_place[leg] ? LEG_THERE : LEG_MOVED;
}

/*
 * LVM goes by the newest metadata that it finds on any copy. What was read of a leg that this no longer has, or has in
 * another place, is not what the mirror has.
 */
static bool judge_place(struct judgement *j, int i, int newest)
{
	const struct lvm_evidence *own = &j->copy[i].evidence.lvm, *text = &j->copy[newest].evidence.lvm;
	enum leg_by found = verdict_leg_by(text, own, own->leg_index);

	if (text->seqno < own->seqno || found == LEG_THERE || (found == LEG_GONE && text->seqno == own->seqno))
		return false;
	if (found == LEG_GONE)
		reason_add(&j->verdict->reasons, REASON_LAYOUT, i,
		           "the newer LVM metadata on %s has no leg on %s's PV: it was removed from the mirror",
		           j->copy[newest].name, j->copy[i].name);
	else
		reason_add(&j->verdict->reasons, REASON_LAYOUT, i,
		           "by the LVM metadata on %s, number %" PRIu64 ", the leg of %s is in another place than it "
		           "was read in, by number %" PRIu64 ": it was moved",
		           j->copy[newest].name, text->seqno, j->copy[i].name, own->seqno);
	return true;
}

/* Two legs of one mirror. */
static bool judge_pair(struct judgement *j, int x, int y)
{
	const struct lvm_evidence *lx = &j->copy[x].evidence.lvm, *ly = &j->copy[y].evidence.lvm;
	bool is_bad = false;

	if (!strcmp(lx->pv_uuid, ly->pv_uuid)) {
		reason_add(&j->verdict->reasons, REASON_CLONE, y, "%s and %s carry the same PV UUID %s",
		           j->copy[x].name, j->copy[y].name, lx->pv_uuid);
		is_bad = true;
	} else if (lx->type != ly->type || lx->leg_count != ly->leg_count ||
	           j->copy[x].leg_bytes != j->copy[y].leg_bytes) {
		reason_add(&j->verdict->reasons, REASON_LAYOUT, y,
		           "%s has a leg of %" PRIu64 " bytes, one of %u; %s one of %" PRIu64 " bytes, one of %u",
		           j->copy[x].name, j->copy[x].leg_bytes, lx->leg_count, j->copy[y].name, j->copy[y].leg_bytes,
		           ly->leg_count);
		is_bad = true;
	}
	if (judge_place(j, y, x) || judge_place(j, x, y))
		is_bad = true;
	if (lx->seqno != ly->seqno)
		reason_add(&j->verdict->reasons, REASON_METADATA_OLD, lx->seqno < ly->seqno ? x : y,
		           "LVM metadata: %s has seqno %" PRIu64 ", %s has %" PRIu64, j->copy[x].name, lx->seqno,
		           j->copy[y].name, ly->seqno);
	return is_bad;
}

static bool judge_twins(struct judgement *j)
{
	bool is_bad = false;

	for (int x = 0; x < j->copies; x++)
		for (int y = x + 1; y < j->copies; y++)
			if (j->is_member[x] && j->is_member[y] && j->copy[x].evidence.lvm.present &&
			    j->copy[y].evidence.lvm.present)
				is_bad |= judge_pair(j, x, y);
	return is_bad;
}

/* What makes a single copy's evidence impossible to rely on. */
bool judge_evidence(struct judgement *j)
{
	bool is_bad = judge_twins(j);

	for (int i = 0; i < j->copies; i++) {
		const struct copy *copy = &j->copy[i];
		const struct raid_evidence *raid = &copy->evidence.raid;
		const struct record_evidence *record = &copy->evidence.record;

		if (!j->is_member[i])
			continue;
		if (raid->present && raid->num_devices != copy->evidence.lvm.leg_count) {
			reason_add(&j->verdict->reasons, REASON_LAYOUT, i,
			           "%s: its superblock has %u legs, LVM's metadata %u", copy->name, raid->num_devices,
			           copy->evidence.lvm.leg_count);
			is_bad = true;
		} else if (raid->present && raid->recovery_offset == UINT64_MAX &&
		           raid->array_position != copy->evidence.lvm.leg_index) {
			reason_add(&j->verdict->reasons, REASON_POSITION, i,
			           "%s: its superblock says array position %u, LVM's metadata %u", copy->name,
			           raid->array_position, copy->evidence.lvm.leg_index);
			is_bad = true;
		}
		if (record->is_newer) {
			reason_add(&j->verdict->reasons, REASON_RECORD_VERSION, i,
			           "%s: its record is of a version this program does not know", copy->name);
			is_bad = true;
		} else if (record->present && strcmp(record->record.pv_uuid, copy->evidence.lvm.pv_uuid)) {
			reason_add(&j->verdict->reasons, REASON_RECORD_FOREIGN, i,
			           "%s: its record was written for PV %s", copy->name, record->record.pv_uuid);
			is_bad = true;
		}
	}
	return is_bad && judgement_conclude(j, VERDICT_UNKNOWN, -1);
}
