/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-console: the whole suite on a terminal or a serial line. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "console/answers.h"
#include "console/bundle.h"
#include "console/run.h"
#include "gate/gate.h"
#include "options.h"
#include "runtime.h"

enum {
	KEY_READ_ONLY = 400,
	KEY_BOOT,
	KEY_WAIT,
	KEY_PLAIN,
	KEY_JOBS,
	KEY_BOOT_REPORT,
	KEY_BUNDLE,
	KEY_VIEW,
	KEY_UNDO_LIST,
	KEY_UNDO_FILE,
	KEY_JSON,
};

#define UNDO_DIRECTORY "/var/lib/svc"
#define NETWORK_UP "/usr/lib/svc/network-up" /* svc-initramfs(7) */

struct console_arguments {
	bool is_read_only, is_boot, is_plain, is_undo_list;
	unsigned wait_seconds;
	uint32_t inode; /* --view; 0: not asked for */
	const char *jobs, *bundle, *undo_file, *viewed, *boot_report;
};

static const struct option_row rows[] = {
	{ KEY_READ_ONLY, "read-only", NULL, "show everything, write nothing" },
	{ 'n', "dry-run", NULL, "the same as --read-only" },
	{ KEY_PLAIN, "plain", NULL, "plain lines instead of screens" },
	{ KEY_BUNDLE, "bundle", "FILE", "save a support bundle to FILE and end" },
	{ KEY_UNDO_LIST, "undo-list", NULL, "print what can be taken back, as JSON, and end" },
	{ KEY_UNDO_FILE, "undo-file", "FILE", "with --undo-list: this one too, and first" },
	{ KEY_VIEW, "view", "COPY:INODE", "print the versions of a file, as JSON, and end" },
	{ KEY_JOBS, "jobs", "DIR", "where work is noted (/run/svc/jobs)" },
	{ KEY_BOOT, "boot", NULL, "started by the boot, on its console" },
	{ KEY_BOOT_REPORT, "boot-report", "FILE", "what the boot found (/run/svc/boot.json)" },
	{ KEY_WAIT, "wait", "SECONDS", "with --boot: end unless a key is pressed by then" },
	{ 'q', "quiet", NULL, "taken, and of no meaning here" },
	{ 'v', "verbose", NULL, "taken, and of no meaning here" },
	{ KEY_JSON, "json", NULL, NULL }, /* these two are refused: they promise what a screen does not do */
	{ 'y', "yes", NULL, NULL },
	{ 0, NULL, NULL, NULL },
};

static bool refuse(const char *option, const char *next)
{
	char text[80];

	snprintf(text, sizeof(text), "%s: it shows screens, and a person answers", option);
	complain(&svc_console, text, next);
	return false;
}

static bool take_number(const char *option, const char *value, unsigned long most, unsigned long *number)
{
	char text[80], *end;

	errno = 0;
	*number = strtoul(value, &end, 10);
	if (*value >= '0' && *value <= '9' && !*end && !errno && *number <= most)
		return true;
	snprintf(text, sizeof(text), "--%s takes a number from 0 to %lu", option, most);
	complain(&svc_console, text, "see --help");
	return false;
}

/* COPY:INODE: with the number alone nobody could tell whose file is meant. */
static bool take_view(const char *value, struct console_arguments *arguments)
{
	const char *colon = strrchr(value, ':');
	unsigned long number;

	if (!colon) {
		complain(&svc_console, "--view takes a copy's name, a colon and an inode number", "see --help");
		return false;
	}
	if (!take_number("view", colon + 1, UINT32_MAX, &number))
		return false;
	arguments->viewed = value;
	arguments->inode = (uint32_t)number;
	return true;
}

static bool take(void *own, int key, const char *value)
{
	struct console_arguments *arguments = own;
	unsigned long number;

	switch (key) {
	case KEY_READ_ONLY:
	case 'n':
		arguments->is_read_only = true;
		return true;
	case 'q':
	case 'v':
		return true;
	case KEY_JSON:
		return refuse("--json", "svc-compare --json prints what the screens show");
	case 'y':
		return refuse("--yes", "svc-resync --yes rebuilds without asking");
	case KEY_PLAIN:
		arguments->is_plain = true;
		return true;
	case KEY_BOOT:
		arguments->is_boot = true;
		return true;
	case KEY_JOBS:
		arguments->jobs = value;
		return true;
	case KEY_BOOT_REPORT:
		arguments->boot_report = value;
		return true;
	case KEY_BUNDLE:
		arguments->bundle = value;
		return true;
	case KEY_UNDO_LIST:
		arguments->is_undo_list = true;
		return true;
	case KEY_UNDO_FILE:
		arguments->undo_file = value;
		return true;
	case KEY_VIEW:
		return take_view(value, arguments);
	default:
		if (!take_number("wait", value, 86400, &number))
			return false;
		arguments->wait_seconds = (unsigned)number;
		return true;
	}
}

/* By its name as it is printed, which is how the console knows it. */
static int find_copy(const struct survey *survey, const char *viewed)
{
	size_t length = (size_t)(strrchr(viewed, ':') - viewed);
	char name[4 * SVC_NAME_SIZE];

	for (int i = 0; i < survey->copies; i++)
		if (strlen(text_escape(survey->copy[i].name, name, sizeof(name))) == length &&
		    !strncmp(name, viewed, length))
			return i;
	return -1;
}

static int view(const struct runtime *runtime, const struct console_arguments *arguments, struct svc_error *error)
{
	struct survey survey;
	int code = survey_open(runtime->argument, runtime->arguments, &runtime->locate, &survey, error), copy = -1;

	if (!code) {
		copy = find_copy(&survey, arguments->viewed);
		if (copy < 0)
			code = error_set(error, -EINVAL, "--view %s: no copy has this name", arguments->viewed);
	}
	if (code)
		code = SVC_EXIT_USAGE;
	else if (answer_view(&survey, copy, arguments->inode, stdout))
		code = error_set(error, SVC_EXIT_IO, "the answer could not be written");
	survey_close(&survey);
	return code;
}

static int save_bundle(const struct console_arguments *arguments, const struct task_options *task,
                       struct svc_error *error)
{
	struct jobs jobs;
	uint64_t bytes;
	bool has_jobs = !jobs_open(&jobs, arguments->jobs, error);
	int code = bundle_write(arguments->bundle, has_jobs ? jobs.directory : NULL, task, &bytes, error);

	if (code)
		return code == -EEXIST ? SVC_EXIT_REFUSED : SVC_EXIT_IO;
	fprintf(stderr, "%s: %" PRIu64 " bytes saved to %s\n", svc_console.name, bytes, arguments->bundle);
	printf("{\"schema\":\"svc/1\",\"command\":\"bundle\",\"bytes\":%" PRIu64 ",\"exit\":0}\n", bytes);
	return SVC_EXIT_DONE;
}

/* On a serial line the kernel says TERM=linux to its first process, whatever is at the other end. */
static const char *terminal_type(bool is_boot)
{
	const char *type = getenv("TERM"), *name = ttyname(STDIN_FILENO);
	bool is_screen = name && !strncmp(name, "/dev/tty", 8) && name[8] >= '0' && name[8] <= '9';

	if (is_boot && !is_screen && (!type || !*type || !strcmp(type, "linux")))
		return "vt100";
	return type;
}

static bool needs_network(const struct svc_conf *conf)
{
	struct copy copy[SVC_COPIES_MAX];
	int copies = conf_copies(conf, copy);
	bool is_needed = false;

	for (int i = 0; i < copies; i++)
		is_needed |= dev_is_uri(copy[i].locator);
	return is_needed;
}

static int run_screens(const struct console_arguments *arguments, const struct runtime *runtime,
                       const struct task_options *task, struct svc_error *error)
{
	struct run_options options = {
		.console = {
			.is_read_only = arguments->is_read_only,
			.is_boot = arguments->is_boot,
			.has_pathcheck = command_find("svc-pathcheck") != NULL,
			.has_promote = command_find("svc-promote") != NULL,
			.controller = runtime->conf.controller,
			.wait_seconds = arguments->wait_seconds,
		},
		.task = *task,
		.jobs_directory = arguments->jobs,
		.terminal_type = terminal_type(arguments->is_boot),
		.is_plain = arguments->is_plain,
		.boot_file = arguments->boot_report ? arguments->boot_report : GATE_JSON_PATH,
		.network_up = arguments->is_boot && needs_network(&runtime->conf) ? NETWORK_UP : NULL,
	};

	whose_find(&options.whose, runtime->argument, runtime->arguments, runtime->locate.lv);
	return console_run(&options, error);
}

static int run(int argc, char **argv)
{
	struct console_arguments arguments = { 0 };
	struct common_options common = { 0 };
	struct svc_error error = { .text = "" };
	struct task_options task;
	struct runtime runtime;
	int first, code = options_parse(&svc_console, argc, argv, &common, &arguments, &first);

	if (code >= 0)
		return code;
	code = runtime_start(&runtime, &common, argv + first, argc - first, &error);
	if (code) {
		complain_error(&svc_console, code, &error);
		return code;
	}
	error = (struct svc_error){ .text = "" }; /* an svc.conf that is not there was not needed */
	task = (struct task_options){ .config = common.config,
		                      .lv = common.lv,
		                      .timeout_seconds = common.timeout_seconds,
		                      .jobs = arguments.jobs,
		                      .copies = argc - first,
		                      .copy = (const char *const *)argv + first };
	if (arguments.bundle)
		code = save_bundle(&arguments, &task, &error);
	else if (arguments.inode)
		code = view(&runtime, &arguments, &error);
	else if (arguments.is_undo_list)
		code = answer_undos(runtime.conf.undo_directory[0] ? runtime.conf.undo_directory : UNDO_DIRECTORY,
		                    arguments.undo_file, stdout)
		               ? SVC_EXIT_IO
		               : SVC_EXIT_DONE;
	else
		code = run_screens(&arguments, &runtime, &task, &error);
	if (code && error.text[0])
		complain_error(&svc_console, code, &error);
	runtime_end(&runtime);
	return code;
}

const struct command svc_console = {
	.name = "svc-console",
	.synopsis = "[--read-only] [--plain] [COPY...]",
	.summary = "Shows what is wrong, what is safe, and what to press.",
	.rows = rows,
	.run = run,
	.take = take,
};
