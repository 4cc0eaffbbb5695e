/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resync_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/compare.h"
#include "dev/holders.h"
#include "locate/conf.h"
#include "rebuild/online.h"
#include "verdict/verdict.h"

/* ---- what to do ---- */

static int compare(struct survey *survey, const struct resync_options *options, struct resync *resync,
                   struct svc_error *error)
{
	struct compare_options compare_options = {
		.mode = options->wish.is_allocated ? COMPARE_ALLOCATED : COMPARE_FULL,
		.stop = options->stop,
		.progress = options->progress,
		.context = options->context,
		.is_fingerprinted = options->is_fingerprinted,
		.owners_each = options->wish.from >= 0, /* whoever gives up a history is told which files */
	};
	int reference, code = survey_read_blanks(survey, options->stop, options->progress, options->context, error);

	if (code)
		return code;
	verdict_judge(survey->copy, survey->copies, NULL, false, &resync->verdict);
	reference = verdict_reference(survey->copy, survey->copies, &resync->verdict);
	if (options->wish.from >= 0 && survey->copy[options->wish.from].condition == COPY_USABLE &&
	    (reference >= 0 || resync->verdict.kind == VERDICT_UNRELATED))
		reference = options->wish.from;
	/* Nothing to compare with: what is in use on the authority still has to be known. */
	if (resync->verdict.kind == VERDICT_UNRELATED || (reference < 0 && resync->verdict.authority >= 0))
		compare_options.mode = COMPARE_FAST;
	if (reference < 0)
		reference = resync->verdict.authority;
	if (reference >= 0)
		code = compare_run(survey->copy, survey->copies, survey->access, reference, &compare_options,
		                   &resync->comparison, error);
	if (!code)
		verdict_judge(survey->copy, survey->copies, &resync->comparison, true, &resync->verdict);
	return code;
}

/* ---- doing it ---- */

int resync_lock(const char *lv_uuid, int *lock, struct svc_error *error)
{
	char path[128];

	*lock = -1;
	if (!*lv_uuid)
		return 0;
	if (geteuid()) /* each user's own: two users' rebuilds of one image exclude each other by the image's lock */
		snprintf(path, sizeof(path), "/tmp/svc-%u-%s.lock", (unsigned)geteuid(), lv_uuid);
	else
		snprintf(path, sizeof(path), "/run/svc-%s.lock", lv_uuid);
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock < 0) {
		error_set(error, -errno, "%s: the lock file cannot be opened: %s", path, strerror(errno));
		return SVC_EXIT_REFUSED;
	}
	if (!flock(*lock, LOCK_EX | LOCK_NB))
		return 0;
	close(*lock);
	*lock = -1;
	error_set(error, -EBUSY, "another rebuild of this mirror is running");
	error_next(error, "wait until it ends; kill -USR1 shows its progress");
	return SVC_EXIT_REFUSED;
}

int resync_refuse_live(const struct copy *copy, struct svc_error *error)
{
	char who[200];

	dev_holders(copy->locator, who, sizeof(who));
	error_set(error, -EBUSY, "%s: %s is in use on this host%s%s", copy->name, copy->locator, *who ? ": " : "", who);
	error_next(error, "%s", reason_row(REASON_IN_USE)->next);
	return SVC_EXIT_REFUSED;
}

int resync_open_device(const struct copy *copy, const struct locate_options *locate, struct dev **device,
                       struct svc_error *error)
{
	struct dev_options options = locate->dev;
	char who[200];
	int code;

	options.access = DEV_WRITE;
	code = dev_open(copy->locator, &options, device, error);
	if (!code && (*device)->is_live)
		return resync_refuse_live(copy, error);
	if (!code)
		return 0;
	if (code == -EBUSY && *dev_holders(copy->locator, who, sizeof(who)))
		return resync_refuse_live(copy, error);
	return code == -EBUSY || code == -EROFS || code == -EACCES ? SVC_EXIT_REFUSED : SVC_EXIT_IO;
}

int resync_exit_of(int code)
{
	switch (code) {
	case 0:
		return SVC_EXIT_DONE;
	case -EINTR:
		return SVC_EXIT_INTERRUPTED;
	case -ESTALE:
	case -EFBIG:
	case -EEXIST:
	case -EINVAL:
	case -ECANCELED:
		return SVC_EXIT_REFUSED;
	default:
		return SVC_EXIT_IO;
	}
}

/*
 * A copy that could not be read was left out: then not all is done, unless others alone were asked for. A copy counts
 * once, by the path over which it would have been reached.
 */
static int check_unreached(const struct survey *survey, const struct resync_options *options, struct resync *resync)
{
	int code = SVC_EXIT_DONE;

	for (int i = 0; i < survey->copies && !options->wish.has_to; i++) {
		if (survey->copy[i].condition != COPY_UNREADABLE || resync->plan.is_member[i] ||
		    plan_path(survey->copy, survey->copies, i) != i)
			continue;
		reason_add(&resync->unreached, REASON_OPEN, i, "%s could not be read and was left as it is",
		           survey->copy[i].name);
		code = SVC_EXIT_IO;
	}
	return code;
}

/* Nothing is to be written; whether that is because everything was read and is right. */
static int check_complete(const struct survey *survey, const struct resync_options *options, struct resync *resync)
{
	int code = check_unreached(survey, options, resync);

	for (int i = 0; i < survey->copies; i++)
		if (resync->comparison.copy[i].errors.count)
			code = SVC_EXIT_IO;
	return code;
}

int resync_execute(const struct survey *survey, const struct resync_options *options, struct dev *const device[],
                   struct resync *resync, struct svc_error *error)
{
	struct rebuild_map map = {
		.differing = resync->comparison.differing,
		.unread = resync->comparison.unread,
		.used = resync->comparison.used,
		.unit_bytes = resync->comparison.block_bytes,
	};
	struct rebuild_options rebuild_options = {
		.lv = options->locate.lv,
		.save_path = resync->undo_path[0] ? resync->undo_path : NULL,
		.save_limit_bytes = resync->save_most_bytes,
		.rate = options->rate,
		.now = options->now,
		.stop = options->stop,
		.progress = options->progress,
		.context = options->context,
	};
	int code = rebuild_run(&resync->plan, survey->copy, survey->copies, device, &map, &rebuild_options,
	                       &resync->outcome, error);

	resync->is_done = code == 0;
	return code ? resync_exit_of(code) : check_unreached(survey, options, resync);
}

/* ---- where the mirror is active: the kernel does it ---- */

/* What is on the media now, read again past every cache: every member against the authority. */
static int prove_online(struct survey *survey, const struct resync_options *options, struct resync *resync,
                        struct svc_error *error)
{
	const struct plan *plan = &resync->plan;
	struct compare_options compare_options = {
		.mode = plan->has_free ? COMPARE_FULL : COMPARE_ALLOCATED,
		.stop = options->stop,
	};
	struct comparison now;
	int code = compare_run(survey->copy, survey->copies, survey->access, plan->authority, &compare_options, &now,
	                       error);

	if (!code)
		code = online_judge(plan, survey->copy, survey->copies, &now, error);
	for (int i = 0; i < survey->copies; i++)
		if (plan->is_target[i] && !code)
			resync->outcome.proven_bytes += now.bytes;
	for (int a = 0; a < plan->actions; a++)
		if (plan->action[a].kind == ACTION_PROVE)
			resync->outcome.step[a] = code ? STEP_FAILED : STEP_DONE;
	compare_free(&now);
	return code;
}

static int rebuild_online(struct survey *survey, const struct resync_options *options, struct resync *resync,
                          struct svc_error *error)
{
	struct online_options online_options = { .stop = options->stop,
		                                 .progress = options->progress,
		                                 .context = options->context };
	int lock, code = resync_lock(survey->copy[resync->plan.authority].evidence.lvm.lv_uuid, &lock, error);

	if (code)
		return code;
	code = online_announce(&resync->plan, survey->copy, survey->copies, &options->locate.dev, options->now, error);
	if (!code)
		code = online_run(&resync->plan, survey->copy, survey->copies, survey->access, &online_options,
		                  &resync->outcome, error);
	if (!code)
		code = prove_online(survey, options, resync, error);
	if (!code)
		code = online_note(&resync->plan, survey->copy, survey->copies, &options->locate.dev, options->now,
		                   error);
	resync->is_done = code == 0;
	if (lock >= 0)
		close(lock);
	return code == -ETIMEDOUT ? SVC_EXIT_INTERRUPTED : resync_exit_of(code);
}

static int rebuild(struct survey *survey, const struct resync_options *options, struct resync *resync,
                   struct svc_error *error)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	int lock, code = resync_lock(survey->copy[resync->plan.authority].evidence.lvm.lv_uuid, &lock, error);

	if (code)
		return code;
	/* Some NBD servers serve one client at a time. */
	survey_close(survey);
	for (int i = 0; i < survey->copies && !code; i++)
		if (resync->plan.is_member[i])
			code = resync_open_device(&survey->copy[i], &options->locate, &device[i], error);
	if (!code)
		code = resync_execute(survey, options, device, resync, error);
	for (int i = 0; i < survey->copies; i++)
		dev_close(device[i]);
	if (lock >= 0)
		close(lock);
	return code;
}

int resync_prepare(struct survey *survey, const struct resync_options *options, struct resync *resync,
                   struct svc_error *error)
{
	int leg_of[SVC_COPIES_MAX];
	int code;

	memset(resync, 0, sizeof(*resync));
	error->text[0] = '\0';
	resync->plan.authority = -1;
	code = compare(survey, options, resync, error);
	if (code)
		return resync_exit_of(code);
	for (int i = 0; i < survey->copies; i++)
		leg_of[i] = conf_leg(options->legs, survey->copy[i].group);
	code = plan_make(survey->copy, survey->copies, &resync->verdict, &resync->comparison, &options->wish, leg_of,
	                 &resync->plan, &resync->refusals);
	if (code)
		return code;
	resync->is_planned = true;
	plan_remarks(&resync->plan, survey->copy, survey->copies, &resync->remarks);
	if (!resync->plan.actions)
		return check_complete(survey, options, resync);
	if (resync->plan.is_online && options->rate) {
		reason_add(&resync->refusals, REASON_IN_USE, resync->plan.authority,
		           "the mirror is active on this host, and --rate does not hold its kernel back: "
		           "/proc/sys/dev/raid/speed_limit_max does");
		return SVC_EXIT_REFUSED;
	}
	return resync_settle_saving(survey, options, resync, error);
}

int resync_run(struct survey *survey, const struct resync_options *options, struct resync *resync,
               struct svc_error *error)
{
	int code = resync_prepare(survey, options, resync, error);

	if (code || !resync->plan.actions || options->is_dry_run)
		return code;
	code = options->confirm ? options->confirm(options->context) : 0;
	if (code)
		return code;
	return resync->plan.is_online ? rebuild_online(survey, options, resync, error)
	                              : rebuild(survey, options, resync, error);
}

void resync_free(struct resync *resync)
{
	compare_free(&resync->comparison);
}
