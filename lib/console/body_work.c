// SPDX-License-Identifier: GPL-2.0-or-later
/* Choosing, planning, doing, taking back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "console/body.h"
#include "console/console_private.h"

enum { PLAN_FILES = 200, PLAN_FILE_COLUMN = 38 };

void body_of_choose(const struct console *console, struct body *body)
{
	const struct shown_report *report = console_report(console);
	bool is_narrow = body->columns < 72;
	char written[32], mounted[32], text[100];

	body_paragraph(body, ATTR_BOLD, "",
	               "Press the number of the copy to keep. The plan that is shown then says what the others lose.");
	if (*console->only) {
		snprintf(text, sizeof(text), "%s alone is rebuilt from it.", console->only);
		body_paragraph(body, ATTR_PLAIN, "", text);
	}
	body_blank(body);
	body_add(body, ATTR_PLAIN, -1, "   %-13s %-10s %-20s  %s", "copy", "state", "last written",
	         is_narrow ? "" : "last mounted");
	for (int i = 0; report && i < report->copies; i++) {
		const struct shown_copy *copy = &report->copy[i];

		text_time(copy->write_time, written, sizeof(written));
		text_time(copy->mount_time, mounted, sizeof(mounted));
		body_add(body, ATTR_PLAIN, -1, " %d %-13.13s %-10.10s %-20.20s  %s", i + 1, copy->name, copy->state,
		         copy->has_fs ? written : "-", is_narrow || !copy->has_fs ? "" : mounted);
	}
	body_blank(body);
	body_paragraph(body, ATTR_PLAIN, "",
	               "A clock may be wrong, and a later write need not be the better one: the files that differ (q, "
	               "then d) tell more.");
}

static bool is_told_before(const struct shown_plan *plan, int action)
{
	for (int i = 0; i < action; i++)
		if (!strcmp(plan->action[i].copy, plan->action[action].copy))
			return true;
	return false;
}

static const struct shown_copy *find_copy(const struct shown_report *report, const char *name)
{
	for (int i = 0; i < report->copies; i++)
		if (!strcmp(report->copy[i].name, name))
			return &report->copy[i];
	return NULL;
}

static void put_targets(const struct shown_report *report, struct body *body)
{
	const struct shown_plan *plan = &report->plan;
	const char *label = plan->is_forced ? "gives up" : "replaces";

	for (int i = 0; i < plan->actions; i++) {
		const struct shown_copy *copy = find_copy(report, plan->action[i].copy);
		char text[300], written[32];

		if (!copy || !strcmp(copy->name, plan->from) || is_told_before(plan, i))
			continue;
		text_time(copy->write_time, written, sizeof(written));
		snprintf(text, sizeof(text), "%s%s (%s), last written %s", plan->is_forced ? "what only " : "",
		         copy->name, copy->state, copy->has_fs ? written : "at an unknown time");
		if (plan->is_forced)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), ", holds");
		if (copy->is_compared)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), ": %" PRIu64 " bytes differ",
			         copy->differing_bytes);
		body_paragraph(body, ATTR_BOLD, label, text);
		label = "";
	}
}

/* Of a history that ends: the files that are gone, or else those of which another version is kept. */
static void put_losses(const struct shown_files *losses, bool is_replaced, struct body *body)
{
	const char *label = is_replaced ? "replaces" : "loses";
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < losses->count; i++) {
		const struct shown_file *file = &losses->file[i];
		char path[END_SIZE];

		if (file->is_replaced != is_replaced)
			continue;
		if (shown == PLAN_FILES) {
			more++;
			continue;
		}
		body_add(body, ATTR_PLAIN, -1, " %-9s %15" PRIu64 "  %-9.9s %s", shown++ ? "" : label, file->bytes,
		         file->given_up,
		         *file->path ? end_of(file->path, body->columns - PLAN_FILE_COLUMN, path)
		                     : "(deleted while open)");
	}
	if (more)
		body_add(body, ATTR_PLAIN, -1, "           and %zu more", more);
}

static void put_files(const struct shown_report *report, struct body *body)
{
	const struct shown_files *differing = &report->differing, *losses = &report->plan.losses;

	if (report->plan.is_forced) {
		if (losses->count)
			body_add(body, ATTR_PLAIN, -1, " %-9s %15s  %-9s", "", "bytes differ", "of");
		put_losses(losses, false, body);
		put_losses(losses, true, body);
		if (report->plan.has_other_losses)
			body_paragraph(body, ATTR_BOLD, "loses",
			               "also files that cannot be told: everything, or what a "
			               "file system that cannot be read holds");
		if (losses->total > losses->count)
			body_add(body, ATTR_PLAIN, -1, "           and %zu more of either",
			         losses->total - losses->count);
		return;
	}
	if (differing->count)
		body_add(body, ATTR_PLAIN, -1, " %-9s %15s  %-9s", "", "bytes differ", "only on");
	for (size_t i = 0; i < differing->count && i < PLAN_FILES; i++) {
		const struct shown_file *file = &differing->file[i];
		char shown[END_SIZE];

		body_add(body, ATTR_PLAIN, -1, " %-9s %15" PRIu64 "  %-9.9s %s", i ? "" : "files", file->bytes,
		         file->only_on,
		         *file->path ? end_of(file->path, body->columns - PLAN_FILE_COLUMN, shown)
		                     : "(deleted while open)");
	}
	if (differing->total > PLAN_FILES)
		body_add(body, ATTR_PLAIN, -1, "           and %zu more", differing->total - PLAN_FILES);
}

/* What to do about a refusal at the keys of this console, where a command line would have options for it. */
static const char *next_of(const struct console *console, const struct shown_reason *refusal)
{
	if (!strcmp(refusal->id, "SVC-NAME-TARGET"))
		return "check that this is the right device; t takes it as the target all the same";
	if (choosing_is_saving_refused(console))
		return "w saves it elsewhere, on a mounted stick for example; n goes on without saving";
	if (choosing_is_one_too_many(console))
		return "the copy's own screen has r, which rebuilds that one alone; or write the order of the legs "
		       "into svc.conf: legs = flash-a flash-b shared";
	return refusal->next;
}

static void put_refusals(const struct console *console, struct body *body)
{
	const struct shown_plan *plan = &console->plan.plan;
	char text[500];

	if (choosing_is_saving_refused(console))
		snprintf(text, sizeof(text),
		         "press w: save what is overwritten elsewhere; nothing was done yet, and q goes back");
	else if (choosing_is_one_too_many(console))
		snprintf(text, sizeof(text),
		         "press q, then the number of the one copy to be rebuilt, and r there; nothing was done yet");
	else
		snprintf(text, sizeof(text), "press q to go back: this is refused, and nothing was done");
	body_paragraph(body, ATTR_BOLD, "do", text);
	for (int i = 0; i < plan->refusals; i++) {
		snprintf(text, sizeof(text), "%s: %s", plan->refusal[i].id, plan->refusal[i].text);
		body_paragraph(body, ATTR_BOLD, "refused", text);
		body_paragraph(body, ATTR_PLAIN, "next", next_of(console, &plan->refusal[i]));
	}
}

/* What to do, and what speaks against it: a copy that may be newer is overwritten by it. */
static void put_warnings(const struct console *console, struct body *body)
{
	const struct shown_report *report = &console->plan;
	bool is_doubtful = recommend_has_reason(report, "SVC-MAY-BE-NEWER");
	char text[400];

	body_paragraph(
		body, ATTR_BOLD, "do",
		console->options.is_read_only ? "press q to go back: this console only looks on, and nothing was done"
		: is_doubtful
			? "look at the damaged copy first: it may be the newer one. y overwrites it; q goes back, "
			  "and nothing was done"
			: "press y if what follows is right; q goes back, and nothing was done");
	for (int i = 0; is_doubtful && i < report->reasons; i++) {
		if (strcmp(report->reason[i].id, "SVC-MAY-BE-NEWER") != 0)
			continue;
		snprintf(text, sizeof(text), "%s: %s", report->reason[i].id, report->reason[i].text);
		body_paragraph(body, ATTR_BOLD, "but", text);
		body_paragraph(body, ATTR_PLAIN, "next", report->reason[i].next);
	}
}

void body_of_plan(const struct console *console, struct body *body)
{
	const struct shown_report *report = &console->plan;
	const struct shown_plan *plan = &report->plan;
	char text[500];

	if (!console->has_plan) {
		body_paragraph(body, ATTR_PLAIN, "",
		               "There is no plan; the evidence has changed. Press q and plan again.");
		return;
	}
	if (plan->refusals) {
		put_refusals(console, body);
		return;
	}
	if (!plan->actions) {
		body_paragraph(body, ATTR_BOLD, "do", "nothing: the copies are equal; q goes back");
		return;
	}
	put_warnings(console, body);
	body_paragraph(body, ATTR_BOLD, "keeps", plan->from);
	put_targets(report, body);
	if (*plan->left) {
		snprintf(text, sizeof(text), "%s as %s, not in sync", plan->left,
		         strchr(plan->left, ',') ? "they are" : "it is");
		body_paragraph(body, ATTR_PLAIN, "leaves", text);
	}
	if (*plan->undo)
		snprintf(text, sizeof(text), "what is overwritten is saved to %s first", plan->undo);
	else
		snprintf(text, sizeof(text), "what is overwritten is NOT saved, and gone for good%s%s",
		         *plan->unsaved ? ": " : "", plan->unsaved);
	body_paragraph(body, *plan->undo ? ATTR_PLAIN : ATTR_BOLD, "undo", text);
	put_files(report, body);
	for (int i = 0; i < plan->actions; i++)
		body_paragraph(body, ATTR_PLAIN, i ? "" : "steps", plan->action[i].text);
}

static void put_result(const struct console *console, const struct job *job, struct body *body)
{
	const struct shown_report *report = job->task == TASK_RESYNC && console->has_result ? &console->result : NULL;
	char text[500];

	if (job->task == TASK_COMPARE || job->task == TASK_COMPARE_FULL)
		report = console->has_compared ? &console->compared : NULL;
	if (job->task == TASK_PLAN && console->has_plan)
		report = &console->plan;
	if (!report)
		return;
	if (!report->has_plan) {
		body_verdict(console, report, body);
		snprintf(text, sizeof(text),
		         "%" PRIu64 " bytes in %zu file%s, %" PRIu64 " metadata, %" PRIu64 " journal",
		         report->differing_bytes, report->differing.total, report->differing.total == 1 ? "" : "s",
		         report->metadata_bytes, report->journal_bytes);
		body_paragraph(body, ATTR_PLAIN, "differs", text);
		return;
	}
	for (int i = 0; i < report->plan.refusals; i++) {
		snprintf(text, sizeof(text), "%s: %s", report->plan.refusal[i].id, report->plan.refusal[i].text);
		body_paragraph(body, ATTR_BOLD, "refused", text);
		body_paragraph(body, ATTR_PLAIN, "next", report->plan.refusal[i].next);
	}
	if (!report->plan.proven_bytes && (report->exit || report->plan.refusals))
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " bytes written, %" PRIu64 " read back and found equal to %s's",
	         report->plan.written_bytes, report->plan.proven_bytes, report->plan.from);
	body_paragraph(body, ATTR_BOLD, "proven", text);
	if (!*report->plan.undo || !report->plan.written_bytes)
		return;
	snprintf(text, sizeof(text), "o on the overview takes it back: it is in %s", report->plan.undo);
	body_paragraph(body, ATTR_PLAIN, "undo", text);
}

static void put_deeds(const struct console *console, const struct job *job, struct body *body)
{
	for (size_t i = 0; i < console->deeds.count && !strcmp(console->deeds_job, job->name); i++)
		body_paragraph(body, ATTR_PLAIN,
		               i                                    ? ""
		               : choosing_is_takeover_plan(console) ? "steps"
		                                                    : "did",
		               console->deeds.line[i]);
}

/* What to do now that it has ended: about the copies, where it was about them, and else about itself. */
static void put_advice(const struct console *console, const struct job *job, struct body *body)
{
	bool is_of_copies = job->task == TASK_COMPARE || job->task == TASK_COMPARE_FULL || job->task == TASK_PLAN ||
	                    job->task == TASK_RESYNC || job->task == TASK_UNDO;

	if (job->is_of_others)
		body_paragraph(body, ATTR_BOLD, "do", "nothing here: this is the work of other copies; q goes back");
	else if (choosing_is_takeover_plan(console))
		body_paragraph(body, ATTR_BOLD, "do",
		               job->exit ? "press q to go back: this is refused, and nothing was done"
		               : console->options.is_read_only
		                       ? "press q to go back: this console only looks on, and nothing was done"
		                       : "press y if what follows is right; q goes back, and nothing was done");
	else if (is_of_copies)
		body_recommendation(console, body);
	else if (choosing_is_unfenced(console) && !console->options.is_read_only)
		body_paragraph(body, ATTR_BOLD, "do",
		               "press o if the other controller is switched off, or has handed over; q goes back");
	else if (job->exit || job->state == JOB_LOST)
		body_paragraph(body, ATTR_BOLD, "do", "read below what stood in the way; q goes back");
	else
		body_paragraph(body, ATTR_BOLD, "do", "nothing: it is done; q goes back");
}

void body_of_job(const struct console *console, struct body *body)
{
	const struct job *job = console_job(console, console->shown_job);
	char when[32];

	if (!job) {
		body_paragraph(body, ATTR_PLAIN, "", "This work is no longer remembered.");
		return;
	}
	if (job->state != JOB_RUNNING)
		put_advice(console, job, body);
	body_job_line(job, body, ATTR_BOLD);
	body_paragraph(body, ATTR_PLAIN, "began", text_time(job->started, when, sizeof(when)));
	if (job->state == JOB_ENDED)
		body_paragraph(body, ATTR_PLAIN, "ended", text_time(job->ended, when, sizeof(when)));
	body_paragraph(body, ATTR_PLAIN, "command", job->command);
	if (job->is_of_others)
		body_paragraph(body, ATTR_BOLD, "of", "other copies than those of this console");
	body_blank(body);
	if (job->state == JOB_RUNNING) {
		body_paragraph(
			body, ATTR_PLAIN, "",
			"It goes on when you leave this screen or the line drops. q goes back; w on the overview "
			"comes here again.");
		body_blank(body);
		put_deeds(console, job, body);
		return;
	}
	put_deeds(console, job, body);
	if (!job->is_of_others)
		put_result(console, job, body);
	for (int i = 0; i < job->lines; i++)
		body_paragraph(body, ATTR_PLAIN, i ? "" : "said", job->line[i]);
}

void body_of_undo(const struct console *console, struct body *body)
{
	const struct shown_undos *undos = &console->undos;
	size_t cursor = console->cursor[SCREEN_UNDO];

	if (!undos->undos) {
		body_paragraph(body, ATTR_PLAIN, "", "No rebuild was saved that could be taken back.");
		return;
	}
	body_paragraph(body, ATTR_PLAIN, "",
	               "The latest first: taking back an older one needs the later ones taken back before it.");
	if (cursor < (size_t)undos->undos) {
		body_paragraph(body, ATTR_PLAIN, "file", undos->undo[cursor].path);
		if (!undos->undo[cursor].is_usable)
			body_paragraph(body, ATTR_BOLD, "but", undos->undo[cursor].why);
	}
	body_blank(body);
	body_add(body, ATTR_PLAIN, -1, " %-21s %-16s %12s  %s", "rebuilt", "copies", "bytes saved", "usable");
	body->pinned = body->count;
	for (int i = 0; i < undos->undos; i++) {
		const struct shown_undo *undo = &undos->undo[i];
		char when[32];

		text_time(undo->time, when, sizeof(when));
		body_add(body, ATTR_PLAIN, i, " %-21s %-16.16s %12" PRIu64 "  %s", when, undo->copies, undo->bytes,
		         undo->is_usable ? "yes" : "no");
	}
}
