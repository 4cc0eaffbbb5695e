/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes LVM and the kernel take every member for whole and equal. */
#include "evidence/record.h"
#include "locate/pv_write.h"
#include "rebuild/mark.h"
#include "rebuild/parts.h"
#include "rebuild/superblock.h"
#include "verdict/history.h"

int rebuild_update_text(struct rebuild *r, int i)
{
	struct pv_metadata right, own = { 0 };
	struct dev *medium, *closed;
	int code = pv_read_metadata(rebuild_authority_access(r)->device, &right);

	if (code)
		return rebuild_failed(r, r->plan->authority, code, "its LVM metadata cannot be read");
	/* An earlier rebuild's text may be there for this host's cache alone. */
	code = dev_flush(r->member[i].saver);
	if (!code)
		code = rebuild_open_medium(r->device[i], &medium, &closed);
	if (!code) {
		code = pv_read_metadata(medium, &own);
		dev_close(closed);
	}
	if (!code && own.vg->seqno < right.vg->seqno)
		code = rebuild_check_place(r, i, right.vg);
	if (!code && own.vg->seqno < right.vg->seqno)
		code = pv_write_text(r->member[i].saver, &own.label, right.text, right.bytes);
	pv_metadata_free(&own);
	pv_metadata_free(&right);
	if (code == -EREMCHG) {
		error_set(r->error, code, "%s: by the LVM metadata that %s has now its leg is in another place",
		          r->copy[i].name, rebuild_authority(r)->name);
		error_next(r->error,
		           "see who changes the volume group while it is rebuilt, then run the command again");
		return code;
	}
	return code ? rebuild_failed(r, i, code, "its LVM metadata cannot be brought up to date") : 0;
}

static bool has_all_legs(const struct rebuild *r)
{
	uint64_t legs = 0;

	for (int i = 0; i < r->copies; i++)
		if (r->plan->is_member[i])
			legs |= (uint64_t)1 << r->plan->leg_index[i];
	return legs == ((uint64_t)1 << rebuild_authority(r)->evidence.lvm.leg_count) - 1;
}

static enum superblock_bits bits_of(const struct rebuild *r)
{
	if (has_all_legs(r))
		return BITS_NONE;
	return r->plan->is_absent_unsettled ? BITS_ALL : BITS_KEEP;
}

int rebuild_settle(struct rebuild *r, int i)
{
	struct dev *meta = r->member[i].over.meta, *model = rebuild_authority_access(r)->meta;
	int code = superblock_settle_bitmap(meta, model, bits_of(r));

	if (code)
		return rebuild_failed(r, i, code, "its bitmap cannot be written");
	code = rebuild_prove_metadata(r, i); /* no superblock that vouches for a bitmap which is not there */
	if (code)
		return code;
	code = superblock_settle(meta, model, r->plan->leg_index[i], r->plan->failed_devices);
	return code ? rebuild_failed(r, i, code, "its dm-raid superblock cannot be written") : 0;
}

uint64_t rebuild_target_legs(const struct rebuild *r)
{
	uint64_t legs = 0;

	for (int i = 0; i < r->copies; i++)
		if (r->plan->is_target[i])
			legs |= (uint64_t)1 << r->plan->leg_index[i];
	return legs;
}

/*
 * What was chosen to be kept may carry another device's record: as long as it is there nobody can judge. Its own
 * one learns who gets its generation, what its superblock is about to forget, and that a person chose it: its
 * generation does not tell what became of the others.
 */
int rebuild_forgive(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	bool has_record = member->over.record && r->copy[i].evidence.record.present, is_changed = false;
	bool is_own = mark_is_own(&r->copy[i]);
	int code = 0;

	if (has_record && is_own) {
		if (history_is_beyond(&r->copy[i]) || r->plan->is_forced)
			is_changed = mark_beyond(&member->record, r->options->now);
		is_changed |= mark_shared(&member->record, rebuild_target_legs(r), r->options->now);
	}
	if (is_changed)
		code = record_store(member->over.record, &member->record);
	if (code)
		return rebuild_failed(r, i, code, "its record cannot be written");
	code = rebuild_settle(r, i);
	if (code || !has_record || is_own)
		return code;
	mark_own(&member->record, &r->copy[i], r->options->now);
	code = record_store(member->over.record, &member->record);
	return code ? rebuild_failed(r, i, code, "its record cannot be written") : 0;
}
