/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/mark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/record.h"

int record_store(struct dev *area, struct record *record)
{
	uint8_t *slot = dev_buffer(RECORD_SLOT_BYTES);
	uint64_t newest = 0;
	int holder = -1, code = slot ? 0 : -ENOMEM;

	for (int i = 0; i < RECORD_SLOTS && !code; i++) {
		struct record old;

		code = dev_read(area, slot, RECORD_SLOT_BYTES, (uint64_t)i * RECORD_SLOT_BYTES);
		if (code || record_parse(slot, &old) != RECORD_VALID || (holder >= 0 && old.sequence <= newest))
			continue;
		holder = i;
		newest = old.sequence;
	}
	if (!code) {
		record->sequence = newest + 1;
		record_format(record, slot);
		code = dev_write(area, slot, RECORD_SLOT_BYTES, holder == 0 ? RECORD_SLOT_BYTES : 0);
	}
	if (!code)
		code = dev_flush(area);
	free(slot);
	return code;
}

bool mark_is_own(const struct copy *copy)
{
	const struct record_evidence *evidence = &copy->evidence.record;

	return evidence->present && !strcmp(evidence->record.pv_uuid, copy->evidence.lvm.pv_uuid);
}

/* The authority's record; one that came from another device says nothing of this one. */
static struct record model_of(const struct copy *right)
{
	return mark_is_own(right) ? right->evidence.record.record : (struct record){ 0 };
}

static void set_name(char to[16], const char *group)
{
	memset(to, 0, 16);
	memcpy(to, group, strnlen(group, 15));
}

void mark_rebuilding(struct record *record, const struct copy *target, const char *pv_uuid, const struct copy *right,
                     enum rebuild_state state, uint64_t done_bytes, uint64_t total_bytes, int64_t now)
{
	const struct record model = model_of(right);

	memcpy(record->pv_uuid, pv_uuid, LVM_UUID_SIZE);
	memcpy(record->lv_uuid, right->evidence.lvm.lv_uuid, LVM_UUID_SIZE);
	set_name(record->copy_name, target->group);
	set_name(record->rebuild_source, right->group);
	memcpy(record->rebuild_generation, model.generation, sizeof(record->rebuild_generation));
	record->rebuild = state;
	record->rebuild_done_bytes = done_bytes;
	record->rebuild_total_bytes = total_bytes;
	record->changed_time = now;
}

void mark_whole(struct record *record, const struct copy *right, int64_t now)
{
	const struct record model = model_of(right);

	record->rebuild = REBUILD_NONE;
	memset(record->rebuild_source, 0, sizeof(record->rebuild_source));
	memset(record->rebuild_generation, 0, sizeof(record->rebuild_generation));
	record->rebuild_done_bytes = record->rebuild_total_bytes = 0;
	set_name(record->previous_authority, right->group);
	record->epoch = model.epoch;
	memcpy(record->generation, model.generation, sizeof(record->generation));
	memcpy(record->history, model.history, sizeof(record->history));
	record->owner = model.owner;
	record->is_open = model.is_open;
	record->changed_time = now;
}

void mark_own(struct record *record, const struct copy *right, int64_t now)
{
	*record = (struct record){ .changed_time = now };
	memcpy(record->pv_uuid, right->evidence.lvm.pv_uuid, LVM_UUID_SIZE);
	memcpy(record->lv_uuid, right->evidence.lvm.lv_uuid, LVM_UUID_SIZE);
	set_name(record->copy_name, right->group);
}
