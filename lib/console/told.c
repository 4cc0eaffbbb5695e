// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commands said, taken up into the state, and what counts of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "console/console_private.h"

/* A look at other evidence ends what was known of the content, so what is known of it still holds. */
const struct shown_report *console_report(const struct console *console)
{
	return console->has_compared ? &console->compared : console->has_look ? &console->look : NULL;
}

/* What was known of the content is no more. */
static void forget_content(struct console *console)
{
	document_free_report(&console->compared);
	document_free_report(&console->plan);
	console->has_compared = console->has_plan = false;
}

static bool read_report(struct console *console, struct shown_report *into, const char *text, size_t length)
{
	struct svc_error error = { .text = "nothing was answered" };

	document_free_report(into);
	if (!text && length)
		error_set(&error, -EFBIG, "the answer has %zu bytes, and was not read", length);
	if (text && !document_read_report(text, length, into, &error))
		return true;
	document_free_report(into);
	snprintf(console->unread, sizeof(console->unread), "%.110s", error.text);
	if (into == &console->look)
		snprintf(console->trouble, sizeof(console->trouble), "%s", error.text);
	return false;
}

/* The content was compared on that very evidence. */
static bool is_same_evidence(const struct console *console)
{
	return console->look.evidence_id == console->compared.evidence_id;
}

static void take_look(struct console *console, const struct job *job, const char *text, size_t length)
{
	/* What comes in while the console runs comes in order; of what was there before it, times tell. */
	bool is_older = !console->has_started && job->started < console->compared_time;

	console->trouble[0] = '\0';
	console->has_look = read_report(console, &console->look, text, length);
	console->look_time = job->ended;
	console->look_began = job->started;
	if (console->has_look && console->has_compared && !is_older && !is_same_evidence(console))
		forget_content(console);
	if (!console->has_look && job->lines) /* what the command said of it is better */
		snprintf(console->trouble, sizeof(console->trouble), "%s", job->line[0]);
}

void console_judged(struct console *console, const char *text, size_t length, int64_t time)
{
	struct svc_error error;
	bool is_unread = (!text && length) || (text && document_read_boot(text, length, &console->boot, &error));

	if (console->options.is_boot && text) {
		console->has_compared = read_report(console, &console->compared, text, length);
		console->compared_time = time;
	}
	if (is_unread)
		snprintf(console->boot_unread, sizeof(console->boot_unread),
		         "what it wrote down, %zu bytes, could not be read here: c compares the content again", length);
}

static void take_compared(struct console *console, const struct job *job, const char *text, size_t length)
{
	console->has_compared = read_report(console, &console->compared, text, length);
	console->compared_time = job->started;
	if (!console->has_started && console->has_look && console->has_compared && console->look_began > job->started &&
	    !is_same_evidence(console))
		forget_content(console);
}

/* The answer that this console's person waits for leads to its screen. */
static void lead_on(struct console *console, const struct job *job)
{
	bool is_here = console->screen == SCREEN_JOB && !strcmp(console->shown_job, job->name);

	console->awaited[0] = '\0';
	if (job->task == TASK_PLAN && console->has_plan && is_here) {
		console_back(console);
		console_go(console, SCREEN_PLAN);
	} else if (job->task == TASK_VIEW && console->has_view && console->screen == SCREEN_DIFFERENCES) {
		console->right = 1;
		console_go(console, SCREEN_FILE);
		console_act(console, KEY_OF_NEXT_LINE, 0);
		console->message[0] = '\0';
	} else if (job->task == TASK_UNDOS && console->has_undos && console->screen == SCREEN_OVERVIEW) {
		console_go(console, SCREEN_UNDO);
	} else if (job->task == TASK_UNDOS && console->has_undos && console->screen == SCREEN_UNDO) {
		console->cursor[SCREEN_UNDO] = 0; /* the file that was named */
	} else if (job->task == TASK_VIEW || job->task == TASK_UNDOS || *console->unread) {
		console_say(console, "%s",
		            job->lines         ? job->line[0]
		            : *console->unread ? console->unread
		                               : "that could not be read");
	}
}

void console_deeds(struct console *console, const struct job *job, const char *text, size_t length)
{
	struct svc_error error;

	lines_free(&console->deeds);
	console->deeds_job[0] = '\0';
	console->is_unfenced = false;
	if (text && !document_read_deeds(text, length, &console->deeds, &console->is_unfenced, &error))
		snprintf(console->deeds_job, sizeof(console->deeds_job), "%s", job->name);
}

struct request console_answer(struct console *console, const struct job *job, const char *text, size_t length)
{
	struct svc_error error;
	bool is_awaited = !strcmp(job->name, console->awaited);

	console->unread[0] = '\0';
	switch (job->task) {
	case TASK_LOOK:
		take_look(console, job, text, length);
		break;
	case TASK_COMPARE:
	case TASK_COMPARE_FULL:
		take_compared(console, job, text, length);
		break;
	case TASK_PLAN:
		if (is_awaited)
			console->has_plan = read_report(console, &console->plan, text, length);
		break;
	case TASK_RESYNC:
		forget_content(console);
		console->has_result = read_report(console, &console->result, text, length);
		break;
	case TASK_PATHS:
		document_free_paths(&console->paths);
		console->has_paths = text && !document_read_paths(text, length, &console->paths, &error);
		break;
	case TASK_VIEW:
		document_free_view(&console->view);
		console->has_view = text && !document_read_view(text, length, &console->view, &error);
		break;
	case TASK_UNDOS:
		console->has_undos = text && !document_read_undos(text, length, &console->undos, &error);
		break;
	case TASK_PROMOTE_PLAN:
	case TASK_DEMOTE_PLAN:
	case TASK_PROMOTE:
	case TASK_DEMOTE:
	case TASK_COHERENCE:
	case TASK_SWITCH:
	case TASK_EXPORT:
	case TASK_UNEXPORT:
		console_deeds(console, job, text, length);
		break;
	default:
		break;
	}
	if (task_row(job->task)->is_writing) { /* the evidence is another one now, and advice on the old one is wrong */
		forget_content(console);
		document_free_report(&console->look);
		console->has_look = false;
		console->looked_ms = console->paths_ms = console->now_ms - LOOK_EVERY_MS;
	}
	if (is_awaited)
		lead_on(console, job);
	return (struct request){ .kind = REQUEST_NONE };
}
