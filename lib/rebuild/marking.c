/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target is marked as being rebuilt, is made a physical volume, and has its mark taken off. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "evidence/record.h"
#include "locate/pv_write.h"
#include "rebuild/mark.h"
#include "rebuild/parts.h"
#include "rebuild/superblock.h"

int rebuild_store_mark(struct rebuild *r, int i, struct dev *area, const char *pv_uuid, enum rebuild_state state)
{
	uint64_t total = 0;

	for (int a = 0; a < r->plan->actions; a++)
		if (r->plan->action[a].copy == i &&
		    (r->plan->action[a].kind == ACTION_USED || r->plan->action[a].kind == ACTION_FREE))
			total += r->plan->action[a].bytes;
	mark_rebuilding(&r->member[i].record, &r->copy[i], pv_uuid, rebuild_authority(r), state,
	                r->member[i].durable_bytes, total, r->options->now);
	return record_store(area, &r->member[i].record);
}

/*
 * One rebuild of a mirror at a time runs on a host; a second host that reaches the same device over its own path, or over
 * another connection to one NBD server, knows nothing of that. Its mark is what tells.
 */
int rebuild_check_mark(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	int code = member->over.record ? record_check(member->plain.record, &member->record) : 0;

	member->checked_us = rebuild_now_us();
	if (code == -EIO) /* a bad spot tells of nobody; the mark is about to be written over it */
		return 0;
	if (code != -ESTALE)
		return code ? rebuild_failed(r, i, code, "its record cannot be read again") : 0;
	error_set(r->error, -EUSERS,
	          "%s: its record is not the one that this rebuild wrote: somebody else writes to it", r->copy[i].name);
	error_next(r->error, "see what the other controller does; when it has ended, run the command again");
	return -EUSERS;
}

/* Over the file system's magic number, and behind that the run's. */
static int mark_fs(struct dev *leg, uint64_t run)
{
	uint8_t mark[FOREIGN_MARK_BYTES + 8];

	memcpy(mark, foreign_rebuild_mark, FOREIGN_MARK_BYTES);
	put_le64(mark + FOREIGN_MARK_BYTES, run);
	return dev_write(leg, mark, sizeof(mark), FOREIGN_MARK_OFFSET);
}

int rebuild_mark(struct rebuild *r, int i)
{
	struct access *over = &r->member[i].over;
	int code = rebuild_check_mark(r, i);

	if (code)
		return code;
	/* A slot that could not be read may hold a newer record, and be read again one day: then both are written. */
	for (int slots = r->copy[i].condition == COPY_UNREADABLE ? RECORD_SLOTS : 1; over->record && slots && !code;
	     slots--)
		code = rebuild_store_mark(r, i, over->record, r->member[i].now.evidence.lvm.pv_uuid, REBUILD_CONTENT);
	if (!code && rebuild_authority(r)->evidence.lvm.type == MIRROR_RAID1)
		code = superblock_mark(over->meta, rebuild_authority_access(r)->meta, r->run);
	if (!code && rebuild_is_fs_marked(r, i))
		code = mark_fs(over->leg, r->run);
	if (!code)
		code = dev_flush(r->member[i].saver);
	return code ? rebuild_failed(r, i, code, "cannot be marked as being rebuilt") : 0;
}

/* Marks what will be the leg before there is a label that leads to it. */
static int mark_ahead(struct rebuild *r, int i, const struct pv_metadata *metadata, const struct pv_label *label)
{
	struct lvm_evidence evidence = { 0 };
	struct vg_wanted wanted = { 0 };
	struct dev *area = NULL, *meta = NULL;
	enum vg_result result;
	struct vg_leg leg;
	int code;

	memcpy(wanted.lv, rebuild_authority(r)->evidence.lvm.lv_name, sizeof(wanted.lv));
	code = vg_find_leg(metadata->vg, label->uuid, &wanted, &result, &evidence, &leg);
	if (!code && result != VG_FOUND)
		code = -ENOENT;
	if (!code && label->bootloader_area.length >= RECORD_AREA_BYTES)
		code = dev_open_slice(r->member[i].saver, &label->bootloader_area, 1, &area);
	if (!code && area)
		code = rebuild_store_mark(r, i, area, label->uuid, REBUILD_CONTENT);
	if (!code && leg.metas)
		code = dev_open_slice(r->member[i].saver, leg.meta, leg.metas, &meta);
	if (!code && meta && rebuild_authority(r)->evidence.lvm.type == MIRROR_RAID1)
		code = superblock_mark(meta, rebuild_authority_access(r)->meta, r->run);
	dev_close(area);
	dev_close(meta);
	vg_leg_free(&leg);
	return code;
}

/* The target becomes the PV that the volume group expects, and is located again. */
int rebuild_lay_out(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	const struct lvm_evidence *right = &rebuild_authority(r)->evidence.lvm;
	const char *uuid = right->leg_pv_uuid[r->plan->leg_index[i]];
	struct pv_metadata metadata;
	struct pv_label label;
	int code;

	member_close_legs(&member->over);
	member_close_legs(&member->plain);
	if (right->type == MIRROR_NONE) { /* a bare file system: the device is the leg */
		struct extent whole = { 0, r->leg_bytes };

		code = dev_open_slice(member->saver, &whole, 1, &member->over.leg);
		if (!code)
			code = dev_open_slice(r->device[i], &whole, 1, &member->plain.leg);
		return code ? rebuild_failed(r, i, code, "it cannot be opened as a whole") : 0;
	}
	code = pv_read_metadata(rebuild_authority_access(r)->device, &metadata);
	if (code)
		return rebuild_failed(r, r->plan->authority, code, "its LVM metadata cannot be read");
	code = pv_plan_label(&metadata, uuid, r->copy[i].device_bytes, &label);
	if (code == -ENOSPC) {
		pv_metadata_free(&metadata);
		return error_set(r->error, code, "%s: %" PRIu64 " bytes are too few for PV %s", r->copy[i].name,
		                 r->copy[i].device_bytes, uuid);
	}
	if (!code)
		code = pv_begin_layout(member->saver, &label);
	if (!code) { /* else it would be neither blank nor known to be begun */
		code = rebuild_prove_metadata(r, i);
		if (code) {
			pv_metadata_free(&metadata);
			return code;
		}
	}
	if (!code)
		code = mark_ahead(r, i, &metadata, &label);
	if (!code)
		code = pv_write_layout(member->saver, &label, metadata.text, metadata.bytes);
	pv_metadata_free(&metadata);
	if (!code) { /* marks and metadata first: a label that leads to none would be a damaged copy's */
		code = rebuild_prove_metadata(r, i);
		if (code)
			return code;
		code = pv_end_layout(member->saver, &label);
	}
	if (code)
		return rebuild_failed(r, i, code, "the PV cannot be laid out");
	memset(&member->now.findings, 0, sizeof(member->now.findings));
	memset(&member->now.evidence, 0, sizeof(member->now.evidence));
	code = member_locate(r, i);
	if (!code && (member->now.condition != COPY_USABLE || member->now.leg_bytes != r->leg_bytes))
		code = error_set(r->error, -EIO, "%s: the PV that was just laid out does not show its leg",
		                 r->copy[i].name);
	member_drop_small_area(&member->over);
	return code;
}

/* Someone may have changed the volume group since the plan was made. */
int rebuild_check_place(struct rebuild *r, int i, const struct vg *vg)
{
	const struct lvm_evidence *found = &r->member[i].now.evidence.lvm;
	struct lvm_evidence wanted = { 0 };
	struct vg_wanted lv = { 0 };
	enum vg_result result;
	struct vg_leg leg;
	int code;

	memcpy(lv.lv, found->lv_name, sizeof(lv.lv));
	code = vg_find_leg(vg, found->pv_uuid, &lv, &result, &wanted, &leg);
	vg_leg_free(&leg);
	if (code)
		return code;
	return result == VG_FOUND && wanted.leg_index == found->leg_index && wanted.leg_bytes == found->leg_bytes &&
	                       wanted.leg_place[wanted.leg_index] == found->leg_place[found->leg_index]
	               ? 0
	               : -EREMCHG;
}

/*
 * The unit with the mark becomes the authority's: first all but the mark's sector, and that when the rest is
 * proven, for nothing else says then that the copy is not whole.
 */
static int unmark_fs(struct rebuild *r, int i)
{
	struct dev *leg = r->member[i].over.leg;
	size_t length = r->unit_bytes;
	uint64_t start = rebuild_marked_unit(r) * length;
	size_t sector = FOREIGN_MARK_OFFSET / UNDO_PIECE_BYTES * UNDO_PIECE_BYTES - start;
	size_t behind = sector + UNDO_PIECE_BYTES;
	uint8_t *unit = dev_buffer(length);
	int code = unit ? dev_read(rebuild_authority_access(r)->leg, unit, length, start) : -ENOMEM;

	if (!code)
		code = dev_write(leg, unit, sector, start);
	if (!code)
		code = dev_write(leg, unit + behind, length - behind, start + behind);
	if (code) {
		code = rebuild_failed(r, i, code, "the mark cannot be taken off");
		goto out;
	}
	code = rebuild_prove_metadata(r, i);
	if (code)
		goto out;
	code = dev_write(leg, unit + sector, UNDO_PIECE_BYTES, start + sector);
	if (code)
		code = rebuild_failed(r, i, code, "the mark cannot be taken off");
out:
	free(unit);
	return code;
}

static int unmark_record(struct rebuild *r, int i)
{
	struct record *record = &r->member[i].record;

	mark_whole(record, rebuild_authority(r), rebuild_target_legs(r), r->options->now);
	if (r->plan->is_forced)
		mark_beyond(record, r->options->now);
	return record_store(r->member[i].over.record, record);
}

int rebuild_unmark(struct rebuild *r, int i)
{
	int code = rebuild_check_mark(r, i);

	if (code)
		return code;
	if (rebuild_is_fs_marked(r, i))
		return unmark_fs(r, i);
	if (r->member[i].over.record)
		code = unmark_record(r, i);
	return code ? rebuild_failed(r, i, code, "the mark cannot be taken off") : 0;
}
