/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What speaks against a plan whose targets are chosen. */
#include <inttypes.h>
#include <string.h>

#include "plan/planning.h"
#include "verdict/verdict.h"

bool planning_is_other_mirror(const struct planning *p, int i)
{
	const struct copy *right = &p->copy[p->plan->authority], *copy = &p->copy[i];

	/* A leg is known by its LVM metadata, whatever else of it is damaged or unreadable; a bare file system is not. */
	if (copy->condition != COPY_USABLE && (!copy->leg_bytes || copy->evidence.lvm.type == MIRROR_NONE))
		return false;
	if (right->evidence.lvm.type == MIRROR_NONE || copy->evidence.lvm.type == MIRROR_NONE)
		return right->evidence.lvm.type != copy->evidence.lvm.type ||
		       strcmp(right->evidence.fs.uuid, copy->evidence.fs.uuid) != 0;
	return strcmp(right->evidence.lvm.vg_uuid, copy->evidence.lvm.vg_uuid) != 0 ||
	       strcmp(right->evidence.lvm.lv_uuid, copy->evidence.lvm.lv_uuid) != 0;
}

/*
 * The leg that the copy is to have when all is done, as it was found on it; of a copy that is laid out anew, as the
 * authority's metadata has it.
 */
static const struct lvm_evidence *layout_of(const struct planning *p, int i)
{
	return &p->copy[p->plan->is_whole[i] ? p->plan->authority : i].evidence.lvm;
}

/*
 * LVM goes by the newest metadata that it finds on any copy. A leg that this no longer has, or has in another place,
 * because it was taken out or moved while the copy was away, would be written where nobody looks for it.
 */
static int check_layout(struct planning *p, int i)
{
	const struct lvm_evidence *own = layout_of(p, i);
	unsigned leg = p->plan->leg_index[i];

	for (int k = 0; k < p->copies && own->type != MIRROR_NONE; k++) {
		const struct lvm_evidence *text = &p->copy[k].evidence.lvm;
		enum leg_by found;

		if (p->plan->is_whole[k] || text->type == MIRROR_NONE || text->seqno < own->seqno ||
		    strcmp(text->vg_uuid, own->vg_uuid) || strcmp(text->lv_uuid, own->lv_uuid))
			continue;
		found = verdict_leg_by(text, own, leg);
		if (found == LEG_THERE && own->leg_place[leg])
			continue;
		if (found == LEG_GONE)
			reason_add(p->refusals, REASON_LAYOUT, i,
			           "%s and %s disagree about the legs of the mirror: one was taken out or moved",
			           p->copy[k].name, p->copy[i].name);
		else
			reason_add(p->refusals, REASON_LAYOUT, i,
			           "by the LVM metadata of %s, number %" PRIu64
			           ", the leg of %s is in another place than it was found in, by number %" PRIu64
			           ": it was moved",
			           p->copy[k].name, text->seqno, p->copy[i].name, own->seqno);
		return SVC_EXIT_OPERATOR;
	}
	return 0;
}

/* Without a place for its superblock no leg can be marked, nor be made what the kernel takes for whole. */
static int check_meta(struct planning *p, int i)
{
	const struct lvm_evidence *own = layout_of(p, i);

	if (own->type != MIRROR_RAID1 || own->legs_with_meta >> p->plan->leg_index[i] & 1)
		return 0;
	reason_add(p->refusals, REASON_LEG_METADATA, i,
	           "%s has no dm-raid metadata beside its leg of %s/%s: LVM has it on another physical volume",
	           p->copy[i].name, own->vg_name, own->lv_name);
	return SVC_EXIT_REFUSED;
}

/* Of all that are equal afterwards: of those that were right before, superblock and record are written too. */
static int check_legs(struct planning *p)
{
	bool has_targets = false;
	int code = 0;

	for (int i = 0; i < p->copies; i++)
		has_targets |= p->plan->is_target[i];
	for (int i = 0; i < p->copies && has_targets && !code; i++) {
		if (!p->plan->is_member[i])
			continue;
		code = check_layout(p, i);
		if (!code)
			code = check_meta(p, i);
	}
	return code;
}

/*
 * What a target's device needs: up to the last extent of the PV that it is to become, by the volume group's
 * metadata. Less is refused by LVM, whatever the leg itself takes.
 */
static uint64_t needed_bytes(const struct planning *p, int i)
{
	const struct copy *right = &p->copy[p->plan->authority];
	uint64_t pv_bytes = right->evidence.lvm.leg_pv_bytes[p->plan->leg_index[i]];

	return right->evidence.lvm.type != MIRROR_NONE && pv_bytes > right->leg_bytes ? pv_bytes : right->leg_bytes;
}

/*
 * Afterwards every member names a copy that was left out failed. Where that copy names each of them too, they
 * are apart, and that is seen; where it does not, it would be taken for older and overwritten without a
 * question. An older version of what was right before, or a side of a crash, loses nothing that way.
 */
static int check_left(struct planning *p)
{
	const struct plan *plan = p->plan;

	for (int i = 0; i < p->copies && plan->is_forced && p->verdict->kind != VERDICT_DIRTY; i++) {
		const struct copy *copy = &p->copy[i];

		if (!plan->is_left[i] || p->verdict->state[i] == STATE_STALE || !copy->evidence.raid.present ||
		    copy->condition != COPY_USABLE || planning_is_other_mirror(p, i))
			continue;
		for (int m = 0; m < p->copies; m++) {
			if (!plan->is_member[m] || copy->evidence.raid.failed_devices >> plan->leg_index[m] & 1)
				continue;
			reason_add(p->refusals, REASON_LEFT_OUT, i,
			           "%s is left out and does not name %s failed, but would be named failed by it: it "
			           "would be taken for an older version",
			           copy->name, p->copy[m].name);
			return SVC_EXIT_REFUSED;
		}
	}
	return 0;
}

/* A slot that only a newer version can read stays valid and newer than what is written: nobody could judge it. */
static int check_records(struct planning *p)
{
	for (int i = 0; i < p->copies; i++) {
		if (!p->plan->is_member[i] || p->plan->is_whole[i] || !p->copy[i].evidence.record.is_newer)
			continue;
		reason_add(p->refusals, REASON_RECORD_VERSION, i,
		           "%s: its record is of a version this program does not know, and cannot be replaced by it",
		           p->copy[i].name);
		return SVC_EXIT_OPERATOR;
	}
	return 0;
}

static int check_targets(struct planning *p)
{
	const struct copy *right = &p->copy[p->plan->authority];

	for (int i = 0; i < p->copies; i++) {
		const struct copy *copy = &p->copy[i];

		if (!p->plan->is_target[i])
			continue;
		if (!p->plan->is_whole[i] && copy->leg_bytes != right->leg_bytes) {
			reason_add(p->refusals, REASON_TARGET_SIZE, i,
			           "%s has a leg of %" PRIu64 " bytes, %s one of %" PRIu64, copy->name, copy->leg_bytes,
			           right->name, right->leg_bytes);
			return SVC_EXIT_REFUSED;
		}
		/* Of a bare file system the device is the leg: what is longer could not be held against it again. */
		if (p->plan->is_whole[i] && right->evidence.lvm.type == MIRROR_NONE &&
		    copy->device_bytes != right->leg_bytes) {
			reason_add(p->refusals, REASON_TARGET_SIZE, i,
			           "%s is %" PRIu64 " bytes long, and without LVM it has to be as long as %s: %" PRIu64,
			           copy->name, copy->device_bytes, right->name, right->leg_bytes);
			return SVC_EXIT_REFUSED;
		}
		if (p->plan->is_whole[i] && copy->device_bytes < needed_bytes(p, i)) {
			reason_add(p->refusals, REASON_TARGET_SIZE, i,
			           "%s is %" PRIu64 " bytes long, too small for a leg that takes %" PRIu64
			           " with what LVM lays around it",
			           copy->name, copy->device_bytes, needed_bytes(p, i));
			return SVC_EXIT_REFUSED;
		}
	}
	return 0;
}

int planning_refuse_live(const struct planning *p, int i)
{
	const struct copy *copy = &p->copy[i];

	reason_add(p->refusals, REASON_IN_USE, i, "%s is in use on this host%s%s", copy->name,
	           *copy->held_by ? ": " : "", copy->held_by);
	return SVC_EXIT_REFUSED;
}

/* The members' records and superblocks change with the targets. */
static int check_writable(struct planning *p)
{
	bool has_targets = false;

	for (int i = 0; i < p->copies; i++)
		has_targets |= p->plan->is_target[i];
	for (int i = 0; i < p->copies && has_targets; i++) {
		if (!p->plan->is_member[i])
			continue;
		if (p->copy[i].is_live)
			return planning_refuse_live(p, i);
		if (!p->copy[i].is_read_only && !p->copy[i].has_no_flush)
			continue;
		if (p->copy[i].is_read_only)
			reason_add(p->refusals, REASON_READ_ONLY, i, "%s is read-only", p->copy[i].name);
		else
			reason_add(p->refusals, REASON_NO_FLUSH, i,
			           "%s: the NBD server has no flush, so that nothing written to it is safe",
			           p->copy[i].name);
		return SVC_EXIT_REFUSED;
	}
	return 0;
}

int planning_check(struct planning *p)
{
	int code = check_legs(p);

	if (!code)
		code = check_targets(p);
	if (!code)
		code = check_records(p);
	if (!code)
		code = check_writable(p);
	return code ? code : check_left(p);
}
