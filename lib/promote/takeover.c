/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promote/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "claim/claim.h"
#include "gate/activate.h"
#include "path/probe.h"
#include "rebuild/mark.h"
#include "report/promote.h"
#include "verdict/verdict.h"

enum { LVM_SECONDS_MIN = 5 };

/* ---- running ---- */

static uint64_t clock_ms(void *context)
{
	(void)context;
	return path_now_ms();
}

static void note(void *context, const struct steps *steps)
{
	struct takeover *t = context;

	t->result->steps = *steps;
	if (!t->options->is_dry_run && report_promote_file(t->result))
		tell(t, PROMOTE_JSON_PATH " cannot be written");
}

int takeover_steps(struct takeover *t, const struct step_row *row, int count, const struct step_ops *ops,
                   struct svc_error *error)
{
	struct steps_options options = {
		.row = row,
		.count = count,
		.ops = ops,
		.context = t,
		.clock_ms = clock_ms,
		.deadline_ms = t->deadline_ms,
		.stop = t->options->stop,
		.is_dry_run = t->options->is_dry_run,
		.note = note,
	};
	int code;

	t->result->row = row;
	t->result->count = count;
	code = steps_run(&options, &t->result->steps, error);
	if (code && t->result->steps.failed >= 0)
		tell(t, "%s: %.250s", row[t->result->steps.failed].id, error->text);
	return code;
}

/* ---- looking and judging ---- */

static int refuse(struct takeover *t, struct svc_error *error)
{
	const struct reasons *lists[] = { &t->decision.reasons, &t->verdict.reasons };
	const struct reason *why = NULL;

	for (int l = 0; l < 2 && !why; l++)
		for (size_t i = 0; i < lists[l]->count && !why; i++)
			if (reason_row(lists[l]->item[i].id)->exit)
				why = &lists[l]->item[i];
	error_set(error, -EPERM, "%s", why ? why->text : "the verdict names no copy to go on with");
	error_next(error, "%s", reason_row(why ? why->id : REASON_NEEDS_CHOICE)->next);
	return give_up(t, t->decision.exit, -EPERM);
}

static void tell_verdict(struct takeover *t)
{
	tell_reasons(t, &t->verdict.reasons);
	tell_reasons(t, &t->decision.reasons);
}

static int preflight(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	int code = t->options->is_dry_run ? 0 : volume_check_mountpoint(t, error);

	if (!code)
		code = look_paths(t, error);
	if (code)
		return code;
	if (!t->options->is_dry_run)
		shut_out_begin(t);
	code = look_survey(t, error);
	if (!code)
		code = look_judge(t, false, left_ms, error);
	if (code || t->decision.action != PROMOTE_REFUSE)
		return code;
	tell_verdict(t);
	return refuse(t, error);
}

/* Anew: until it was shut out the other controller may have written. */
static int read_evidence(void *context, unsigned left_ms, struct svc_error *error)
{
	(void)left_ms;
	return look_survey(context, error);
}

/*
 * The fence step has nothing to do where the mirror is active. Where somebody stops it after that, it is to be taken over
 * again, and nothing proves that the other controller is shut out.
 */
static int stopped_meanwhile(struct takeover *t, struct svc_error *error)
{
	error_set(error, -EPERM, "the mirror was active as this call began, and somebody has stopped it since");
	error_next(error, "run it again");
	return give_up(t, SVC_EXIT_REFUSED, -EPERM);
}

static int judge(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	int code;

	/* The fence step, which watches them, is not taken where the mirror is active already. */
	shut_out_look(t);
	code = look_judge(t, true, left_ms, error);

	if (code)
		return code;
	tell_verdict(t);
	tell(t, "verdict %s%s%s", verdict_name(t->verdict.kind), *t->result->authority ? ", goes on with " : "",
	     t->result->authority);
	if (t->decision.action == PROMOTE_TAKE && !t->is_fenced && !t->options->is_dry_run)
		return stopped_meanwhile(t, error);
	return t->decision.action == PROMOTE_REFUSE ? refuse(t, error) : 0;
}

/* ---- claiming ---- */

static uint64_t bit_of(const struct copy *copy)
{
	return (uint64_t)1 << copy->evidence.lvm.leg_index;
}

/* The records say just what a claim would have them say. */
static int claim_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	const struct record *right = look_record(t, t->decision.authority);
	uint64_t device, members = 0;

	(void)error;
	if (t->decision.action == PROMOTE_ALREADY || look_active(t, &device))
		return 1;
	if (t->is_claimed)
		return 1;
	for (int i = 0; i < t->survey.copies; i++)
		if (t->decision.is_member[i])
			members |= bit_of(&t->survey.copy[i]);
	for (int i = 0; i < t->survey.copies; i++) {
		const struct record *record = look_record(t, i);

		if (!t->decision.is_member[i])
			continue;
		if (!record || !right || record->owner != t->options->controller || !record->is_open ||
		    record->legs != members || record->is_outdated ||
		    memcmp(record->generation, right->generation, sizeof(record->generation)) != 0)
			return 0;
	}
	return members != 0;
}

/* Who has claimed a mirror that the kernel cannot activate has taken it from the other controller for nothing. */
static int refuse_files(struct takeover *t, struct svc_error *error)
{
	for (int i = 0; i < t->survey.copies; i++) {
		const struct copy *copy = &t->survey.copy[i];
		const struct dev *device = t->survey.access[i].device;

		if (!t->decision.is_member[i] || (device && device->is_block))
			continue;
		error_set(error, -EPERM, "%s: %.300s is no block device, and the mirror cannot be activated on it",
		          copy->name, copy->locator);
		error_next(error,
		           "name its block device: losetup makes one of an image file, svc-pathcheck --setup one "
		           "of an NBD server");
		return give_up(t, SVC_EXIT_REFUSED, -EPERM);
	}
	return 0;
}

int takeover_claim(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	struct claim_wish wish = { .authority = t->decision.authority,
		                   .controller = t->options->controller,
		                   .promotions = 1,
		                   .unseen = t->decision.unseen == UNSEEN_OPEN ? t->decision.unseen_legs : 0,
		                   .is_after_crash = t->decision.has_peer_crashed,
		                   .now = time(NULL) };
	struct locate_options locate = t->options->locate;
	struct claim claim;
	int code = refuse_files(t, error);

	(void)left_ms;
	if (!code)
		code = shut_out_check_served(t, error);
	if (code)
		return code;
	memcpy(wish.is_member, t->decision.is_member, sizeof(wish.is_member));
	code = claim_make_generation(wish.fresh);
	if (code)
		return error_set(error, code, "no random numbers for a new generation");
	code = claim_plan(t->survey.copy, t->survey.copies, &wish, &claim, error);
	if (code)
		return code;
	/* They are opened for writing, exclusively. */
	survey_close(&t->survey);
	code = claim_run(&claim, t->survey.copy, &locate, error);
	if (!code && claim.is_new_generation)
		tell(t, "the copies get a new generation");
	t->is_claimed = !code;
	return code;
}

/* ---- activating ---- */

static int activate_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	uint64_t device;

	(void)error;
	return look_active(t, &device);
}

static int lost(struct takeover *t, struct svc_error *error)
{
	struct reasons reasons = { 0 };

	reason_add(&reasons, REASON_PREEMPTED, -1, "the other controller took the volume in the meantime");
	tell_reasons(t, &reasons);
	error_set(error, -EPERM, "%s", reasons.item[0].text);
	error_next(error, "%s", reason_row(REASON_PREEMPTED)->next);
	return give_up(t, SVC_EXIT_REFUSED, -EPERM);
}

static int activate(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	unsigned seconds = left_ms / 1000 > LVM_SECONDS_MIN ? left_ms / 1000 : LVM_SECONDS_MIN;
	int code;

	if (t->decision.action != PROMOTE_TAKE)
		return stopped_meanwhile(t, error);
	survey_close(&t->survey);
	code = shut_out_renew(t, error);
	if (code <= 0)
		return code ? code : lost(t, error);
	return activate_mirror(t->survey.copy, t->survey.copies, t->decision.is_member, seconds, error);
}

/* ---- the proof ---- */

static int proof_is_done(void *context, struct svc_error *error)
{
	(void)error;
	return ((struct takeover *)context)->is_proven;
}

/* Whether what is written gets there. */
static int check_writing(struct takeover *t, struct svc_error *error)
{
	int file = open(t->result->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = file < 0 || syncfs(file) ? -errno : 0;

	if (file >= 0)
		close(file);
	if (code)
		error_set(error, -EIO, "%s: %s", t->result->mountpoint, strerror(-code));
	return code ? -EIO : 0;
}

/* Nothing of this stays active, nor does a monitor write what it has read before. */
static void back_out(struct takeover *t, uint64_t device)
{
	struct svc_error why = { .text = "" };
	int lock = record_lock();

	if (volume_unmount(t, device, &why) ||
	    deactivate_mirror(t->survey.copy, t->survey.copies, LVM_SECONDS_MIN, &why))
		tell(t, "%.300s", why.text);
	if (lock >= 0)
		record_unlock(lock);
}

/* The other controller was faster after all. */
static int lost_late(struct takeover *t, uint64_t device, struct svc_error *error)
{
	back_out(t, device);
	return lost(t, error);
}

static int not_writable(struct takeover *t, struct svc_error *error)
{
	error_set(error, -EROFS, "%s is not mounted writable", t->result->mountpoint);
	error_next(error, "see why (dmesg), then svc-promote --demote, and svc-promote, which checks it");
	return -EROFS;
}

static int no_longer(struct takeover *t, int code, const char *what, struct svc_error *error)
{
	error_set(error, code, "%s %s: somebody else is at work on it", t->result->device, what);
	error_next(error, "see who is (svc-promote --status, on both controllers), then run it again");
	return code;
}

static int prove(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	struct volume_mounts mounts;
	uint64_t device;
	int code;

	(void)left_ms;
	if (!look_active(t, &device))
		return no_longer(t, -EIO, "is no longer active", error);
	code = shut_out_confirm(t, error);
	if (code <= 0)
		return code ? code : lost_late(t, device, error);
	code = shut_out_check_served(t, error);
	if (code) {
		back_out(t, device);
		return code;
	}
	code = look_survey(t, error);
	if (code)
		return code;
	if (!look_is_ours(t))
		return no_longer(t, -ESTALE, "is no longer this controller's by the records", error);
	if (*t->result->mountpoint) {
		code = volume_find(t, device, &mounts, error);
		if (!code && (!mounts.is_wanted || !mounts.is_writable))
			code = not_writable(t, error);
		if (!code)
			code = check_writing(t, error);
	}
	if (code)
		return code;
	/* Last of all: whoever looks after this began when this call was done. */
	code = shut_out_renew(t, error);
	if (code <= 0)
		return code ? code : lost_late(t, device, error);
	t->is_proven = true;
	return 0;
}

/* ---- all of it ---- */

static const struct step_ops ops[STEPS] = {
	[STEP_PREFLIGHT] = { NULL, preflight },
	[STEP_FENCE] = { shut_out_is_done, shut_out },
	[STEP_EVIDENCE] = { NULL, read_evidence },
	[STEP_VERDICT] = { NULL, judge },
	[STEP_CLAIM] = { claim_is_done, takeover_claim },
	[STEP_ACTIVATE] = { activate_is_done, activate },
	[STEP_REPAIR] = { volume_repair_is_done, volume_repair },
	[STEP_MOUNT] = { volume_mount_is_done, volume_mount },
	[STEP_REFRESH] = { refresh_is_done, refresh_start },
	[STEP_PROOF] = { proof_is_done, prove },
};

int takeover_run(struct takeover *t, struct svc_error *error)
{
	struct svc_error why = { .text = "" };
	uint64_t device;
	bool is_active;
	int code = takeover_steps(t, steps_takeover, STEPS, ops, error);

	/* What failed may have failed because the array gave the volume to the other one: then that is the reason. */
	if (code && t->is_fenced && t->result->proof == PROOF_RESERVATION && t->result->exit != SVC_EXIT_REFUSED &&
	    !shut_out_confirm(t, &why))
		code = look_active(t, &device) ? lost_late(t, device, error) : lost(t, error);
	is_active = look_active(t, &device);
	t->result->role = !t->mirror.present ? ROLE_UNKNOWN
	                  : !is_active       ? ROLE_STANDBY
	                  : code             ? ROLE_FAILED
	                                     : ROLE_PRIMARY;
	/* Nothing was written: whoever is right may have the volume. */
	if (code && t->has_taken && !t->is_claimed && !is_active && shut_out_release(t, &why))
		tell(t, "%.300s", why.text);
	if (code && !t->is_claimed && !is_active)
		served_again(t);
	return code;
}
