// SPDX-License-Identifier: GPL-2.0-or-later
/* From a verdict to a confirmed rebuild, and back. */
#include <stdio.h>
#include <string.h>

#include "console/console_private.h"

static const struct request none = { .kind = REQUEST_NONE };

struct request choosing_plan(struct console *console)
{
	const struct shown_report *report = console_report(console);

	if (!report) {
		console_say(console, "the evidence is not read yet");
		return none;
	}
	console->only[0] = '\0';
	if (!recommend_needs_choice(report))
		return request_run(TASK_PLAN, "");
	console_go(console, SCREEN_CHOOSE);
	return none;
}

bool choosing_can_rebuild(const struct console *console)
{
	const struct shown_report *report = console_report(console);

	return report && console->item < report->copies &&
	       (recommend_needs_choice(report) || strcmp(report->copy[console->item].name, report->authority) != 0);
}

struct request choosing_plan_one(struct console *console)
{
	const struct shown_report *report = console_report(console);
	struct request request = request_run(TASK_PLAN, "");

	if (!choosing_can_rebuild(console)) {
		console_say(console, "this is the copy to keep: the others are rebuilt from it");
		return none;
	}
	snprintf(console->only, sizeof(console->only), "%s", report->copy[console->item].name);
	if (recommend_needs_choice(report)) {
		console_go(console, SCREEN_CHOOSE);
		return none;
	}
	snprintf(request.to, sizeof(request.to), "%s", console->only);
	return request;
}

struct request choosing_choose(struct console *console, int number)
{
	const struct shown_report *report = console_report(console);
	struct request request = request_run(TASK_PLAN, "");

	if (!report || number < 1 || number > report->copies) {
		console_say(console, "there is no copy of this number");
		return none;
	}
	if (!strcmp(report->copy[number - 1].name, console->only)) {
		console_say(console, "%s is the one to be rebuilt: choose another one to keep", console->only);
		return none;
	}
	snprintf(request.from, sizeof(request.from), "%s", report->copy[number - 1].name);
	snprintf(request.to, sizeof(request.to), "%s", console->only);
	return request;
}

/* The device that was refused because it holds something else, named as the target. */
struct request choosing_target(struct console *console)
{
	struct request request = console->planned;

	for (int i = 0; console->has_plan && i < console->plan.plan.refusals; i++) {
		const struct shown_reason *refusal = &console->plan.plan.refusal[i];

		if (strcmp(refusal->id, "SVC-NAME-TARGET") != 0 || !*refusal->copy)
			continue;
		snprintf(request.to, sizeof(request.to), "%s", refusal->copy);
		if (!*request.from && *console->plan.authority)
			snprintf(request.from, sizeof(request.from), "%s", console->plan.authority);
		return request;
	}
	console_say(console, "no device was refused because of what it holds");
	return none;
}

bool choosing_is_one_too_many(const struct console *console)
{
	const struct shown_plan *plan = &console->plan.plan;
	bool is_refused = false;

	for (int i = 0; console->has_plan && !*console->planned.to && i < plan->refusals; i++)
		is_refused |= !strcmp(plan->refusal[i].id, "SVC-LEG-UNKNOWN");
	return is_refused;
}

bool choosing_is_saving_refused(const struct console *console)
{
	const struct shown_plan *plan = &console->plan.plan;
	bool is_refused = false;

	for (int i = 0; console->has_plan && i < plan->refusals; i++)
		is_refused |=
			!strcmp(plan->refusal[i].id, "SVC-UNDO-LIMIT") || !strcmp(plan->refusal[i].id, "SVC-UNDO-ROOM");
	return is_refused;
}

/* The same plan once more, saved elsewhere or, where that was the trouble, not at all. */
struct request choosing_save(struct console *console, bool is_saved)
{
	struct request request = console->planned;

	if (!console->has_plan || (!is_saved && !choosing_is_saving_refused(console))) {
		console_say(console, "there is nothing to be saved");
		return none;
	}
	request.save[0] = '\0';
	request.is_unsaved = !is_saved;
	if (!is_saved)
		return request;
	prompt_open(
		console, "Save what is overwritten", "",
		"The name of a new file on a medium that is mounted here, /stick/undo for example. Nothing is written "
		"yet: the plan is shown again.");
	console->prompt.kind = PROMPT_SAVE;
	console->prompt.request = request;
	return none;
}

static void list_targets(const struct shown_plan *plan, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (int i = 0; i < plan->actions; i++) {
		const char *name = plan->action[i].copy;
		bool is_told = !strcmp(name, plan->from);

		for (int k = 0; k < i && !is_told; k++)
			is_told = !strcmp(name, plan->action[k].copy);
		if (!is_told && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
	}
}

/* A copy's name without the path to it. An undo file may call one "@x": that is all the name it has. */
static const char *name_of(const char *copy, char name[64])
{
	size_t length = strcspn(copy, "@");

	snprintf(name, 64, "%.*s", length ? (int)length : 63, copy);
	return name;
}

struct request choosing_confirm(struct console *console)
{
	const struct shown_plan *shown = &console->plan.plan;
	struct request request = console->planned;
	char targets[200], name[64];

	if (!console->has_plan || !shown->actions || shown->refusals || !*shown->id || !*shown->from) {
		console_say(console, "there is nothing to be done by this plan");
		return none;
	}
	list_targets(shown, targets, sizeof(targets));
	prompt_open(console, "Rebuild", name_of(shown->from, name), "%s is kept. What %s now %s is overwritten%s.",
	            shown->from, targets, strchr(targets, ',') ? "hold" : "holds",
	            *shown->undo ? ", and saved first so that it can be taken back" : " and NOT saved");
	request.kind = REQUEST_RUN;
	request.task = TASK_RESYNC;
	snprintf(request.word, sizeof(request.word), "%s", shown->id);
	console->prompt.request = request;
	return none;
}

struct request choosing_undo_file(struct console *console)
{
	prompt_open(console, "Take a rebuild back", "",
	            "The name of the undo file. Nothing is written yet: what it holds is shown first.");
	console->prompt.kind = PROMPT_FILE;
	console->prompt.request = request_run(TASK_UNDOS, "");
	return none;
}

struct request choosing_undo(struct console *console)
{
	size_t index = console->cursor[SCREEN_UNDO];
	const struct shown_undo *undo = &console->undos.undo[index];
	char name[64];

	if (!console->has_undos || index >= (size_t)console->undos.undos) {
		console_say(console, "there is nothing to be taken back");
		return none;
	}
	if (!undo->is_usable || !*undo->first) {
		console_say(console, "this one cannot be used: %.120s", undo->why);
		return none;
	}
	prompt_open(console, "Take a rebuild back", name_of(undo->first, name),
	            "What %s now hold%s is overwritten with what was there before the rebuild.", undo->copies,
	            strchr(undo->copies, ',') ? "" : "s");
	console->prompt.request = request_run(TASK_UNDO, undo->path);
	return none;
}

bool choosing_is_takeover_plan(const struct console *console)
{
	const struct job *job = console_job(console, console->shown_job);

	return job && (job->task == TASK_PROMOTE_PLAN || job->task == TASK_DEMOTE_PLAN) && job->state == JOB_ENDED &&
	       !strcmp(console->deeds_job, job->name);
}

bool choosing_is_unfenced(const struct console *console)
{
	const struct job *job = console_job(console, console->shown_job);

	return job && job->task == TASK_PROMOTE && job->state == JOB_ENDED && console->is_unfenced &&
	       !strcmp(console->deeds_job, job->name);
}

struct request choosing_say_off(struct console *console)
{
	prompt_open(
		console, "Promote", "off",
		"Nothing proves that the other controller is stopped, so your word is all there is. Look: its power is "
		"off, or it has handed the mirror over. If it can still write, the copies come apart.");
	console->prompt.request = request_run(TASK_PROMOTE, TASK_WORD_OFF);
	return none;
}

struct request choosing_take_over(struct console *console)
{
	const struct job *job = console_job(console, console->shown_job);
	bool is_demotion;

	if (!choosing_is_takeover_plan(console) || job->exit != SVC_EXIT_DONE) {
		console_say(console, "there is nothing to be done by this plan");
		return none;
	}
	is_demotion = job->task == TASK_DEMOTE_PLAN;
	prompt_open(console, is_demotion ? "Demote" : "Promote", "yes",
	            is_demotion ? "This controller gives the mirror up; it is stopped here."
	                        : "This controller becomes the owner of the mirror. The other one must not use it.");
	console->prompt.request = request_run(is_demotion ? TASK_DEMOTE : TASK_PROMOTE, "");
	return none;
}
