/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

volatile sig_atomic_t runtime_stop_wanted;
volatile sig_atomic_t runtime_progress_wanted;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		runtime_progress_wanted = 1;
	else
		runtime_stop_wanted = 1;
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGXFSZ, SIG_IGN); /* the limit of a file's size is an error of that write */
	signal(SIGPIPE, SIG_IGN); /* an NBD server that goes away is an error of that read, not our end */
}

static int read_conf(struct runtime *runtime, const struct common_options *common, bool is_needed,
                     struct svc_error *error)
{
	const char *path = common->config ? common->config : SVC_CONF_PATH;
	int code = conf_read(path, &runtime->conf, error);

	/* Where the copies are typed it only matters if it is there and this user may read it. */
	if (!code || ((code == -ENOENT || code == -EACCES) && !is_needed && !common->config))
		return 0;
	if (code == -ENOENT && !common->config)
		error_next(error, "name the copies (flash-a=/dev/... shared=/dev/...), or write %s: svc.conf(5)", path);
	return SVC_EXIT_CONFIG;
}

static int remember_typed(struct runtime *runtime, const struct common_options *common, char **typed, int count,
                          struct svc_error *error)
{
	size_t size;
	FILE *out = open_memstream(&runtime->typed, &size);

	if (out && common->config)
		fprintf(out, " -c"), text_put_word(out, common->config);
	if (out && common->lv)
		fprintf(out, " --lv"), text_put_word(out, common->lv);
	for (int i = 0; out && i < count; i++)
		text_put_word(out, typed[i]);
	if (out && !fclose(out))
		return 0;
	error_set(error, -ENOMEM, "out of memory");
	return SVC_EXIT_IO;
}

static void use_typed(struct runtime *runtime, char **typed, int count)
{
	runtime->arguments = count;
	for (int i = 0; i < count; i++)
		runtime->argument[i] = typed[i];
}

static void use_configured(struct runtime *runtime)
{
	struct copy copy[SVC_COPIES_MAX];

	runtime->arguments = conf_copies(&runtime->conf, copy);
	for (int i = 0; i < runtime->arguments; i++) {
		snprintf(runtime->configured[i], sizeof(runtime->configured[i]), "%.*s=%s", SVC_NAME_SIZE, copy[i].name,
		         copy[i].locator);
		runtime->argument[i] = runtime->configured[i];
	}
}

int runtime_start(struct runtime *runtime, const struct common_options *common, char **typed, int count,
                  struct svc_error *error)
{
	struct svc_conf *conf = &runtime->conf;
	int code;

	memset(runtime, 0, sizeof(*runtime));
	catch_signals();
	code = read_conf(runtime, common, count == 0, error);
	if (code)
		return code;
	if (count > SVC_COPIES_MAX) {
		error_set(error, -EINVAL, "%d copies are given, at most %d can be", count, SVC_COPIES_MAX);
		return SVC_EXIT_USAGE;
	}
	if (count)
		use_typed(runtime, typed, count);
	else
		use_configured(runtime);
	if (!runtime->arguments) {
		error_set(error, -EINVAL, "%s names no copies", common->config ? common->config : SVC_CONF_PATH);
		error_next(error, "write them under [copies], or name them: flash-a=/dev/... shared=/dev/...");
		return SVC_EXIT_CONFIG;
	}
	/* A configuration that merely lies there says nothing about devices typed by hand. */
	runtime->locate.lv = common->lv;
	if (!common->lv && conf->lv[0] && (!count || common->config))
		runtime->locate.lv = conf->lv;
	runtime->locate.dev.timeout_seconds =
		common->timeout_seconds ? common->timeout_seconds : conf->nbd_timeout_seconds;
	runtime->locate.dev.tls_certificates = conf->nbd_tls_certificates[0] ? conf->nbd_tls_certificates : NULL;
	runtime->locate.dev.tls_psk_file = conf->nbd_tls_psk_file[0] ? conf->nbd_tls_psk_file : NULL;
	runtime->locate.dev.tls_username = conf->nbd_tls_username[0] ? conf->nbd_tls_username : NULL;
	return remember_typed(runtime, common, typed, count, error);
}

void runtime_end(struct runtime *runtime)
{
	free(runtime->typed);
}

bool runtime_shows_progress(const struct common_options *common)
{
	if (common->progress == PROGRESS_AUTO)
		return isatty(STDERR_FILENO) && !common->is_quiet && !common->is_json;
	return common->progress == PROGRESS_ALWAYS;
}

bool runtime_has_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term && *term && strcmp(term, "dumb");
}

int runtime_width(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= 40)
		return size.ws_col;
	return 80;
}

/* What the verdict says first of a copy weighs more than what was found on it. */
static enum reason_id deciding_reason(const struct verdict *verdict, const struct copy *copy, int i)
{
	for (size_t n = 0; n < verdict->reasons.count; n++)
		if (verdict->reasons.item[n].copy == i)
			return verdict->reasons.item[n].id;
	return copy->findings.item[0].id;
}

void runtime_complain_findings(const struct command *command, const struct survey *survey,
                               const struct verdict *verdict, const bool is_seen_to[])
{
	for (int i = 0; i < survey->copies; i++) {
		const struct copy *copy = &survey->copy[i];
		char text[SVC_NAME_SIZE + 400];

		if (copy->condition == COPY_USABLE || !copy->findings.count || (is_seen_to && is_seen_to[i]))
			continue;
		snprintf(text, sizeof(text), "%s: %s", copy->name, copy->findings.item[0].text);
		complain(command, text, reason_row(deciding_reason(verdict, copy, i))->next);
	}
}
