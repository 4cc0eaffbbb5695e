/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan in words. */
#include <inttypes.h>
#include <stdio.h>

#include "plan/plan.h"

const char *action_name(enum action_kind kind)
{
	static const char *const name[] = {
		[ACTION_MARK] = "mark",
		[ACTION_LAYOUT] = "layout",
		[ACTION_USED] = "used",
		[ACTION_FREE] = "free",
		[ACTION_PROVE] = "prove",
		[ACTION_METADATA] = "metadata",
		[ACTION_FORGIVE] = "forgive",
		[ACTION_SUPERBLOCK] = "superblock",
		[ACTION_UNMARK] = "unmark",
		[ACTION_REFRESH] = "refresh",
		[ACTION_REBUILD_ONLINE] = "rebuild-online",
	};

	return name[kind];
}

void action_describe(const struct plan *plan, const struct copy *copy, const struct action *action, char *text,
                     size_t size)
{
	const char *name = copy[action->copy].name, *from = copy[plan->authority].name;

	switch (action->kind) {
	case ACTION_MARK:
		snprintf(text, size, "%s: mark it as being rebuilt from %s", name, from);
		break;
	case ACTION_LAYOUT:
		snprintf(text, size,
		         "%s: zero both its ends, write the PV label, volume group metadata and record of leg %u", name,
		         plan->leg_index[action->copy]);
		break;
	case ACTION_USED:
	case ACTION_FREE:
		snprintf(text, size,
		         plan->is_compared[action->copy] ? "%s: overwrite %" PRIu64 " differing bytes %s with %s's"
		                                         : "%s: read all %" PRIu64
		                                           " bytes %s and overwrite what differs with %s's",
		         name, action->bytes, action->kind == ACTION_USED ? "in use" : "not in use", from);
		break;
	case ACTION_PROVE:
		snprintf(text, size, "%s: read back what was written and compare it with %s", name, from);
		break;
	case ACTION_METADATA:
		snprintf(text, size, "%s: bring its volume group metadata up to date", name);
		break;
	case ACTION_SUPERBLOCK:
		snprintf(text, size, "%s: write its dm-raid superblock and bitmap: complete and in sync", name);
		break;
	case ACTION_FORGIVE:
		snprintf(text, size, "%s: take the rebuilt legs off its superblock's list of failed ones", name);
		break;
	case ACTION_UNMARK:
		snprintf(text, size, "%s: take the mark off", name);
		break;
	case ACTION_REFRESH:
		snprintf(text, size,
		         "%s: have the kernel take leg %u back and recover the regions written since, %" PRIu64
		         " bytes",
		         name, plan->leg_index[action->copy], action->bytes);
		break;
	case ACTION_REBUILD_ONLINE:
		snprintf(text, size, "%s: have the kernel rebuild leg %u from its first byte, %" PRIu64 " bytes", name,
		         plan->leg_index[action->copy], action->bytes);
		break;
	}
}

/* A leg that is right when the plan is done; without an authority every copy is right already. */
static bool is_settled(const struct plan *plan, const struct copy *copy, int i)
{
	return plan->authority >= 0 ? plan->is_member[i] : copy[i].condition == COPY_USABLE;
}

/*
 * Whoever changes a volume group while a PV is away has LVM flag that PV in the text, and only vgextend takes the
 * flag off. LVM 2.03.16 activates the leg nevertheless, but warns, and refuses most changes of the volume group.
 */
void plan_remarks(const struct plan *plan, const struct copy *copy, int copies, struct reasons *remarks)
{
	const struct lvm_evidence *newest = NULL;

	for (int i = 0; i < copies; i++)
		if (is_settled(plan, copy, i) && (!newest || copy[i].evidence.lvm.seqno > newest->seqno))
			newest = &copy[i].evidence.lvm;
	for (int i = 0; i < copies; i++) {
		unsigned leg = plan->authority >= 0 ? plan->leg_index[i] : copy[i].evidence.lvm.leg_index;

		if (!is_settled(plan, copy, i) || leg >= newest->leg_count || !(newest->missing_legs >> leg & 1))
			continue;
		reason_add(
			remarks, REASON_LVM_MISSING, i,
			"LVM's metadata flags %s's physical volume as missing; the kernel uses the leg all the same, "
			"but LVM refuses to change volume group %s until the flag is cleared",
			copy[i].name, newest->vg_name);
	}
}
