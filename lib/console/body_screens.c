// SPDX-License-Identifier: GPL-2.0-or-later
/* Copy, paths, reasons, log, help, and the short menus. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "console/body.h"
#include "verdict/reason.h"

/* "name      value": where that is too long, the blanks between them go first. */
static void put_fact(const char *line, int indent, struct body *body)
{
	const char *gap = strstr(line, "  ");

	if (gap && indent + strlen(line) > (size_t)body->columns)
		body_add(body, ATTR_PLAIN, -1, "%*s%.*s %s", indent, "", (int)(gap - line), line,
		         gap + strspn(gap, " "));
	else
		body_add(body, ATTR_PLAIN, -1, "%*s%s", indent, "", line);
}

void body_of_copy(const struct console *console, struct body *body)
{
	const struct shown_report *report = console_report(console);
	const struct shown_copy *copy;
	char text[200];

	if (!report || console->item >= report->copies) {
		body_paragraph(body, ATTR_PLAIN, "", "There is no such copy any more.");
		return;
	}
	copy = &report->copy[console->item];
	snprintf(text, sizeof(text), "%s at %s", copy->name, copy->locator);
	body_paragraph(body, ATTR_BOLD, "copy", text);
	snprintf(text, sizeof(text), "%s%s", copy->state, copy->is_live ? ", in use on this host" : "");
	body_paragraph(body, ATTR_BOLD, "state", text);
	if (copy->size_bytes)
		snprintf(text, sizeof(text), "%" PRIu64 " bytes of mirrored data", copy->size_bytes);
	else
		snprintf(text, sizeof(text), "not known: no mirrored data was found on it");
	body_paragraph(body, ATTR_PLAIN, "size", text);
	for (int i = 0; i < report->reasons; i++) {
		if (strcmp(report->reason[i].copy, copy->name) != 0)
			continue;
		body_paragraph(body, ATTR_PLAIN, "reason", report->reason[i].text);
		body_paragraph(body, ATTR_PLAIN, "next", report->reason[i].next);
	}
	body_blank(body);
	for (size_t i = 0; i < copy->evidence.count; i++)
		put_fact(copy->evidence.line[i], 1, body);
}

void body_of_paths(const struct console *console, struct body *body)
{
	const struct shown_paths *paths = &console->paths;
	char text[600];

	if (!console->options.has_pathcheck)
		body_paragraph(body, ATTR_PLAIN, "", "This program was built without svc-pathcheck.");
	else if (!console->has_paths)
		body_paragraph(body, ATTR_PLAIN, "", "Nothing is known of the paths yet.");
	if (paths->paths) {
		console_recommend_path(console, text, sizeof(text));
		body_paragraph(body, ATTR_BOLD, "do", text);
		body_path_table(console, body);
		body_blank(body);
	}
	for (int i = 0; i < paths->reasons; i++) {
		snprintf(text, sizeof(text), "%s: %s", paths->reason[i].id, paths->reason[i].text);
		body_paragraph(body, ATTR_BOLD, i ? "" : "reason", text);
		if (i + 1 == paths->reasons || strcmp(paths->reason[i].next, paths->reason[i + 1].next) != 0)
			body_paragraph(body, ATTR_PLAIN, "next", paths->reason[i].next);
	}
	for (int i = 0; i < paths->paths; i++) {
		const struct shown_path *path = &paths->path[i];

		body_blank(body);
		snprintf(text, sizeof(text), "%s: %s%s", path->name, path->state,
		         !strcmp(path->name, paths->active) ? ", in use" : "");
		body_paragraph(body, ATTR_BOLD, "path", text);
		for (size_t k = 0; k < path->detail.count; k++)
			put_fact(path->detail.line[k], 10, body);
	}
}

static void explain_row(const struct reason_row *row, const char *text, struct body *body)
{
	body_paragraph(body, ATTR_BOLD, "", row->id);
	if (text)
		body_paragraph(body, ATTR_PLAIN, "here", text);
	body_paragraph(body, ATTR_PLAIN, "meaning", row->meaning);
	body_paragraph(body, ATTR_PLAIN, "next", row->next);
	body_blank(body);
}

/* "SVC-...: sentence", as the boot wrote it down. */
static void explain_boot_line(const char *line, struct body *body)
{
	const char *colon = strchr(line, ':');
	const struct reason_row *row;
	char id[40];

	snprintf(id, sizeof(id), "%.*s", (int)strcspn(line, ":"), line);
	row = reason_find(id);
	if (row)
		explain_row(row, colon ? colon + 1 + strspn(colon + 1, " ") : NULL, body);
}

/* The texts are those of svc-compare --explain: rows of one table. */
void body_of_explain(const struct console *console, struct body *body)
{
	const struct shown_report *report = console_report(console);

	if (console->is_explaining_all) {
		for (enum reason_id i = 0; i < REASON_COUNT; i++)
			explain_row(reason_row(i), NULL, body);
		return;
	}
	for (size_t i = 0; i < console->boot.count; i++) /* first, for these keep it from going on */
		if (body_is_boot_reason(console, report, i))
			explain_boot_line(console->boot.line[i], body);
	for (int i = 0; report && i < report->reasons; i++) {
		const struct reason_row *row = reason_find(report->reason[i].id);

		if (row)
			explain_row(row, report->reason[i].text, body);
	}
	for (int i = 0; console->has_paths && i < console->paths.reasons; i++) {
		const struct reason_row *row = reason_find(console->paths.reason[i].id);

		if (row)
			explain_row(row, console->paths.reason[i].text, body);
	}
	if (!body->count)
		body_paragraph(body, ATTR_PLAIN, "", "There is no reason to be explained yet; a shows all there are.");
}

void body_of_log(const struct console *console, struct body *body)
{
	for (int i = 0; i < console->jobs; i++) {
		const struct job *job = &console->job[i];
		char when[32], number[16] = "";

		if (!lane_is_asked(task_row(job->task)->lane) && !(job->state == JOB_ENDED && job->lines))
			continue;
		if (job->number)
			snprintf(number, sizeof(number), "#%u ", job->number);
		body_add(body, ATTR_BOLD, -1, " %s  %s%s%s", text_time(job->started, when, sizeof(when)), number,
		         task_row(job->task)->title, job->is_of_others ? ", of other copies" : "");
		body_paragraph(body, ATTR_PLAIN, "",
		               job->state == JOB_ENDED  ? exit_words(job->exit)
		               : job->state == JOB_LOST ? "was killed"
		               : *job->progress         ? job->progress
		                                        : "under way");
		body_paragraph(body, ATTR_PLAIN, "", job->command);
		for (int k = 0; k < job->lines; k++)
			body_paragraph(body, ATTR_PLAIN, "", job->line[k]);
	}
	if (console->boot.count || *console->boot_unread) {
		if (body->count)
			body_blank(body);
		body_paragraph(body, ATTR_BOLD, "boot",
		               *console->boot_unread ? console->boot_unread : "what the boot wrote down");
		for (size_t i = 0; i < console->boot.count; i++)
			body_paragraph(body, ATTR_PLAIN, "", console->boot.line[i]);
	}
	if (console->log.count) {
		if (body->count)
			body_blank(body);
		body_paragraph(body, ATTR_BOLD, "kernel", "what is ours in the kernel's log");
		for (size_t i = 0; i < console->log.count; i++)
			body_paragraph(body, ATTR_PLAIN, "", console->log.line[i]);
	}
	if (!body->count)
		body_paragraph(body, ATTR_PLAIN, "", "Nothing was done yet.");
}

static void describe_key(const struct key_row *row, struct body *body)
{
	char name[8];

	if (row->key == 0x0c)
		snprintf(name, sizeof(name), "Ctrl-L");
	else if (row->key == ' ')
		snprintf(name, sizeof(name), "space");
	else if (row->key == '1')
		snprintf(name, sizeof(name), "1-8");
	else
		snprintf(name, sizeof(name), "%c", row->key);
	body_paragraph(body, ATTR_PLAIN, name, row->hint);
}

void body_of_help(const struct console *console, struct body *body)
{
	static const char *const heading[] = {
		[SCREEN_OVERVIEW] = "Overview",
		[SCREEN_COPY] = "Copy",
		[SCREEN_DIFFERENCES] = "Differences",
		[SCREEN_FILE] = "A file's versions",
		[SCREEN_EXPLAIN] = "Reasons",
		[SCREEN_PATHS] = "Paths",
		[SCREEN_CHOOSE] = "Choosing a copy",
		[SCREEN_PLAN] = "Plan",
		[SCREEN_UNDO] = "Undo",
		[SCREEN_JOB] = "Work",
		[SCREEN_MORE] = "More",
		[SCREEN_BUNDLE] = "Support bundle",
	};

	(void)console;
	body_paragraph(
		body, ATTR_PLAIN, "",
		"No copy is overwritten without a plan on the screen, and a word typed: for a rebuild the copy's "
		"name. What is done to the paths only asks. Work goes on when you leave a screen, or the line "
		"drops; other consoles see it too.");
	body_blank(body);
	body_paragraph(body, ATTR_BOLD, "", "Everywhere");
	for (size_t i = 0; i < KEYS; i++)
		if (key_rows[i].screens & 1u << SCREEN_HELP)
			describe_key(&key_rows[i], body);
	for (size_t screen = 0; screen < sizeof(heading) / sizeof(heading[0]); screen++) {
		if (!heading[screen])
			continue;
		body_blank(body);
		body_paragraph(body, ATTR_BOLD, "", heading[screen]);
		for (size_t i = 0; i < KEYS; i++)
			if (key_rows[i].screens >> screen & 1 && !(key_rows[i].screens & 1u << SCREEN_HELP))
				describe_key(&key_rows[i], body);
	}
}

/* The keys of this very screen, with their sentences. */
static void describe_own_keys(const struct console *console, struct body *body)
{
	for (size_t i = 0; i < KEYS; i++)
		if (console_has_key(console, &key_rows[i]) && !(key_rows[i].screens & 1u << SCREEN_HELP))
			describe_key(&key_rows[i], body);
}

void body_of_more(const struct console *console, struct body *body)
{
	body_blank(body);
	describe_own_keys(console, body);
	if (!console->options.has_promote)
		body_paragraph(body, ATTR_PLAIN, "", "This program was built without svc-promote.");
}

void body_of_bundle(const struct console *console, struct body *body)
{
	body_paragraph(body, ATTR_PLAIN, "",
	               "One compressed file with the evidence of every copy, what was done and said, and the kernel's "
	               "log. It holds names of files, and none of their content.");
	body_blank(body);
	for (int i = 0; i < console->targets; i++)
		body_add(body, ATTR_PLAIN, -1, " %d         %s", i + 1, console->target[i]);
	body_blank(body);
	describe_own_keys(console, body);
}

void body_of_prompt(const struct console *console, struct body *body)
{
	const struct prompt *prompt = &console->prompt;
	size_t length = strlen(prompt->typed), room = (size_t)body->columns - 12;
	char text[120];

	body_blank(body);
	body_paragraph(body, ATTR_PLAIN, "", prompt->about);
	body_blank(body);
	if (*prompt->wanted)
		snprintf(text, sizeof(text), "Type %s and press Enter:", prompt->wanted);
	else
		snprintf(text, sizeof(text), "Type it and press Enter:");
	body_paragraph(body, ATTR_BOLD, "", text);
	body_blank(body);
	body_add(body, ATTR_BOLD, -1, "        > %s_", prompt->typed + (length > room ? length - room : 0));
}
