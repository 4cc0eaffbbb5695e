/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who was written while another leg was away, where no superblock says so. md names absent legs failed
 * only when it next updates its superblocks, a moment after writing pauses; a leg that was started alone,
 * written at once and cut off leaves nothing but bits in its bitmap. (Measured on Linux 6.1.)
 */
#include <inttypes.h>

#include "verdict/judgement.h"

static bool is_compared_with_reference(const struct judgement *j, int i)
{
	return i != j->comparison->reference && j->comparison->copy[i].compared && !j->copy[i].is_live;
}

static bool conclude_split(struct judgement *j, int i)
{
	int reference = j->comparison->reference;

	reason_add(&j->verdict->reasons, REASON_WRITTEN_APART, -1,
	           "%s and %s were each written without the other: %" PRIu64 " and %" PRIu64
	           " differing bytes are marked by one of them alone",
	           j->copy[reference].name, j->copy[i].name, j->comparison->copy[i].reference_bytes,
	           j->comparison->copy[i].own_bytes);
	j->verdict->state[reference] = j->verdict->state[i] = STATE_DIVERGED;
	return judgement_conclude(j, VERDICT_SPLIT_BRAIN, -1);
}

static void call_older(struct judgement *j, int older, int newer, uint64_t bytes)
{
	reason_add(&j->verdict->reasons, REASON_WRITTEN_ALONE, older,
	           "%s was written without %s: %" PRIu64 " differing bytes are marked in its bitmap alone",
	           j->copy[newer].name, j->copy[older].name, bytes);
	j->is_equal[older] = false;
	j->verdict->state[older] = STATE_STALE;
}

/* An older copy that was nevertheless written on its own holds what the newer one lacks. */
static bool judge_older(struct judgement *j)
{
	for (int i = 0; i < j->copies; i++)
		if (j->is_member[i] && !j->is_equal[i] && is_compared_with_reference(j, i) &&
		    j->comparison->copy[i].own_bytes)
			return conclude_split(j, i);
	return false;
}

bool judge_apart(struct judgement *j)
{
	int newer = -1, newers = 0, reference;

	if (!j->comparison || !j->is_equal[j->comparison->reference])
		return false;
	reference = j->comparison->reference;
	if (judge_older(j))
		return true;
	for (int i = 0; i < j->copies; i++) {
		const struct content_difference *content = &j->comparison->copy[i];

		if (!j->is_equal[i] || !is_compared_with_reference(j, i) || content->settled_bytes)
			continue;
		if (content->own_bytes && (content->reference_bytes || newers++))
			return conclude_split(j, i);
		if (content->own_bytes)
			newer = i;
	}
	for (int i = 0; i < j->copies; i++) {
		const struct content_difference *content = &j->comparison->copy[i];

		if (!j->is_equal[i] || i == newer || (newer < 0 && !is_compared_with_reference(j, i)))
			continue;
		if (newer >= 0)
			call_older(j, i, newer, j->comparison->copy[newer].own_bytes);
		else if (content->reference_bytes && !content->settled_bytes)
			call_older(j, i, reference, content->reference_bytes);
	}
	return false;
}
