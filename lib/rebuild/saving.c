/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The undo file of a rebuild: what it says of itself, and what is saved besides what is overwritten. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "evidence/raid.h"
#include "evidence/record.h"
#include "rebuild/parts.h"

enum { WITNESS_BYTES = 4096 }; /* from the leg's start: the superblock, wherever file systems have it */

void rebuild_undo_header(const struct plan *plan, const struct copy *copy, int copies, int64_t now,
                         struct undo_header *header)
{
	const struct lvm_evidence *right = &copy[plan->authority].evidence.lvm;

	*header = (struct undo_header){ .time = now, .copies = copies };
	memcpy(header->lv_uuid, right->lv_uuid, sizeof(header->lv_uuid));
	for (int i = 0; i < copies; i++) {
		struct undo_copy *to = &header->copy[i];

		memcpy(to->name, copy[i].group, sizeof(to->name));
		memcpy(to->pv_uuid, copy[i].evidence.lvm.pv_uuid, LVM_UUID_SIZE);
		to->device_bytes = copy[i].device_bytes;
		if (plan->is_whole[i])
			memcpy(to->rebuilt_uuid, right->leg_pv_uuid[plan->leg_index[i]], LVM_UUID_SIZE);
	}
}

/* Nothing was written yet: whatever is wrong with the file, that is a refusal and no copy's fault. */
int rebuild_open_undo(struct rebuild *r)
{
	struct undo_header header;
	int code;

	rebuild_undo_header(r->plan, r->copy, r->copies, r->options->now, &header);
	code = undo_create(r->options->save_path, &header, r->options->save_limit_bytes, &r->undo, r->error);
	return code && code != -EINTR ? -ECANCELED : code;
}

/* Saving failed, whatever was being written then: that is no fault of the copy. */
int rebuild_explain_undo(struct rebuild *r, int code)
{
	const char *path = r->options->save_path;

	if (undo_failure(r->undo) == -EFBIG) {
		error_set(r->error, code,
		          "%s: saving what is overwritten takes more than the %" PRIu64 " bytes that it may", path,
		          r->options->save_limit_bytes);
		error_next(r->error, "%s", reason_row(REASON_UNDO_LIMIT)->next);
		return r->is_begun ? -ENOSPC : code; /* a refusal only where nothing was written yet */
	}
	error_set(r->error, code, "%s: the undo file cannot be written: %s", path, strerror(-undo_failure(r->undo)));
	error_next(r->error,
	           "make room for it and run the command again, or save elsewhere with --save FILE, or not: --no-save");
	return code;
}

/* Saves what is in `dev` at its start as something that is to stay as it is. */
static int save_witness(struct rebuild *r, int i, struct dev *dev, size_t length)
{
	uint8_t *bytes = dev_buffer(length);
	int code = bytes ? dev_read(dev, bytes, length, 0) : -ENOMEM;

	saver_witness(r->member[i].saver, true);
	if (!code)
		code = dev_write(dev, bytes, length, 0);
	saver_witness(r->member[i].saver, false);
	free(bytes);
	return code;
}

/*
 * What an undo looks at besides what is overwritten. Whoever mounts a target's file system changes its
 * superblock, while md's counters may come back to where they were. And a rebuild that goes on with another
 * undo file may come to the same end, but for the other members' metadata and the target's other record slot: without
 * those the target must not go back to what it was. What cannot be read of a target is going to be overwritten.
 */
int rebuild_save_witnesses(struct rebuild *r)
{
	int code = 0;

	for (int i = 0; i < r->copies && !code; i++) {
		struct access *over = &r->member[i].over;

		if (r->plan->is_target[i] && over->leg && !rebuild_is_fs_marked(r, i)) {
			code = save_witness(r, i, over->leg, WITNESS_BYTES);
			if (!code && over->record)
				code = save_witness(r, i, over->record, RECORD_SLOTS * RECORD_SLOT_BYTES);
			if (code == -EIO)
				code = 0;
		}
		if (r->plan->is_target[i] || !r->plan->is_member[i])
			continue;
		if (over->meta)
			code = save_witness(r, i, over->meta, RAID_SUPERBLOCK_BYTES);
		if (!code && over->record)
			code = save_witness(r, i, over->record, RECORD_SLOTS * RECORD_SLOT_BYTES);
		if (code)
			code = rebuild_failed(r, i, code, "cannot be read");
	}
	return code;
}
