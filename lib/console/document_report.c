// SPDX-License-Identifier: GPL-2.0-or-later
/* The document of svc-compare and svc-resync. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "console/document_private.h"

static void take_copy(const json_t *item, struct shown_copy *copy)
{
	json_t *evidence = json_object_get(item, "evidence");
	const json_t *fs = json_object_get(evidence, "fs"), *record = json_object_get(evidence, "record");
	const json_t *content = json_object_get(item, "content");
	const char *owner = json_string_value(json_object_get(record, "owner"));

	take_text(item, "name", copy->name, sizeof(copy->name));
	take_text(item, "locator", copy->locator, sizeof(copy->locator));
	take_text(item, "state", copy->state, sizeof(copy->state));
	copy->size_bytes = take_number(item, "size");
	copy->is_live = take_bool(item, "live");
	copy->has_fs = json_is_object(fs);
	copy->write_time = take_time(fs, "write_time");
	copy->mount_time = take_time(fs, "mount_time");
	copy->owner = owner && (*owner == 'a' || *owner == 'b') ? *owner : 0;
	copy->epoch = take_number(record, "epoch");
	copy->is_open = take_bool(record, "open");
	copy->is_compared = json_is_object(content);
	copy->differing_bytes = take_number(content, "differing_bytes");
	flatten(&copy->evidence, "", evidence, 0);
}

/* While a copy is in use its counters and times go on by themselves, and say nothing new of what was compared. */
static json_t *lasting_evidence(const json_t *copy)
{
	json_t *evidence = json_object_get(copy, "evidence");

	if (!json_is_true(json_object_get(copy, "live")))
		return json_incref(evidence);
	return json_pack("{s:O?, s:O?, s:O?}", "lvm", json_object_get(evidence, "lvm"), "failed",
	                 json_object_get(json_object_get(evidence, "raid"), "failed_positions"), "record",
	                 json_object_get(evidence, "record"));
}

/* What the verdict was made from, in one number. */
static uint32_t evidence_id(const json_t *copies)
{
	uint32_t id = (uint32_t)crc32(0, NULL, 0);
	size_t index;
	json_t *item;

	json_array_foreach(copies, index, item)
	{
		json_t *evidence = lasting_evidence(item);
		char *text = json_dumps(evidence, JSON_COMPACT | JSON_SORT_KEYS);

		if (text)
			id = (uint32_t)crc32(id, (const uint8_t *)text, (unsigned)strlen(text));
		free(text);
		json_decref(evidence);
	}
	return id;
}

static int take_sides(const json_t *list, struct shown_file *file)
{
	size_t count = json_array_size(list);

	if (count > DOCUMENT_SIDES_MAX)
		count = DOCUMENT_SIDES_MAX;
	file->side = count ? calloc(count, sizeof(*file->side)) : NULL;
	if (count && !file->side)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);

		take_text(item, "copy", file->side[i].copy, sizeof(file->side[i].copy));
		file->side[i].bytes = take_number(item, "bytes");
		file->side[i].modified = take_time(item, "modified");
	}
	file->sides = (int)count;
	return 0;
}

static int take_file(const json_t *item, struct shown_file *file)
{
	file->path = strndup(json_string_value(json_object_get(item, "path")) ?: "", 4096);
	if (!file->path)
		return -ENOMEM;
	for (char *c = file->path; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	take_text(item, "kind", file->kind, sizeof(file->kind));
	take_text(item, "only_on", file->only_on, sizeof(file->only_on));
	file->inode = take_number(item, "inode");
	file->bytes = take_number(item, "bytes");
	return take_sides(json_object_get(item, "sides"), file);
}

/* Adds a list to those that are kept, as long as there is room. `total`: how many there are, where not all are listed. */
static int take_files(const json_t *list, uint64_t total, const char *given_up, struct shown_files *files)
{
	size_t room = DOCUMENT_FILES_MAX - files->count, count = json_array_size(list);
	struct shown_file *more;
	int code = 0;

	files->total += total > count ? (size_t)total : count;
	if (count > room)
		count = room;
	more = count ? realloc(files->file, (files->count + count) * sizeof(*more)) : files->file;
	if (count && !more)
		return -ENOMEM;
	files->file = more;
	for (size_t i = 0; i < count && !code; i++) {
		const json_t *item = json_array_get(list, i);
		struct shown_file *file = &more[files->count++];
		const char *lost = json_string_value(json_object_get(item, "lost"));

		memset(file, 0, sizeof(*file));
		code = take_file(item, file);
		snprintf(file->given_up, sizeof(file->given_up), "%s", given_up);
		file->is_replaced = lost && !strcmp(lost, "version");
	}
	return code;
}

static int take_losses(const json_t *list, struct shown_plan *plan)
{
	int code = 0;

	for (size_t i = 0; i < json_array_size(list) && i < SVC_COPIES_MAX && !code; i++) {
		const json_t *item = json_array_get(list, i);
		char copy[64];

		take_text(item, "copy", copy, sizeof(copy));
		plan->has_other_losses |= json_is_false(json_object_get(item, "files_known"));
		code = take_files(json_object_get(item, "files"), take_number(item, "file_count"), copy, &plan->losses);
	}
	return code;
}

static void take_left(const json_t *list, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(list) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
		                         json_string_value(json_array_get(list, i)) ?: "");
	document_clean(text);
}

static void take_plan(const json_t *root, struct shown_plan *plan)
{
	const json_t *list = json_object_get(root, "plan");

	take_text(root, "plan_id", plan->id, sizeof(plan->id));
	take_text(root, "from", plan->from, sizeof(plan->from));
	take_text(root, "undo", plan->undo, sizeof(plan->undo));
	take_text(root, "unsaved", plan->unsaved, sizeof(plan->unsaved));
	take_left(json_object_get(root, "left"), plan->left, sizeof(plan->left));
	plan->is_forced = take_bool(root, "forced");
	plan->written_bytes = take_number(root, "written_bytes");
	plan->proven_bytes = take_number(root, "proven_bytes");
	for (size_t i = 0; i < json_array_size(list) && plan->actions < DOCUMENT_ACTIONS_MAX; i++) {
		const json_t *item = json_array_get(list, i);
		struct shown_action *action = &plan->action[plan->actions++];

		take_text(item, "copy", action->copy, sizeof(action->copy));
		take_text(item, "state", action->state, sizeof(action->state));
		take_text(item, "text", action->text, sizeof(action->text));
	}
	plan->refusals = take_reasons(json_object_get(root, "refusals"), plan->refusal);
}

int document_read_report(const char *text, size_t length, struct shown_report *report, struct svc_error *error)
{
	json_t *root = document_load(text, length, NULL, error);
	const json_t *copies = json_object_get(root, "copies"), *differences = json_object_get(root, "differences");
	int code;

	memset(report, 0, sizeof(*report));
	if (!root)
		return -EBADMSG;
	take_text(root, "command", report->command, sizeof(report->command));
	take_text(root, "verdict", report->verdict, sizeof(report->verdict));
	if ((strcmp(report->command, "compare") != 0 && strcmp(report->command, "resync") != 0 &&
	     strcmp(report->command, "boot") != 0) ||
	    !*report->verdict) {
		json_decref(root);
		return error_set(error, -EBADMSG, "the answer is not that of svc-compare, svc-resync or svc-boot");
	}
	take_text(root, "authority", report->authority, sizeof(report->authority));
	take_text(root, "status", report->status, sizeof(report->status));
	take_text(json_object_get(root, "compared"), "mode", report->mode, sizeof(report->mode));
	report->compared_bytes = take_number(json_object_get(root, "compared"), "bytes");
	report->exit = (int)take_number(root, "exit");
	report->evidence_id = evidence_id(copies);
	report->reasons = take_reasons(json_object_get(root, "reasons"), report->reason);
	for (size_t i = 0; i < json_array_size(copies) && report->copies < SVC_COPIES_MAX; i++)
		take_copy(json_array_get(copies, i), &report->copy[report->copies++]);
	report->differing_bytes = take_number(differences, "bytes");
	report->free_bytes = take_number(differences, "free_bytes");
	report->metadata_bytes = take_number(differences, "metadata_bytes");
	report->journal_bytes = take_number(differences, "journal_bytes");
	report->unknown_bytes = take_number(differences, "unattributed_bytes");
	code = take_files(json_object_get(differences, "files"), take_number(differences, "file_count"), "",
	                  &report->differing);
	report->has_plan = json_is_array(json_object_get(root, "plan"));
	if (report->has_plan)
		take_plan(root, &report->plan);
	if (report->has_plan && !code)
		code = take_losses(json_object_get(root, "gives_up"), &report->plan);
	json_decref(root);
	return code ? error_set(error, code, "out of memory") : 0;
}

static void free_files(struct shown_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->file[i].path);
		free(files->file[i].side);
	}
	free(files->file);
}

void document_free_report(struct shown_report *report)
{
	free_files(&report->differing);
	free_files(&report->plan.losses);
	for (int i = 0; i < report->copies; i++)
		lines_free(&report->copy[i].evidence);
	memset(report, 0, sizeof(*report));
}
