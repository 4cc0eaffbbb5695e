// SPDX-License-Identifier: GPL-2.0-or-later
/* What the keys do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/console_private.h"

static const struct request none = { .kind = REQUEST_NONE };

struct request request_run(enum task task, const char *word)
{
	struct request request = { .kind = REQUEST_RUN, .task = task };

	snprintf(request.word, sizeof(request.word), "%s", word);
	return request;
}

static struct request confirm_task(struct console *console, enum task task, const char *word, const char *about)
{
	prompt_open(console, task_row(task)->title, "yes", "%s", about);
	console->prompt.request = request_run(task, word);
	return none;
}

static struct request view(struct console *console)
{
	const struct shown_report *report = console_report(console);
	size_t index = console->cursor[SCREEN_DIFFERENCES];
	const struct shown_file *file =
		report && index < report->differing.count ? &report->differing.file[index] : NULL;
	char whose[sizeof(file->side->copy) + 32];

	if (!file || !file->sides) {
		console_say(console, "there is no file to look at");
		return none;
	}
	if (strcmp(file->kind, "file") != 0) {
		console_say(console, "only files can be looked at");
		return none;
	}
	snprintf(whose, sizeof(whose), "%s:%" PRIu64, file->side[0].copy, file->inode);
	snprintf(console->viewed, sizeof(console->viewed), "%s", file->path);
	return request_run(TASK_VIEW, whose);
}

static struct request stop(struct console *console)
{
	const struct job *job = console_job(console, console->shown_job);

	if (!job || job->state != JOB_RUNNING) {
		console_say(console, "this work has ended");
		return none;
	}
	prompt_open(console, "End the work", "stop",
	            "It ends at a safe point. What is half rebuilt stays marked as such; "
	            "started again, the work goes on.");
	console->prompt.request = (struct request){ .kind = REQUEST_STOP };
	snprintf(console->prompt.request.word, sizeof(console->prompt.request.word), "%s", job->name);
	return none;
}

/*
 * What is under way before what has ended, and then the latest. Of the work of other copies what is under way alone: it
 * may be in the way.
 */
static int rank_of(const struct job *job)
{
	bool is_running = job->state == JOB_RUNNING;

	if (!lane_is_asked(task_row(job->task)->lane) || (job->is_of_others && !is_running))
		return 0;
	return job->is_of_others ? 2 : is_running ? 3 : 1;
}

static const struct job *find_work(const struct console *console)
{
	const struct job *found = NULL;

	for (int i = 0; i < console->jobs; i++) {
		const struct job *job = &console->job[i];
		int rank = rank_of(job), most = found ? rank_of(found) : 0;

		if (rank > most || (rank && rank == most && job->serial > found->serial))
			found = job;
	}
	return found;
}

static struct request leave(struct console *console, enum action_id action)
{
	const struct job *work = find_work(console); /* of whichever copies: a restart would end it */

	if (action == KEY_OF_LEAVE)
		return (struct request){ .kind = REQUEST_LEAVE, .exit = SVC_EXIT_DONE };
	if (work && work->state == JOB_RUNNING && work->number) {
		console_say(console, "work is under way: wait for it, or stop it (w)");
		return none;
	}
	if (action == KEY_OF_GO_ON)
		return (struct request){ .kind = REQUEST_LEAVE, .exit = SVC_EXIT_DONE };
	if (action == KEY_OF_WITHOUT) {
		prompt_open(console, "Boot without the mirror", "without",
		            "The boot goes on, and the persistent data is not there until somebody sees to it.");
		console->prompt.request = (struct request){ .kind = REQUEST_LEAVE, .exit = SVC_EXIT_OPERATOR };
	} else {
		prompt_open(console, "Restart this machine", "reboot", "Nothing is written; the machine starts again.");
		console->prompt.request = (struct request){ .kind = REQUEST_REBOOT };
	}
	return none;
}

static struct request save_bundle(struct console *console, enum action_id action, int number)
{
	if (action == KEY_OF_BUNDLE_LINE)
		return (struct request){ .kind = REQUEST_SEND };
	if (action == KEY_OF_BUNDLE_FILE) {
		prompt_open(console, "Save a support bundle", "",
		            "The name of a new file, below a folder that is there.");
		console->prompt.kind = PROMPT_FILE;
		console->prompt.request = request_run(TASK_BUNDLE, "");
		return none;
	}
	if (number < 1 || number > console->targets) {
		console_say(console, "there is no place of this number");
		return none;
	}
	return request_run(TASK_BUNDLE, console->target[number - 1]);
}

static struct request act_on_paths(struct console *console, enum action_id action)
{
	switch (action) {
	case KEY_OF_SWITCH_NBD:
		return confirm_task(console, TASK_SWITCH, "nbd",
		                    "The shared volume is used over the other controller.");
	case KEY_OF_SWITCH_DIRECT:
		return confirm_task(console, TASK_SWITCH, "direct", "The shared volume is used over the direct path.");
	case KEY_OF_SWITCH_AUTO:
		return confirm_task(console, TASK_SWITCH, "auto", "The best path to the shared volume is used.");
	case KEY_OF_COHERENCE:
		return confirm_task(console, TASK_COHERENCE, "",
		                    "Marks are written into the record area over each path, and read back.");
	case KEY_OF_EXPORT:
		return confirm_task(console, TASK_EXPORT, "",
		                    "The other controller can use the shared volume from here.");
	default:
		return confirm_task(console, TASK_UNEXPORT, "",
		                    "The other controller loses this way to the shared volume.");
	}
}

static struct request act_elsewhere(struct console *console, enum action_id action)
{
	switch (action) {
	case KEY_OF_PROMOTE:
		return request_run(TASK_PROMOTE_PLAN, "");
	case KEY_OF_DEMOTE:
		return request_run(TASK_DEMOTE_PLAN, "");
	case KEY_OF_TAKE_OVER:
		return choosing_take_over(console);
	case KEY_OF_PEER_OFF:
		return choosing_say_off(console);
	case KEY_OF_UNLOCK:
		prompt_unlock(console, KEYS);
		return none;
	case KEY_OF_SEARCH:
		prompt_open(console, "Search", "", "A part of the file's name.");
		console->prompt.kind = PROMPT_SEARCH;
		return none;
	case KEY_OF_SEARCH_NEXT:
		moving_search_next(console);
		return none;
	case KEY_OF_NEXT_LINE:
		moving_next_line(console);
		return none;
	case KEY_OF_OTHER_SIDE:
		if (console->view.versions > 2)
			console->right = console->right % (console->view.versions - 1) + 1;
		return none;
	case KEY_OF_EXPLAIN_ALL:
		console->is_explaining_all = !console->is_explaining_all;
		console->cursor[SCREEN_EXPLAIN] = 0;
		return none;
	case KEY_OF_SHELL:
		return (struct request){ .kind = REQUEST_SHELL };
	case KEY_OF_LOOK:
		return request_run(TASK_LOOK, "");
	case KEY_OF_DOWN:
	case KEY_OF_UP:
		moving_move(console, action == KEY_OF_DOWN ? 1 : -1, 0);
		return none;
	case KEY_OF_PAGE_DOWN:
	case KEY_OF_PAGE_UP:
		moving_move(console, 0, action == KEY_OF_PAGE_DOWN ? 1 : -1);
		return none;
	default:
		console_back(console);
		return none;
	}
}

static struct request show_copy(struct console *console, int number)
{
	const struct shown_report *report = console_report(console);

	if (!report || number > report->copies) {
		console_say(console, "there is no copy of this number");
		return none;
	}
	console->item = number - 1;
	console_go(console, SCREEN_COPY);
	return none;
}

static struct request show_work(struct console *console)
{
	const struct job *work = find_work(console);

	if (!work) {
		console_say(console, "nothing was done yet");
		return none;
	}
	snprintf(console->shown_job, sizeof(console->shown_job), "%s", work->name);
	console_go(console, SCREEN_JOB);
	return none;
}

struct request console_act(struct console *console, enum action_id action, int number)
{
	static const struct {
		enum action_id action;
		enum screen_id screen;
	} shows[] = {
		{ KEY_OF_DIFFERENCES, SCREEN_DIFFERENCES },
		{ KEY_OF_EXPLAIN, SCREEN_EXPLAIN },
		{ KEY_OF_PATHS, SCREEN_PATHS },
		{ KEY_OF_LOG, SCREEN_LOG },
		{ KEY_OF_MORE, SCREEN_MORE },
		{ KEY_OF_HELP, SCREEN_HELP },
		{ KEY_OF_CHOOSE_OTHER, SCREEN_CHOOSE },
		{ KEY_OF_BUNDLE, SCREEN_BUNDLE },
	};

	for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++)
		if (shows[i].action == action) {
			console_go(console, shows[i].screen);
			return none;
		}
	switch (action) {
	case KEY_OF_REBUILD:
		return choosing_plan(console);
	case KEY_OF_REBUILD_ONE:
		return choosing_plan_one(console);
	case KEY_OF_CHOOSE:
		return choosing_choose(console, number);
	case KEY_OF_TARGET:
		return choosing_target(console);
	case KEY_OF_CONFIRM:
		return choosing_confirm(console);
	case KEY_OF_SAVE_TO:
	case KEY_OF_SAVE_NOT:
		return choosing_save(console, action == KEY_OF_SAVE_TO);
	case KEY_OF_UNDO_FILE:
		return choosing_undo_file(console);
	case KEY_OF_COMPARE:
		return request_run(TASK_COMPARE, "");
	case KEY_OF_COMPARE_FULL:
		return request_run(TASK_COMPARE_FULL, "");
	case KEY_OF_COPY:
		return show_copy(console, number);
	case KEY_OF_WORK:
		return show_work(console);
	case KEY_OF_UNDO:
		return request_run(TASK_UNDOS, "");
	case KEY_OF_UNDO_CONFIRM:
		return choosing_undo(console);
	case KEY_OF_VIEW:
		return view(console);
	case KEY_OF_STOP:
		return stop(console);
	case KEY_OF_LEAVE:
	case KEY_OF_GO_ON:
	case KEY_OF_WITHOUT:
	case KEY_OF_REBOOT:
		return leave(console, action);
	case KEY_OF_BUNDLE_TO:
	case KEY_OF_BUNDLE_FILE:
	case KEY_OF_BUNDLE_LINE:
		return save_bundle(console, action, number);
	case KEY_OF_SWITCH_NBD:
	case KEY_OF_SWITCH_DIRECT:
	case KEY_OF_SWITCH_AUTO:
	case KEY_OF_COHERENCE:
	case KEY_OF_EXPORT:
	case KEY_OF_UNEXPORT:
		return act_on_paths(console, action);
	default:
		return act_elsewhere(console, action);
	}
}
