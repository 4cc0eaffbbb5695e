/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "path/path.h"

const char *path_name(enum path_kind kind)
{
	static const char *const name[] = { [PATH_DIRECT] = "direct", [PATH_NBD] = "nbd" };

	return name[kind];
}

const char *path_state_name(enum path_state state)
{
	static const char *const name[] = {
		[PATH_GOOD] = "good",           [PATH_SLOW] = "slow",
		[PATH_STALE] = "stale",         [PATH_OTHER_VOLUME] = "other-volume",
		[PATH_READ_ONLY] = "read-only", [PATH_DOWN] = "down",
	};

	return name[state];
}

/* The first thing in which the path's volume is not the one expected; false where there is none. */
static bool is_unexpected(const struct path_facts *facts, const struct path_expected *expected, char *text, size_t size)
{
	bool is_known = false;

	if (!expected->vg_uuid[0])
		return false;
	if (!facts->lvm.present)
		snprintf(text, size, "it holds no LVM physical volume, and the shared copy is one");
	else if (strcmp(facts->lvm.vg_uuid, expected->vg_uuid) != 0)
		snprintf(text, size, "it holds a physical volume of %s (%s), which is not the mirror's volume group",
		         facts->lvm.vg_name[0] ? facts->lvm.vg_name : "no volume group", facts->lvm.pv_uuid);
	else {
		for (unsigned i = 0; i < expected->pvs; i++)
			is_known |= !strcmp(facts->lvm.pv_uuid, expected->pv_uuid[i]);
		if (!is_known)
			snprintf(text, size, "it holds physical volume %s, which is not the shared copy",
			         facts->lvm.pv_uuid);
		return !is_known;
	}
	return true;
}

static bool differs(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

/* The same where both sides have it. */
static bool differs_if_both(const char *a, const char *b)
{
	return *a && *b && differs(a, b);
}

static bool is_record_elsewhere(const struct path_facts *facts)
{
	const struct record_evidence *record = &facts->record;

	return record->present && facts->lvm.present && differs(record->record.pv_uuid, facts->lvm.pv_uuid);
}

/* The first thing in which two paths lead to different volumes; false where there is none. */
static bool are_apart(const struct path_facts *a, const struct path_facts *b, char *text, size_t size)
{
	const struct record *x = &a->record.record, *y = &b->record.record;

	if (a->size_bytes != b->size_bytes)
		snprintf(text, size, "its size is %" PRIu64 " bytes, by the other path %" PRIu64, b->size_bytes,
		         a->size_bytes);
	else if (a->lvm.present != b->lvm.present)
		snprintf(text, size, "it holds %s LVM physical volume, by the other path there is %s",
		         b->lvm.present ? "an" : "no", a->lvm.present ? "one" : "none");
	else if (differs(a->lvm.pv_uuid, b->lvm.pv_uuid))
		snprintf(text, size, "its PV UUID is %s, by the other path %s", b->lvm.pv_uuid, a->lvm.pv_uuid);
	else if (differs(a->lvm.vg_uuid, b->lvm.vg_uuid))
		snprintf(text, size, "its VG UUID is %s, by the other path %s", b->lvm.vg_uuid, a->lvm.vg_uuid);
	else if (a->record.present && b->record.present && differs(x->copy_name, y->copy_name))
		snprintf(text, size, "its record is that of %s, by the other path that of %s", y->copy_name,
		         x->copy_name);
	else if (differs_if_both(a->designator, b->designator) || differs_if_both(a->serial, b->serial))
		snprintf(text, size, "its SCSI identity is %s, by the other path %s",
		         *b->designator ? b->designator : b->serial, *a->designator ? a->designator : a->serial);
	else
		return false;
	return true;
}

static void set(struct path_verdict *verdict, enum path_kind kind, enum path_state state, enum reason_id reason,
                const char *text)
{
	/* The first and worst word stays. */
	if (verdict->state[kind] != PATH_GOOD)
		return;
	verdict->state[kind] = state;
	reason_add(&verdict->reasons, reason, (int)kind, "%s: %s", path_name(kind), text);
}

/* Whether the path could be read, so that what was read means something. */
static bool is_read(const struct path_facts *facts)
{
	return facts->is_configured && !facts->error;
}

static void judge_identity(const struct path_facts facts[PATHS], const struct path_expected *expected,
                           struct path_verdict *verdict)
{
	char text[300];
	size_t length;

	for (int i = 0; i < PATHS; i++) {
		if (!is_read(&facts[i]))
			continue;
		if (is_unexpected(&facts[i], expected, text, sizeof(text)))
			set(verdict, i, PATH_OTHER_VOLUME, REASON_PATH_OTHER_VOLUME, text);
		if (is_record_elsewhere(&facts[i]))
			set(verdict, i, PATH_OTHER_VOLUME, REASON_PATH_OTHER_VOLUME,
			    "its record was written for another device: the volume is a copy of one");
		else if (facts[i].record.present && facts[i].record.record.copy_name[0] &&
		         differs(facts[i].record.record.copy_name, "shared")) {
			snprintf(text, sizeof(text), "its record is that of %s", facts[i].record.record.copy_name);
			set(verdict, i, PATH_OTHER_VOLUME, REASON_PATH_OTHER_VOLUME, text);
		}
	}
	if (!is_read(&facts[PATH_DIRECT]) || !is_read(&facts[PATH_NBD]) ||
	    verdict->state[PATH_DIRECT] == PATH_OTHER_VOLUME || verdict->state[PATH_NBD] == PATH_OTHER_VOLUME)
		return;
	if (!are_apart(&facts[PATH_DIRECT], &facts[PATH_NBD], text, sizeof(text)))
		return;
	length = strlen(text);
	if (!expected->vg_uuid[0])
		snprintf(text + length, sizeof(text) - length, "; no flash copy tells which is right");
	set(verdict, PATH_NBD, PATH_OTHER_VOLUME, REASON_PATH_OTHER_VOLUME, text);
}

/* What a test of coherence says of each path. That it cannot be made is said once. */
static void judge_coherence(const struct path_facts facts[PATHS], struct path_verdict *verdict)
{
	bool is_said = false;

	for (int i = 0; i < PATHS; i++) {
		if (!facts[i].is_configured)
			continue;
		if (facts[i].coherence == COHERENCE_STALE)
			set(verdict, i, PATH_STALE, REASON_PATH_STALE, facts[i].coherence_why.text);
		if (facts[i].coherence == COHERENCE_REFUSED)
			set(verdict, i, PATH_READ_ONLY, REASON_PATH_READ_ONLY, facts[i].coherence_why.text);
		if (facts[i].coherence == COHERENCE_BROKEN)
			set(verdict, i, PATH_DOWN, REASON_PATH_LOST, facts[i].coherence_why.text);
		if (facts[i].coherence == COHERENCE_FAILED && !is_said)
			reason_add(&verdict->reasons, REASON_PATH_UNPROVEN, i, "%s: %s", path_name(i),
			           facts[i].coherence_why.text);
		is_said |= facts[i].coherence == COHERENCE_FAILED;
	}
}

void path_judge(const struct path_facts facts[PATHS], const struct path_expected *expected, unsigned slow_ms,
                struct path_verdict *verdict)
{
	uint64_t slow_us = (uint64_t)(slow_ms ? slow_ms : PATH_SLOW_MS) * 1000;
	char text[160];

	memset(verdict, 0, sizeof(*verdict));
	for (int i = 0; i < PATHS; i++)
		if (facts[i].is_configured && facts[i].error)
			set(verdict, i, PATH_DOWN, REASON_PATH_LOST, facts[i].why.text);
	judge_identity(facts, expected, verdict);
	judge_coherence(facts, verdict);
	for (int i = 0; i < PATHS; i++) {
		if (is_read(&facts[i]) && facts[i].is_read_only)
			set(verdict, i, PATH_READ_ONLY, REASON_PATH_READ_ONLY, "it cannot be written");
		else if (is_read(&facts[i]) && facts[i].has_no_flush)
			set(verdict, i, PATH_READ_ONLY, REASON_PATH_READ_ONLY,
			    "the server has no flush, so that nothing written to it is safe");
		if (is_read(&facts[i]) && facts[i].is_detached)
			set(verdict, i, PATH_DOWN, REASON_PATH_LOST,
			    "the server answers, but the kernel's device has lost its connection; --setup, or the "
			    "monitor, "
			    "makes it anew");
	}
	for (int i = 0; i < PATHS; i++) {
		if (!is_read(&facts[i]))
			continue;
		snprintf(text, sizeof(text), "reads take %" PRIu64 " us, %" PRIu64 " are expected",
		         path_latency_us(&facts[i]), slow_us);
		if (path_latency_us(&facts[i]) > slow_us)
			set(verdict, i, PATH_SLOW, REASON_PATH_SLOW, text);
	}
	for (size_t i = 0; i < verdict->reasons.count; i++) {
		int exit = reason_row(verdict->reasons.item[i].id)->exit;

		/* Which volume it is comes before whether it can be reached. */
		if (verdict->exit != SVC_EXIT_OPERATOR && exit)
			verdict->exit = (enum svc_exit)exit;
	}
}
