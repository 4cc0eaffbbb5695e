/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/compare.h"
#include "rebuild/online.h"
#include "rebuild/undo.h"
#include "verdict/history.h"
#include "verdict/verdict.h"

enum { UNDO_FILES_MAX = 10000 };

/* ---- what to do ---- */

/* Which leg each copy is, by the order in svc.conf; -1: not said. */
static void read_legs(const struct survey *survey, const char *legs, int leg_of[SVC_COPIES_MAX])
{
	for (int i = 0; i < survey->copies; i++) {
		int leg = 0;

		leg_of[i] = -1;
		for (const char *at = legs ? legs : ""; *(at += strspn(at, " \t")); at += strcspn(at, " \t"), leg++)
			if (strcspn(at, " \t") == strlen(survey->copy[i].group) &&
			    !strncmp(at, survey->copy[i].group, strlen(survey->copy[i].group)))
				leg_of[i] = leg;
	}
}

static int compare(struct survey *survey, const struct resync_options *options, struct resync *resync,
                   struct svc_error *error)
{
	struct compare_options compare_options = {
		.mode = options->wish.is_allocated ? COMPARE_ALLOCATED : COMPARE_FULL,
		.stop = options->stop,
		.progress = options->progress,
		.context = options->context,
	};
	int reference, code = 0;

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

/* ---- where to save ---- */

static bool is_resumed(const struct survey *survey, const struct plan *plan)
{
	enum reason_id why;

	for (int i = 0; i < survey->copies; i++) {
		const struct copy *copy = &survey->copy[i];

		if (!plan->is_target[i])
			continue;
		/* Without a record there is no mark to see in every state: then the undo file's own says it. */
		if (history_is_unfinished(copy, &why) || copy->condition == COPY_DAMAGED ||
		    copy->evidence.lvm.type == MIRROR_NONE)
			return true;
	}
	return false;
}

static void name_undo_file(struct resync *resync, const char *directory, const char *uuid, int n)
{
	snprintf(resync->undo_path, sizeof(resync->undo_path), "%s/undo-%s-%d", directory, *uuid ? uuid : "bare", n);
}

/* Not one that an interrupted rebuild could go on with. */
static bool is_finished_file(const char *path)
{
	struct svc_error error;
	struct undo *undo;
	bool is_finished;

	if (undo_open(path, &undo, &error))
		return true;
	is_finished = undo_is_finished(undo);
	undo_close(undo);
	return is_finished;
}

/* UNDO_DIRECTORY/undo-LV_UUID-N: the next number, or the last one where an interrupted rebuild goes on. */
static int choose_undo_path(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                            struct svc_error *error)
{
	const char *uuid = survey->copy[resync->plan.authority].evidence.lvm.lv_uuid;
	int n = 1;

	if (options->save_path) {
		snprintf(resync->undo_path, sizeof(resync->undo_path), "%s", options->save_path);
		return 0;
	}
	if (mkdir(options->undo_directory, 0700) && errno != EEXIST) {
		error_set(error, -errno, "%s: undo files cannot be kept there: %s", options->undo_directory,
		          strerror(errno));
		error_next(error, "give a file with --save FILE, or go without: --no-save");
		return SVC_EXIT_REFUSED;
	}
	for (; n < UNDO_FILES_MAX; n++) {
		name_undo_file(resync, options->undo_directory, uuid, n);
		if (access(resync->undo_path, F_OK))
			break;
	}
	if (n == 1 || !is_resumed(survey, &resync->plan))
		return 0;
	name_undo_file(resync, options->undo_directory, uuid, n - 1);
	if (is_finished_file(resync->undo_path))
		name_undo_file(resync, options->undo_directory, uuid, n);
	return 0;
}

/* What is given up by choice is never overwritten unsaved because of a limit; what is merely old may be. */
static int settle_saving(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                         struct svc_error *error)
{
	resync->undo_path[0] = '\0';
	if (!options->is_saving)
		return 0;
	if (resync->plan.is_online) { /* the kernel writes, and keeps nothing of what was there */
		if (!resync->plan.is_forced)
			return 0;
		reason_add(&resync->refusals, REASON_UNDO_LIMIT, -1,
		           "the mirror is active: what its kernel overwrites cannot be saved");
		return SVC_EXIT_REFUSED;
	}
	if (!options->save_path && options->undo_limit_bytes && resync->plan.bytes > options->undo_limit_bytes) {
		if (!resync->plan.is_forced)
			return 0;
		reason_add(&resync->refusals, REASON_UNDO_LIMIT, -1,
		           "%" PRIu64 " bytes would be overwritten, and at most %" PRIu64 " are saved",
		           resync->plan.bytes, options->undo_limit_bytes);
		return SVC_EXIT_REFUSED;
	}
	return choose_undo_path(survey, options, resync, error);
}

/* ---- doing it ---- */

/* One rebuild of a mirror at a time on this host, also where a copy is reached in a way that knows no locks. */
static int lock_mirror(const char *lv_uuid, int *lock, struct svc_error *error)
{
	char path[128];

	*lock = -1;
	if (!*lv_uuid)
		return 0;
	snprintf(path, sizeof(path), "%s/svc-%s.lock", geteuid() ? "/tmp" : "/run", lv_uuid);
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

static int open_device(const struct copy *copy, const struct locate_options *locate, struct dev **device,
                       struct svc_error *error)
{
	struct dev_options options = locate->dev;
	int code;

	options.access = DEV_WRITE;
	code = dev_open(copy->locator, &options, device, error);
	if (!code && (*device)->is_live) {
		error_set(error, -EBUSY, "%s: %s is in use on this host", copy->name, copy->locator);
		error_next(error, "%s", reason_row(REASON_IN_USE)->next);
		return SVC_EXIT_REFUSED;
	}
	if (!code)
		return 0;
	return code == -EBUSY || code == -EROFS || code == -EACCES ? SVC_EXIT_REFUSED : SVC_EXIT_IO;
}

static int exit_of(int code)
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
		return SVC_EXIT_REFUSED;
	default:
		return SVC_EXIT_IO;
	}
}

/* A copy that could not be read was left out: then not all is done, unless others alone were asked for. */
static int check_unreached(const struct survey *survey, const struct resync_options *options, struct resync *resync)
{
	int code = SVC_EXIT_DONE;

	for (int i = 0; i < survey->copies && !options->wish.has_to; i++) {
		if (survey->copy[i].condition != COPY_UNREADABLE || resync->plan.is_member[i])
			continue;
		reason_add(&resync->refusals, REASON_OPEN, i, "%s could not be read and was left as it is",
		           survey->copy[i].name);
		code = SVC_EXIT_IO;
	}
	return code;
}

int resync_execute(const struct survey *survey, const struct resync_options *options, struct dev *const device[],
                   struct resync *resync, struct svc_error *error)
{
	struct rebuild_map map = {
		.differing = resync->comparison.differing,
		.used = resync->comparison.used,
		.unit_bytes = resync->comparison.block_bytes,
	};
	struct rebuild_options rebuild_options = {
		.lv = options->locate.lv,
		.save_path = resync->undo_path[0] ? resync->undo_path : NULL,
		.save_append = is_resumed(survey, &resync->plan),
		.save_limit_bytes = options->save_path ? 0 : options->undo_limit_bytes,
		.rate = options->rate,
		.now = options->now,
		.stop = options->stop,
		.progress = options->progress,
		.context = options->context,
	};
	int code = rebuild_run(&resync->plan, survey->copy, survey->copies, device, &map, &rebuild_options,
	                       &resync->outcome, error);

	resync->is_done = code == 0;
	return code ? exit_of(code) : check_unreached(survey, options, resync);
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

	for (int i = 0; i < survey->copies && !code; i++) {
		if (!plan->is_target[i])
			continue;
		if (!now.copy[i].compared || now.copy[i].errors.count || now.copy[i].used_bytes ||
		    now.copy[i].free_bytes) {
			code = error_set(error, -EBADMSG, "%s: after the kernel's rebuild it does not read as %s",
			                 survey->copy[i].name, survey->copy[plan->authority].name);
			error_next(error,
			           "do not trust this device: check it and its path, then run the command again");
		}
		resync->outcome.proven_bytes += now.bytes;
	}
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
	int lock, code = lock_mirror(survey->copy[resync->plan.authority].evidence.lvm.lv_uuid, &lock, error);

	if (code)
		return code;
	code = online_run(&resync->plan, survey->copy, survey->copies, survey->access, &online_options,
	                  &resync->outcome, error);
	if (!code)
		code = prove_online(survey, options, resync, error);
	resync->is_done = code == 0;
	if (lock >= 0)
		close(lock);
	return code == -ETIMEDOUT ? SVC_EXIT_INTERRUPTED : exit_of(code);
}

static int rebuild(struct survey *survey, const struct resync_options *options, struct resync *resync,
                   struct svc_error *error)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	int lock, code = lock_mirror(survey->copy[resync->plan.authority].evidence.lvm.lv_uuid, &lock, error);

	if (code)
		return code;
	/* Some NBD servers serve one client at a time. */
	survey_close(survey);
	for (int i = 0; i < survey->copies && !code; i++)
		if (resync->plan.is_member[i])
			code = open_device(&survey->copy[i], &options->locate, &device[i], error);
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
		return exit_of(code);
	read_legs(survey, options->legs, leg_of);
	code = plan_make(survey->copy, survey->copies, &resync->verdict, &resync->comparison, &options->wish, leg_of,
	                 &resync->plan, &resync->refusals);
	if (code)
		return code;
	resync->is_planned = true;
	if (!resync->plan.actions)
		return resync->verdict.exit == SVC_EXIT_IO ? SVC_EXIT_IO : SVC_EXIT_DONE;
	return settle_saving(survey, options, resync, error);
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

int resync_undo(struct survey *survey, const struct locate_options *locate, const char *path,
                const volatile sig_atomic_t *stop, uint64_t *written_bytes, struct svc_error *error)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	struct undo *undo;
	int lock = -1, code = undo_open(path, &undo, error);

	if (code)
		return code == -EBADMSG || code == -ENOENT ? SVC_EXIT_USAGE : SVC_EXIT_IO;
	survey_close(survey);
	code = lock_mirror(undo_header(undo)->lv_uuid, &lock, error);
	for (int n = 0; n < undo_header(undo)->copies && !code; n++) {
		const struct undo_copy *saved = &undo_header(undo)->copy[n];

		for (int i = 0; i < survey->copies && !device[n] && !code; i++)
			if (!strcmp(survey->copy[i].group, saved->name))
				code = open_device(&survey->copy[i], locate, &device[n], error);
		if (!code && !device[n] && undo_touches(undo, n)) {
			error_set(error, -ENODEV, "%s: the undo file holds what was on %s, and that copy is not given",
			          path, saved->name);
			code = SVC_EXIT_USAGE;
		}
	}
	if (!code)
		code = exit_of(rebuild_undo(undo, device, stop, written_bytes, error));
	for (int n = 0; n < SVC_COPIES_MAX; n++)
		dev_close(device[n]);
	undo_close(undo);
	if (lock >= 0)
		close(lock);
	return code;
}
