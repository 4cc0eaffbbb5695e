/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "evidence/record.h"
#include "verdict/history.h"

enum { LOCK_POLL_MS = 50, LOCK_WAIT_MS = 10000 };

/* The slots as they are: the newest record and the slot that holds it, -1 where none does. */
static int read_slots(struct dev *area, struct record *newest, int *holder, bool *is_taken)
{
	uint8_t *slot = dev_buffer(RECORD_SLOT_BYTES);
	int code = slot ? 0 : -ENOMEM;

	*holder = -1;
	*is_taken = false;
	for (int i = 0; i < RECORD_SLOTS && !code; i++) {
		struct record record;

		code = dev_read(area, slot, RECORD_SLOT_BYTES, (uint64_t)i * RECORD_SLOT_BYTES);
		*is_taken |= !code && !record_may_be_ours(slot);
		if (code || record_parse(slot, &record) != RECORD_VALID ||
		    (*holder >= 0 && record.sequence <= newest->sequence))
			continue;
		*holder = i;
		*newest = record;
	}
	free(slot);
	return code;
}

int record_check(struct dev *area, const struct record *record)
{
	uint8_t wanted[RECORD_SLOT_BYTES], found[RECORD_SLOT_BYTES];
	struct record newest;
	bool is_taken;
	int holder, code = read_slots(area, &newest, &holder, &is_taken);

	if (code)
		return code;
	if (holder < 0)
		return record->sequence ? -ESTALE : 0;
	return record_format(record, wanted) || record_format(&newest, found) || memcmp(wanted, found, sizeof(wanted))
	               ? -ESTALE
	               : 0;
}

int record_store(struct dev *area, struct record *record)
{
	uint8_t *slot = dev_buffer(RECORD_SLOT_BYTES);
	struct record newest = { 0 };
	bool is_taken = false;
	int holder = -1, code = slot ? read_slots(area, &newest, &holder, &is_taken) : -ENOMEM;

	if (!code && holder < 0 && is_taken)
		code = -EEXIST;
	if (!code && holder >= 0 && newest.sequence == UINT64_MAX) /* no other one would count */
		code = -EOVERFLOW;
	if (!code) {
		record->sequence = holder < 0 ? 1 : newest.sequence + 1;
		code = record_format(record, slot);
	}
	if (!code)
		code = dev_write(area, slot, RECORD_SLOT_BYTES, holder == 0 ? RECORD_SLOT_BYTES : 0);
	if (!code)
		code = dev_flush(area);
	free(slot);
	return code;
}

int record_lock(void)
{
	const struct timespec pause = { 0, LOCK_POLL_MS * 1000000L };
	char path[64] = "/run/svc-records.lock";
	int lock;

	if (geteuid()) /* of image files, and each user's own */
		snprintf(path, sizeof(path), "/tmp/svc-%u-records.lock", (unsigned)geteuid());
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return -errno;
	for (int waited = 0; flock(lock, LOCK_EX | LOCK_NB); waited += LOCK_POLL_MS) {
		if (waited >= LOCK_WAIT_MS) {
			close(lock);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	return lock;
}

void record_unlock(int lock)
{
	if (lock >= 0)
		close(lock);
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

void mark_rebuilding(struct record *record, const struct copy *target, const char *pv_uuid, const struct copy *right,
                     enum rebuild_state state, uint64_t done_bytes, uint64_t total_bytes, int64_t now)
{
	const struct record model = model_of(right);

	memcpy(record->pv_uuid, pv_uuid, LVM_UUID_SIZE);
	memcpy(record->lv_uuid, right->evidence.lvm.lv_uuid, LVM_UUID_SIZE);
	record_set_name(record->copy_name, target->group);
	record_set_name(record->rebuild_source, right->group);
	memcpy(record->rebuild_generation, model.generation, sizeof(record->rebuild_generation));
	record->rebuild = state;
	record->rebuild_done_bytes = done_bytes;
	record->rebuild_total_bytes = total_bytes;
	record->changed_time = now;
}

/* Where it is not known who has the generation, it stays so. */
static uint64_t add_legs(const struct record *record, uint64_t legs)
{
	return record->legs ? record->legs | legs : 0;
}

/*
 * Who has the model's generation, as far as the copy that is rebuilt knew better: what it knew of the same one is kept,
 * and what it knew of it once, before it was made something else, is lost.
 */
static uint64_t merge_legs(const struct record *model, const struct record *old, uint64_t legs)
{
	bool is_known = !record_has_generation(old->generation);

	for (int i = 0; i < SVC_RECORD_HISTORY && !is_known; i++)
		is_known = !memcmp(old->generation, model->history[i], sizeof(old->generation));
	if (is_known)
		return add_legs(model, legs);
	return memcmp(old->generation, model->generation, sizeof(old->generation)) || !old->legs
	               ? 0
	               : add_legs(model, old->legs | legs);
}

void mark_whole(struct record *record, const struct copy *right, uint64_t legs, int64_t now)
{
	const struct record model = model_of(right);

	record->rebuild = REBUILD_NONE;
	memset(record->rebuild_source, 0, sizeof(record->rebuild_source));
	memset(record->rebuild_generation, 0, sizeof(record->rebuild_generation));
	record->rebuild_done_bytes = record->rebuild_total_bytes = 0;
	record_set_name(record->previous_authority, right->group);
	record->epoch = model.epoch;
	record->legs = merge_legs(&model, record, legs); /* as long as the old generation is there */
	memcpy(record->generation, model.generation, sizeof(record->generation));
	memcpy(record->history, model.history, sizeof(record->history));
	record->unseen = model.unseen;
	record->owner = model.owner;
	record->is_open = model.is_open;
	record->is_after_crash = model.is_after_crash;
	record->is_outdated = false;
	record->is_beyond = mark_is_own(right) && history_is_beyond(right);
	record->changed_time = now;
}

bool mark_beyond(struct record *record, int64_t now)
{
	if (record->is_beyond || !record_has_generation(record->generation))
		return false;
	record->is_beyond = true;
	record->changed_time = now;
	return true;
}

bool mark_shared(struct record *record, uint64_t legs, int64_t now)
{
	if (add_legs(record, legs) == record->legs)
		return false;
	record->legs = add_legs(record, legs);
	record->changed_time = now;
	return true;
}

void mark_own(struct record *record, const struct copy *right, int64_t now)
{
	*record = (struct record){ .changed_time = now };
	memcpy(record->pv_uuid, right->evidence.lvm.pv_uuid, LVM_UUID_SIZE);
	memcpy(record->lv_uuid, right->evidence.lvm.lv_uuid, LVM_UUID_SIZE);
	record_set_name(record->copy_name, right->group);
}
