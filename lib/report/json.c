/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitset.h"
#include "base/text.h"
#include "evidence/record.h"
#include "plan/id.h"
#include "report/report.h"
#include "verdict/verdict.h"

/* Text from a disk or a user: escaped, so that it is ASCII and therefore valid JSON. */
static json_t *text(const char *raw)
{
	size_t size = strlen(raw) * 4 + 1;
	char *escaped = malloc(size);
	json_t *value = escaped ? json_string(text_escape(raw, escaped, size)) : NULL;

	free(escaped);
	return value;
}

static json_t *number(uint64_t value)
{
	/* What no medium can hold, but a hostile superblock can say; JSON's integers here are signed. */
	if (value > INT64_MAX)
		return json_real((double)value);
	return json_integer((json_int_t)value);
}

static json_t *hex(const uint8_t *bytes, size_t length)
{
	char digits[2 * 16 + 1];

	for (size_t i = 0; i < length && i < 16; i++)
		snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
	return json_string(digits);
}

static json_t *errors_json(const struct read_errors *errors)
{
	json_t *list = json_array();

	for (uint64_t i = 0; i < errors->count && i < SVC_ERRORS_LISTED; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "offset", number(errors->listed[i].offset),
		                                      "length", number(errors->listed[i].length)));
	return json_pack("{s:o, s:o, s:o}", "count", number(errors->count), "bytes", number(errors->bytes), "extents",
	                 list);
}

static json_t *lvm_json(const struct lvm_evidence *lvm)
{
	static const char *const type[] = { [MIRROR_NONE] = "none", [MIRROR_RAID1] = "raid1", [MIRROR_OLD] = "mirror" };
	json_t *object;

	if (!lvm->present)
		return json_null();
	object = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "pv_uuid", text(lvm->pv_uuid), "vg_uuid",
	                   text(lvm->vg_uuid), "vg_name", text(lvm->vg_name), "lv_uuid", text(lvm->lv_uuid), "lv_name",
	                   text(lvm->lv_name), "seqno", number(lvm->seqno), "type", type[lvm->type], "legs",
	                   number(lvm->leg_count), "position", number(lvm->leg_index));
	json_object_set_new(object, "missing_legs", number(lvm->missing_legs));
	json_object_set_new(object, "metadata_areas", number(lvm->areas_total));
	json_object_set_new(object, "metadata_areas_valid", number(lvm->areas_valid));
	json_object_set_new(object, "extent_bytes", number(lvm->extent_bytes));
	json_object_set_new(object, "pe_start", number(lvm->pe_start_bytes));
	json_object_set_new(object, "bootloader_area",
	                    json_pack("{s:o, s:o}", "offset", number(lvm->bootloader_area.offset), "length",
	                              number(lvm->bootloader_area.length)));
	return object;
}

static json_t *raid_json(const struct raid_evidence *raid)
{
	json_t *failed;

	if (!raid->present)
		return json_null();
	failed = json_array();
	for (unsigned i = 0; i < raid->num_devices && i < 64; i++)
		if (raid->failed_devices >> i & 1)
			json_array_append_new(failed, json_integer(i));
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "events", number(raid->events), "position",
	                 number(raid->array_position), "legs", number(raid->num_devices), "failed_positions", failed,
	                 "leg_complete", raid->recovery_offset == UINT64_MAX, "initial_sync_done",
	                 raid->resync_offset == UINT64_MAX, "recovery_sectors",
	                 raid->recovery_offset == UINT64_MAX ? json_null() : number(raid->recovery_offset),
	                 "resync_sectors",
	                 raid->resync_offset == UINT64_MAX ? json_null() : number(raid->resync_offset));
}

static json_t *unsettled_json(const struct unsettled_evidence *unsettled)
{
	if (!unsettled->present)
		return json_null();
	return json_pack("{s:b, s:o, s:o, s:o, s:o}", "usable", !unsettled->is_stale, "region_bytes",
	                 number(unsettled->region_bytes), "regions", number(unsettled->regions), "dirty_regions",
	                 number(unsettled->dirty_regions), "dirty_bytes", number(unsettled->dirty_bytes));
}

static json_t *fs_json(const struct fs_evidence *fs)
{
	json_t *object;

	if (!fs->present)
		return json_null();
	object = json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:b}", "uuid", text(fs->uuid), "label", text(fs->label),
	                   "bytes", number(fs->bytes), "block_bytes", number(fs->block_bytes), "clean", fs->is_clean,
	                   "errors", fs->has_errors, "needs_recovery", fs->needs_recovery);
	json_object_set_new(object, "write_time", json_integer(fs->write_time));
	json_object_set_new(object, "mount_time", json_integer(fs->mount_time));
	json_object_set_new(object, "mount_count", number(fs->mount_count));
	json_object_set_new(object, "journal_sequence", number(fs->journal_sequence));
	json_object_set_new(object, "lifetime_kib_written", number(fs->lifetime_kib));
	json_object_set_new(object, "metadata_checksums",
	                    json_string(!fs->has_checksums      ? "none"
	                                : fs->is_checksum_valid ? "valid"
	                                                        : "invalid"));
	json_object_set_new(object, "mmp",
	                    fs->has_mmp ? json_pack("{s:o, s:I, s:o}", "sequence", number(fs->mmp_sequence), "time",
	                                            (json_int_t)fs->mmp_time, "node", text(fs->mmp_node))
	                                : json_null());
	return object;
}

static json_t *record_json(const struct record_evidence *evidence)
{
	static const char *const rebuild[] = {
		[REBUILD_NONE] = "none", [REBUILD_CONTENT] = "content", [REBUILD_METADATA] = "metadata"
	};
	const struct record *record = &evidence->record;
	char owner[2] = { record->owner, '\0' };
	json_t *object, *history;

	if (!evidence->present)
		return json_null();
	history = json_array();
	for (int i = 0; i < SVC_RECORD_HISTORY && record_has_generation(record->history[i]); i++)
		json_array_append_new(history, hex(record->history[i], 16));
	object = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:I}", "copy", text(record->copy_name), "epoch",
	                   number(record->epoch), "generation", hex(record->generation, 16), "history", history,
	                   "owner", record->owner ? text(owner) : json_null(), "open", record->is_open, "changed_time",
	                   (json_int_t)record->changed_time);
	json_object_set_new(object, "slots_valid", number(evidence->slots_valid));
	json_object_set_new(object, "rebuild",
	                    json_pack("{s:s, s:o, s:o, s:o}", "state", rebuild[record->rebuild], "source",
	                              text(record->rebuild_source), "done_bytes", number(record->rebuild_done_bytes),
	                              "total_bytes", number(record->rebuild_total_bytes)));
	return object;
}

static json_t *online_json(const struct online_evidence *online)
{
	if (!online->is_active)
		return json_null();
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "under_it", online->is_under, "legs",
	                 number(online->legs), "health", text(online->health), "action", text(online->action),
	                 "done_sectors", number(online->done_sectors), "total_sectors", number(online->total_sectors),
	                 "mismatch_sectors", number(online->mismatch_sectors));
}

static json_t *copy_json(const struct report *report, int i)
{
	const struct copy *copy = &report->copy[i];
	const struct evidence *evidence = &copy->evidence;
	json_t *object =
		json_pack("{s:o, s:o, s:s, s:o, s:o, s:b}", "name", text(copy->name), "locator", text(copy->locator),
	                  "state", state_name(report->verdict->state[i]), "size", number(copy->leg_bytes),
	                  "device_size", number(copy->device_bytes), "live", copy->is_live);

	json_object_set_new(object, "evidence",
	                    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "lvm", lvm_json(&evidence->lvm), "raid",
	                              raid_json(&evidence->raid), "unsettled", unsettled_json(&evidence->unsettled),
	                              "fs", fs_json(&evidence->fs), "record", record_json(&evidence->record), "online",
	                              online_json(&evidence->online), "read_errors", errors_json(&evidence->errors)));
	if (report->comparison->done && report->comparison->copy[i].compared)
		json_object_set_new(object, "content",
		                    json_pack("{s:o, s:o, s:o, s:o}", "differing_bytes",
		                              number(report->comparison->copy[i].used_bytes), "differing_free_bytes",
		                              number(report->comparison->copy[i].free_bytes), "moved_bytes",
		                              number(report->comparison->copy[i].moved_bytes), "read_errors",
		                              errors_json(&report->comparison->copy[i].errors)));
	return object;
}

static json_t *extents_json(const struct comparison *comparison, uint64_t leg_bytes)
{
	json_t *list = json_array();
	uint64_t first, count;

	for (uint64_t from = 0;
	     comparison->differing && bitset_next_run(comparison->differing, from, UINT64_MAX, &first, &count);
	     from = first + count) {
		uint64_t offset = first * comparison->block_bytes, length = count * comparison->block_bytes;

		if (length > leg_bytes - offset)
			length = leg_bytes - offset;
		json_array_append_new(list,
		                      json_pack("{s:o, s:o}", "offset", number(offset), "length", number(length)));
	}
	return list;
}

/* What each copy that has the file says of it. */
static json_t *sides_json(const struct report *report, const struct file_difference *file)
{
	json_t *list = json_array();

	for (int i = 0; i < file->sides; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:I}", "copy", text(report->copy[file->side[i].copy].name), "bytes",
		                        number(file->side[i].bytes), "modified", (json_int_t)file->side[i].modified));
	return list;
}

static json_t *file_json(const struct report *report, const struct file_difference *file)
{
	json_t *object =
		json_pack("{s:o, s:o, s:s, s:o, s:b}", "path", text(file->path), "bytes", number(file->bytes), "kind",
	                  report_owner_name(file->kind), "inode", number(file->inode), "deleted", file->is_deleted);

	json_object_set_new(object, "only_on",
	                    file->only_on < 0 ? json_null() : text(report->copy[file->only_on].name));
	json_object_set_new(object, "sides", sides_json(report, file));
	return object;
}

/* Brief: nothing that grows with the volume, for a console in an initramfs shows it; file_count says how many there are. */
static size_t files_most(const struct report *report)
{
	return report->is_brief ? REPORT_BRIEF_FILES : SIZE_MAX;
}

static json_t *files_json(const struct report *report, const struct attribution *owners)
{
	json_t *list = json_array();

	for (size_t i = 0; i < owners->files && i < files_most(report); i++)
		json_array_append_new(list, file_json(report, &owners->file[i]));
	return list;
}

static json_t *differences_json(const struct report *report)
{
	const struct comparison *comparison = report->comparison;
	uint64_t leg_bytes = comparison->done ? report->copy[comparison->reference].leg_bytes : 0;
	json_t *metadata = json_object();

	for (int k = 0; k < METADATA_KINDS; k++)
		json_object_set_new(metadata, report_metadata_name(k), number(comparison->owners.metadata_bytes[k]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bytes",
	                 number(comparison->used_bytes + comparison->free_bytes), "extents",
	                 report->is_brief ? json_null() : extents_json(comparison, leg_bytes), "free_bytes",
	                 number(comparison->free_bytes), "files", files_json(report, &comparison->owners), "file_count",
	                 number(comparison->owners.files), "file_bytes", number(comparison->owners.file_bytes),
	                 "metadata_bytes", number(report_metadata_bytes(&comparison->owners)), "metadata", metadata,
	                 "journal_bytes", number(comparison->owners.journal_bytes), "unattributed_bytes",
	                 number(comparison->owners.unknown_bytes));
}

static json_t *reasons_json(const struct report *report, const struct reasons *reasons)
{
	json_t *list = json_array();

	for (size_t i = 0; i < reasons->count; i++) {
		const struct reason *reason = &reasons->item[i];
		const struct reason_row *row = reason_row(reason->id);

		json_array_append_new(list,
		                      json_pack("{s:s, s:o, s:o, s:s}", "id", row->id, "copy",
		                                reason->copy < 0 ? json_null() : text(report->copy[reason->copy].name),
		                                "text", text(reason->text), "next", row->next));
	}
	return list;
}

static json_t *put_back_json(const struct report *report)
{
	json_t *list = json_array();

	for (int i = 0; i < report->copies; i++)
		if (report->restored[i])
			json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "copy", text(report->copy[i].name),
			                                      "bytes", number(report->restored[i]), "unreadable_bytes",
			                                      number(report->lost[i])));
	return list;
}

/* The files of copy i that are lost, or replaced by the versions that are kept; *count of them. */
static json_t *lost_json(const struct report *report, int i, uint64_t *count)
{
	const struct attribution *owners = report_owners(report, i);
	json_t *list = json_array(), *object;

	for (size_t f = 0; f < owners->files; f++) {
		enum file_loss loss = report_loss(report, i, &owners->file[f]);

		if (loss == LOSS_NONE || (*count)++ >= files_most(report))
			continue;
		object = file_json(report, &owners->file[f]);
		json_object_set_new(object, "lost", json_string(loss == LOSS_FILE ? "file" : "version"));
		json_array_append_new(list, object);
	}
	return list;
}

/* A choice ends a history: whose, of when, and the files that are lost with it. */
static json_t *given_up_json(const struct report *report)
{
	const struct plan *plan = report->plan;
	json_t *list = json_array();

	for (int i = 0; i < report->copies && plan->is_forced; i++) {
		const struct fs_evidence *fs = &report->copy[i].evidence.fs;
		bool is_all = plan->is_whole[i] || !plan->is_compared[i];
		uint64_t count = 0;
		json_t *files;

		if (!plan->is_target[i])
			continue;
		files = is_all ? json_null() : lost_json(report, i, &count);
		json_array_append_new(list,
		                      json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:b}", "copy",
		                                text(report->copy[i].name), "everything", is_all, "write_time",
		                                fs->present ? json_integer(fs->write_time) : json_null(), "mount_time",
		                                fs->present ? json_integer(fs->mount_time) : json_null(), "bytes",
		                                number(is_all ? report->copy[i].device_bytes
		                                              : report->comparison->copy[i].used_bytes),
		                                "files", files, "file_count", number(count), "files_known",
		                                !is_all && report_names_files(report, i)));
	}
	return list;
}

static json_t *left_json(const struct report *report)
{
	json_t *list = json_array();

	for (int i = 0; i < report->copies; i++)
		if (report->plan->is_left[i])
			json_array_append_new(list, text(report->copy[i].name));
	return list;
}

static json_t *error_json(const struct svc_error *error)
{
	return error && error->text[0] ? json_pack("{s:o, s:o}", "text", text(error->text), "next",
	                                           error->next[0] ? text(error->next) : json_null())
	                               : json_null();
}

static void add_rebuild(json_t *object, const struct report *report)
{
	static const char *const state[] = { [STEP_TODO] = "todo", [STEP_DONE] = "done", [STEP_FAILED] = "failed" };
	const struct plan *plan = report->plan;
	const struct outcome *outcome = report->outcome;
	json_t *list = json_array();
	char id[PLAN_ID_SIZE];

	for (int a = 0; a < plan->actions; a++) {
		char what[1200];

		action_describe(plan, report->copy, &plan->action[a], what, sizeof(what));
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "action",
		                                      action_name(plan->action[a].kind), "copy",
		                                      text(report->copy[plan->action[a].copy].name), "bytes",
		                                      number(plan->action[a].bytes), "state", state[outcome->step[a]],
		                                      "microseconds", number(outcome->step_us[a]), "text", text(what)));
	}
	json_object_set_new(object, "plan", list);
	json_object_set_new(object, "from",
	                    plan->authority < 0 ? json_null() : text(report->copy[plan->authority].name));
	json_object_set_new(object, "forced", json_boolean(plan->is_forced));
	json_object_set_new(object, "plan_id",
	                    plan->actions ? json_string(plan_id(plan, report->copy, report->copies, report->verdict,
	                                                        report->comparison->fingerprint, id))
	                                  : json_null());
	json_object_set_new(object, "gives_up", given_up_json(report));
	json_object_set_new(object, "left", left_json(report));
	json_object_set_new(object, "refusals", reasons_json(report, report->refusals));
	json_object_set_new(object, "error", error_json(report->error));
	json_object_set_new(object, "unreached", reasons_json(report, report->unreached));
	json_object_set_new(object, "remarks", reasons_json(report, report->remarks));
	if (report->restored)
		json_object_set_new(object, "put_back", put_back_json(report));
	json_object_set_new(object, "written_bytes", number(outcome->written_bytes));
	json_object_set_new(object, "content_bytes", number(outcome->content_bytes));
	json_object_set_new(object, "write_calls", number(outcome->writes));
	json_object_set_new(object, "proven_bytes", number(outcome->proven_bytes));
	json_object_set_new(object, "undo", *report->undo_path ? text(report->undo_path) : json_null());
	if (report->unsaved && *report->unsaved)
		json_object_set_new(object, "unsaved", text(report->unsaved));
}

static void add_boot(json_t *object, const struct boot_report *boot)
{
	char controller[2] = { boot->controller, '\0' };
	json_t *log = json_array();

	for (size_t i = 0; i < boot->log->count; i++) {
		const struct boot_log_entry *entry = &boot->log->entry[i];

		json_array_append_new(log, json_pack("{s:o, s:o, s:o}", "milliseconds", number(entry->milliseconds),
		                                     "id", *entry->id ? json_string(entry->id) : json_null(), "text",
		                                     text(entry->text)));
	}
	json_object_set_new(object, "boot",
	                    json_pack("{s:s, s:s, s:o, s:b, s:b, s:o, s:o}", "action", boot->action, "mode", boot->mode,
	                              "controller", boot->controller ? json_string(controller) : json_null(), "active",
	                              boot->is_active, "rebuilt", boot->has_rebuilt, "device",
	                              *boot->device ? text(boot->device) : json_null(), "log", log));
}

bool report_boot_is_active(const char *path)
{
	json_t *object = json_load_file(path, 0, NULL);
	bool is_active = json_is_true(json_object_get(json_object_get(object, "boot"), "active")) &&
	                 !json_integer_value(json_object_get(object, "exit"));

	json_decref(object);
	return is_active;
}

int report_json(const struct report *report, FILE *out)
{
	const struct verdict *verdict = report->verdict;
	const struct comparison *comparison = report->comparison;
	json_t *copies = json_array(), *object;
	char status[1200];
	int code;

	for (int i = 0; i < report->copies; i++)
		json_array_append_new(copies, copy_json(report, i));
	object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "schema", "svc/1", "command", report->command, "verdict",
	                   verdict_name(verdict->kind), "authority",
	                   verdict->authority < 0 ? json_null() : text(report->copy[verdict->authority].name),
	                   "reasons", reasons_json(report, &verdict->reasons), "copies", copies);
	report_status(report, status, sizeof(status));
	json_object_set_new(object, "status", text(status));
	json_object_set_new(object, "compared",
	                    json_pack("{s:s, s:o, s:o}", "mode", report_mode_name(report->mode), "bytes",
	                              number(comparison->bytes), "read_bytes", number(comparison->read_bytes)));
	json_object_set_new(object, "differences", differences_json(report));
	if (report->plan)
		add_rebuild(object, report);
	if (report->boot)
		add_boot(object, report->boot);
	json_object_set_new(object, "exit", json_integer(report->exit));
	code = object && !json_dumpf(object, out, JSON_COMPACT) && fputc('\n', out) != EOF && !fflush(out) ? 0 : -EIO;
	json_decref(object);
	return code;
}
