/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-resync: rebuild the others from the authority, and prove it; or put back what that overwrote. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "report/progress.h"
#include "report/report.h"
#include "resync.h"
#include "runtime.h"
#include "verdict/verdict.h"

enum { KEY_FROM = 300, KEY_TO, KEY_ALLOCATED, KEY_SAVE, KEY_NO_SAVE, KEY_RATE, KEY_UNDO };

#define UNDO_DIRECTORY "/var/lib/svc"
#define UNDO_LIMIT_BYTES ((uint64_t)1 << 30)

struct resync_arguments {
	const char *from, *to[SVC_COPIES_MAX], *save, *undo;
	int tos;
	bool is_allocated, has_no_save;
	uint64_t rate;
};

static const struct option_row rows[] = {
	{ KEY_FROM, "from", "NAME", "the copy to keep, where the verdict names none" },
	{ KEY_TO, "to", "NAME", "rebuild this copy only (may be given again)" },
	{ KEY_ALLOCATED, "allocated", NULL, "leave blocks that no file system uses alone" },
	{ KEY_SAVE, "save", "FILE", "save what is overwritten to FILE" },
	{ KEY_NO_SAVE, "no-save", NULL, "do not save what is overwritten" },
	{ KEY_RATE, "rate", "BYTES", "write at most BYTES a second" },
	{ KEY_UNDO, "undo", "FILE", "put back what a rebuild overwrote" },
	{ 0, NULL, NULL, NULL },
};

static bool take_rate(struct resync_arguments *arguments, const char *value)
{
	char *end;

	errno = 0;
	arguments->rate = strtoull(value, &end, 10);
	if (*value >= '0' && *value <= '9' && !*end && !errno && arguments->rate)
		return true;
	complain(&svc_resync, "--rate takes a number of bytes a second", NULL);
	return false;
}

static bool take(void *own, int key, const char *value)
{
	struct resync_arguments *arguments = own;

	switch (key) {
	case KEY_FROM:
		arguments->from = value;
		return true;
	case KEY_TO:
		if (arguments->tos < SVC_COPIES_MAX)
			arguments->to[arguments->tos++] = value;
		return true;
	case KEY_ALLOCATED:
		arguments->is_allocated = true;
		return true;
	case KEY_SAVE:
		arguments->save = value;
		return true;
	case KEY_NO_SAVE:
		arguments->has_no_save = true;
		return true;
	case KEY_UNDO:
		arguments->undo = value;
		return true;
	default:
		return take_rate(arguments, value);
	}
}

/* One call under way: what the callbacks of the library need. */
struct call {
	const struct common_options *common;
	const struct runtime *runtime;
	struct survey survey;
	struct resync resync;
	struct progress progress;
	int exit;
	bool is_shown; /* the screen with the plan was printed */
};

static struct report report_of(const struct call *call)
{
	return (struct report){
		.command = "resync",
		.copy = call->survey.copy,
		.copies = call->survey.copies,
		.mode = call->resync.comparison.mode,
		.comparison = &call->resync.comparison,
		.verdict = &call->resync.verdict,
		.arguments = call->runtime->typed,
		.is_verbose = call->common->is_verbose,
		.has_colour = runtime_has_colour(),
		.width = runtime_width(),
		.exit = call->exit,
		.plan = &call->resync.plan,
		.outcome = &call->resync.outcome,
		.refusals = &call->resync.refusals,
		.undo_path = call->resync.undo_path,
	};
}

static void show_plan(struct call *call)
{
	struct report report = report_of(call);

	if (call->is_shown || call->common->is_json || call->common->is_quiet)
		return;
	report_text(&report, stdout);
	report_plan(&report, stdout);
	fflush(stdout);
	call->is_shown = true;
}

static void show_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
	struct call *call = context;

	progress_update(&call->progress, done_bytes, total_bytes);
}

static bool can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool is_answered(const char *wanted)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char answer[SVC_NAME_SIZE + 2] = "";

	fflush(stdout);
	/* A signal ends the question: reading goes on after one, waiting does not. */
	while (!runtime_stop_wanted && poll(&input, 1, 500) <= 0)
		;
	if (runtime_stop_wanted || !fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return !strcmp(answer, wanted);
}

/* On a terminal: what gives up a history wants the name of the copy that is kept, the rest a plain yes. */
static int confirm(void *context)
{
	struct call *call = context;
	const struct plan *plan = &call->resync.plan;
	const char *name = call->survey.copy[plan->authority].name;

	progress_end(&call->progress);
	call->progress = (struct progress){ .out = stderr,
		                            .what = "rebuilding",
		                            .is_shown = call->progress.is_shown,
		                            .requested = call->progress.requested };
	show_plan(call);
	if (call->common->is_yes)
		return 0;
	if (can_ask()) {
		printf(plan->is_forced ? "Type %s to keep it and overwrite the others: "
		                       : "Rebuild from %s? Type yes: ",
		       name);
		if (is_answered(plan->is_forced ? name : "yes"))
			return 0;
		if (runtime_stop_wanted)
			return SVC_EXIT_INTERRUPTED;
	}
	reason_add(&call->resync.refusals, REASON_NOT_CONFIRMED, -1, "nothing was written: the plan was not confirmed");
	return SVC_EXIT_REFUSED;
}

static int find_copy(const struct survey *survey, const char *name)
{
	for (int i = 0; i < survey->copies; i++)
		if (!strcmp(survey->copy[i].name, name))
			return i;
	for (int i = 0; i < survey->copies; i++)
		if (!strcmp(survey->copy[i].group, name))
			return i;
	return -1;
}

static int read_wish(const struct survey *survey, const struct resync_arguments *arguments, struct plan_wish *wish,
                     struct svc_error *error)
{
	const char *wrong = NULL;

	wish->from = -1;
	wish->is_allocated = arguments->is_allocated;
	wish->has_to = arguments->tos > 0;
	if (arguments->from) {
		wish->from = find_copy(survey, arguments->from);
		wrong = wish->from < 0 ? arguments->from : NULL;
		if (wish->from >= 0) /* paths lead to one volume, or nothing is written at all */
			wish->from = verdict_first_path(survey->copy, survey->copies, wish->from);
	}
	for (int t = 0; t < arguments->tos && !wrong; t++) {
		int i = find_copy(survey, arguments->to[t]);

		if (i < 0)
			wrong = arguments->to[t];
		else
			wish->to[i] = true;
	}
	if (!wrong)
		return 0;
	error_set(error, -EINVAL, "%s: no copy of this name was given", wrong);
	error_next(error, "--from and --to take the names of the copies that are given");
	return SVC_EXIT_USAGE;
}

static int resync(struct call *call, const struct resync_arguments *arguments, struct svc_error *error)
{
	const struct svc_conf *conf = &call->runtime->conf;
	struct resync_options options = {
		.locate = call->runtime->locate,
		.legs = conf->legs,
		.is_dry_run = call->common->is_dry_run,
		.save_path = arguments->save,
		.is_saving = !arguments->has_no_save,
		.undo_directory = conf->undo_directory[0] ? conf->undo_directory : UNDO_DIRECTORY,
		.undo_limit_bytes = conf->undo_limit_bytes ? conf->undo_limit_bytes : UNDO_LIMIT_BYTES,
		.rate = arguments->rate,
		.now = time(NULL),
		.stop = &runtime_stop_wanted,
		.progress = show_progress,
		.confirm = confirm,
		.context = call,
	};
	int code = read_wish(&call->survey, arguments, &options.wish, error);

	if (code)
		return code;
	/* The question comes when the plan is known; where nobody can be asked only --yes will do. */
	options.wish.is_forced = call->common->is_yes || call->common->is_dry_run || can_ask();
	call->progress = (struct progress){ .out = stderr,
		                            .what = "comparing",
		                            .requested = &runtime_progress_wanted,
		                            .is_shown = runtime_shows_progress(call->common) };
	code = resync_run(&call->survey, &options, &call->resync, error);
	progress_end(&call->progress);
	call->exit = code;
	return code;
}

static void report(struct call *call)
{
	struct report report = report_of(call);

	if (call->common->is_json) {
		report_json(&report, stdout);
		return;
	}
	show_plan(call);
	if (call->common->is_quiet)
		return;
	if (call->resync.is_done)
		report_result(&report, stdout);
	fflush(stdout);
}

static int undo(struct call *call, const char *path, struct svc_error *error)
{
	uint64_t written_bytes = 0;
	int code;

	if (can_ask() && !call->common->is_yes)
		printf("What is on the copies now is overwritten with what %s holds. Type yes: ", path);
	if (!call->common->is_yes && !(can_ask() && is_answered("yes"))) {
		error_set(error, -EPERM, "%s: putting it back overwrites what is there now, and that is not confirmed",
		          path);
		error_next(error, "add --yes");
		return SVC_EXIT_REFUSED;
	}
	code = resync_undo(&call->survey, &call->runtime->locate, path, &runtime_stop_wanted, &written_bytes, error);
	if (!code && !call->common->is_quiet)
		printf("    done: %" PRIu64 " bytes were put back from %s\n", written_bytes, path);
	return code;
}

static void complain_refusals(const struct call *call)
{
	const struct reasons *refusals = &call->resync.refusals;

	if (call->is_shown && !call->common->is_json)
		return;
	for (size_t i = 0; i < refusals->count; i++)
		complain(&svc_resync, refusals->item[i].text, reason_row(refusals->item[i].id)->next);
}

static int run(int argc, char **argv)
{
	struct resync_arguments arguments = { 0 };
	struct common_options common = { 0 };
	struct svc_error error = { .text = "" };
	struct runtime runtime;
	struct call call = { .common = &common, .runtime = &runtime };
	int first, code = options_parse(&svc_resync, argc, argv, &common, &arguments, &first);

	if (code >= 0)
		return code;
	code = runtime_start(&runtime, &common, argv + first, argc - first, &error);
	if (code) {
		complain(&svc_resync, error.text, error.next);
		return code;
	}
	code = survey_open(runtime.argument, runtime.arguments, &runtime.locate, &call.survey, &error);
	if (code) {
		code = SVC_EXIT_USAGE;
	} else if (arguments.undo) {
		code = undo(&call, arguments.undo, &error);
	} else {
		error.text[0] = '\0';
		code = resync(&call, &arguments, &error);
		if (code != SVC_EXIT_USAGE) { /* a name that is not there: nothing was judged */
			report(&call);
			complain_refusals(&call);
			runtime_complain_findings(&svc_resync, &call.survey);
		}
	}
	if (code && error.text[0])
		complain(&svc_resync, error.text, error.next);
	resync_free(&call.resync);
	survey_close(&call.survey);
	runtime_end(&runtime);
	return code;
}

const struct command svc_resync = {
	.name = "svc-resync",
	.synopsis = "[--from NAME] [--to NAME] [--undo FILE] [COPY...]",
	.summary = "Rebuilds the other copies from the right one, and proves it.",
	.rows = rows,
	.run = run,
	.take = take,
};
