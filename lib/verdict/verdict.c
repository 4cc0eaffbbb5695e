/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict/verdict.h"

#include <string.h>

#include "verdict/judgement.h"

const char *verdict_name(enum verdict_kind kind)
{
	static const char *const name[] = {
		[VERDICT_IN_SYNC] = "in-sync",
		[VERDICT_STALE] = "stale",
		[VERDICT_DIRTY] = "dirty",
		[VERDICT_SINGLE] = "single",
		[VERDICT_SPLIT_BRAIN] = "split-brain",
		[VERDICT_UNRELATED] = "unrelated",
		[VERDICT_MISMATCH] = "mismatch",
		[VERDICT_NONE] = "none",
		[VERDICT_UNKNOWN] = "unknown",
	};

	return name[kind];
}

const char *state_name(enum copy_state state)
{
	static const char *const name[] = {
		[STATE_AUTHORITY] = "authority", [STATE_IN_SYNC] = "in-sync",       [STATE_STALE] = "stale",
		[STATE_DIVERGED] = "diverged",   [STATE_FOREIGN] = "foreign",       [STATE_BLANK] = "blank",
		[STATE_DAMAGED] = "damaged",     [STATE_UNREADABLE] = "unreadable",
	};

	return name[state];
}

static enum svc_exit exit_of(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_IN_SYNC:
		return SVC_EXIT_DONE;
	case VERDICT_STALE:
	case VERDICT_DIRTY:
	case VERDICT_SINGLE:
		return SVC_EXIT_DIFFER;
	case VERDICT_NONE:
		return SVC_EXIT_NO_COPY;
	default:
		return SVC_EXIT_OPERATOR;
	}
}

bool verdict_has(const struct verdict *verdict, enum reason_id id, int *copy)
{
	for (size_t i = 0; i < verdict->reasons.count; i++) {
		if (verdict->reasons.item[i].id != id)
			continue;
		if (copy)
			*copy = verdict->reasons.item[i].copy;
		return true;
	}
	return false;
}

int verdict_first_path(const struct copy *copy, int copies, int index)
{
	for (int i = 0; i < copies; i++)
		if (copy[i].condition == COPY_USABLE && !strcmp(copy[i].group, copy[index].group))
			return i;
	return index;
}

/* The order the kernel itself would read legs in: lowest array position, then the order given. */
static bool is_before(const struct copy *copy, int x, int y)
{
	unsigned px = copy[x].evidence.lvm.leg_index, py = copy[y].evidence.lvm.leg_index;

	return px != py ? px < py : x < y;
}

int judgement_first(const struct judgement *j, const bool set[])
{
	int first = -1;

	for (int i = 0; i < j->copies; i++)
		if (set[i] && (first < 0 || is_before(j->copy, i, first)))
			first = i;
	return first;
}

int judgement_count(const struct judgement *j, const bool set[])
{
	int n = 0;

	for (int i = 0; i < j->copies; i++)
		n += set[i];
	return n;
}

bool judgement_conclude(struct judgement *j, enum verdict_kind kind, int authority)
{
	j->verdict->kind = kind;
	j->verdict->authority = authority;
	j->verdict->exit = exit_of(kind);
	return true;
}

/* What each copy showed by itself comes after what decided. */
static void add_findings(struct judgement *j)
{
	for (int i = 0; i < j->copies; i++)
		for (size_t f = 0; f < j->copy[i].findings.count; f++)
			reason_add(&j->verdict->reasons, j->copy[i].findings.item[f].id, i, "%s: %s", j->copy[i].name,
			           j->copy[i].findings.item[f].text);
}

/* A second path to a copy has that copy's state, unless it showed something else. */
static void mark_paths(struct judgement *j)
{
	for (int i = 0; i < j->copies; i++) {
		int first = verdict_first_path(j->copy, j->copies, i);

		if (first != i && j->copy[i].condition == COPY_USABLE && j->verdict->kind != VERDICT_UNKNOWN)
			j->verdict->state[i] = j->verdict->state[first];
	}
}

/* An unfinished look is never "done": exit 5 stands before everything but an operator's decision. */
static void mark_io(struct judgement *j)
{
	bool has_failed = false;

	for (int i = 0; i < j->copies; i++)
		has_failed |= j->copy[i].condition == COPY_UNREADABLE ||
		              (j->comparison && j->comparison->copy[i].errors.count);
	if (has_failed && j->verdict->exit != SVC_EXIT_OPERATOR)
		j->verdict->exit = SVC_EXIT_IO;
}

static void judge_all(struct judgement *j)
{
	if (judge_paths(j) || judge_relation(j))
		return;
	if (judgement_first(j, j->is_member) >= 0 && (judge_evidence(j) || judge_bare(j) || judge_history(j)))
		return;
	judge_content(j);
}

void verdict_judge(const struct copy *copy, int copies, const struct comparison *comparison, bool is_final,
                   struct verdict *verdict)
{
	struct judgement j = {
		.copy = copy,
		.copies = copies,
		.comparison = comparison && comparison->done ? comparison : NULL,
		.is_final = is_final,
		.verdict = verdict,
	};

	memset(verdict, 0, sizeof(*verdict));
	judge_conditions(&j);
	judge_all(&j);
	mark_paths(&j);
	mark_io(&j);
	add_findings(&j);
}

int verdict_reference(const struct copy *copy, int copies, const struct verdict *verdict)
{
	int reference = verdict->authority, others = 0;

	if (verdict->kind == VERDICT_UNRELATED)
		return -1;
	for (int i = 0; i < copies; i++) {
		if (copy[i].condition != COPY_USABLE)
			continue;
		others++;
		if (verdict->authority < 0 && verdict_first_path(copy, copies, i) == i &&
		    (reference < 0 || is_before(copy, i, reference)))
			reference = i;
	}
	return others > 1 ? reference : -1;
}
