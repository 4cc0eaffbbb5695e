/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a resync saves what it overwrites. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "locate/pv_write.h"
#include "rebuild/look.h"
#include "rebuild/room.h"
#include "resync_parts.h"
#include "verdict/verdict.h"

enum { UNDO_FILES_MAX = 10000 };

/*
 * Whether `path` is the undo file of an interrupted rebuild that this one goes on with: it is about the same
 * copies, and each place still holds what it knows. Where a copy was used in between, or another rebuild went
 * on without this file, what this run saves would not go with what is in it.
 */
static int check_going_on(const struct survey *survey, const struct resync_options *options,
                          const struct resync *resync, const char *path, struct svc_error *error)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	struct undo_header header;
	struct undo_look look;
	struct undo *undo;
	int code = undo_open(path, false, &undo, error);

	if (code)
		return code;
	rebuild_undo_header(&resync->plan, survey->copy, survey->copies, options->now, &header);
	for (int i = 0; i < survey->copies; i++)
		device[i] = survey->access[i].device;
	if (undo_state(undo) != UNDO_OPEN || !undo_is_same_rebuild(undo_header(undo), &header))
		code = error_set(error, -EEXIST, "%s: an undo file is there already, and it is not this rebuild's",
		                 path);
	else
		code = undo_look(undo, UNDO_OPEN, device, options->stop, &look, error);
	undo_close(undo);
	return code;
}

static void name_undo_file(struct resync *resync, const char *directory, const char *uuid, int n)
{
	snprintf(resync->undo_path, sizeof(resync->undo_path), "%s/undo-%s-%d", directory, *uuid ? uuid : "bare", n);
}

/*
 * Whether `path` is this very rebuild's, and damaged or cut off: it cannot be gone on with, and is left as it is. What
 * it saved may never be put back, and that is said.
 */
static bool is_cut_off(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                       const char *path)
{
	struct undo_header header, own;

	rebuild_undo_header(&resync->plan, survey->copy, survey->copies, options->now, &own);
	if (undo_read_header(path, &header) || !undo_is_same_rebuild(&header, &own))
		return false;
	reason_add(
		&resync->remarks, REASON_UNDO_CUT, -1,
		"%s, which the interrupted rebuild saved to, is damaged or cut off: what is saved now begins another "
		"file",
		path);
	return true;
}

/* FILE; or FILE-2 and so on, where those before it are this rebuild's and no longer whole. */
static int use_named_file(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                          struct svc_error *error)
{
	int code = 0;

	for (int n = 1; n < UNDO_FILES_MAX; n++) {
		int length =
			n == 1 ? snprintf(resync->undo_path, sizeof(resync->undo_path), "%s", options->save_path)
			       : snprintf(resync->undo_path, sizeof(resync->undo_path), "%s-%d", options->save_path, n);

		code = (size_t)length < sizeof(resync->undo_path)
		               ? 0
		               : error_set(error, -ENAMETOOLONG, "%.80s...: the name is too long", options->save_path);
		if (!code)
			code = undo_is_there(resync->undo_path, error);
		if (code > 0)
			code = check_going_on(survey, options, resync, resync->undo_path, error);
		if (code != -EBADMSG || !is_cut_off(survey, options, resync, resync->undo_path))
			break;
	}
	if (!code) {
		error->text[0] = '\0';
		return 0;
	}
	error_next(error, "give another name with --save, or move the file away if it is not needed any more");
	return code == -EINTR ? SVC_EXIT_INTERRUPTED : SVC_EXIT_REFUSED;
}

/* An initramfs has no more of the way to it than somebody put there. */
static int make_directory(const char *path)
{
	char parent[1024];

	snprintf(parent, sizeof(parent), "%s", path);
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(parent, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static uint64_t size_of(const char *path)
{
	struct stat there;

	return !stat(path, &there) && S_ISREG(there.st_mode) ? (uint64_t)there.st_size : 0;
}

/* The most that saving can take. What is laid out anew loses all before its first extent, and its end. */
static uint64_t bytes_needed(const struct survey *survey, const struct resync *resync)
{
	const struct plan *plan = &resync->plan;
	uint64_t bytes = plan->bytes;

	for (int i = 0; i < survey->copies; i++)
		if (plan->is_whole[i])
			bytes += survey->copy[plan->authority].evidence.lvm.pe_start_bytes + PV_TAIL_BYTES;
	return room_needed(bytes, survey->copies);
}

/*
 * UNDO_DIRECTORY/undo-LV_UUID-N: the next number, or the last one where an interrupted rebuild goes on and it does not
 * grow over the limit by that.
 */
static int choose_file(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                       struct svc_error *error)
{
	const char *uuid = survey->copy[resync->plan.authority].evidence.lvm.lv_uuid;
	struct svc_error why;
	int n = 1, code = options->is_dry_run ? 0 : make_directory(options->undo_directory);

	if (code) {
		error_set(error, code, "%s: undo files cannot be kept there: %s", options->undo_directory,
		          strerror(-code));
		error_next(error, "give a file with --save FILE, or go without: --no-save");
		return SVC_EXIT_REFUSED;
	}
	for (; n < UNDO_FILES_MAX; n++) {
		name_undo_file(resync, options->undo_directory, uuid, n);
		if (access(resync->undo_path, F_OK))
			break;
	}
	if (n == 1)
		return 0;
	name_undo_file(resync, options->undo_directory, uuid, n - 1);
	code = check_going_on(survey, options, resync, resync->undo_path, &why);
	if (code == -EBADMSG)
		is_cut_off(survey, options, resync, resync->undo_path);
	if (code || (options->undo_limit_bytes &&
	             size_of(resync->undo_path) + bytes_needed(survey, resync) > options->undo_limit_bytes))
		name_undo_file(resync, options->undo_directory, uuid, n);
	return 0;
}

/* What is given up by choice, may be newer, or was to be saved in a named place, is never overwritten unsaved; what is merely old may be. */
static int go_unsaved(const struct resync_options *options, struct resync *resync, enum reason_id reason)
{
	resync->undo_path[0] = '\0';
	if (!resync->plan.is_forced && !options->save_path && !verdict_has(&resync->verdict, REASON_MAY_BE_NEWER, NULL))
		return 0;
	reason_add(&resync->refusals, reason, -1, "nothing was overwritten: %s", resync->unsaved);
	return SVC_EXIT_REFUSED;
}

/* Known before the first write, and kept to while writing: memory that is full would end this very program. */
static int check_room(const struct survey *survey, const struct resync_options *options, struct resync *resync)
{
	uint64_t room = room_for(resync->undo_path);
	uint64_t needed = size_of(resync->undo_path) + bytes_needed(survey, resync);

	resync->save_most_bytes = options->save_path ? 0 : options->undo_limit_bytes;
	if (room != UINT64_MAX && (!resync->save_most_bytes || room < resync->save_most_bytes))
		resync->save_most_bytes = room ? room : 1;
	if (room >= needed)
		return 0;
	snprintf(resync->unsaved, sizeof(resync->unsaved),
	         "saving it may take %" PRIu64 " bytes, and %.80s has room for %" PRIu64, needed,
	         options->save_path ? options->save_path : options->undo_directory, room);
	return go_unsaved(options, resync, REASON_UNDO_ROOM);
}

static int settle(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                  struct svc_error *error)
{
	uint64_t needed;
	int code;

	if (resync->plan.is_online) { /* the kernel writes, and keeps nothing of what was there */
		if (!resync->plan.is_forced && !options->save_path)
			return 0;
		reason_add(&resync->refusals, REASON_UNDO_LIMIT, -1,
		           "the mirror is active: what its kernel overwrites cannot be saved");
		return SVC_EXIT_REFUSED;
	}
	needed = bytes_needed(survey, resync);
	if (!options->save_path && options->undo_limit_bytes && needed > options->undo_limit_bytes) {
		snprintf(resync->unsaved, sizeof(resync->unsaved),
		         "saving it may take %" PRIu64 " bytes, more than the limit of %" PRIu64 " in svc.conf", needed,
		         options->undo_limit_bytes);
		return go_unsaved(options, resync, REASON_UNDO_LIMIT);
	}
	code = options->save_path ? use_named_file(survey, options, resync, error)
	                          : choose_file(survey, options, resync, error);
	return code ? code : check_room(survey, options, resync);
}

int resync_settle_saving(const struct survey *survey, const struct resync_options *options, struct resync *resync,
                         struct svc_error *error)
{
	int code = 0;

	resync->undo_path[0] = resync->unsaved[0] = '\0';
	if (options->is_saving)
		code = settle(survey, options, resync, error);
	resync->plan.is_saved = resync->undo_path[0];
	return code;
}
