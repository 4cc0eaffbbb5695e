/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gate/ask.h"
#include "gate/round.h"

/* Everything that touches devices happens in here, in a process of its own. */
static int work(void *context)
{
	struct run *run = context;
	int code;

	do
		code = round_run(run);
	while (code == ROUND_AGAIN);
	return code;
}

static int write_json(const struct report *report, const char *path)
{
	char new_path[256];
	FILE *f;
	int code;

	snprintf(new_path, sizeof(new_path), "%.200s", path);
	if (strrchr(new_path, '/')) {
		*strrchr(new_path, '/') = '\0';
		if (mkdir(new_path, 0755) && errno != EEXIST)
			return -errno;
	}
	snprintf(new_path, sizeof(new_path), "%.200s.new", path);
	f = fopen(new_path, "we");
	if (!f)
		return -errno;
	code = report_json(report, f);
	if (fclose(f) && !code)
		code = -errno;
	if (!code && rename(new_path, path))
		code = -errno;
	return code;
}

/* What was found and done, for who comes after: the console, the booted system. */
void gate_write_json(struct run *run, const struct report *report, bool is_end)
{
	const struct gate_options *options = run->options;
	int code = is_end && options->json ? report_json(report, options->json) : 0;

	if (!code && options->json_path && !options->is_dry_run)
		code = write_json(report, options->json_path);
	if (code)
		log_step(&run->shared->log, options->out, "the result cannot be written: %s", strerror(-code));
}

/* The work never came to an end, or never began: what is known is in the log alone. */
static enum svc_exit end_without_result(struct run *run, enum gate_action action, enum svc_exit exit,
                                        const struct reasons *reasons)
{
	struct verdict verdict = { .kind = VERDICT_UNKNOWN, .authority = -1, .reasons = *reasons, .exit = exit };
	struct comparison comparison = { .reference = -1 };
	struct boot_report boot = round_boot_report(run, gate_action_name(action));
	struct report report = {
		.command = "boot", .comparison = &comparison, .verdict = &verdict, .boot = &boot, .exit = exit
	};

	gate_write_json(run, &report, true);
	return exit;
}

static int supervise(struct run *run, struct reasons *reasons)
{
	const struct gate_options *options = run->options;
	int code = watch_run(&run->shared->watch, work, run, options->stop);

	reasons->count = 0;
	if (code == -ETIMEDOUT)
		reason_add(reasons, REASON_HUNG, -1, "nothing has moved for %u seconds, and it was given up: %s",
		           atomic_load(&run->shared->watch.limit_seconds), run->shared->watch.step);
	else if (code < 0)
		reason_add(reasons, REASON_HUNG, -1, "no process can be started: %s", strerror(-code));
	else if (code > 128)
		reason_add(reasons, REASON_HUNG, -1, "signal %d ended it: %s", code - 128, run->shared->watch.step);
	log_reasons(&run->shared->log, options->out, reasons);
	return reasons->count ? -EIO : code;
}

enum svc_exit gate_run(const struct gate_options *options)
{
	struct run run = { .options = options, .policy = options->policy, .turn = { .lock = -1 } };
	struct reasons reasons = { 0 };
	int code;

	run.shared = watch_memory(sizeof(*run.shared));
	if (!run.shared)
		return SVC_EXIT_IO;
	run.shared->log.is_kept = !options->is_dry_run;
	if (!options->is_dry_run) { /* nobody watches what is said itself */
		ask_keep_flowing(options->out ? fileno(options->out) : -1);
		ask_keep_flowing(STDERR_FILENO);
	}
	log_step(&run.shared->log, options->out, "mode %s, controller %c", policy_mode_name(run.policy.mode),
	         run.policy.controller ? run.policy.controller : '-');
	log_reasons(&run.shared->log, options->out, &run.policy.mistakes);
	if (!options->is_dry_run)
		turn_open(&run.turn, options->jobs_directory);
	code = supervise(&run, &reasons);
	if (code < 0 && !(options->stop && *options->stop)) {
		/*
		 * Once more: what does not answer now is found out by its first touch, and the rest can be told. But
		 * what was being written is not written again by itself.
		 */
		if (run.policy.mode == GATE_AUTO)
			run.policy.mode = GATE_ASK;
		code = supervise(&run, &reasons);
	}
	turn_close(&run.turn);
	return code < 0 ? end_without_result(&run, GATE_QUESTION, SVC_EXIT_IO, &reasons) : (enum svc_exit)code;
}

enum svc_exit gate_end_unconfigured(const struct gate_options *options, const char *why)
{
	struct run run = { .options = options, .policy = options->policy, .turn = { .lock = -1 } };
	struct reasons reasons = { 0 };

	run.shared = watch_memory(sizeof(*run.shared));
	if (!run.shared)
		return SVC_EXIT_IO;
	run.shared->log.is_kept = !options->is_dry_run;
	reason_add(&reasons, REASON_BOOT_CONF, -1, "%.300s", why);
	log_reasons(&run.shared->log, NULL, &reasons);
	return end_without_result(&run, GATE_PASS, SVC_EXIT_CONFIG, &reasons);
}
