// SPDX-License-Identifier: GPL-2.0-or-later
/* What to do now: a key and a sentence. */
#include <stdio.h>
#include <string.h>

#include "console/console_private.h"

static bool is_verdict(const struct shown_report *report, const char *verdict)
{
	return !strcmp(report->verdict, verdict);
}

/* INTERFACE, table of verdicts. Not by the exit code: that of a boot which asks says that somebody is asked. */
bool recommend_needs_choice(const struct shown_report *report)
{
	if (is_verdict(report, "in-sync")) /* any of them: there is nothing to be lost */
		return false;
	return !*report->authority || is_verdict(report, "split-brain") || is_verdict(report, "unrelated") ||
	       is_verdict(report, "mismatch") || is_verdict(report, "unknown");
}

static bool has_state(const struct shown_report *report, const char *state)
{
	for (int i = 0; i < report->copies; i++)
		if (!strcmp(report->copy[i].state, state))
			return true;
	return false;
}

bool recommend_has_reason(const struct shown_report *report, const char *id)
{
	for (int i = 0; i < report->reasons; i++)
		if (!strcmp(report->reason[i].id, id))
			return true;
	return false;
}

static int recommend_choice(const struct shown_report *report, char *text, size_t size)
{
	if (is_verdict(report, "unrelated")) {
		snprintf(text, size, "%s", report->reasons ? report->reason[0].next : "check the devices");
		return 'e';
	}
	if (recommend_has_reason(report, "SVC-PATHS-DIFFER")) {
		snprintf(text, size, "the paths show different data: look at the paths");
		return 'p';
	}
	if (!report->compared_bytes) {
		snprintf(text, size, "compare the content, to see which files differ");
		return 'c';
	}
	if (!report->differing.count) {
		snprintf(text, size, "choose the copy to keep: a plan is shown before anything is written");
		return 'r';
	}
	snprintf(text, size, "look at the files that differ; then r chooses the copy to keep");
	return 'd';
}

static int recommend_in_sync(const struct console *console, const struct shown_report *report, char *text, size_t size)
{
	const struct job *work = console_work(console);

	/* A rebuild compares everything before it writes, and reads back what it wrote. */
	if (!report->compared_bytes && work && work->task == TASK_RESYNC && work->state == JOB_ENDED && !work->exit) {
		snprintf(text, size, "nothing: what was rebuilt was read back, and is right");
		return 0;
	}
	if (!report->compared_bytes) {
		snprintf(text, size, "compare the content too: equal history is not equal data");
		return 'c';
	}
	snprintf(text, size, "nothing: all is well");
	return 0;
}

static bool is_path_trouble(const struct console *console)
{
	const struct shown_paths *paths = &console->paths;

	return console->has_paths && paths->exit != SVC_EXIT_DONE && paths->paths > 0;
}

/*
 * What no key of this console settles, and the boot would ask about again. What it wrote down of its last judgement is
 * at the end, its reasons before the step that they led to.
 */
static const char *find_hindrance(const struct console *console)
{
	static const char *const ids[] = { "SVC-NO-CONTROLLER", "SVC-WRONG-CONTROLLER", "SVC-NO-PLACE" };
	size_t i = console->boot.count;

	while (i && strncmp(console->boot.line[i - 1], "SVC-", 4) != 0)
		i--;
	for (; i && !strncmp(console->boot.line[i - 1], "SVC-", 4); i--)
		for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++)
			if (!strncmp(console->boot.line[i - 1], ids[k], strlen(ids[k])))
				return ids[k];
	return NULL;
}

static int recommend_going_on(const struct console *console, char *text, size_t size)
{
	const char *hindrance = find_hindrance(console);

	if (hindrance) {
		snprintf(text, size, "the copies are right, but the boot would ask again: %s", hindrance);
		return 'e';
	}
	snprintf(text, size, "go on: the boot judges again and starts the mirror%s",
	         is_path_trouble(console) ? ", with the path that is left" : "");
	return 'g';
}

/* For the screen of the paths itself. */
void console_recommend_path(const struct console *console, char *text, size_t size)
{
	const struct shown_report *report = console_report(console);
	const struct shown_paths *paths = &console->paths;
	const struct shown_path *good = NULL, *active = NULL;

	for (int i = 0; i < paths->paths; i++) {
		if (!strcmp(paths->path[i].state, "good") && !good)
			good = &paths->path[i];
		if (!strcmp(paths->path[i].name, paths->active))
			active = &paths->path[i];
	}
	if (!good)
		snprintf(text, size, "bring a path back; it is looked at again by itself%s",
		         console->options.is_boot ? ". Or press q, then x: boot without the mirror" : "");
	else if (active && strcmp(active->state, "good") != 0)
		snprintf(text, size, "press %c: use %s, which is good", good->name[0], good->name);
	else if (report && recommend_has_reason(report, "SVC-PATHS-DIFFER") && !is_path_trouble(console))
		snprintf(text, size, "%s",
		         console->options.is_read_only
		                 ? "they show different data: see to the other controller's export (q, then e)"
		                 : "press c: they show different data, and coherence tells which of them is stale");
	else if (is_path_trouble(console))
		snprintf(text, size, "see to the path that is not good; %s can be used meanwhile", good->name);
	else
		snprintf(text, size, "nothing: all is well");
}

int console_recommend(const struct console *console, char *text, size_t size)
{
	const struct shown_report *report = console_report(console);
	const struct job *work = console_work(console);

	if (work && work->state == JOB_RUNNING) {
		snprintf(text, size, "watch the work under way, and wait for its end");
		return 'w';
	}
	if (!report) {
		snprintf(text, size, "%s", *console->trouble ? "see what was said, in the log" : "wait a moment");
		return *console->trouble ? 'l' : 0;
	}
	if (is_verdict(report, "in-sync") && console->options.is_boot)
		return recommend_going_on(console, text, size);
	if (is_path_trouble(console) && !has_state(report, "stale")) {
		snprintf(text, size, "a path to the shared volume is not good: look at the paths");
		return 'p';
	}
	if (is_verdict(report, "in-sync"))
		return recommend_in_sync(console, report, text, size);
	if (is_verdict(report, "none")) {
		snprintf(text, size, "%s", report->reasons ? report->reason[0].next : "restore from a backup");
		return 'e';
	}
	if (recommend_needs_choice(report))
		return recommend_choice(report, text, size);
	if (recommend_has_reason(report, "SVC-MAY-BE-NEWER")) {
		snprintf(text, size, "a damaged copy may be the newer one: see e, before r rebuilds it from %s",
		         report->authority);
		return 'e';
	}
	if (has_state(report, "unreadable") && !has_state(report, "stale") && !has_state(report, "blank") &&
	    !has_state(report, "damaged")) {
		snprintf(text, size, "bring the copy that cannot be read back; it may be its path");
		return console->options.has_pathcheck ? 'p' : 'e';
	}
	snprintf(text, size, "rebuild from %s: a plan is shown before anything is written", report->authority);
	return 'r';
}
