/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim/controller.h"

#include <string.h>

#include "locate/conf.h"
#include "rebuild/mark.h"

static int find_group(const struct copy *copy, int copies, const char *group)
{
	for (int i = 0; i < copies; i++)
		if (!strcmp(copy[i].group, group))
			return i;
	return -1;
}

static bool is_other_leg(const struct copy *flash, const char *legs)
{
	int leg = conf_leg(legs, flash->group);

	return leg >= 0 && flash->evidence.lvm.leg_count && flash->evidence.lvm.leg_index != (unsigned)leg;
}

bool controller_is_contradicted(char controller, const char *legs, const struct copy *copy, int copies,
                                struct reasons *reasons)
{
	static const char *const flash[] = { "flash-a", "flash-b" };
	bool is_b = controller == 'b';
	int own = find_group(copy, copies, flash[is_b]), other = find_group(copy, copies, flash[!is_b]);
	size_t before = reasons->count;

	if (own < 0 && other >= 0)
		reason_add(reasons, REASON_WRONG_CONTROLLER, other,
		           "this is to be controller %c, and the flash that it has is %s", controller, flash[!is_b]);
	if (own >= 0 && is_other_leg(&copy[own], legs))
		reason_add(reasons, REASON_WRONG_CONTROLLER, own,
		           "this is to be controller %c, and the device that is to be %s is leg %u of the mirror, "
		           "which is not the one that legs names so",
		           controller, flash[is_b], copy[own].evidence.lvm.leg_index);
	if (own >= 0 && mark_is_own(&copy[own]) && !strcmp(copy[own].evidence.record.record.copy_name, flash[!is_b]))
		reason_add(reasons, REASON_WRONG_CONTROLLER, own,
		           "this is to be controller %c, and the record of the device that is to be %s is that of %s",
		           controller, flash[is_b], flash[!is_b]);
	return reasons->count > before;
}
