/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows once the kernel has rebuilt legs of an active mirror: whether it is proven, and the records. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare/compare.h"
#include "evidence/record.h"
#include "rebuild/mark.h"
#include "rebuild/online.h"

int online_judge(const struct plan *plan, const struct copy *copy, int copies, const struct comparison *now,
                 struct svc_error *error)
{
	const struct content_difference *right = &now->copy[plan->authority];
	const char *name = copy[plan->authority].name;

	if (!now->done || !right->compared || right->errors.count) {
		error_set(error, -EIO,
		          "%s: %" PRIu64 " bytes of it cannot be read: what was rebuilt from it is not proven", name,
		          right->errors.bytes);
		error_next(error, "do not trust this device: check it and its path (dmesg), then run svc-compare");
		return -EIO;
	}
	for (int i = 0; i < copies; i++) {
		const struct content_difference *content = &now->copy[i];

		if (!plan->is_target[i])
			continue;
		if (content->compared && !content->errors.count && !content->used_bytes && !content->free_bytes)
			continue;
		error_set(error, -EBADMSG, "%s: after the kernel's rebuild it does not read as %s", copy[i].name, name);
		error_next(error, "do not trust this device: check it and its path, then run the command again");
		return -EBADMSG;
	}
	return 0;
}

/* What becomes of a record; the rest of it stays as it is on the medium at this moment. */
struct change {
	bool (*apply)(struct record *record, const struct change *change); /* false: there is nothing to write */
	const struct copy *copy;
	const struct copy *right;
	uint64_t legs;
	int64_t now;
};

/* The newest record that is on the medium. 0, -ENOENT where there is none, or -errno. */
static int load(struct dev *area, struct record *record)
{
	uint8_t *slot = dev_buffer(RECORD_SLOT_BYTES);
	struct record found;
	int code = slot ? 0 : -ENOMEM, result = -ENOENT;

	memset(record, 0, sizeof(*record));
	for (int i = 0; i < RECORD_SLOTS && !code; i++) {
		code = dev_read(area, slot, RECORD_SLOT_BYTES, (uint64_t)i * RECORD_SLOT_BYTES);
		if (code || record_parse(slot, &found) != RECORD_VALID ||
		    (!result && found.sequence < record->sequence))
			continue;
		*record = found;
		result = 0;
	}
	free(slot);
	return code ? code : result;
}

/* The place for it is no part of the mirror, and LVM leaves it alone. *record is what is there in the end. */
static int change_beside(const struct change *change, const struct dev_options *options, struct record *record,
                         struct svc_error *error)
{
	const struct copy *copy = change->copy;
	struct dev_options writing = *options;
	struct dev *device = NULL, *area = NULL;
	int code;

	writing.access = DEV_WRITE_BESIDE;
	code = dev_open(copy->locator, &writing, &device, error);
	if (code)
		return code;
	code = dev_open_slice(device, &copy->evidence.lvm.bootloader_area, 1, &area);
	if (!code)
		code = load(area, record);
	if (code == -ENOENT)
		code = 0;
	if (!code && change->apply(record, change))
		code = record_store(area, record);
	dev_close(area);
	dev_close(device);
	if (!code)
		return 0;
	error_set(error, code, "%s: its record cannot be written: %s", copy->name, strerror(-code));
	error_next(error, "check the device and its path (dmesg), then run the same command again");
	return code;
}

static bool apply_beyond(struct record *record, const struct change *change)
{
	return mark_beyond(record, change->now);
}

static bool apply_shared(struct record *record, const struct change *change)
{
	return record->sequence && mark_shared(record, change->legs, change->now);
}

static bool apply_whole(struct record *record, const struct change *change)
{
	mark_rebuilding(record, change->copy, change->copy->evidence.lvm.pv_uuid, change->right, REBUILD_NONE, 0, 0,
	                change->now);
	mark_whole(record, change->right, change->legs, change->now);
	return true;
}

static uint64_t target_legs(const struct plan *plan, int copies)
{
	uint64_t legs = 0;

	for (int i = 0; i < copies; i++)
		if (plan->is_target[i])
			legs |= (uint64_t)1 << plan->leg_index[i];
	return legs;
}

static int take_lock(struct svc_error *error)
{
	int lock = record_lock();

	return lock < 0 ? error_set(error, lock, "the lock of the records cannot be had: %s", strerror(-lock)) : lock;
}

int online_announce(const struct plan *plan, const struct copy *copy, int copies, const struct dev_options *options,
                    int64_t now, struct svc_error *error)
{
	const struct copy *right = &copy[plan->authority];
	struct change change = { .right = right, .legs = target_legs(plan, copies), .now = now };
	int code, lock = take_lock(error);
	struct record record;

	code = lock < 0 ? lock : 0;
	for (int i = 0; i < copies && !code; i++) {
		if (!plan->is_target[i] || !mark_is_own(&copy[i]))
			continue;
		change.apply = apply_beyond;
		change.copy = &copy[i];
		code = change_beside(&change, options, &record, error);
	}
	change.apply = apply_shared;
	change.copy = right;
	if (!code && mark_is_own(right))
		code = change_beside(&change, options, &record, error);
	record_unlock(lock);
	return code;
}

int online_note(const struct plan *plan, const struct copy *copy, int copies, const struct dev_options *options,
                int64_t now, struct svc_error *error)
{
	struct copy right = copy[plan->authority];
	struct change change = { .copy = &right, .right = &right, .legs = target_legs(plan, copies), .now = now };
	int code, lock = take_lock(error);
	struct record record;

	code = lock < 0 ? lock : 0;
	/* It may have got a new generation meanwhile, and that one has to know of the targets too. */
	change.apply = apply_shared;
	if (!code && mark_is_own(&right)) {
		code = change_beside(&change, options, &record, error);
		right.evidence.record.record = record;
	}
	change.apply = apply_whole;
	for (int i = 0; i < copies && !code; i++) {
		const struct record_evidence *old = &copy[i].evidence.record;

		if (!plan->is_target[i] || !old->has_area || (!old->present && !mark_is_own(&right)))
			continue;
		change.copy = &copy[i];
		code = change_beside(&change, options, &record, error);
	}
	record_unlock(lock);
	return code;
}
