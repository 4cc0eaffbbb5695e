/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evidence/online.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dev/mapper.h"

static bool add_without_dashes(const char *from, char *to)
{
	size_t length = 0;

	for (; *from; from++)
		if (*from != '-' && length < 32)
			to[length++] = *from;
		else if (*from != '-')
			return false;
	to[length] = '\0';
	return length == 32;
}

bool online_uuid(const struct lvm_evidence *lvm, char uuid[ONLINE_UUID_SIZE])
{
	memcpy(uuid, "LVM-", 5);
	return add_without_dashes(lvm->vg_uuid, uuid + 4) && add_without_dashes(lvm->lv_uuid, uuid + 36);
}

bool online_parse_status(const char *parameters, struct online_evidence *online)
{
	char health[SVC_LEGS_MAX + 1], action[sizeof(online->action)];
	uint64_t done, total, mismatches;
	unsigned legs;

	_Static_assert(SVC_LEGS_MAX == 8 && sizeof(action) == 16, "the widths below");
	if (sscanf(parameters, "raid1 %u %8s %" SCNu64 "/%" SCNu64 " %15s %" SCNu64, &legs, health, &done, &total,
	           action, &mismatches) != 6 ||
	    !legs || legs > SVC_LEGS_MAX || strlen(health) != legs)
		return false;
	online->legs = legs;
	online->done_sectors = done;
	online->total_sectors = total;
	online->mismatch_sectors = mismatches;
	memcpy(online->health, health, legs + 1);
	memcpy(online->action, action, sizeof(action));
	return true;
}

void online_read(struct copy *copy, const struct access *access)
{
	struct online_evidence *online = &copy->evidence.online;
	char uuid[ONLINE_UUID_SIZE];
	struct mapper_row row;
	uint64_t device;

	if (!access->device || !access->device->is_block || copy->evidence.lvm.type != MIRROR_RAID1 ||
	    !online_uuid(&copy->evidence.lvm, uuid) || mapper_find(uuid, &device) || mapper_status(device, &row) ||
	    strcmp(row.type, "raid") != 0 || !online_parse_status(row.parameters, online))
		return;
	online->is_active = true;
	online->is_under = mapper_is_on(device, access->device->identity[1]);
}
