/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a controller leaves behind that hands the mirror over: whose records say closed, and where the newest writes are. */
#include <string.h>

#include "evidence/record.h"
#include "promote/decide.h"
#include "rebuild/mark.h"
#include "verdict/history.h"

static const struct record *record_of(const struct copy *copy)
{
	return mark_is_own(copy) ? &copy->evidence.record.record : NULL;
}

uint64_t promote_legs(const struct copy *copy, int copies)
{
	uint64_t legs = 0;

	for (int i = 0; i < copies; i++)
		if (copy[i].condition == COPY_USABLE && copy[i].evidence.lvm.leg_index < SVC_LEGS_MAX)
			legs |= (uint64_t)1 << copy[i].evidence.lvm.leg_index;
	return legs;
}

enum fence_peer promote_peer(const struct copy *copy, int copies, char controller)
{
	const struct record *newest = NULL;

	for (int i = 0; i < copies; i++)
		if (record_of(&copy[i]) && (!newest || record_of(&copy[i])->epoch > newest->epoch))
			newest = record_of(&copy[i]);
	if (!newest)
		return PEER_DONE;
	if (newest->owner == controller)
		return newest->is_after_crash ? PEER_SHUT_OUT : PEER_DONE;
	return newest->is_open ? PEER_AT_WORK : PEER_DONE;
}

/* By what is known of their histories: that writes were under way, or once were, makes none of two legs the older one. */
static bool is_left_behind(const struct copy *copy, int copies, int i, uint64_t present)
{
	enum reason_id why;

	for (int k = 0; k < copies; k++)
		if (k != i && copy[k].condition == COPY_USABLE && strcmp(copy[k].group, copy[i].group) != 0 &&
		    !history_is_unfinished(&copy[k], &why) &&
		    history_relate(&copy[k], &copy[i], present, &why) == RELATION_NEWER)
			return true;
	return history_is_unfinished(&copy[i], &why);
}

bool promote_is_to_close(const struct copy *copy, int copies, int i, char controller)
{
	const struct record *record = record_of(&copy[i]);

	return record && copy[i].condition == COPY_USABLE && record->is_open && record->owner == controller &&
	       !is_left_behind(copy, copies, i, promote_legs(copy, copies));
}

static int find_usable(const struct copy *copy, int copies, char controller)
{
	for (int i = 0; i < copies; i++)
		if (copy[i].condition == COPY_USABLE && !strcmp(copy[i].group, controller == 'a'   ? "flash-a"
		                                                               : controller == 'b' ? "flash-b"
		                                                                                   : "shared"))
			return i;
	return -1;
}

bool promote_is_on_flash_alone(const struct copy *copy, int copies, char controller)
{
	int flash = find_usable(copy, copies, controller), shared = find_usable(copy, copies, 0);
	const struct record *record = flash < 0 ? NULL : record_of(&copy[flash]);
	uint64_t own, others;
	enum reason_id why;

	if (flash < 0 || (record && record->owner != controller))
		return false;
	if (shared >= 0)
		return history_relate(&copy[flash], &copy[shared], promote_legs(copy, copies), &why) == RELATION_NEWER;
	own = promote_legs(&copy[flash], 1);
	others = record ? record->legs & ~own : 0;
	return others == 0 ? record && record->legs : !(others & ~copy[flash].evidence.raid.failed_devices);
}
