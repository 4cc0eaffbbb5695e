/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-resync: what would be written, what that gives up, and what was written. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/report.h"
#include "verdict/verdict.h"

enum {
	LINE_SIZE = 1600,
	FILES_SHOWN = 20, /* of what is lost; more than of what merely differs */
};

static const char *name_of(const struct report *report, int i)
{
	return report->copy[i].name;
}

static const char *authority_name(const struct report *report)
{
	return name_of(report, report->plan->authority);
}

/* "a", "a and b", "a, b and c": the copies that are set. Returns how many. */
static int list_copies(const struct report *report, const bool set[], char *text, size_t size)
{
	int total = 0, n = 0;
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < report->copies; i++)
		total += set[i];
	for (int i = 0; i < report->copies && at < size; i++) {
		if (!set[i])
			continue;
		n++;
		at += (size_t)snprintf(text + at, size - at, "%s%s",
		                       n == 1       ? ""
		                       : n == total ? " and "
		                                    : ", ",
		                       name_of(report, i));
	}
	return total;
}

const struct attribution *report_owners(const struct report *report, int i)
{
	const struct attribution *own = &report->comparison->copy[i].owners;

	return own->done ? own : &report->comparison->owners;
}

bool report_names_files(const struct report *report, int i)
{
	return !(report_owners(report, i)->unnamed >> i & 1);
}

/* Two paths to one copy are that copy: files are attributed to one of them. */
static bool is_one_copy(const struct report *report, int i, int k)
{
	return !strcmp(report->copy[i].group, report->copy[k].group);
}

static const struct file_side *find_side(const struct report *report, const struct file_difference *file, int i)
{
	for (int k = 0; k < file->sides; k++)
		if (is_one_copy(report, file->side[k].copy, i))
			return &file->side[k];
	return NULL;
}

/* No clock decides here: a version that is replaced is lost, whatever its date. */
enum file_loss report_loss(const struct report *report, int i, const struct file_difference *file)
{
	if (file->only_on >= 0)
		return is_one_copy(report, file->only_on, i) ? LOSS_FILE : LOSS_NONE;
	if (!find_side(report, file, i))
		return LOSS_NONE;
	return find_side(report, file, report->plan->authority) ? LOSS_VERSION : LOSS_FILE;
}

/* When a copy's file system was last in use; empty where it has none. */
static void describe_times(const struct fs_evidence *fs, char *text, size_t size)
{
	char written[32], mounted[32];

	text[0] = '\0';
	if (fs->present)
		snprintf(text, size, "last written %s, last mounted %s",
		         text_time(fs->write_time, written, sizeof(written)),
		         text_time(fs->mount_time, mounted, sizeof(mounted)));
}

/* Nothing was compared: what is on the device, as far as that is known. */
static void describe_whole(const struct report *report, int i, char *text, size_t size)
{
	const struct copy *copy = &report->copy[i];
	const struct lvm_evidence *lvm = &copy->evidence.lvm;
	char times[100];
	int at = snprintf(text, size, "everything on %s, all of its %" PRIu64 " bytes", copy->name, copy->device_bytes);

	describe_times(&copy->evidence.fs, times, sizeof(times));
	if (copy->findings.count)
		snprintf(text + at, size - (size_t)at, ": %s", copy->findings.item[0].text);
	else if (lvm->lv_name[0])
		snprintf(text + at, size - (size_t)at, ": it holds a leg of %s/%s (VG %s), %s, and every file in it",
		         lvm->vg_name, lvm->lv_name, lvm->vg_uuid, *times ? times : "without a known file system");
	else
		snprintf(text + at, size - (size_t)at, ": it holds a file system, %s, and every file in it",
		         *times ? times : "of unknown age");
}

/* Of a file that both have, as their clocks had it. */
static void describe_versions(const struct report *report, int i, const struct file_difference *file, char *text,
                              size_t size)
{
	const struct file_side *given_up = find_side(report, file, i),
			       *kept = find_side(report, file, report->plan->authority);
	char name[SVC_NAME_SIZE * 4];

	if (!given_up || !kept || given_up->modified == kept->modified)
		snprintf(text, size, "modified at the same time");
	else
		snprintf(text, size, "modified later on %s",
		         text_escape(name_of(report, given_up->modified > kept->modified ? given_up->copy : kept->copy),
		                     name, sizeof(name)));
}

/* The files of which this becomes, to `out` unless it is NULL. Returns how many there are. */
static size_t list_losses(const struct report *report, FILE *out, int i, enum file_loss loss)
{
	const struct attribution *owners = report_owners(report, i);
	size_t count = 0;

	for (size_t f = 0; f < owners->files; f++) {
		const struct file_difference *file = &owners->file[f];
		char remark[SVC_NAME_SIZE * 4 + 32];

		if (report_loss(report, i, file) != loss)
			continue;
		count++;
		if (!out || (count > FILES_SHOWN && !report->is_verbose))
			continue;
		describe_versions(report, i, file, remark, sizeof(remark));
		report_file(out, file, loss == LOSS_VERSION ? remark : NULL);
	}
	if (out && count > FILES_SHOWN && !report->is_verbose)
		fprintf(out, "%26sand %zu more (-v lists them)\n", "", count - FILES_SHOWN);
	return count;
}

static void print_losses(const struct report *report, FILE *out, int i)
{
	const char *name = name_of(report, i), *authority = authority_name(report);
	size_t gone = list_losses(report, NULL, i, LOSS_FILE), replaced = list_losses(report, NULL, i, LOSS_VERSION);
	size_t kept = list_losses(report, NULL, i, LOSS_NONE);
	char text[LINE_SIZE];

	if (gone) {
		snprintf(text, sizeof(text), "%zu file%s that %s alone has %s lost:", gone, gone == 1 ? "" : "s", name,
		         gone == 1 ? "is" : "are");
		report_paragraph(report, out, "", text);
		list_losses(report, out, i, LOSS_FILE);
	}
	if (replaced) {
		snprintf(text, sizeof(text), "%zu file%s that both have %s %s's version%s; %s's %s lost:", replaced,
		         replaced == 1 ? "" : "s", replaced == 1 ? "becomes" : "become", authority,
		         replaced == 1 ? "" : "s", name, replaced == 1 ? "is" : "are");
		report_paragraph(report, out, "", text);
		list_losses(report, out, i, LOSS_VERSION);
	}
	if (!report_names_files(report, i)) {
		snprintf(text, sizeof(text),
		         "which files of its own %s loses besides cannot be told: its file system or "
		         "its journal cannot be read",
		         name);
		report_paragraph(report, out, "", text);
	}
	if (kept) {
		snprintf(text, sizeof(text), "%zu file%s that %s has and %s does not %s kept:", kept,
		         kept == 1 ? "" : "s", authority, name, kept == 1 ? "is" : "are");
		report_paragraph(report, out, "", text);
		list_losses(report, out, i, LOSS_NONE);
	}
}

/* Whose history ends here: when it was last written, and the files that are lost. */
static void print_targets(const struct report *report, FILE *out)
{
	const struct plan *plan = report->plan;
	const char *label = "gives up";
	char text[LINE_SIZE], times[100];

	for (int i = 0; i < report->copies; i++) {
		const struct content_difference *content = &report->comparison->copy[i];
		bool is_whole = plan->is_whole[i] || !plan->is_compared[i];

		if (!plan->is_target[i])
			continue;
		describe_times(&report->copy[i].evidence.fs, times, sizeof(times));
		if (is_whole)
			describe_whole(report, i, text, sizeof(text));
		else if (!content->used_bytes)
			snprintf(text, sizeof(text), "nothing that %s holds: its blocks in use are equal to %s's",
			         name_of(report, i), authority_name(report));
		else
			snprintf(text, sizeof(text), "what only %s holds: %s; %" PRIu64 " bytes in use differ from %s",
			         name_of(report, i), *times ? times : "of unknown age", content->used_bytes,
			         authority_name(report));
		report_paragraph(report, out, label, text);
		if (!is_whole && content->used_bytes)
			print_losses(report, out, i);
		label = "";
	}
}

static bool is_leg_given(const struct report *report, unsigned leg)
{
	const struct lvm_evidence *right = &report->copy[report->plan->authority].evidence.lvm;

	for (int i = 0; i < report->copies; i++) {
		const struct lvm_evidence *lvm = &report->copy[i].evidence.lvm;

		if (report->plan->is_member[i] ? report->plan->leg_index[i] == leg
		                               : lvm->present && !strcmp(lvm->pv_uuid, right->leg_pv_uuid[leg]))
			return true;
	}
	return false;
}

/* A choice is made over the head of a leg that is not here too. */
static void print_absent(const struct report *report, FILE *out)
{
	const struct plan *plan = report->plan;
	const struct lvm_evidence *right = &report->copy[plan->authority].evidence.lvm;
	char text[LINE_SIZE];

	for (unsigned leg = 0; leg < right->leg_count && leg < SVC_LEGS_MAX; leg++) {
		if (!(plan->failed_devices >> leg & 1) || is_leg_given(report, leg))
			continue;
		snprintf(text, sizeof(text),
		         "also whatever leg %u (PV %s) holds alone: it is not here, is named failed, and is rebuilt "
		         "whole when it returns",
		         leg, right->leg_pv_uuid[leg]);
		report_paragraph(report, out, "", text);
	}
}

void report_given_up(const struct report *report, FILE *out)
{
	print_targets(report, out);
	print_absent(report, out);
}

/* What --to leaves out, and what that means for it. */
static void print_left(const struct report *report, FILE *out)
{
	const struct plan *plan = report->plan;
	const char *label = "leaves";
	char text[LINE_SIZE];

	for (int i = 0; i < report->copies; i++) {
		if (!plan->is_left[i])
			continue;
		if (plan->is_forced && plan->failed_devices)
			snprintf(text, sizeof(text),
			         "%s as it is (%s): --to does not name it. %s will name it failed: it stays apart, and "
			         "is neither right nor in sync until svc-resync --from %s --to %s",
			         name_of(report, i), state_name(report->verdict->state[i]), authority_name(report),
			         authority_name(report), name_of(report, i));
		else
			snprintf(text, sizeof(text), "%s as it is (%s): --to does not name it", name_of(report, i),
			         state_name(report->verdict->state[i]));
		report_paragraph(report, out, label, text);
		label = "";
	}
}

static void print_refusals(const struct report *report, FILE *out)
{
	char text[LINE_SIZE];

	for (size_t i = 0; i < report->refusals->count; i++) {
		const struct reason *reason = &report->refusals->item[i];

		snprintf(text, sizeof(text), "%s: %s", reason_row(reason->id)->id, reason->text);
		report_paragraph(report, out, "refused", text);
		report_action(report, out, reason_row(reason->id)->next);
	}
}

void report_plan(const struct report *report, FILE *out)
{
	const struct plan *plan = report->plan;
	char text[LINE_SIZE];

	print_refusals(report, out);
	if (report->refusals->count)
		return;
	if (plan->is_forced && plan->actions)
		report_given_up(report, out);
	if (!plan->actions)
		report_paragraph(report, out, "plan", "nothing is to be done");
	for (int a = 0; a < plan->actions; a++) {
		action_describe(plan, report->copy, &plan->action[a], text, sizeof(text));
		report_paragraph(report, out, a ? "" : "plan", text);
	}
	print_left(report, out);
	if (!plan->actions)
		return;
	if (*report->undo_path)
		snprintf(text, sizeof(text), "what is overwritten is saved to %s first", report->undo_path);
	else if (report->unsaved && *report->unsaved)
		snprintf(text, sizeof(text), "what is overwritten is NOT saved: %s", report->unsaved);
	else
		snprintf(text, sizeof(text), "what is overwritten is NOT saved%s",
		         plan->is_online ? ": the kernel writes it" : "");
	report_paragraph(report, out, "undo", text);
}

/* The command, to be copied: on one line, whatever its length. */
static void print_undo(const struct report *report, FILE *out)
{
	fprintf(out, "%8s: svc-resync --undo", "undo");
	text_put_word(out, report->undo_path);
	fprintf(out, "%s\n", report->arguments);
}

static void print_done(const struct report *report, FILE *out)
{
	const struct outcome *outcome = report->outcome;
	char text[LINE_SIZE], names[3 * SVC_NAME_SIZE];
	int targets = list_copies(report, report->plan->is_target, names, sizeof(names));

	if (report->plan->is_online)
		snprintf(text, sizeof(text),
		         "%s rebuilt by the kernel and proven: in sync, %" PRIu64 " bytes read back and equal to %s's",
		         names, outcome->proven_bytes, authority_name(report));
	else
		snprintf(text, sizeof(text),
		         "%s %s rebuilt from %s and proven: %" PRIu64 " bytes of content written, %" PRIu64
		         " read back and equal",
		         names, targets == 1 ? "is" : "are", authority_name(report), outcome->content_bytes,
		         outcome->proven_bytes);
	report_paragraph(report, out, "done", text);
	if (*report->undo_path && !report->plan->is_online)
		print_undo(report, out);
}

/* A device that LVM would find by the name given, or else by udev's link for its PV. */
static void print_restoring(const struct report *report, FILE *out, int i)
{
	const struct copy *copy = &report->copy[i];
	const struct plan *plan = report->plan;
	const struct lvm_evidence *right = &report->copy[plan->authority >= 0 ? plan->authority : i].evidence.lvm;
	unsigned leg = plan->authority >= 0 ? plan->leg_index[i] : right->leg_index;
	char device[SVC_LOCATOR_SIZE];

	snprintf(device, sizeof(device), "%s", copy->locator);
	if (strncmp(device, "/dev/", 5) != 0)
		snprintf(device, sizeof(device), "/dev/disk/by-id/lvm-pv-uuid-%s", right->leg_pv_uuid[leg]);
	fprintf(out, "%8s  vgextend --restoremissing", "");
	text_put_word(out, right->vg_name);
	text_put_word(out, device);
	fputc('\n', out);
}

void report_result(const struct report *report, bool is_done, FILE *out)
{
	char text[LINE_SIZE];

	if (is_done)
		print_done(report, out);
	for (size_t i = 0; i < report->unreached->count; i++) {
		const struct reason *reason = &report->unreached->item[i];

		snprintf(text, sizeof(text), "%s: %s", reason_row(reason->id)->id, reason->text);
		report_paragraph(report, out, i ? "" : "not done", text);
	}
	if (report->unreached->count)
		report_paragraph(report, out, "action",
		                 "bring it back, then run the same command again for what is left");
	for (size_t i = 0; i < report->remarks->count; i++) {
		const struct reason *reason = &report->remarks->item[i];

		snprintf(text, sizeof(text), "%s: %s", reason_row(reason->id)->id, reason->text);
		report_paragraph(report, out, "remark", text);
		if (reason->id == REASON_LVM_MISSING)
			print_restoring(report, out, reason->copy);
		else
			report_action(report, out, reason_row(reason->id)->next);
	}
}
