/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/parts.h"

#include <errno.h>
#include <string.h>

#include "compare/compare.h"
#include "verdict/verdict.h"

enum { PATIENCE = 3 }; /* of these time-outs a step may do nothing at all */

unsigned round_patience(const struct round *r)
{
	return PATIENCE * r->run->policy.device_seconds;
}

void round_show_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
	struct round *r = context;

	/* It is called also where nothing has moved since: who waits for a dead device can still count the time. */
	if (done_bytes != r->seen_bytes)
		watch_beat(&r->run->shared->watch);
	r->seen_bytes = done_bytes;
	if (r->progress.is_shown)
		progress_update(&r->progress, done_bytes, total_bytes);
}

void round_start_progress(struct round *r, const char *what)
{
	progress_end(&r->progress);
	r->progress = (struct progress){ .out = stderr, .what = what, .is_shown = r->run->options->has_progress };
}

struct boot_report round_boot_report(const struct run *run, const char *action)
{
	return (struct boot_report){
		.action = action,
		.mode = policy_mode_name(run->policy.mode),
		.controller = run->policy.controller,
		.is_active = run->shared->is_active,
		.has_rebuilt = run->shared->has_rebuilt,
		.device = run->shared->device,
		.log = &run->shared->log.boot,
	};
}

struct report round_report(const struct round *r)
{
	return (struct report){
		.command = "boot",
		.copy = r->survey.copy,
		.copies = r->survey.copies,
		/* A rebuild compares more than what is in use. */
		.mode = r->resync.comparison.done ? r->resync.comparison.mode : COMPARE_ALLOCATED,
		.comparison = &r->resync.comparison,
		.verdict = &r->resync.verdict,
		.arguments = "",
		.is_verbose = r->run->options->is_verbose,
		.width = r->run->options->width,
		.exit = (int)r->decision.exit,
		.plan = r->resync.is_planned ? &r->resync.plan : NULL,
		.outcome = &r->resync.outcome,
		.refusals = &r->resync.refusals,
		.unreached = &r->resync.unreached,
		.remarks = &r->resync.remarks,
		.undo_path = "",
	};
}

void round_write_json(struct round *r, bool is_end)
{
	struct boot_report boot = round_boot_report(r->run, gate_action_name(r->decision.action));
	struct report report = round_report(r);

	report.boot = &boot;
	gate_write_json(r->run, &report, is_end);
}

void round_show_report(struct round *r)
{
	struct report report = round_report(r);

	if (out_of(r))
		report_text(&report, out_of(r));
	log_reasons(log_of(r), NULL, &r->resync.verdict.reasons);
}

/* ---- judging ---- */

int round_judge(struct round *r)
{
	struct survey *survey = &r->survey;
	struct verdict *verdict = &r->resync.verdict;
	struct compare_options options = {
		.mode = COMPARE_ALLOCATED, .stop = r->run->options->stop, .progress = round_show_progress, .context = r
	};
	int reference, code;

	watch_step(&r->run->shared->watch, round_patience(r), "reading blank copies");
	round_start_progress(r, "reading blank copies");
	code = survey_read_blanks(survey, r->run->options->stop, round_show_progress, r, &r->error);
	progress_end(&r->progress);
	if (code)
		return code;
	verdict_judge(survey->copy, survey->copies, NULL, false, verdict);
	reference = verdict_reference(survey->copy, survey->copies, verdict);
	if (reference >= 0) {
		watch_step(&r->run->shared->watch, round_patience(r), "comparing the copies");
		round_start_progress(r, "comparing");
		code = compare_run(survey->copy, survey->copies, survey->access, reference, &options,
		                   &r->resync.comparison, &r->error);
		progress_end(&r->progress);
	}
	if (!code)
		verdict_judge(survey->copy, survey->copies, &r->resync.comparison, true, verdict);
	return code;
}

/* Where the evidence alone names the authority, the rebuild compares all of the content anyway. */
static bool is_rebuild_certain(struct round *r)
{
	struct survey *survey = &r->survey;

	if (r->run->is_rebuilt || r->run->options->is_dry_run)
		return false;
	verdict_judge(survey->copy, survey->copies, NULL, true, &r->resync.verdict);
	gate_decide(&r->run->policy, survey->copy, survey->copies, &r->resync.verdict, &r->decision);
	return r->decision.action == GATE_REBUILD;
}

/* Who activates it besides us, or has done it already. */
static void note_autoactivation(struct round *r)
{
	struct reasons reasons = { 0 };

	for (int i = 0; i < r->survey.copies && !reasons.count; i++)
		if (r->survey.copy[i].evidence.lvm.is_autoactivated)
			reason_add(&reasons, REASON_AUTOACTIVATION, -1,
			           "LVM may activate %s by itself: vgchange --setautoactivation n %s",
			           r->survey.copy[i].evidence.lvm.vg_name, r->survey.copy[i].evidence.lvm.vg_name);
	log_reasons(log_of(r), out_of(r), &reasons);
}

static bool is_active(const struct round *r)
{
	for (int i = 0; i < r->survey.copies; i++)
		if (r->survey.copy[i].evidence.online.is_active)
			return true;
	return false;
}

static void name_device(struct round *r)
{
	for (int i = 0; i < r->survey.copies; i++) {
		const struct lvm_evidence *lvm = &r->survey.copy[i].evidence.lvm;

		if (lvm->present && *lvm->lv_name)
			snprintf(r->run->shared->device, sizeof(r->run->shared->device), "/dev/%s/%s", lvm->vg_name,
			         lvm->lv_name);
	}
}

/* The mirror is active before it was judged, unless it was this command that activated it. */
static int end_active(struct round *r)
{
	struct reasons reasons = { 0 };

	if (r->run->options->json_path && report_boot_is_active(r->run->options->json_path)) {
		log_step(log_of(r), out_of(r), "%s is active already", r->run->shared->device);
		return SVC_EXIT_DONE;
	}
	r->decision.exit = r->run->shared->is_active ? SVC_EXIT_IO : SVC_EXIT_REFUSED;
	if (r->run->shared->is_active) /* since this boot tried to activate it */
		reason_add(&reasons, REASON_NOT_ACTIVATED, -1, "%s is still active, and not as it should be",
		           r->run->shared->device);
	else
		reason_add(&reasons, REASON_ACTIVE_EARLY, -1, "%s was active before its copies were judged",
		           r->run->shared->device);
	log_reasons(log_of(r), out_of(r), &reasons);
	r->run->shared->is_active = true;
	r->decision.action = GATE_PASS;
	verdict_judge(r->survey.copy, r->survey.copies, NULL, true, &r->resync.verdict);
	round_write_json(r, true);
	return (int)r->decision.exit;
}

static int survey(struct round *r)
{
	watch_step(&r->run->shared->watch, round_patience(r), "reading the copies' evidence");
	if (!survey_open(r->devices.pointer, r->devices.count, &r->run->options->locate, &r->survey, &r->error))
		return 0;
	r->decision.exit = SVC_EXIT_CONFIG;
	r->resync.verdict = (struct verdict){ .kind = VERDICT_UNKNOWN, .authority = -1, .exit = SVC_EXIT_CONFIG };
	reason_add(&r->resync.verdict.reasons, REASON_BOOT_CONF, -1, "%.300s", r->error.text);
	log_reasons(log_of(r), out_of(r), &r->resync.verdict.reasons);
	round_write_json(r, true);
	return SVC_EXIT_CONFIG;
}

static int judge_and_act(struct round *r)
{
	int code;

	if (is_rebuild_certain(r))
		return act_rebuild(r);
	code = round_judge(r);
	if (code) {
		log_step(log_of(r), out_of(r), "%.300s", r->error.text);
		return code == -EINTR ? SVC_EXIT_INTERRUPTED : SVC_EXIT_IO;
	}
	round_show_report(r);
	gate_decide(&r->run->policy, r->survey.copy, r->survey.copies, &r->resync.verdict, &r->decision);
	log_reasons(log_of(r), out_of(r), &r->decision.reasons);
	log_step(log_of(r), out_of(r), "verdict %s: %s", verdict_name(r->resync.verdict.kind),
	         gate_action_name(r->decision.action));
	return act_on_decision(r);
}

/* What a person has begun at a console goes on when the console is left. 0, or what the round ends with. */
static int wait_for_turn(struct round *r)
{
	const struct gate_options *options = r->run->options;
	struct watch *watch = &r->run->shared->watch;
	int code;

	watch_step(watch, 0, "waiting until the work begun at a console ends");
	if (!turn_take(&r->run->turn, 0, watch, options->stop, &r->error))
		return 0;
	log_step(log_of(r), out_of(r), "%s", watch->step);
	code = turn_take(&r->run->turn, round_patience(r), watch, options->stop, &r->error);
	if (!code)
		return 0;
	log_step(log_of(r), out_of(r), "%.300s", r->error.text);
	r->resync.verdict = (struct verdict){ .kind = VERDICT_UNKNOWN, .authority = -1, .exit = SVC_EXIT_REFUSED };
	code = code == -EINTR ? SVC_EXIT_INTERRUPTED : act_question(r, SVC_EXIT_REFUSED);
	if (code != ROUND_AGAIN) {
		r->decision.exit = (enum svc_exit)code;
		round_write_json(r, true);
	}
	return code;
}

int round_run(struct run *run)
{
	struct round r = { .run = run,
		           .resync = { .comparison = { .reference = -1 }, .verdict = { .authority = -1 } } };
	int code;

	if (run->policy.mode == GATE_OFF) { /* nothing is even looked at */
		r.resync.verdict.kind = VERDICT_UNKNOWN;
		gate_decide(&run->policy, NULL, 0, &r.resync.verdict, &r.decision);
		log_reasons(log_of(&r), out_of(&r), &r.decision.reasons);
		round_write_json(&r, true);
		return SVC_EXIT_DONE;
	}
	code = wait_for_turn(&r);
	if (code)
		return code;
	devices_bring_up(run->options, &run->shared->watch, log_of(&r), &r.devices);
	code = survey(&r);
	if (!code) {
		name_device(&r);
		note_autoactivation(&r);
		code = is_active(&r) ? end_active(&r) : judge_and_act(&r);
		if (code != ROUND_AGAIN && !is_active(&r)) {
			r.decision.exit = (enum svc_exit)code;
			round_write_json(&r, true);
		}
	}
	resync_free(&r.resync);
	survey_close(&r.survey);
	return code;
}
