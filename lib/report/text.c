/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The screen: a table of the copies, then status, reason and action lines in the manner of zpool status. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitset.h"
#include "base/text.h"
#include "report/report.h"
#include "report/table.h"
#include "verdict/verdict.h"

enum {
	LABEL_COLUMNS = 10, /* "  reason: " */
	FILES_SHOWN = 5,
	REASONS_SHOWN = 4,
};

static const char *colour_of(enum copy_state state)
{
	switch (state) {
	case STATE_AUTHORITY:
	case STATE_IN_SYNC:
		return "green";
	case STATE_STALE:
	case STATE_BLANK:
		return "yellow";
	default:
		return "red";
	}
}

static const char *fs_word(const struct fs_evidence *fs)
{
	if (!fs->present)
		return "-";
	if (fs->has_errors)
		return "errors";
	return fs->needs_recovery ? "journal" : fs->is_clean ? "clean" : "not clean";
}

static int add_row(struct libscols_table *table, const struct report *report, int i)
{
	const struct copy *copy = &report->copy[i];
	const struct evidence *evidence = &copy->evidence;
	char name[SVC_NAME_SIZE * 4], leg[32] = "-", events[32] = "-", written[32] = "-";
	const char *const cell[] = {
		text_escape(copy->name, name, sizeof(name)),
		state_name(report->verdict->state[i]),
		leg,
		events,
		fs_word(&evidence->fs),
		written,
	};

	if (copy->leg_bytes)
		snprintf(leg, sizeof(leg), "%" PRIu64, copy->leg_bytes);
	if (evidence->raid.present)
		snprintf(events, sizeof(events), "%" PRIu64, evidence->raid.events);
	if (evidence->fs.present)
		text_time(evidence->fs.write_time, written, sizeof(written));
	return table_add(table, cell, colour_of(report->verdict->state[i]));
}

static int print_table(const struct report *report, FILE *out)
{
	static const struct table_column column[] = {
		{ "COPY", .is_cut = true },     { .name = "STATE" },       { "LEG BYTES", .is_right = true },
		{ "EVENTS", .is_right = true }, { .name = "FILE SYSTEM" }, { .name = "LAST WRITE (UTC)" },
	};
	struct libscols_table *table =
		table_new(column, sizeof(column) / sizeof(column[0]), report->width, report->has_colour, out);
	int code = table ? 0 : -ENOMEM;

	if (code)
		return code;
	for (int i = 0; i < report->copies && !code; i++)
		code = add_row(table, report, i);
	return table_end(table, code);
}

/* A labelled paragraph: words wrapped to the width, later lines indented under the first. */
void report_paragraph(const struct report *report, FILE *out, const char *label, const char *raw)
{
	char text[1600];
	size_t room = (size_t)(report->width > 40 ? report->width : 80) - LABEL_COLUMNS;
	const char *at = text_escape(raw, text, sizeof(text));

	fprintf(out, "%8s%c ", label, *label ? ':' : ' ');
	for (;;) {
		size_t length = strlen(at);

		if (length > room) {
			length = room;
			while (length && at[length] != ' ')
				length--;
			if (!length) /* one long word: a path; it stays whole, to be copied */
				length = strcspn(at, " ");
		}
		fprintf(out, "%.*s\n", (int)length, at);
		at += length;
		at += strspn(at, " ");
		if (!*at)
			return;
		fprintf(out, "%*s", LABEL_COLUMNS, "");
	}
}

static void print_reasons(const struct report *report, FILE *out)
{
	const struct reasons *reasons = &report->verdict->reasons;
	size_t shown = reasons->count;
	char text[512];

	if (!report->is_verbose && shown > REASONS_SHOWN)
		shown = REASONS_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		snprintf(text, sizeof(text), "%s: %s", reason_row(reasons->item[i].id)->id, reasons->item[i].text);
		report_paragraph(report, out, i ? "" : "reason", text);
	}
	if (shown < reasons->count) {
		snprintf(text, sizeof(text), "and %zu more (-v lists them)", reasons->count - shown);
		report_paragraph(report, out, "", text);
	}
}

void report_file(FILE *out, const struct file_difference *file, const char *remark)
{
	size_t size = strlen(file->path) * 4 + 1;
	char *path = malloc(size);
	char deleted[48] = "";

	if (file->is_deleted)
		snprintf(deleted, sizeof(deleted), "  (inode %u, deleted while open)", file->inode);
	fprintf(out, "%*s%14" PRIu64 "  %s%s%s%s%s%s\n", LABEL_COLUMNS, "", file->bytes,
	        path ? text_escape(file->path, path, size) : "?",
	        file->kind == OWNER_FILE        ? ""
	        : file->kind == OWNER_DIRECTORY ? "  [directory]"
	        : file->kind == OWNER_XATTR     ? "  [attributes]"
	                                        : "  [block map]",
	        deleted, remark ? "  (" : "", remark ? remark : "", remark ? ")" : "");
	free(path);
}

void report_files(const struct report *report, FILE *out, const struct attribution *owners)
{
	char remark[SVC_NAME_SIZE * 4 + 16], name[SVC_NAME_SIZE * 4];
	size_t shown = owners->files;

	if (!report->is_verbose && shown > FILES_SHOWN)
		shown = FILES_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		const struct file_difference *file = &owners->file[i];

		if (file->only_on >= 0)
			snprintf(remark, sizeof(remark), "only on %s",
			         text_escape(report->copy[file->only_on].name, name, sizeof(name)));
		report_file(out, file, file->only_on >= 0 ? remark : NULL);
	}
	if (shown < owners->files)
		fprintf(out, "%*sand %zu more (-v lists them)\n", LABEL_COLUMNS + 16, "", owners->files - shown);
}

static uint64_t count_extents(const struct comparison *comparison)
{
	uint64_t first, count, n = 0;

	for (uint64_t from = 0; bitset_next_run(comparison->differing, from, UINT64_MAX, &first, &count);
	     from = first + count)
		n++;
	return n;
}

static void print_differences(const struct report *report, FILE *out)
{
	const struct comparison *comparison = report->comparison;
	const struct attribution *owners = &comparison->owners;
	uint64_t bytes = comparison->used_bytes + comparison->free_bytes, extents;
	char text[512];
	size_t length;

	extents = count_extents(comparison);
	snprintf(text, sizeof(text),
	         "%" PRIu64 " bytes in %" PRIu64 " extent%s: %" PRIu64 " in %zu file%s, %" PRIu64 " metadata, %" PRIu64
	         " journal",
	         bytes, extents, extents == 1 ? "" : "s", owners->file_bytes, owners->files,
	         owners->files == 1 ? "" : "s", report_metadata_bytes(owners), owners->journal_bytes);
	length = strlen(text);
	if (comparison->free_bytes)
		length += (size_t)snprintf(text + length, sizeof(text) - length, ", %" PRIu64 " not in use",
		                           comparison->free_bytes);
	if (owners->unknown_bytes)
		snprintf(text + length, sizeof(text) - length, ", %" PRIu64 " of unknown owner", owners->unknown_bytes);
	report_paragraph(report, out, "differs", text);
	report_files(report, out, owners);
}

static void print_compared(const struct report *report, FILE *out)
{
	const struct comparison *comparison = report->comparison;
	char text[256];
	int parts = 0;

	for (int i = 0; i < report->copies; i++)
		parts += comparison->copy[i].compared;
	if (!comparison->done && report->verdict->kind == VERDICT_UNRELATED)
		snprintf(text, sizeof(text), "nothing: these are not copies of one mirror");
	else if (!comparison->done)
		snprintf(text, sizeof(text),
		         report->mode == COMPARE_FAST && !report->plan ? "evidence only (--fast)"
		                                                       : "nothing: there are no two copies to compare");
	else
		snprintf(text, sizeof(text), "%s, %" PRIu64 " bytes in each of %d",
		         report->mode == COMPARE_FULL ? "every block" : "every block in use", comparison->bytes, parts);
	report_paragraph(report, out, "compared", text);
	if (comparison->done && comparison->used_bytes + comparison->free_bytes)
		print_differences(report, out);
}

void report_action(const struct report *report, FILE *out, const char *next)
{
	report_paragraph(report, out, "action", next);
	if (strstr(next, "svc-resync") && !strstr(next, "--undo"))
		fprintf(out, "%*ssvc-resync%s%s\n", LABEL_COLUMNS, "", strstr(next, "--from") ? " --from NAME" : "",
		        report->arguments);
}

/* The reason whose advice is the one to follow: the first that asks for the exit code there is. */
static const char *next_step(const struct report *report)
{
	const struct reasons *reasons = &report->verdict->reasons;

	if (report->verdict->exit == SVC_EXIT_DONE)
		return NULL;
	if (verdict_has(report->verdict, REASON_MAY_BE_NEWER, NULL))
		return reason_row(REASON_MAY_BE_NEWER)->next;
	for (size_t i = 0; i < reasons->count; i++)
		if (reason_row(reasons->item[i].id)->exit == (int)report->verdict->exit)
			return reason_row(reasons->item[i].id)->next;
	for (size_t i = 0; i < reasons->count; i++)
		if (reason_row(reasons->item[i].id)->exit)
			return reason_row(reasons->item[i].id)->next;
	return NULL;
}

static void print_action(const struct report *report, FILE *out)
{
	const char *next = next_step(report);

	if (!next)
		return;
	report_action(report, out, next);
}

int report_text(const struct report *report, FILE *out)
{
	const char *name = verdict_name(report->verdict->kind);
	const char *colour = report->verdict->exit == SVC_EXIT_DONE     ? "\033[32m"
	                     : report->verdict->exit == SVC_EXIT_DIFFER ? "\033[33m"
	                                                                : "\033[31m";
	char status[1200];
	int code = print_table(report, out);

	if (code)
		return code;
	fputc('\n', out);
	if (report->is_verbose)
		report_evidence(report, out);
	fprintf(out, "%8s: %s%s%s\n", "verdict", report->has_colour ? colour : "", name,
	        report->has_colour ? "\033[0m" : "");
	report_status(report, status, sizeof(status));
	report_paragraph(report, out, "status", status);
	print_reasons(report, out);
	print_compared(report, out);
	if (!report->plan)
		print_action(report, out);
	return fflush(out) || ferror(out) ? -EIO : 0;
}

void report_explain(enum reason_id id, FILE *out)
{
	const struct reason_row *row = reason_row(id);
	struct report plain = { .width = 80 };

	fprintf(out, "%s\n", row->id);
	report_paragraph(&plain, out, "meaning", row->meaning);
	report_paragraph(&plain, out, "next", row->next);
}
