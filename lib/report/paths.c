/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/paths.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "report/report.h"
#include "report/table.h"

enum { TEXT_SIZE = 4 * SVC_LOCATOR_SIZE };

static const char *coherence_name(enum path_coherence coherence)
{
	static const char *const name[] = {
		[COHERENCE_UNTESTED] = "untested", [COHERENCE_PROVEN] = "proven",  [COHERENCE_STALE] = "stale",
		[COHERENCE_FAILED] = "failed",     [COHERENCE_REFUSED] = "failed", [COHERENCE_BROKEN] = "failed"
	};

	return name[coherence];
}

static const char *use_name(const struct paths *paths, enum path_kind kind)
{
	const struct control_state *state = &paths->state;

	if (paths_active(paths) == (int)kind)
		return "active";
	if (!paths->control.ops || !state->is_set_up || !state->path[kind].is_in)
		return "-";
	return state->path[kind].is_failed ? "failed" : "ready";
}

static const char *colour_of(enum path_state state)
{
	if (state == PATH_GOOD)
		return "green";
	return state == PATH_SLOW ? "yellow" : "red";
}

/* ---- the screen ---- */

static int add_row(struct libscols_table *table, const struct paths_report *report, enum path_kind kind)
{
	const struct path_facts *facts = &report->paths->check.facts[kind];
	enum path_state state = report->paths->check.verdict.state[kind];
	char latency[80] = "-", size[32] = "-", device[TEXT_SIZE];
	const char *const cell[] = {
		path_name(kind),
		path_state_name(state),
		use_name(report->paths, kind),
		latency,
		size,
		text_escape(facts->device, device, sizeof(device)),
	};

	if (!facts->error) {
		snprintf(latency, sizeof(latency), "%" PRIu64 " / %" PRIu64 " / %" PRIu64, facts->latency_us[0],
		         path_latency_us(facts), facts->latency_us[PATH_READS - 1]);
		snprintf(size, sizeof(size), "%" PRIu64, facts->size_bytes);
	}
	return table_add(table, cell, colour_of(state));
}

static int print_table(const struct paths_report *report, FILE *out)
{
	static const struct table_column column[] = {
		{ .name = "PATH" },
		{ .name = "STATE" },
		{ .name = "USE" },
		{ "READ US MIN/MEDIAN/MAX", .is_right = true },
		{ "SIZE BYTES", .is_right = true },
		{ "DEVICE", .is_cut = true },
	};
	struct libscols_table *table =
		table_new(column, sizeof(column) / sizeof(column[0]), report->width, report->has_colour, out);
	int code = table ? 0 : -ENOMEM;

	if (code)
		return code;
	for (int i = 0; i < PATHS && !code; i++)
		if (report->paths->check.facts[i].is_configured)
			code = add_row(table, report, i);
	return table_end(table, code);
}

static void status_of(const struct paths *paths, char *text, size_t size)
{
	const struct path_facts *facts = paths->check.facts;
	const enum path_state *state = paths->check.verdict.state;
	bool is_single = !facts[PATH_DIRECT].is_configured || !facts[PATH_NBD].is_configured;
	int usable = 0;

	for (int i = 0; i < PATHS; i++)
		usable += facts[i].is_configured && path_is_usable(state[i]);
	if (!usable)
		snprintf(text, size, "no path to the shared volume can be used");
	else if (is_single)
		snprintf(text, size, "the only path that is given can be used");
	else if (usable < PATHS)
		snprintf(text, size, "only the %s path to the shared volume can be used",
		         path_name(path_is_usable(state[PATH_DIRECT]) ? PATH_DIRECT : PATH_NBD));
	else if (facts[PATH_DIRECT].coherence == COHERENCE_PROVEN && facts[PATH_NBD].coherence == COHERENCE_PROVEN)
		snprintf(text, size,
		         "both paths lead to one volume, and what is written through either is read "
		         "through the other");
	else
		snprintf(text, size, "both paths lead to one volume (--coherence tests whether they show the same)");
}

static void print_reasons(const struct report *layout, const struct reasons *reasons, bool *is_first, FILE *out)
{
	char text[512];

	for (size_t i = 0; reasons && i < reasons->count; i++) {
		const struct reason_row *row = reason_row(reasons->item[i].id);

		snprintf(text, sizeof(text), "%s: %s", row->id, reasons->item[i].text);
		report_paragraph(layout, out, *is_first ? "reason" : "", text);
		*is_first = false;
	}
}

static void print_action(const struct report *layout, const struct reasons *reasons, bool *is_first, FILE *out)
{
	for (size_t i = 0; reasons && i < reasons->count; i++) {
		const char *next = reason_row(reasons->item[i].id)->next;
		bool is_said = false;

		for (size_t j = 0; j < i; j++)
			is_said |= reason_row(reasons->item[j].id)->next == next;
		if (is_said)
			continue;
		report_paragraph(layout, out, *is_first ? "action" : "", next);
		*is_first = false;
	}
}

int report_paths_text(const struct paths_report *report, FILE *out)
{
	const struct paths *paths = report->paths;
	const struct report layout = { .width = report->width };
	const struct reasons *reasons = &paths->check.verdict.reasons;
	char text[TEXT_SIZE], device[SVC_LOCATOR_SIZE];
	bool is_first = true;
	int code = print_table(report, out);

	if (code)
		return code;
	fputc('\n', out);
	status_of(paths, text, sizeof(text));
	report_paragraph(&layout, out, "status", text);
	if (paths->control.ops) {
		snprintf(text, sizeof(text), "%s, %s %s", control_kind_name(paths->control.kind),
		         control_device(&paths->control, "", device, sizeof(device)),
		         paths->state.is_set_up ? "is set up" : "is not set up");
		report_paragraph(&layout, out, "control", text);
	}
	print_reasons(&layout, reasons, &is_first, out);
	print_reasons(&layout, report->others, &is_first, out);
	is_first = true;
	print_action(&layout, reasons, &is_first, out);
	print_action(&layout, report->others, &is_first, out);
	return ferror(out) ? -EIO : 0;
}

/* ---- JSON ---- */

static json_t *string(const char *raw)
{
	char text[TEXT_SIZE];

	return *raw ? json_string(text_escape(raw, text, sizeof(text))) : json_null();
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

static json_t *path_json(const struct paths *paths, enum path_kind kind)
{
	const struct path_facts *facts = &paths->check.facts[kind];
	const struct record_evidence *record = &facts->record;
	json_t *path = json_pack("{s:s, s:o, s:s, s:o}", "name", path_name(kind), "locator", string(facts->locator),
	                         "state", path_state_name(paths->check.verdict.state[kind]), "latency_us",
	                         facts->error ? json_null() : number(path_latency_us(facts)));

	if (!facts->error) {
		json_object_set_new(path, "latency_min_us", number(facts->latency_us[0]));
		json_object_set_new(path, "latency_max_us", number(facts->latency_us[PATH_READS - 1]));
		json_object_set_new(path, "size", number(facts->size_bytes));
		json_object_set_new(path, "read_only", json_boolean(facts->is_read_only));
		json_object_set_new(path, "identity",
		                    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "pv_uuid", string(facts->lvm.pv_uuid),
		                              "vg_uuid", string(facts->lvm.vg_uuid), "vg_name",
		                              string(facts->lvm.vg_name), "record_copy",
		                              string(record->present ? record->record.copy_name : ""), "scsi_serial",
		                              string(facts->serial), "scsi_designators", string(facts->designator)));
	}
	json_object_set_new(path, "device", string(facts->device));
	json_object_set_new(path, "coherence", json_string(coherence_name(facts->coherence)));
	json_object_set_new(path, "use", json_string(use_name(paths, kind)));
	return path;
}

static void add_reasons(json_t *list, const struct reasons *reasons)
{
	for (size_t i = 0; reasons && i < reasons->count; i++) {
		const struct reason *reason = &reasons->item[i];
		const struct reason_row *row = reason_row(reason->id);
		char copy[32] = "";

		if (reason->copy >= 0)
			snprintf(copy, sizeof(copy), "shared@%s", path_name((enum path_kind)reason->copy));
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "id", row->id, "copy", string(copy),
		                                      "text", string(reason->text), "next", row->next));
	}
}

int report_paths_json(const struct paths_report *report, FILE *out)
{
	const struct paths *paths = report->paths;
	int active = paths_active(paths), code = 0;
	json_t *list = json_array(), *reasons = json_array(), *root;
	char device[SVC_LOCATOR_SIZE];

	for (int i = 0; i < PATHS; i++)
		if (paths->check.facts[i].is_configured)
			json_array_append_new(list, path_json(paths, i));
	add_reasons(reasons, &paths->check.verdict.reasons);
	add_reasons(reasons, report->others);
	root = json_pack(
		"{s:s, s:s, s:o, s:o, s:{s:s, s:o, s:b}, s:o, s:i}", "schema", "svc/1", "command", "pathcheck", "paths",
		list, "active", string(active >= 0 ? path_name(active) : ""), "control", "kind",
		control_kind_name(paths->control.kind), "device",
		string(control_device(&paths->control, paths->places.path[PATH_DIRECT], device, sizeof(device))),
		"set_up", paths->state.is_set_up, "reasons", reasons, "exit", report->exit);
	if (!root)
		return -ENOMEM;
	if (json_dumpf(root, out, JSON_INDENT(2)) || fputc('\n', out) == EOF || ferror(out))
		code = -EIO;
	json_decref(root);
	return code;
}
