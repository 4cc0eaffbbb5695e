/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/parts.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "claim/claim.h"
#include "compare/compare.h"
#include "gate/activate.h"
#include "gate/ask.h"
#include "verdict/verdict.h"

enum { LVM_SECONDS_MIN = 30 };

static void note_error(struct round *r, enum reason_id id)
{
	struct reasons reasons = { 0 };

	reason_add(&reasons, id, -1, "%.300s", r->error.text);
	log_reasons(log_of(r), out_of(r), &reasons);
}

/* The line may be gone, or its person, while the work begun there goes on: true once it has ended. */
static bool has_waited_for_work(struct round *r)
{
	struct watch *watch = &r->run->shared->watch;
	unsigned before;

	watch_step(watch, 0, "waiting until the work begun at the console ends");
	before = atomic_load(&watch->beats);
	if (!turn_take(&r->run->turn, round_patience(r), watch, r->run->options->stop, &r->error))
		return atomic_load(&watch->beats) != before;
	log_step(log_of(r), out_of(r), "%.300s", r->error.text);
	return false;
}

int act_question(struct round *r, enum svc_exit exit)
{
	const struct gate_options *options = r->run->options;
	struct gate_policy *policy = &r->run->policy;
	struct reasons reasons = { 0 };
	char banner[1000], wait[40] = "for ever";
	int code;

	/* 1 is for who could repair it: here a person has to. */
	r->decision.action = GATE_QUESTION;
	r->decision.exit = exit == SVC_EXIT_DIFFER ? SVC_EXIT_OPERATOR : exit;
	if (options->is_dry_run)
		return (int)r->decision.exit;
	round_write_json(r, false);
	if (policy->console_seconds >= 0)
		snprintf(wait, sizeof(wait), "%d seconds", policy->console_seconds);
	snprintf(banner, sizeof(banner),
	         "\r\nsvc-boot: verdict %s: the mirror is %s; a decision is needed.\r\n"
	         "svc-boot: press a key for a console (waiting %s; then the boot goes on without the mirror)\r\n",
	         verdict_name(r->resync.verdict.kind),
	         r->run->shared->is_active ? "active, and not as it should be" : "not activated", wait);
	log_step(log_of(r), NULL, "asking at %s, waiting %s", policy->console, wait);
	watch_step(&r->run->shared->watch, 0, "asking at %s", policy->console);
	turn_give(&r->run->turn); /* the console's work needs it now */
	code = ask_person(policy, banner, options->programs, options->stop);
	if (code < 0 && strcmp(policy->console, POLICY_CONSOLE) != 0) { /* mistyped, or a line that is not there */
		log_step(log_of(r), out_of(r), "%s: no console: %s; asking at %s", policy->console, strerror(-code),
		         POLICY_CONSOLE);
		strcpy(policy->console, POLICY_CONSOLE);
		code = ask_person(policy, banner, options->programs, options->stop);
	}
	if (code == ASK_AGAIN) {
		log_step(log_of(r), out_of(r), "the console was left: looking at the copies again");
		r->run->is_rebuilt = false;
		return ROUND_AGAIN;
	}
	if (code == ASK_WITHOUT) {
		log_step(log_of(r), out_of(r), "decided at the console: the boot goes on without the mirror");
		return (int)r->decision.exit;
	}
	if (code)
		log_step(log_of(r), out_of(r), "%s: no console: %s", policy->console, strerror(-code));
	if (has_waited_for_work(r)) {
		log_step(log_of(r), out_of(r), "the work begun at the console has ended: looking at the copies again");
		return ROUND_AGAIN;
	}
	reason_add(&reasons, REASON_NOBODY, -1, "nobody answered: the boot goes on without the mirror");
	log_reasons(log_of(r), out_of(r), &reasons);
	return (int)r->decision.exit;
}

int act_rebuild(struct round *r)
{
	const struct gate_options *options = r->run->options;
	struct resync_options resync_options = {
		.wish = { .from = -1 },
		.locate = options->locate,
		.legs = options->conf->legs,
		.is_dry_run = options->is_dry_run,
		.now = time(NULL),
		.stop = options->stop,
		.progress = round_show_progress,
		.context = r,
	};
	struct report report;
	int code;

	log_step(log_of(r), out_of(r), "rebuilding; what is overwritten%s is not saved",
	         r->resync.verdict.kind == VERDICT_STALE ? " is older, and" : "");
	watch_step(&r->run->shared->watch, round_patience(r), "rebuilding");
	compare_free(&r->resync.comparison);
	round_start_progress(r, "rebuilding");
	code = resync_run(&r->survey, &resync_options, &r->resync, &r->error);
	progress_end(&r->progress);
	report = round_report(r);
	if (!options->is_dry_run) /* else it has just been shown */
		round_show_report(r);
	if (r->resync.is_planned && out_of(r))
		report_plan(&report, out_of(r));
	if ((r->resync.is_done || r->resync.outcome.writes) && out_of(r))
		report_result(&report, r->resync.is_done, out_of(r));
	log_reasons(log_of(r), out_of(r), &r->resync.refusals);
	log_reasons(log_of(r), NULL, &r->resync.unreached);
	log_reasons(log_of(r), NULL, &r->resync.remarks);
	if (options->is_dry_run)
		return code ? code : SVC_EXIT_DIFFER;
	if (!code) {
		log_step(log_of(r), out_of(r), "the rebuild is done and proven");
		r->run->is_rebuilt = r->run->shared->has_rebuilt = true;
		return ROUND_AGAIN;
	}
	if (r->error.text[0])
		log_step(log_of(r), out_of(r), "the rebuild was not finished: %.250s", r->error.text);
	return code == SVC_EXIT_INTERRUPTED ? code : act_question(r, (enum svc_exit)code);
}

static int claim(struct round *r)
{
	struct claim_wish wish = { .authority = -1, .controller = r->run->policy.controller, .now = time(NULL) };
	struct claim claim;
	int code;

	memcpy(wish.is_member, r->decision.is_member, sizeof(wish.is_member));
	code = claim_make_generation(wish.fresh);
	if (code)
		return error_set(&r->error, code, "no random numbers for a new generation");
	code = claim_plan(r->survey.copy, r->survey.copies, &wish, &claim, &r->error);
	if (!code && claim.is_new_generation)
		log_step(log_of(r), out_of(r), "the copies get a new generation");
	return code ? code : claim_run(&claim, r->survey.copy, &r->run->options->locate, &r->error);
}

/* The kernel complains of each leg that it has no device for, in words of alarm. */
static void note_absent_legs(struct round *r)
{
	unsigned legs = 0, here = 0;

	for (int i = 0; i < r->survey.copies; i++)
		if (r->decision.is_member[i]) {
			legs = r->survey.copy[i].evidence.lvm.leg_count;
			here++;
		}
	if (here < legs)
		log_step(log_of(r), out_of(r),
		         "%u of the mirror's %u legs are here; the kernel will say that it cannot read the others",
		         here, legs);
}

static int activate(struct round *r)
{
	unsigned seconds = round_patience(r) > LVM_SECONDS_MIN ? round_patience(r) : LVM_SECONDS_MIN;
	struct watch *watch = &r->run->shared->watch;
	struct reasons reasons = { 0 };
	int code;

	if (r->run->options->is_dry_run)
		return (int)r->decision.exit;
	survey_close(&r->survey);
	watch_step(watch, round_patience(r), "writing the records");
	code = claim(r);
	if (code) {
		note_error(r, REASON_NOT_CLAIMED);
		return act_question(r, code == -ESTALE || code == -EBUSY ? SVC_EXIT_REFUSED : SVC_EXIT_IO);
	}
	note_absent_legs(r);
	/* LVM has a deadline of its own, once for activating and once for taking it back. */
	watch_step(watch, 3 * seconds, "activating %s", r->run->shared->device);
	code = activate_mirror(r->survey.copy, r->survey.copies, r->decision.is_member, seconds, &r->error);
	if (code) {
		r->run->shared->is_active = code == -EBUSY;
		note_error(r, REASON_NOT_ACTIVATED);
		return act_question(r, SVC_EXIT_IO);
	}
	r->run->shared->is_active = true;
	reason_add(&reasons, REASON_ACTIVATED, -1, "%s is active%s", r->run->shared->device,
	           r->decision.action == GATE_DEGRADED ? " on one leg alone"
	                                               : ", and its legs that are here are in sync");
	log_reasons(log_of(r), out_of(r), &reasons);
	return (int)r->decision.exit;
}

int act_on_decision(struct round *r)
{
	switch (r->decision.action) {
	case GATE_REBUILD:
		/* Once rebuilt and still not equal: there is more to it. */
		return r->run->is_rebuilt ? act_question(r, r->decision.exit) : act_rebuild(r);
	case GATE_ACTIVATE:
	case GATE_DEGRADED:
		return activate(r);
	case GATE_QUESTION:
		return act_question(r, r->decision.exit);
	case GATE_PASS:
	case GATE_STANDBY:
		break;
	}
	return SVC_EXIT_DONE;
}
