/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-compare: are the copies consistent, which one is right and why, and which files differ. */
#include <errno.h>
#include <unistd.h>

#include "compare/compare.h"
#include "options.h"
#include "report/progress.h"
#include "report/report.h"
#include "runtime.h"
#include "survey.h"
#include "verdict/verdict.h"

enum { KEY_FAST = 300, KEY_ALLOCATED, KEY_FULL };

static const struct option_row rows[] = {
	{ KEY_FAST, "fast", NULL, "read the evidence only, not the content" },
	{ KEY_ALLOCATED, "allocated", NULL, "compare every block in use on any copy (default)" },
	{ KEY_FULL, "full", NULL, "compare every block" },
	{ 0, NULL, NULL, NULL },
};

static bool take(void *own, int key, const char *value)
{
	enum compare_mode *mode = own;

	(void)value;
	*mode = key == KEY_FAST ? COMPARE_FAST : key == KEY_FULL ? COMPARE_FULL : COMPARE_ALLOCATED;
	return true;
}

static int compare(struct survey *survey, enum compare_mode mode, const struct common_options *common,
                   struct comparison *comparison, struct verdict *verdict, struct svc_error *error)
{
	struct progress progress = { .out = stderr, .what = "comparing", .requested = &runtime_progress_wanted };
	struct compare_options options = {
		.mode = mode, .stop = &runtime_stop_wanted, .progress = progress_update, .context = &progress
	};
	int reference, code = 0;

	progress.is_shown = runtime_shows_progress(common);
	if (mode != COMPARE_FAST)
		code = survey_read_blanks(survey, &runtime_stop_wanted, progress_update, &progress, error);
	if (code)
		return code;
	verdict_judge(survey->copy, survey->copies, NULL, mode == COMPARE_FAST, verdict);
	reference = verdict_reference(survey->copy, survey->copies, verdict);
	if (mode != COMPARE_FAST && reference >= 0) {
		code = compare_run(survey->copy, survey->copies, survey->access, reference, &options, comparison,
		                   error);
		progress_end(&progress);
	}
	if (!code)
		verdict_judge(survey->copy, survey->copies, comparison, true, verdict);
	return code;
}

static int report_all(const struct survey *survey, enum compare_mode mode, const struct common_options *common,
                      const char *typed, const struct comparison *comparison, const struct verdict *verdict)
{
	struct report report = {
		.command = "compare",
		.copy = survey->copy,
		.copies = survey->copies,
		.mode = mode,
		.comparison = comparison,
		.verdict = verdict,
		.arguments = typed,
		.is_verbose = common->is_verbose,
		.is_brief = common->is_quiet,
		.has_colour = runtime_has_colour(),
		.width = runtime_width(),
		.exit = verdict->exit,
	};

	if (common->is_json)
		return report_json(&report, options_json());
	return common->is_quiet ? 0 : report_text(&report, stdout);
}

static int run(int argc, char **argv)
{
	enum compare_mode mode = COMPARE_ALLOCATED;
	struct common_options common = { 0 };
	struct comparison comparison = { .reference = -1 };
	struct verdict verdict;
	struct survey survey;
	struct runtime runtime;
	struct svc_error error;
	int first, code = options_parse(&svc_compare, argc, argv, &common, &mode, &first);

	if (code >= 0)
		return code;
	code = runtime_start(&runtime, &common, argv + first, argc - first, &error);
	if (code) {
		complain_error(&svc_compare, code, &error);
		return code;
	}
	code = survey_open(runtime.argument, runtime.arguments, &runtime.locate, &survey, &error);
	if (code) {
		code = SVC_EXIT_USAGE;
		goto out;
	}
	code = compare(&survey, mode, &common, &comparison, &verdict, &error);
	if (code) {
		code = code == -EINTR ? SVC_EXIT_INTERRUPTED : SVC_EXIT_IO;
		goto out;
	}
	error.text[0] = '\0';
	if (report_all(&survey, mode, &common, runtime.typed, &comparison, &verdict)) {
		code = complain_output(&svc_compare);
		goto out;
	}
	code = verdict.exit;
	runtime_complain_findings(&svc_compare, &survey, &verdict, NULL);
out:
	if (error.text[0])
		complain_error(&svc_compare, code, &error);
	compare_free(&comparison);
	survey_close(&survey);
	runtime_end(&runtime);
	return code;
}

const struct command svc_compare = {
	.name = "svc-compare",
	.synopsis = "[--fast|--allocated|--full] [COPY...]",
	.summary = "Tells which copy is right, why, and what differs.",
	.rows = rows,
	.run = run,
	.take = take,
};
