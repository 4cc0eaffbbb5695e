/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-boot: judge the copies at boot, rebuild what is old, and activate the mirror; or say why not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gate/gate.h"
#include "gate/needs.h"
#include "options.h"
#include "runtime.h"

enum { KEY_COMMAND_LINE = 300, KEY_NEEDS, COMMAND_LINE_SIZE = 16384 };

struct boot_arguments {
	const char *command_line;
	bool wants_needs;
};

static const struct option_row rows[] = {
	{ KEY_COMMAND_LINE, "cmdline", "FILE", "read the kernel's command line from FILE" },
	{ KEY_NEEDS, "needs", NULL, "print what svc.conf asks of an initramfs image" },
	{ 0, NULL, NULL, NULL },
};

static bool take(void *own, int key, const char *value)
{
	struct boot_arguments *arguments = own;

	if (key == KEY_NEEDS)
		arguments->wants_needs = true;
	else
		arguments->command_line = value;
	return true;
}

/* For the scripts that make images: a mistake in svc.conf is theirs to tell, and is noted nowhere else. */
static int show_needs(const char *path)
{
	struct svc_conf conf;
	struct copy copy[SVC_COPIES_MAX];
	struct svc_error error;
	int code = conf_read(path, &conf, &error);

	if (!code && !conf_copies(&conf, copy))
		code = error_set(&error, -EINVAL, "%s names no copies", path);
	if (code) {
		complain(&svc_boot, error.text, error.next);
		return SVC_EXIT_CONFIG;
	}
	if (!needs_print(&conf, stdout))
		return SVC_EXIT_DONE;
	complain(&svc_boot, "what svc.conf asks for cannot be printed", NULL);
	return SVC_EXIT_IO;
}

static int read_command_line(const char *path, char text[COMMAND_LINE_SIZE], struct svc_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, COMMAND_LINE_SIZE - 1);
	int code = length < 0 ? -errno : 0;

	text[length < 0 ? 0 : length] = '\0';
	if (fd >= 0)
		close(fd);
	return code ? error_set(error, code, "%s: %s", path, strerror(-code)) : 0;
}

static int run(int argc, char **argv)
{
	struct boot_arguments arguments = { .command_line = "/proc/cmdline" };
	struct common_options common = { 0 };
	char command_line[COMMAND_LINE_SIZE];
	struct runtime runtime;
	struct svc_error error;
	int first, code = options_parse(&svc_boot, argc, argv, &common, &arguments, &first);

	if (code >= 0)
		return code;
	if (first < argc) {
		complain(&svc_boot, "the copies are those of svc.conf; none can be named here", "see --help");
		return SVC_EXIT_USAGE;
	}
	if (arguments.wants_needs)
		return show_needs(common.config ? common.config : SVC_CONF_PATH);
	const char *const path = common.config ? common.config : SVC_CONF_PATH;
	const char *const console[] = {
		"svc-console", "--boot", "--boot-report", GATE_JSON_PATH, "--config", path, NULL
	};
	const char *const shell[] = { "/bin/sh", "-i", NULL };
	const char *const *const programs[] = { console, shell, NULL };
	struct gate_options options = {
		.conf = &runtime.conf,
		.is_dry_run = common.is_dry_run,
		.json_path = GATE_JSON_PATH,
		.out = common.is_json || common.is_quiet ? NULL : stdout,
		.width = runtime_width(),
		.is_verbose = common.is_verbose,
		.has_progress = runtime_shows_progress(&common),
		.programs = programs,
		.stop = &runtime_stop_wanted,
	};

	code = runtime_start(&runtime, &common, NULL, 0, &error);
	if (code) {
		complain(&svc_boot, error.text, error.next);
		options.json = common.is_json ? options_json() : NULL;
		return (int)gate_end_unconfigured(&options, error.text);
	}
	if (read_command_line(arguments.command_line, command_line, &error)) {
		complain(&svc_boot, error.text, NULL);
		code = SVC_EXIT_USAGE;
		goto out;
	}
	options.json = common.is_json ? options_json() : NULL;
	options.locate = runtime.locate;
	policy_read(&runtime.conf, command_line, &options.policy);
	if (!common.timeout_seconds && !runtime.conf.nbd_timeout_seconds)
		options.locate.dev.timeout_seconds = options.policy.device_seconds;
	code = (int)gate_run(&options);
out:
	runtime_end(&runtime);
	return code;
}

const struct command svc_boot = {
	.name = "svc-boot",
	.synopsis = "[-n] [--json] [--cmdline=FILE] | --needs",
	.summary = "Judges the copies at boot, rebuilds, activates the mirror.",
	.rows = rows,
	.run = run,
	.take = take,
};
