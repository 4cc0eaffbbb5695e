// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/draw.h"
#include "console/console_private.h"

#define ON(screen) (1u << SCREEN_##screen)
#define EVERYWHERE (((1u << SCREENS) - 1) & ~ON(PROMPT))
#define SCROLLED (EVERYWHERE & ~ON(CHOOSE) & ~ON(MORE) & ~ON(BUNDLE))

const struct key_row key_rows[KEYS] = {
#define KEY(screens, key, action, needs, name, hint) { screens, key, KEY_OF_##action, needs, name, hint },
#include "console/keys.def"
#undef KEY
};

void console_init(struct console *console, const struct console_options *options)
{
	memset(console, 0, sizeof(*console));
	console->options = *options;
	console->rows = 24;
	console->columns = 80;
}

void console_free(struct console *console)
{
	document_free_report(&console->look);
	document_free_report(&console->compared);
	document_free_report(&console->plan);
	document_free_report(&console->result);
	document_free_paths(&console->paths);
	document_free_view(&console->view);
	lines_free(&console->deeds);
	lines_free(&console->boot);
	lines_free(&console->log);
}

void console_say(struct console *console, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(console->message, sizeof(console->message), format, arguments);
	va_end(arguments);
}

void console_go(struct console *console, enum screen_id screen)
{
	if (screen == console->screen)
		return;
	if (console->depth == CONSOLE_STACK) { /* the overview stays at the bottom */
		memmove(console->stack + 1, console->stack + 2, (CONSOLE_STACK - 2) * sizeof(*console->stack));
		console->depth--;
	}
	if (console->screen != SCREEN_PROMPT)
		console->stack[console->depth++] = console->screen;
	console->screen = screen;
	console->cursor[screen] = 0;
}

void console_back(struct console *console)
{
	console->screen = console->depth ? console->stack[--console->depth] : SCREEN_OVERVIEW;
}

/* Keys that there is nothing for at this moment. */
static bool is_of_use(const struct console *console, enum action_id action)
{
	const struct shown_plan *plan = &console->plan.plan;
	const struct job *job = console_job(console, console->shown_job);
	bool is_refused = false;

	for (int i = 0; i < plan->refusals; i++)
		is_refused |= !strcmp(plan->refusal[i].id, "SVC-NAME-TARGET");
	switch (action) {
	case KEY_OF_UNLOCK:
		return !console->options.is_read_only && !console->is_unlocked;
	case KEY_OF_CONFIRM:
		return console->has_plan && plan->actions && !plan->refusals;
	case KEY_OF_VIEW:
	case KEY_OF_SEARCH:
	case KEY_OF_SEARCH_NEXT:
		return console_report(console) && console_report(console)->differing.count;
	case KEY_OF_UNDO_CONFIRM:
		return console->has_undos && console->undos.undos;
	case KEY_OF_REBUILD_ONE:
		return choosing_can_rebuild(console);
	case KEY_OF_TARGET:
		return console->has_plan && is_refused;
	case KEY_OF_SAVE_TO:
		return console->has_plan && (plan->actions || choosing_is_saving_refused(console));
	case KEY_OF_SAVE_NOT:
		return choosing_is_saving_refused(console);
	case KEY_OF_TAKE_OVER:
		return choosing_is_takeover_plan(console) && job->exit == SVC_EXIT_DONE;
	case KEY_OF_PEER_OFF:
		return choosing_is_unfenced(console);
	case KEY_OF_STOP:
		return job && job->state == JOB_RUNNING;
	default:
		return true;
	}
}

/* To end what writes is as much as to write: half rebuilt, a copy is of no use. */
static unsigned needs_of(const struct console *console, const struct key_row *row)
{
	const struct job *job = console_job(console, console->shown_job);
	bool is_ending = row->action == KEY_OF_STOP && job && task_row(job->task)->is_writing;

	return row->needs | (is_ending ? NEEDS_UNLOCKED : 0);
}

bool console_has_key(const struct console *console, const struct key_row *row)
{
	const struct console_options *options = &console->options;

	if (!(row->screens >> console->screen & 1))
		return false;
	if (needs_of(console, row) & (NEEDS_UNLOCKED | NEEDS_SAY) && options->is_read_only)
		return false;
	if (row->needs & NEEDS_PATHCHECK && !options->has_pathcheck)
		return false;
	if (row->needs & NEEDS_PROMOTE && !options->has_promote)
		return false;
	return is_of_use(console, row->action) && !(row->needs & NEEDS_BOOT && !options->is_boot) &&
	       !(row->needs & NEEDS_RUNTIME && options->is_boot);
}

static const struct key_row *find_row(const struct console *console, int key)
{
	if (key == KEY_ENTER && console->screen == SCREEN_DIFFERENCES)
		key = 'v';
	if (key >= '1' && key <= '8') /* one row for all the digits */
		key = '1';
	for (size_t i = 0; i < KEYS; i++)
		if (key_rows[i].key == key && key_rows[i].screens >> console->screen & 1)
			return &key_rows[i];
	return NULL;
}

bool console_knows_key(const struct console *console, int key)
{
	return find_row(console, key) != NULL;
}

static const char *why_not(const struct console *console, const struct key_row *row)
{
	const struct console_options *options = &console->options;

	if (row->needs & NEEDS_PATHCHECK && !options->has_pathcheck)
		return "this program was built without svc-pathcheck";
	if (row->needs & NEEDS_PROMOTE && !options->has_promote)
		return "this program was built without svc-promote";
	if (row->needs & NEEDS_BOOT && !options->is_boot)
		return "that is for the boot alone; here the shell is where you came from";
	if (row->needs & NEEDS_RUNTIME && options->is_boot)
		return "the boot waits: g lets it judge again, x goes on without the mirror";
	if (options->is_read_only &&
	    (needs_of(console, row) & (NEEDS_UNLOCKED | NEEDS_SAY) || row->action == KEY_OF_UNLOCK))
		return "started with --read-only: it writes nothing, and ends nothing that does";
	return NULL;
}

struct request console_key(struct console *console, int key, uint64_t now_ms)
{
	const struct request none = { .kind = REQUEST_NONE };
	const struct key_row *row;
	const char *why;
	int number = key >= '1' && key <= '8' ? key - '0' : 0;

	console->now_ms = now_ms;
	console->is_touched = true;
	console->message[0] = '\0';
	if (key == KEY_PASTED) {
		console->prompt.typed[0] = '\0'; /* or an Enter would confirm it */
		console_say(console, "characters came in faster than keys are pressed, and were ignored");
		return none;
	}
	if (key == KEY_REDRAW)
		return (struct request){ .kind = REQUEST_REDRAW };
	if (console->screen == SCREEN_PROMPT)
		return prompt_key(console, key);
	row = find_row(console, key);
	if (!row) {
		if (key != KEY_ENTER)
			console_say(console, "that key does nothing here; ? shows those that do");
		return none;
	}
	why = why_not(console, row);
	if (why) {
		console_say(console, "%s", why);
		return none;
	}
	if (needs_of(console, row) & NEEDS_UNLOCKED && !console->is_unlocked && is_of_use(console, row->action)) {
		prompt_unlock(console, row->action);
		return none;
	}
	return console_act(console, row->action, number);
}

int console_countdown(const struct console *console)
{
	uint64_t waited_ms = console->now_ms - console->started_ms;

	if (!console->options.is_boot || !console->options.wait_seconds || console->is_touched)
		return -1;
	if (waited_ms / 1000 >= console->options.wait_seconds)
		return 0;
	return (int)(console->options.wait_seconds - waited_ms / 1000);
}

const struct job *console_work(const struct console *console)
{
	const struct job *last = NULL;

	for (int i = 0; i < console->jobs; i++)
		if (console->job[i].number && !console->job[i].is_of_others &&
		    (!last || console->job[i].number > last->number))
			last = &console->job[i];
	return last;
}

const struct job *console_job(const struct console *console, const char *name)
{
	for (int i = 0; i < console->jobs; i++)
		if (*name && !strcmp(console->job[i].name, name))
			return &console->job[i];
	return NULL;
}

static bool is_working(const struct console *console)
{
	const struct job *work = console_work(console);

	return work && work->state == JOB_RUNNING;
}

static bool is_under_way(const struct console *console, enum task task)
{
	for (int i = 0; i < console->jobs; i++)
		if (console->job[i].task == task && console->job[i].state == JOB_RUNNING &&
		    !console->job[i].is_of_others)
			return true;
	return false;
}

struct request console_tick(struct console *console, uint64_t now_ms)
{
	struct request run = { .kind = REQUEST_RUN };

	console->now_ms = now_ms;
	if (!console->has_started) {
		console->has_started = true;
		console->started_ms = now_ms;
		console->looked_ms = console->paths_ms = now_ms - LOOK_EVERY_MS;
	}
	if (console_countdown(console) == 0)
		return (struct request){ .kind = REQUEST_LEAVE, .exit = SVC_EXIT_INTERRUPTED };
	/* What writes changes the evidence as it goes: it says itself how far it is. */
	if (is_working(console))
		return (struct request){ .kind = REQUEST_NONE };
	if (now_ms - console->looked_ms >= LOOK_EVERY_MS && !is_under_way(console, TASK_LOOK)) {
		console->looked_ms = now_ms;
		run.task = TASK_LOOK;
		return run;
	}
	if (console->options.has_pathcheck && now_ms - console->paths_ms >= LOOK_EVERY_MS &&
	    !is_under_way(console, TASK_PATHS)) {
		console->paths_ms = now_ms;
		run.task = TASK_PATHS;
		return run;
	}
	return (struct request){ .kind = REQUEST_NONE };
}

void console_jobs(struct console *console, const struct job *job, int jobs)
{
	console->jobs = jobs > JOBS_MAX ? JOBS_MAX : jobs;
	memcpy(console->job, job, (size_t)console->jobs * sizeof(*job));
}

void console_refused(struct console *console, const char *why)
{
	console_say(console, "%s", why);
}

void console_taken(struct console *console, const struct request *request, const char *name)
{
	const struct task_row *row = task_row(request->task);

	if (row->lane == LANE_LOOK || row->lane == LANE_PATHS)
		return;
	snprintf(console->awaited, sizeof(console->awaited), "%s", name);
	console->awaited_task = request->task;
	snprintf(console->shown_job, sizeof(console->shown_job), "%s", name);
	if (request->task == TASK_PLAN)
		console->planned = *request;
	if (lane_is_asked(row->lane)) {
		if (row->is_writing) { /* what led here is settled: there is no way back to it */
			console->screen = SCREEN_OVERVIEW;
			console->depth = 0;
		} else if (console->screen == SCREEN_CHOOSE || console->screen == SCREEN_PLAN ||
		           console->screen == SCREEN_PROMPT || console->screen == SCREEN_UNDO)
			console_back(console); /* what was chosen there is chosen */
		console_go(console, SCREEN_JOB);
	}
}
