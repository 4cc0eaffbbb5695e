/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-resync: what would be written, and what was. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "report/report.h"
#include "verdict/verdict.h"

/* Whose history ends here: when it was last written, and that its files are those listed as differing. */
static void print_given_up(const struct report *report, FILE *out)
{
	const struct plan *plan = report->plan;
	char text[600], written[32], mounted[32];
	const char *label = "gives up";

	for (int i = 0; i < report->copies; i++) {
		const struct fs_evidence *fs = &report->copy[i].evidence.fs;

		if (!plan->is_forced || !plan->is_target[i])
			continue;
		snprintf(text, sizeof(text),
		         "what only %s holds: last written %s, last mounted %s, %" PRIu64
		         " bytes in use differ (the files above)",
		         report->copy[i].name,
		         fs->present ? text_time(fs->write_time, written, sizeof(written)) : "at an unknown time",
		         fs->present ? text_time(fs->mount_time, mounted, sizeof(mounted)) : "at an unknown time",
		         report->comparison->copy[i].used_bytes);
		report_paragraph(report, out, label, text);
		label = "";
	}
}

void report_plan(const struct report *report, FILE *out)
{
	const struct plan *plan = report->plan;
	char text[1200];

	for (size_t i = 0; i < report->refusals->count; i++) {
		const struct reason *reason = &report->refusals->item[i];

		snprintf(text, sizeof(text), "%s: %s", reason_row(reason->id)->id, reason->text);
		report_paragraph(report, out, "refused", text);
		report_paragraph(report, out, "action", reason_row(reason->id)->next);
	}
	if (report->refusals->count)
		return;
	print_given_up(report, out);
	if (!plan->actions)
		report_paragraph(report, out, "plan", "nothing is to be done");
	for (int a = 0; a < plan->actions; a++) {
		action_describe(plan, report->copy, &plan->action[a], text, sizeof(text));
		report_paragraph(report, out, a ? "" : "plan", text);
	}
	if (!plan->actions)
		return;
	if (*report->undo_path) {
		snprintf(text, sizeof(text), "what is overwritten is saved to %s first", report->undo_path);
		report_paragraph(report, out, "undo", text);
	} else {
		report_paragraph(report, out, "undo", "what is overwritten is NOT saved");
	}
}

void report_result(const struct report *report, FILE *out)
{
	const struct outcome *outcome = report->outcome;
	char text[1200];

	if (report->plan->is_online) {
		snprintf(text, sizeof(text),
		         "the kernel did it; the legs are in sync, %" PRIu64 " bytes read back and found equal to %s's",
		         outcome->proven_bytes, report->copy[report->plan->authority].name);
		report_paragraph(report, out, "done", text);
		return;
	}
	snprintf(text, sizeof(text),
	         "%" PRIu64 " bytes of content written, %" PRIu64 " read back and found equal to %s's",
	         outcome->content_bytes, outcome->proven_bytes, report->copy[report->plan->authority].name);
	report_paragraph(report, out, "done", text);
	if (*report->undo_path) {
		snprintf(text, sizeof(text), "svc-resync --undo %s%s", report->undo_path, report->arguments);
		report_paragraph(report, out, "undo", text);
	}
}
