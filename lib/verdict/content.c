/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the content says, once the history has named the newest copies; and the copies beside them. */
#include <inttypes.h>

#include "verdict/history.h"
#include "verdict/judgement.h"
#include "verdict/verdict.h"

/*
 * Whether the mirror stopped with writes under way: only then do its unsettled regions excuse a
 * difference. In a degraded mirror md keeps bits set for the absent leg, so bits alone show no crash.
 */
static bool is_crashed(const struct judgement *j)
{
	for (int i = 0; i < j->copies; i++) {
		const struct evidence *e = &j->copy[i].evidence;

		if (!j->is_equal[i] || j->copy[i].is_live || !e->unsettled.present || e->unsettled.is_stale ||
		    !e->unsettled.dirty_regions)
			continue;
		if (!e->raid.failed_devices || e->fs.needs_recovery || (e->record.present && e->record.record.is_open))
			return true;
	}
	return false;
}

static bool is_never_synced(const struct judgement *j)
{
	for (int i = 0; i < j->copies; i++)
		if (j->is_equal[i] && j->copy[i].evidence.raid.present &&
		    j->copy[i].evidence.raid.resync_offset != UINT64_MAX)
			return true;
	return false;
}

static void mark_equals(struct judgement *j, int authority, enum copy_state others)
{
	for (int i = 0; i < j->copies; i++)
		if (j->is_equal[i])
			j->verdict->state[i] = i == authority ? STATE_AUTHORITY : others;
}

/* One history, and `other` differs from the reference in blocks in use that no crash excuses. */
static bool judge_mismatch(struct judgement *j, int other)
{
	const struct content_difference *content = &j->comparison->copy[other];
	int reference = j->comparison->reference;
	int right = content->checksums == CHECKSUM_COPY ? other : reference;
	int wrong = right == other ? reference : other;

	if (content->checksums != CHECKSUM_SILENT && judgement_count(j, j->is_equal) == 2) {
		reason_add(&j->verdict->reasons, REASON_CHECKSUM, wrong,
		           "%s: every differing block has a wrong metadata checksum, and a right one on %s",
		           j->copy[wrong].name, j->copy[right].name);
		mark_equals(j, right, STATE_DAMAGED);
		return judgement_conclude(j, VERDICT_SINGLE, right);
	}
	reason_add(&j->verdict->reasons, REASON_SILENT, other,
	           "%s and %s have one history, but %" PRIu64 " bytes in use differ and nothing tells which are right",
	           j->copy[reference].name, j->copy[other].name, content->used_bytes);
	mark_equals(j, -1, STATE_DIVERGED);
	return judgement_conclude(j, VERDICT_MISMATCH, -1);
}

/* Of two copies with one history: the one whose metadata checksums are right wherever they differ. -1: no such. */
static int find_right(const struct judgement *j)
{
	if (!j->comparison || judgement_count(j, j->is_equal) != 2 || !j->is_equal[j->comparison->reference])
		return -1;
	for (int i = 0; i < j->copies; i++) {
		if (!j->is_equal[i] || j->comparison->copy[i].checksums == CHECKSUM_SILENT)
			continue;
		return j->comparison->copy[i].checksums == CHECKSUM_COPY ? i : j->comparison->reference;
	}
	return -1;
}

/*
 * A crash leaves the same notes on every leg that was there: the same bits, but for one on its way, and
 * one time of mounting. Where they differ one leg was in use without the other, whichever it was.
 */
static bool judge_uneven(struct judgement *j)
{
	int first = judgement_first(j, j->is_equal);
	const struct evidence *e = &j->copy[first].evidence;
	bool is_mounted_apart = false, is_uneven = false;

	for (int i = 0; i < j->copies; i++) {
		const struct evidence *other = &j->copy[i].evidence;

		if (!j->is_equal[i] || i == first)
			continue;
		is_mounted_apart |= e->fs.present && other->fs.present && e->fs.mount_time != other->fs.mount_time;
		is_uneven |= e->unsettled.present && other->unsettled.present &&
		             e->unsettled.dirty_regions != other->unsettled.dirty_regions;
	}
	if (!is_mounted_apart && (j->comparison || !is_uneven))
		return false;
	if (j->comparison)
		reason_add(&j->verdict->reasons, REASON_MOUNTED_APART, -1,
		           "the copies differ in unsettled regions, but were last mounted at different times");
	else
		reason_add(&j->verdict->reasons, REASON_UNEVEN, -1,
		           "the copies' maps of unsettled regions or times of mounting differ");
	mark_equals(j, -1, STATE_DIVERGED);
	return judgement_conclude(j, VERDICT_UNKNOWN, -1);
}

/*
 * The newest copies hold one history: does their content agree, and if not, is that excused? Returns
 * true where it decided the verdict; else they are equal as far as was looked.
 */
static bool judge_equals(struct judgement *j)
{
	bool is_excused = is_crashed(j) || j->is_torn, is_initial = is_never_synced(j);
	int authority = judgement_first(j, j->is_equal), right = find_right(j), differs = -1;
	uint64_t used_bytes = 0, free_bytes = 0;

	if (judgement_count(j, j->is_equal) < 2)
		return false;
	for (int i = 0; j->comparison && i < j->copies; i++) {
		const struct content_difference *content = &j->comparison->copy[i];

		if (!j->is_equal[i] || i == j->comparison->reference)
			continue;
		if (content->used_bytes && !is_initial && (!is_excused || content->settled_bytes))
			return judge_mismatch(j, i);
		used_bytes += content->used_bytes;
		free_bytes += content->free_bytes;
		if (content->used_bytes || content->free_bytes)
			differs = i;
	}
	if (j->comparison && differs < 0)
		return false;
	if (is_excused && !is_initial && (used_bytes || !j->comparison) && judge_uneven(j))
		return true;
	if (right >= 0 && !is_initial)
		authority = right;
	if (is_initial)
		reason_add(&j->verdict->reasons, REASON_INITIAL_SYNC, -1,
		           "the mirror's first synchronisation never finished; until then the kernel reads %s",
		           j->copy[authority].name);
	else if (j->comparison && !used_bytes)
		reason_add(&j->verdict->reasons, REASON_FREE_DIFFERS, differs,
		           "%" PRIu64 " bytes that no file system uses differ, and nothing else", free_bytes);
	else if (is_excused)
		reason_add(&j->verdict->reasons, REASON_UNSETTLED, -1,
		           "writes were under way when the mirror stopped; %s is picked, %s", j->copy[authority].name,
		           right < 0 ? "the leg the kernel reads first" : "whose metadata checksums are right");
	else
		return false; /* evidence alone, and nothing speaks against it */
	mark_equals(j, authority, STATE_STALE);
	return judgement_conclude(j, VERDICT_DIRTY, authority);
}

bool judge_bare(struct judgement *j)
{
	bool is_bare = false, is_equal = j->comparison != NULL && judgement_count(j, j->is_member) > 1;

	for (int i = 0; i < j->copies; i++) {
		const struct content_difference *content = j->comparison ? &j->comparison->copy[i] : NULL;

		if (!j->is_member[i])
			continue;
		is_bare |= j->copy[i].evidence.lvm.type == MIRROR_NONE;
		if (content &&
		    (content->errors.count || content->used_bytes || content->free_bytes || !content->compared))
			is_equal = false;
	}
	for (int i = 0; i < j->copies; i++)
		is_equal &= j->is_usable[i];
	if (!is_bare || !is_equal)
		return false;
	for (int i = 0; i < j->copies; i++)
		j->verdict->state[i] = STATE_IN_SYNC;
	reason_add(&j->verdict->reasons, REASON_EQUAL, -1,
	           "every byte compared is equal; a bare file system carries no other evidence");
	return judgement_conclude(j, VERDICT_IN_SYNC, -1);
}

static bool has_read_errors(const struct judgement *j, int i)
{
	return j->comparison && j->comparison->copy[i].errors.count;
}

static void name_read_errors(struct judgement *j)
{
	for (int i = 0; i < j->copies; i++)
		if (has_read_errors(j, i))
			reason_add(&j->verdict->reasons, REASON_READ_ERROR, i,
			           "%s: %" PRIu64 " bytes of its leg cannot be read, the first at byte %" PRIu64,
			           j->copy[i].name, j->comparison->copy[i].errors.bytes,
			           j->comparison->copy[i].errors.listed[0].offset);
}

/* Copies with unreadable content are not whole: they leave the newest ones, unless nothing else is left. */
static void drop_unreadable(struct judgement *j)
{
	int left = 0;

	for (int i = 0; i < j->copies; i++)
		left += j->is_equal[i] && !has_read_errors(j, i);
	for (int i = 0; left && i < j->copies; i++) {
		if (!j->is_equal[i] || !has_read_errors(j, i))
			continue;
		j->verdict->state[i] = STATE_UNREADABLE;
		j->is_equal[i] = false;
	}
}

/* Copies that are not paths to another, and neither among the newest nor stale: blank, damaged ... */
static int count_lost(const struct judgement *j)
{
	int lost = 0;

	for (int i = 0; i < j->copies; i++)
		lost += !j->is_equal[i] && j->verdict->state[i] != STATE_STALE &&
		        verdict_first_path(j->copy, j->copies, i) == i;
	return lost;
}

static bool judge_whole_equals(struct judgement *j)
{
	if (judgement_count(j, j->is_equal) == 1 && j->copies == 1) {
		int only = judgement_first(j, j->is_equal);

		reason_add(&j->verdict->reasons, REASON_ONE_GIVEN, only, "%s is the only copy that was given",
		           j->copy[only].name);
		mark_equals(j, only, STATE_IN_SYNC);
		return judgement_conclude(j, VERDICT_SINGLE, only);
	}
	mark_equals(j, -1, STATE_IN_SYNC);
	if (j->comparison)
		reason_add(&j->verdict->reasons, REASON_EQUAL, -1, "all %" PRIu64 " bytes that were compared are equal",
		           j->comparison->bytes);
	else if (j->is_final)
		reason_add(&j->verdict->reasons, REASON_FAST, -1, "only the evidence was read, not the content");
	return judgement_conclude(j, VERDICT_IN_SYNC, -1);
}

/* Whether this copy went on without every leg that no usable copy shows, whichever a damaged one was. */
static bool went_on_without(const struct judgement *j, const struct copy *right)
{
	uint64_t missing = ((uint64_t)1 << right->evidence.lvm.leg_count) - 1;

	for (int i = 0; i < j->copies; i++)
		if (j->is_usable[i])
			missing &= ~((uint64_t)1 << j->copy[i].evidence.lvm.leg_index);
	return right->evidence.raid.present && !(missing & ~right->evidence.raid.failed_devices);
}

static bool is_being_rebuilt(const struct copy *copy)
{
	enum reason_id why;

	for (size_t i = 0; i < copy->findings.count; i++)
		if (copy->findings.item[i].id == REASON_REBUILD_TARGET)
			return true;
	return history_is_unfinished(copy, &why);
}

/*
 * A damaged copy is no authority, but it may have what the others lack: it went on without them, and what said so is
 * what was damaged. Its superblock is heard where that can be read; where not, the authority's has to say that it went
 * on without it. True where the damaged copy is known to have gone on: then the other one is no authority either.
 */
static bool judge_damaged(struct judgement *j, int authority)
{
	const struct copy *right = &j->copy[authority];
	bool is_ahead = false;

	for (int i = 0; i < j->copies && right->evidence.lvm.type != MIRROR_NONE; i++) {
		const struct copy *copy = &j->copy[i];

		if (j->verdict->state[i] != STATE_DAMAGED || verdict_first_path(j->copy, j->copies, i) != i ||
		    is_being_rebuilt(copy))
			continue;
		if (history_accuses(copy, right)) {
			is_ahead = true;
			reason_add(&j->verdict->reasons, REASON_MAY_BE_NEWER, i,
			           "%s is damaged, but its superblock can be read and names %s failed: it went on "
			           "without it",
			           copy->name, right->name);
		} else if (copy->evidence.raid.present && right->evidence.raid.present
		                   ? copy->evidence.raid.events > right->evidence.raid.events &&
		                             !history_accuses(right, copy)
		                   : !went_on_without(j, right)) {
			reason_add(&j->verdict->reasons, REASON_MAY_BE_NEWER, i,
			           "%s is damaged, and nothing that can be read says that it is not newer than %s",
			           copy->name, right->name);
		}
	}
	return is_ahead;
}

bool judge_content(struct judgement *j)
{
	int authority, stale = 0, lost, equals, unreadable;

	if (judgement_first(j, j->is_member) < 0) {
		reason_add(&j->verdict->reasons, REASON_NO_WHOLE, -1, "no copy is whole and usable");
		return judgement_conclude(j, VERDICT_NONE, -1);
	}
	name_read_errors(j);
	if (judge_apart(j) || judge_equals(j))
		return true;
	equals = judgement_count(j, j->is_equal);
	drop_unreadable(j);
	unreadable = equals - judgement_count(j, j->is_equal);
	authority = judgement_first(j, j->is_equal);
	for (int i = 0; i < j->copies; i++)
		stale += j->verdict->state[i] == STATE_STALE;
	lost = count_lost(j);
	if (equals > 1 && has_read_errors(j, authority)) {
		/* every one of several equals has parts that cannot be read: none is whole */
		mark_equals(j, -1, STATE_UNREADABLE);
		return judgement_conclude(j, VERDICT_UNKNOWN, -1);
	}
	if (!stale && !lost && !unreadable)
		return judge_whole_equals(j);
	if (judge_damaged(j, authority)) {
		mark_equals(j, -1, STATE_DIVERGED);
		return judgement_conclude(j, VERDICT_UNKNOWN, -1);
	}
	mark_equals(j, authority, STATE_IN_SYNC);
	if (!stale && judgement_count(j, j->is_equal) == 1) {
		reason_add(&j->verdict->reasons, REASON_ONE_WHOLE, authority, "%s is the only whole and usable copy",
		           j->copy[authority].name);
		return judgement_conclude(j, VERDICT_SINGLE, authority);
	}
	return judgement_conclude(j, VERDICT_STALE, authority);
}
