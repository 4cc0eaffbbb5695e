/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-pathcheck: do all paths lead to the one shared volume; and bringing them up, switching, exporting, watching. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "options.h"
#include "path/export.h"
#include "path/monitor.h"
#include "path/notify.h"
#include "path/remark.h"
#include "path/setup.h"
#include "report/paths.h"
#include "runtime.h"

enum { KEY_COHERENCE = 300, KEY_SETUP, KEY_TEARDOWN, KEY_SWITCH, KEY_EXPORT, KEY_UNEXPORT, KEY_MONITOR };

struct pathcheck_arguments {
	int mode; /* the key of what is asked for; 0: only look */
	bool wants_coherence;
	int switch_to; /* enum path_kind; -1: auto */
};

static const struct option_row rows[] = {
	{ KEY_COHERENCE, "coherence", NULL, "write through each path, read through the other" },
	{ KEY_SETUP, "setup", NULL, "attach the paths and make one device of them" },
	{ KEY_TEARDOWN, "teardown", NULL, "take that device away, detach the NBD path" },
	{ KEY_SWITCH, "switch", "PATH", "send I/O to direct or nbd; auto: the best one" },
	{ KEY_EXPORT, "export", NULL, "serve the direct path to the other controller" },
	{ KEY_UNEXPORT, "unexport", NULL, "end that, and prove that no client is left" },
	{ KEY_MONITOR, "monitor", NULL, "watch the paths and act, until told to end" },
	{ 0, NULL, NULL, NULL },
};

/* One call under way. */
struct call {
	const struct pathcheck_arguments *arguments;
	const struct common_options *common;
	struct runtime *runtime;
	struct paths paths;
	struct reasons others;
};

static bool take_switch(struct pathcheck_arguments *arguments, const char *value)
{
	arguments->switch_to = -1;
	if (!strcmp(value, "auto"))
		return true;
	for (int i = 0; i < PATHS; i++)
		if (!strcmp(value, path_name(i))) {
			arguments->switch_to = i;
			return true;
		}
	complain(&svc_pathcheck, "--switch takes direct, nbd or auto", "see svc-pathcheck(8)");
	return false;
}

static bool take(void *own, int key, const char *value)
{
	struct pathcheck_arguments *arguments = own;

	if (key == KEY_COHERENCE) {
		arguments->wants_coherence = true;
		return true;
	}
	if (arguments->mode && arguments->mode != key) {
		complain(&svc_pathcheck, "only one thing can be asked for at once", "see svc-pathcheck --help");
		return false;
	}
	arguments->mode = key;
	return key != KEY_SWITCH || take_switch(arguments, value);
}

static struct export_options export_options_of(const struct call *call)
{
	const struct svc_conf *conf = &call->runtime->conf;

	return (struct export_options){
		.address = conf->export_address,
		.name = conf->export_name,
		.client = conf->export_client,
		.tls_certificates = conf->nbd_tls_certificates,
		.tls_psk_file = conf->nbd_tls_psk_file,
		.is_told = call->common->is_yes,
		.heeds_takeover = true,
	};
}

/* For svc-export.service: what it is about is the server, which stays. */
static void tell_server(void)
{
	char state[64];

	snprintf(state, sizeof(state), "MAINPID=%d\nREADY=1", (int)export_find());
	notify_systemd(state);
}

static int act(struct call *call, struct svc_error *error)
{
	bool wants_coherence = call->arguments->wants_coherence && !call->common->is_dry_run;
	struct export_options options = export_options_of(call);
	int code;

	switch (call->common->is_dry_run ? 0 : call->arguments->mode) {
	case KEY_SETUP:
		code = paths_setup(&call->paths, error);
		break;
	case KEY_SWITCH:
		code = paths_switch(&call->paths, call->arguments->switch_to, error);
		break;
	case KEY_TEARDOWN:
		return paths_teardown(&call->paths, error);
	case KEY_EXPORT:
		code = export_start(&call->paths, &options, error);
		if (!code)
			tell_server();
		break;
	case KEY_UNEXPORT:
		return export_stop(call->paths.options.locate.dev.timeout_seconds, error);
	default:
		code = paths_look(&call->paths, wants_coherence ? COHERENCE_ASKED : COHERENCE_NOT_WANTED, error);
	}
	if (!code)
		paths_remark(&call->paths, &options, &call->others);
	return code;
}

static int report(const struct call *call, int exit)
{
	struct paths_report report = {
		.paths = &call->paths,
		.others = &call->others,
		.is_verbose = call->common->is_verbose,
		.has_colour = runtime_has_colour(),
		.width = runtime_width(),
		.exit = exit,
	};

	if (call->common->is_json)
		return report_paths_json(&report, options_json());
	return call->common->is_quiet ? 0 : report_paths_text(&report, stdout);
}

/* What was asked for is done, whatever is wrong with a path beside it: the report says that. */
static bool is_deed(const struct call *call)
{
	switch (call->common->is_dry_run ? 0 : call->arguments->mode) {
	case 0:
		return false;
	case KEY_SETUP: /* with a driver of somebody else's, or with none, that is a look */
		return call->paths.control.ops != NULL;
	default:
		return true;
	}
}

/* What was refused for safety is told from what failed. */
static int exit_of(const struct call *call, int code)
{
	switch (code) {
	case 0:
		return is_deed(call) ? SVC_EXIT_DONE : call->paths.check.verdict.exit;
	case -EPERM:
	case -EBUSY:
		return SVC_EXIT_REFUSED;
	case -EINVAL:
	case -ENOTSUP:
		return SVC_EXIT_CONFIG;
	default:
		return SVC_EXIT_IO;
	}
}

static int configure(struct call *call, struct monitor *monitor, struct svc_error *error)
{
	const struct runtime *runtime = call->runtime;
	int code = monitor_configure(monitor, runtime->argument, runtime->arguments, &runtime->conf, &runtime->locate,
	                             error);

	if (!code && call->common->timeout_seconds)
		paths_set_timeout(&monitor->paths, call->common->timeout_seconds);
	if (!code)
		notify_watchdog(monitor_round_ms(monitor));
	return code;
}

/* SIGHUP: what cannot be read leaves everything as it was. */
static void reload(struct call *call, struct monitor *monitor, char **typed, int count)
{
	static struct runtime room[2]; /* texts of the one in use are pointed at */
	struct runtime *old = call->runtime, *fresh = &room[old == &room[0]];
	struct svc_error error;
	int code;

	notify_systemd("RELOADING=1");
	code = runtime_start(fresh, call->common, typed, count, &error);
	if (!code) {
		call->runtime = fresh;
		code = configure(call, monitor, &error);
		call->runtime = code ? old : fresh;
		runtime_end(code ? fresh : old);
	}
	notify_event(code ? LOG_ERR : LOG_NOTICE, NULL, "%s%s", code ? "not reloaded: " : "reloaded",
	             code ? error.text : "");
	notify_systemd("READY=1");
}

static int monitor(struct call *call, char **typed, int count, struct svc_error *error)
{
	static struct monitor monitor;
	struct timespec pause;
	int code = configure(call, &monitor, error), number = 0;
	sigset_t signals;

	if (!code)
		code = monitor_lock(error);
	if (code < 0)
		return code;
	/* They are taken between two rounds, and never in the middle of one. */
	sigemptyset(&signals);
	for (size_t i = 0; i < 3; i++)
		sigaddset(&signals, (int[]){ SIGHUP, SIGINT, SIGTERM }[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	while (number != SIGINT && number != SIGTERM) {
		if (number == SIGHUP)
			reload(call, &monitor, typed, count);
		monitor_round(&monitor);
		notify_systemd(monitor.rounds == 1 ? "READY=1\nWATCHDOG=1" : "WATCHDOG=1");
		pause.tv_sec = monitor.interval_ms / 1000;
		pause.tv_nsec = (long)(monitor.interval_ms % 1000) * 1000000;
		number = sigtimedwait(&signals, NULL, &pause);
	}
	notify_systemd("STOPPING=1");
	return 0;
}

static int run(int argc, char **argv)
{
	static struct runtime runtime; /* large */
	static struct call call;
	struct pathcheck_arguments arguments = { .switch_to = -1 };
	struct common_options common = { 0 };
	struct svc_error error = { 0 };
	int first, exit, code = options_parse(&svc_pathcheck, argc, argv, &common, &arguments, &first);

	if (code >= 0)
		return code;
	call.arguments = &arguments;
	call.common = &common;
	call.runtime = &runtime;
	code = runtime_start(call.runtime, &common, argv + first, argc - first, &error);
	if (code) {
		complain(&svc_pathcheck, error.text, error.next);
		return code;
	}
	exit = SVC_EXIT_USAGE;
	code = paths_init(&call.paths, call.runtime->argument, call.runtime->arguments, &call.runtime->conf,
	                  &call.runtime->locate, &error);
	if (common.timeout_seconds)
		paths_set_timeout(&call.paths, common.timeout_seconds);
	if (!code && arguments.mode == KEY_MONITOR && !common.is_dry_run) {
		code = monitor(&call, argv + first, argc - first, &error);
		exit = exit_of(&call, code);
	} else if (!code) {
		code = act(&call, &error);
		exit = exit_of(&call, code);
		/* What was not looked at is not reported on a screen. */
		if (common.is_json || call.paths.check.facts[PATH_DIRECT].is_configured ||
		    call.paths.check.facts[PATH_NBD].is_configured)
			if (report(&call, exit))
				exit = complain_output(&svc_pathcheck);
	}
	if (code)
		complain(&svc_pathcheck, error.text, error.next);
	runtime_end(call.runtime);
	return exit;
}

const struct command svc_pathcheck = {
	.name = "svc-pathcheck",
	.synopsis = "[--coherence|--setup|--switch=PATH|--monitor|...] [COPY...]",
	.summary = "Checks the paths to the shared volume and moves between them.",
	.rows = rows,
	.run = run,
	.take = take,
};
