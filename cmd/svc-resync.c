/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-resync: rebuild the others from the authority, and prove it; or put back what that overwrote. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "plan/id.h"
#include "report/progress.h"
#include "report/report.h"
#include "resync.h"
#include "runtime.h"
#include "verdict/verdict.h"

enum { KEY_FROM = 300, KEY_TO, KEY_ALLOCATED, KEY_SAVE, KEY_NO_SAVE, KEY_RATE, KEY_UNDO, KEY_CONFIRMED };

#define UNDO_DIRECTORY "/var/lib/svc"
#define UNDO_LIMIT_BYTES ((uint64_t)1 << 30)

struct resync_arguments {
	const char *from, *to[SVC_COPIES_MAX], *save, *undo, *confirmed;
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
	{ KEY_CONFIRMED, "confirmed", "ID", "do not ask, and carry out no plan but this one" },
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
	complain(&svc_resync, "--rate takes a number of bytes a second, more than 0",
	         "give it in digits: --rate 20000000");
	return false;
}

static bool take(void *own, int key, const char *value)
{
	struct resync_arguments *arguments = own;

	switch (key) {
	case KEY_FROM:
		if (arguments->from) {
			complain(&svc_resync, "--from is given twice", "name the one copy to keep");
			return false;
		}
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
		if (!*value) {
			complain(&svc_resync, "--save takes the name of a file", "give one, or leave the option out");
			return false;
		}
		arguments->save = value;
		return true;
	case KEY_NO_SAVE:
		arguments->has_no_save = true;
		return true;
	case KEY_UNDO:
		arguments->undo = value;
		return true;
	case KEY_CONFIRMED:
		arguments->confirmed = value;
		return true;
	default:
		return take_rate(arguments, value);
	}
}

/* One call under way: what the callbacks of the library need. */
struct call {
	const struct common_options *common;
	const struct runtime *runtime;
	const char *confirmed; /* --confirmed */
	struct survey survey;
	struct resync resync;
	struct progress progress;
	int exit;
	const struct svc_error *error;
	bool is_shown;           /* the screen with the plan was printed */
	bool are_refusals_shown; /* and was refused before */
	bool is_logged;          /* a history is given up */
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
		.is_brief = call->common->is_quiet,
		.has_colour = runtime_has_colour(),
		.width = runtime_width(),
		.exit = call->exit,
		.error = call->exit ? call->error : NULL,
		.plan = &call->resync.plan,
		.outcome = &call->resync.outcome,
		.refusals = &call->resync.refusals,
		.unreached = &call->resync.unreached,
		.remarks = &call->resync.remarks,
		.undo_path = call->resync.undo_path,
		.unsaved = call->resync.unsaved,
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
	call->are_refusals_shown = call->resync.refusals.count > 0;
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

/* --confirmed: this plan was seen and confirmed elsewhere; whatever became another one since is not carried out. */
static int confirm_plan(struct call *call)
{
	char id[PLAN_ID_SIZE];

	plan_id(&call->resync.plan, call->survey.copy, call->survey.copies, &call->resync.verdict,
	        call->resync.comparison.fingerprint, id);
	if (!strcmp(id, call->confirmed))
		return 0;
	reason_add(&call->resync.refusals, REASON_CHANGED, -1,
	           "nothing was written: the plan is %s now, and %.20s was confirmed", id, call->confirmed);
	return SVC_EXIT_REFUSED;
}

/* On a terminal: what gives up a history wants the name of the copy that is kept, the rest a plain yes. */
static int ask(struct call *call)
{
	const struct plan *plan = &call->resync.plan;
	const char *name = call->survey.copy[plan->authority].name;

	if (call->confirmed)
		return confirm_plan(call);
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

static int confirm(void *context)
{
	struct call *call = context;
	struct report report;
	int code;

	progress_end(&call->progress);
	call->progress = (struct progress){ .out = stderr,
		                            .what = "rebuilding",
		                            .is_shown = call->progress.is_shown,
		                            .requested = call->progress.requested };
	show_plan(call);
	code = ask(call);
	if (code || !call->resync.plan.is_forced)
		return code;
	/* In the log in any case; with -q alone there is no other place where it would be said. */
	report = report_of(call);
	openlog(svc_resync.name, LOG_PID, LOG_DAEMON);
	report_log_given_up(&report, call->common->is_quiet && !call->common->is_json ? stderr : NULL);
	call->is_logged = true;
	return 0;
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

/* --from and --to as copies. Paths lead to one volume, or nothing is written at all: the first stands for it. */
static int read_name(const struct survey *survey, const char *option, const char *name, int *copy,
                     struct svc_error *error)
{
	char given[SVC_COPIES_MAX * 40] = "";
	size_t at = 0;
	int i = find_copy(survey, name);

	if (i >= 0) {
		*copy = verdict_first_path(survey->copy, survey->copies, i);
		return 0;
	}
	for (i = 0; i < survey->copies && at < sizeof(given); i++)
		at += (size_t)snprintf(given + at, sizeof(given) - at, "%s%.32s", i ? ", " : "", survey->copy[i].name);
	error_set(error, -EINVAL, "%s %s: no copy of this name was given", option, name);
	error_next(error, "name one of the copies that are given: %s", given);
	return SVC_EXIT_USAGE;
}

static int read_wish(const struct survey *survey, const struct resync_arguments *arguments, struct plan_wish *wish,
                     struct svc_error *error)
{
	int code = 0;

	wish->from = -1;
	wish->is_allocated = arguments->is_allocated;
	wish->has_to = arguments->tos > 0;
	if (arguments->from)
		code = read_name(survey, "--from", arguments->from, &wish->from, error);
	for (int t = 0; t < arguments->tos && !code; t++) {
		int i;

		code = read_name(survey, "--to", arguments->to[t], &i, error);
		if (code)
			break;
		wish->to[i] = true;
		if (wish->from < 0 || strcmp(survey->copy[i].group, survey->copy[wish->from].group) != 0)
			continue;
		error_set(error, -EINVAL, "--from %s and --to %s are the same copy: it cannot be rebuilt from itself",
		          arguments->from, arguments->to[t]);
		error_next(error, "--from names the copy to keep, --to the ones that are overwritten");
		code = SVC_EXIT_USAGE;
	}
	return code;
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
		.is_fingerprinted = call->common->is_json || arguments->confirmed,
		.stop = &runtime_stop_wanted,
		.progress = show_progress,
		.confirm = confirm,
		.context = call,
	};
	struct report report;
	int code = read_wish(&call->survey, arguments, &options.wish, error);

	if (code)
		return code;
	/* The question comes when the plan is known; where nobody can be asked only --yes will do. */
	options.wish.is_forced = call->common->is_yes || call->common->is_dry_run || arguments->confirmed || can_ask();
	call->confirmed = arguments->confirmed;
	call->progress = (struct progress){ .out = stderr,
		                            .what = "comparing",
		                            .requested = &runtime_progress_wanted,
		                            .is_shown = runtime_shows_progress(call->common) };
	code = resync_run(&call->survey, &options, &call->resync, error);
	progress_end(&call->progress);
	call->exit = code;
	report = report_of(call);
	if (call->is_logged)
		report_log_end(&report, call->resync.is_done, error->text);
	return code;
}

static void report(struct call *call)
{
	struct report report = report_of(call);

	if (call->common->is_json) {
		report_json(&report, options_json());
		return;
	}
	show_plan(call);
	if (call->common->is_quiet)
		return;
	if (call->resync.is_planned && call->resync.plan.actions && call->common->is_dry_run)
		report_paragraph(&report, stdout, "dry run", "nothing was written");
	if (call->resync.is_planned)
		report_result(&report, call->resync.is_done, stdout);
	fflush(stdout);
}

static void show_restored(const struct call *call)
{
	const struct resync *resync = &call->resync;
	const char *what = resync->is_done ? "put back" : "to put back";

	if (call->common->is_json || call->common->is_quiet)
		return;
	for (int i = 0; i < call->survey.copies; i++) {
		if (resync->restored[i])
			printf("    %s: %" PRIu64 " bytes %s from %s\n", call->survey.copy[i].name, resync->restored[i],
			       what, resync->undo_path);
		if (resync->lost[i])
			printf("    %s: zeros stand for %" PRIu64
			       " bytes that could not be read when they were saved\n",
			       call->survey.copy[i].name, resync->lost[i]);
	}
	fflush(stdout);
}

static int confirm_undo(void *context)
{
	struct call *call = context;

	if (call->common->is_yes)
		return 0;
	if (can_ask()) {
		show_restored(call);
		printf("What is there now is overwritten. Type yes: ");
		if (is_answered("yes"))
			return 0;
		if (runtime_stop_wanted)
			return SVC_EXIT_INTERRUPTED;
	}
	reason_add(&call->resync.refusals, REASON_NOT_CONFIRMED, -1, "nothing was put back: that was not confirmed");
	return SVC_EXIT_REFUSED;
}

static int undo(struct call *call, const char *path, struct svc_error *error)
{
	struct resync_options options = {
		.locate = call->runtime->locate,
		.is_dry_run = call->common->is_dry_run,
		.stop = &runtime_stop_wanted,
		.confirm = confirm_undo,
		.context = call,
	};
	struct report report;

	error->text[0] = '\0';
	call->exit = resync_undo(&call->survey, &options, path, &call->resync, error);
	report = report_of(call);
	report.restored = call->resync.restored;
	report.lost = call->resync.lost;
	if (call->common->is_json && call->exit != SVC_EXIT_USAGE)
		report_json(&report, options_json());
	if (!call->exit)
		show_restored(call);
	if (!call->exit && !call->resync.has_restored && !call->common->is_json && !call->common->is_quiet)
		printf("    nothing to put back: the copies are as they were before the rebuild\n");
	return call->exit;
}

static void complain_reasons(const struct reasons *reasons)
{
	for (size_t i = 0; i < reasons->count; i++)
		complain(&svc_resync, reasons->item[i].text, reason_row(reasons->item[i].id)->next);
}

/* What the screen does not show: it was shown before the refusal, or not at all. */
static void complain_refusals(const struct call *call)
{
	if (!call->are_refusals_shown)
		complain_reasons(&call->resync.refusals);
	if (call->common->is_quiet || call->common->is_json)
		complain_reasons(&call->resync.unreached);
}

/* What would be taken for an effect that it does not have. */
static bool is_consistent(const struct resync_arguments *arguments)
{
	if (arguments->save && arguments->has_no_save) {
		complain(&svc_resync, "--save and --no-save are given both", "choose the one or the other");
		return false;
	}
	if (arguments->undo && (arguments->from || arguments->tos || arguments->save || arguments->has_no_save ||
	                        arguments->is_allocated || arguments->rate || arguments->confirmed)) {
		complain(&svc_resync, "--undo goes with no option that is about a rebuild",
		         "it puts back all that FILE holds: svc-resync --undo FILE [COPY...]");
		return false;
	}
	return true;
}

static int run(int argc, char **argv)
{
	struct resync_arguments arguments = { 0 };
	struct common_options common = { 0 };
	struct svc_error error = { .text = "" };
	struct runtime runtime;
	struct call call = { .common = &common, .runtime = &runtime, .error = &error };
	int first, code = options_parse(&svc_resync, argc, argv, &common, &arguments, &first);

	if (code >= 0)
		return code;
	if (!is_consistent(&arguments))
		return SVC_EXIT_USAGE;
	code = runtime_start(&runtime, &common, argv + first, argc - first, &error);
	if (code) {
		complain_error(&svc_resync, code, &error);
		return code;
	}
	code = survey_open(runtime.argument, runtime.arguments, &runtime.locate, &call.survey, &error);
	if (code) {
		code = SVC_EXIT_USAGE;
	} else if (arguments.undo) {
		code = undo(&call, arguments.undo, &error);
		complain_refusals(&call);
	} else {
		error.text[0] = '\0';
		code = resync(&call, &arguments, &error);
		if (code != SVC_EXIT_USAGE) { /* a name that is not there: nothing was judged */
			report(&call);
			complain_refusals(&call);
			runtime_complain_findings(&svc_resync, &call.survey, &call.resync.verdict,
			                          call.resync.is_planned ? call.resync.plan.is_target : NULL);
		}
	}
	if (code && error.text[0])
		complain_error(&svc_resync, code, &error);
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
