// SPDX-License-Identifier: GPL-2.0-or-later
/* The first screen: what is wrong, why, what to do, and what everything is like. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "console/body.h"

enum { WHERE_COLUMN = 64, WHERE_COLUMNS_MIN = 12 };

const char *exit_words(int code)
{
	switch (code) {
	case SVC_EXIT_DONE:
		return "done";
	case SVC_EXIT_DIFFER:
		return "they differ; which is right is known";
	case SVC_EXIT_OPERATOR:
		return "a person must decide";
	case SVC_EXIT_NO_COPY:
		return "there is no usable copy";
	case SVC_EXIT_REFUSED:
		return "refused, for safety";
	case SVC_EXIT_IO:
		return "not finished: an I/O error, or a path is down";
	case SVC_EXIT_INTERRUPTED:
		return "interrupted; run again it goes on";
	case SVC_EXIT_USAGE:
		return "wrong use";
	case SVC_EXIT_CONFIG:
		return "wrong configuration";
	default:
		return "it ended abnormally";
	}
}

void body_verdict(const struct console *console, const struct shown_report *report, struct body *body)
{
	char text[700];

	(void)console;
	snprintf(text, sizeof(text), "%s: %s", report->verdict, report->status);
	body_paragraph(body, ATTR_BOLD, "verdict", text);
	for (int i = 0; i < report->reasons && i < 2; i++) {
		snprintf(text, sizeof(text), "%s: %s", report->reason[i].id, report->reason[i].text);
		body_paragraph(body, ATTR_PLAIN, i ? "" : "reason", text);
	}
	if (report->reasons > 2) {
		snprintf(text, sizeof(text), "and %d more: e explains them", report->reasons - 2);
		body_paragraph(body, ATTR_PLAIN, "", text);
	}
}

void body_recommendation(const struct console *console, struct body *body)
{
	char sentence[300], text[340];
	int key = console_recommend(console, sentence, sizeof(sentence));

	if (key == 'e') /* which only shows more */
		snprintf(text, sizeof(text), "%s; %s%c explains", sentence,
		         console_knows_key(console, key) ? "" : "q, then ", key);
	else if (key)
		snprintf(text, sizeof(text), "press %s%c: %s", console_knows_key(console, key) ? "" : "q, then ", key,
		         sentence);
	else
		snprintf(text, sizeof(text), "%s", sentence);
	body_paragraph(body, ATTR_BOLD, "do", text);
}

const char *end_of(const char *text, int columns, char shown[END_SIZE])
{
	size_t length = strlen(text), room = columns > 4 ? (size_t)columns : 4;

	if (room >= END_SIZE)
		room = END_SIZE - 1;
	if (length <= room)
		snprintf(shown, END_SIZE, "%s", text);
	else
		snprintf(shown, END_SIZE, "..%s", text + length - room + 2);
	return shown;
}

/* The others are measured by it; where no copy is known to be right, its "0" would look like praise. */
static bool is_mere_reference(const struct shown_report *report, const struct shown_copy *copy)
{
	return !*report->authority && report->differing_bytes && !copy->differing_bytes;
}

static void put_copies(const struct shown_report *report, struct body *body)
{
	bool is_narrow = body->columns < WHERE_COLUMN + WHERE_COLUMNS_MIN;
	int differ_columns = is_narrow ? 11 : 13;

	body_add(body, ATTR_PLAIN, -1, "   %-13s %-10s %-20s %*s%s", "copy", "state", "last written", differ_columns,
	         is_narrow ? "differs by" : "bytes differ", is_narrow ? "" : "  where");
	for (int i = 0; i < report->copies; i++) {
		const struct shown_copy *copy = &report->copy[i];
		char written[32] = "-", differ[32] = "-", where[160], shown[END_SIZE];

		if (copy->has_fs)
			text_time(copy->write_time, written, sizeof(written));
		if (copy->is_compared && is_mere_reference(report, copy))
			snprintf(differ, sizeof(differ), "reference");
		else if (copy->is_compared)
			snprintf(differ, sizeof(differ), "%" PRIu64, copy->differing_bytes);
		snprintf(where, sizeof(where), "%s%s", copy->is_live ? "in use: " : "", copy->locator);
		body_add(body, ATTR_PLAIN, -1, " %d %-13.13s %-10.10s %-20.20s %*s%s%s", i + 1, copy->name, copy->state,
		         written, differ_columns, differ, is_narrow ? "" : "  ",
		         is_narrow ? "" : end_of(where, body->columns - WHERE_COLUMN, shown));
	}
}

void body_path_table(const struct console *console, struct body *body)
{
	const struct shown_paths *paths = &console->paths;

	body_blank(body);
	body_add(body, ATTR_PLAIN, -1, "   %-13s %-12s %-18s", "path", "state", "answers in");
	for (int i = 0; i < paths->paths; i++) {
		const struct shown_path *path = &paths->path[i];
		char latency[40] = "-";

		if (path->has_latency)
			snprintf(latency, sizeof(latency), "%" PRIu64 " us", path->latency_us);
		body_add(body, ATTR_PLAIN, -1, "   %-13.13s %-12.12s %-18s%s", path->name, path->state, latency,
		         !strcmp(path->name, paths->active) ? " in use" : "");
	}
}

static void put_paths(const struct console *console, struct body *body)
{
	const struct shown_paths *paths = &console->paths;

	if (!console->has_paths || !paths->paths)
		return;
	body_path_table(console, body);
	for (int i = 0; i < paths->reasons && i < 1; i++) {
		char text[400];

		snprintf(text, sizeof(text), "%s: %s", paths->reason[i].id, paths->reason[i].text);
		body_paragraph(body, ATTR_PLAIN, "", text);
	}
}

/* Whose the mirror is, by the newest record: more promotions is later. */
static void put_role(const struct console *console, const struct shown_report *report, struct body *body)
{
	const struct shown_copy *newest = NULL;
	char text[200], role[60] = "";

	for (int i = 0; i < report->copies; i++)
		if (report->copy[i].owner && (!newest || report->copy[i].epoch > newest->epoch))
			newest = &report->copy[i];
	if (!newest)
		return;
	if (console->options.controller)
		snprintf(role, sizeof(role), "this is controller %c, %s; ", console->options.controller,
		         console->options.controller == newest->owner ? "the owner" : "not the owner");
	snprintf(text, sizeof(text), "%sowner %c since promotion %" PRIu64 ", %s", role, newest->owner, newest->epoch,
	         newest->is_open ? "opened and not closed" : "closed in good order");
	body_paragraph(body, ATTR_PLAIN, "role", text);
}

static void put_checked(const struct console *console, const struct shown_report *report, struct body *body)
{
	char when[32], text[200];
	size_t length;

	text_time(report == &console->look ? console->look_time : console->compared_time, when, sizeof(when));
	length = (size_t)snprintf(text, sizeof(text), "%s", when);
	if (!report->compared_bytes)
		snprintf(text + length, sizeof(text) - length, ", the evidence only");
	else
		snprintf(text + length, sizeof(text) - length, ", content: %s",
		         !strcmp(report->mode, "full") ? "every block" : "every block in use");
	body_paragraph(body, ATTR_PLAIN, "checked", text);
}

void body_job_line(const struct job *job, struct body *body, uint8_t attr)
{
	char text[400], number[16] = "", title[80];

	snprintf(title, sizeof(title), "%s%s", task_row(job->task)->title,
	         job->is_of_others ? ", of other copies" : "");
	if (job->number)
		snprintf(number, sizeof(number), "#%u ", job->number);
	if (job->state == JOB_RUNNING)
		snprintf(text, sizeof(text), "%s%s%s%s", number, title, job->is_stopping ? " (ending)" : "",
		         *job->progress ? "" : ": under way");
	else if (job->state == JOB_LOST)
		snprintf(text, sizeof(text),
		         "%s%s: was killed; what it ran was told to end: look again and run it again", number, title);
	else
		snprintf(text, sizeof(text), "%s%s: %s", number, title, exit_words(job->exit));
	body_paragraph(body, attr, "work", text);
	if (job->state == JOB_RUNNING && *job->progress) /* a line of its own, so that it keeps its place */
		body_paragraph(body, attr, "", job->progress);
}

bool body_is_boot_reason(const struct console *console, const struct shown_report *report, size_t line)
{
	const char *text = console->boot.line[line];
	bool is_told = false;

	for (int k = 0; report && k < report->reasons; k++)
		is_told |= !strncmp(text, report->reason[k].id, strlen(report->reason[k].id));
	for (size_t k = 0; k < line; k++)
		is_told |= !strcmp(text, console->boot.line[k]);
	return console->options.is_boot && !is_told && !strncmp(text, "SVC-", 4);
}

/* What the boot says beyond the verdict's reasons. */
static void put_boot(const struct console *console, const struct shown_report *report, struct body *body)
{
	const char *label = "boot";

	if (console->options.is_boot && *console->boot_unread)
		body_paragraph(body, ATTR_PLAIN, "boot", console->boot_unread);
	for (size_t i = 0; i < console->boot.count; i++) {
		if (!body_is_boot_reason(console, report, i))
			continue;
		body_paragraph(body, ATTR_PLAIN, label, console->boot.line[i]);
		label = "";
	}
}

void body_of_overview(const struct console *console, struct body *body)
{
	const struct shown_report *report = console_report(console);
	const struct job *work = console_work(console);

	body_recommendation(console, body);
	if (report)
		body_verdict(console, report, body);
	else
		body_paragraph(body, ATTR_BOLD, "verdict",
		               *console->trouble ? console->trouble : "the evidence is being read ...");
	body_blank(body);
	if (report)
		put_copies(report, body);
	put_paths(console, body);
	body_blank(body);
	if (report) {
		put_role(console, report, body);
		put_checked(console, report, body);
	}
	if (work)
		body_job_line(work, body, work->state == JOB_RUNNING ? ATTR_BOLD : ATTR_PLAIN);
	for (int i = 0; i < console->jobs; i++) { /* beside it, or in its way */
		const struct job *job = &console->job[i];

		if (job->state == JOB_RUNNING && job != work && lane_is_asked(task_row(job->task)->lane))
			body_job_line(job, body, ATTR_BOLD);
	}
	put_boot(console, report, body);
}
