// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/id.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void add(uLong *sum, const void *bytes, size_t length)
{
	*sum = crc32(*sum, bytes, (uInt)length);
}

static void add_number(uLong *sum, uint64_t number)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	add(sum, bytes, sizeof(bytes));
}

static void add_text(uLong *sum, const char *text)
{
	add(sum, text, strlen(text) + 1);
}

static void add_copy(uLong *sum, const struct plan *plan, const struct copy *copy, int i)
{
	const struct evidence *evidence = &copy->evidence;

	add_text(sum, copy->name);
	add_text(sum, copy->locator);
	add_text(sum, evidence->lvm.pv_uuid);
	add_text(sum, evidence->lvm.lv_uuid);
	add_text(sum, evidence->fs.uuid);
	add_number(sum, copy->condition);
	add_number(sum, copy->leg_bytes);
	add_number(sum, copy->device_bytes);
	add_number(sum, plan->is_target[i] | plan->is_whole[i] << 1 | plan->is_member[i] << 2 | plan->is_left[i] << 3);
	add_number(sum, plan->leg_index[i]);
	if (plan->is_online)
		return;
	add_number(sum, evidence->lvm.seqno);
	add_number(sum, evidence->raid.events);
	add_number(sum, evidence->raid.failed_devices);
	add_number(sum, (uint64_t)evidence->fs.write_time);
	add_number(sum, (uint64_t)evidence->fs.mount_time);
	add_number(sum, evidence->record.record.sequence);
}

const char *plan_id(const struct plan *plan, const struct copy *copy, int copies, const struct verdict *verdict,
                    uint64_t fingerprint, char id[PLAN_ID_SIZE])
{
	uLong sum = crc32(0, NULL, 0);

	add_number(&sum, verdict->kind);
	add_number(&sum, (uint64_t)(verdict->authority + 1));
	add_number(&sum, (uint64_t)(plan->authority + 1));
	add_number(&sum, plan->is_forced | plan->is_online << 1 | plan->has_free << 2 | plan->is_saved << 3);
	add_number(&sum, plan->is_online ? 0 : fingerprint);
	for (int i = 0; i < copies; i++)
		add_copy(&sum, plan, &copy[i], i);
	for (int a = 0; a < plan->actions; a++) {
		add_number(&sum, plan->action[a].kind);
		add_number(&sum, (uint64_t)plan->action[a].copy);
		add_number(&sum, plan->is_online ? 0 : plan->action[a].bytes);
	}
	snprintf(id, PLAN_ID_SIZE, "%08lx", sum & 0xffffffff);
	return id;
}
