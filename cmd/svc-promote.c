/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-promote: take the mirror over, hand it over, say whose it is. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "options.h"
#include "promote/promote.h"
#include "report/promote.h"
#include "runtime.h"

enum { KEY_CONTROLLER = 300, KEY_FROM, KEY_PEER_FENCED, KEY_DEMOTE, KEY_STATUS, KEY_TIMEOUT };

struct promote_arguments {
	const char *from;
	char controller;
	bool is_peer_fenced, wants_demote, wants_status;
	unsigned timeout_seconds;
};

static const struct option_row rows[] = {
	{ KEY_CONTROLLER, "controller", "a|b", "which controller this is" },
	{ KEY_FROM, "from", "NAME", "go on with this copy; see --yes" },
	{ KEY_PEER_FENCED, "peer-fenced", NULL, "the other controller is known to be stopped" },
	{ KEY_DEMOTE, "demote", NULL, "hand the mirror over" },
	{ KEY_STATUS, "status", NULL, "only say whose it is" },
	{ KEY_TIMEOUT, "timeout", "SECONDS", "end after SECONDS, in a defined state (60)" },
	{ 0, NULL, NULL, NULL },
};

static bool take_timeout(struct promote_arguments *arguments, const char *value)
{
	char last;

	if (*value >= '0' && *value <= '9' && sscanf(value, "%5u%c", &arguments->timeout_seconds, &last) == 1 &&
	    arguments->timeout_seconds >= 1 && arguments->timeout_seconds <= 3600)
		return true;
	complain(&svc_promote, "--timeout takes a number of seconds from 1 to 3600", "give it in digits: --timeout 60");
	return false;
}

static bool take(void *own, int key, const char *value)
{
	struct promote_arguments *arguments = own;

	switch (key) {
	case KEY_CONTROLLER:
		arguments->controller = *value;
		if (!strcmp(value, "a") || !strcmp(value, "b"))
			return true;
		complain(&svc_promote, "--controller takes a or b", "give one of these: --controller a");
		return false;
	case KEY_FROM:
		arguments->from = value;
		return true;
	case KEY_PEER_FENCED:
		arguments->is_peer_fenced = true;
		return true;
	case KEY_DEMOTE:
		arguments->wants_demote = true;
		return true;
	case KEY_STATUS:
		arguments->wants_status = true;
		return true;
	default:
		return take_timeout(arguments, value);
	}
}

static bool is_sensible(const struct promote_arguments *arguments)
{
	bool wants_other = arguments->wants_demote || arguments->wants_status;

	if ((!arguments->wants_demote || !arguments->wants_status) && (!wants_other || !arguments->from) &&
	    (!arguments->wants_status || !arguments->is_peer_fenced))
		return true;
	complain(&svc_promote,
	         "--demote and --status go with neither one another nor --from, nor --status with --peer-fenced",
	         "see svc-promote --help");
	return false;
}

static struct promote_options options_of(const struct promote_arguments *arguments, const struct common_options *common,
                                         const struct runtime *runtime, bool has_typed_copies)
{
	return (struct promote_options){
		.verb = arguments->wants_demote   ? PROMOTE_DEMOTE
		        : arguments->wants_status ? PROMOTE_STATUS
		                                  : PROMOTE_TAKEOVER,
		.conf = &runtime->conf,
		.locate = runtime->locate,
		.argument = runtime->argument,
		.arguments = runtime->arguments,
		.is_typed = has_typed_copies || common->lv,
		.config = common->config,
		.from = arguments->from,
		.controller = arguments->controller ? arguments->controller : runtime->conf.controller,
		.is_confirmed = common->is_yes,
		.is_peer_fenced = arguments->is_peer_fenced,
		.is_dry_run = common->is_dry_run,
		.timeout_seconds =
			arguments->timeout_seconds ? arguments->timeout_seconds : runtime->conf.promote_timeout_seconds,
		.stop = &runtime_stop_wanted,
		.out = common->is_quiet ? NULL : stderr,
	};
}

static int run(int argc, char **argv)
{
	static struct runtime runtime; /* large */
	struct promote_arguments arguments = { 0 };
	struct common_options common = { 0 };
	struct svc_error error = { 0 };
	struct promote_options options;
	struct promote_result *result;
	int first, code = options_parse(&svc_promote, argc, argv, &common, &arguments, &first);

	if (code >= 0)
		return code;
	if (!is_sensible(&arguments))
		return SVC_EXIT_USAGE;
	code = runtime_start(&runtime, &common, argv + first, argc - first, &error);
	if (code) {
		complain_error(&svc_promote, code, &error);
		return code;
	}
	openlog("svc-promote", LOG_PID, LOG_DAEMON);
	options = options_of(&arguments, &common, &runtime, first < argc);
	code = (int)promote_run(&options, &result);
	if (!result) {
		complain(&svc_promote, "out of memory", "");
	} else if (common.is_json ? report_promote_json(result, options_json())
	                          : !common.is_quiet && report_promote_text(result, common.is_verbose, stdout)) {
		int lost = complain_output(&svc_promote);

		code = code ? code : lost;
	}
	if (result && result->error.text[0])
		complain_error(&svc_promote, code, &result->error);
	if (result)
		promote_free(result);
	runtime_end(&runtime);
	return code;
}

const struct command svc_promote = {
	.name = "svc-promote",
	.synopsis = "[--from NAME] [--peer-fenced] [--demote|--status] [COPY...]",
	.summary = "Takes the mirror over, hands it over, or says whose it is.",
	.rows = rows,
	.run = run,
	.take = take,
};
