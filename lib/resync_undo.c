/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-resync --undo: what a rebuild overwrote is put back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "resync_parts.h"
#include "verdict/verdict.h"

/* The given copy that the file's copy n is, by the path over which a rebuild would reach it. */
static int find_copy(const struct survey *survey, const struct undo *undo, int n)
{
	int i = undo_find_copy(undo, n, survey->copy, survey->copies);

	return i < 0 ? i : plan_path(survey->copy, survey->copies, i);
}

/* As they are open, to look alone. */
static int borrow_device(const struct survey *survey, int i, struct dev **device, struct svc_error *error)
{
	const struct copy *copy = &survey->copy[i];

	*device = survey->access[i].device;
	if (copy->is_live)
		return resync_refuse_live(copy, error);
	if (*device)
		return 0;
	error_set(error, -EIO, "%s: %s cannot be reached", copy->name, copy->locator);
	error_next(error, "%s", reason_row(REASON_OPEN)->next);
	return SVC_EXIT_IO;
}

/* The devices of the copies that the file has something of. */
static int find_devices(struct survey *survey, const struct resync_options *options, const struct undo *undo,
                        const char *path, struct dev *device[], struct svc_error *error)
{
	const struct undo_header *header = undo_header(undo);
	int code = 0;

	for (int n = 0; n < header->copies && !code; n++) {
		int i = find_copy(survey, undo, n);

		if (!undo_touches(undo, n))
			continue;
		if (i < 0) {
			error_set(error, -ENODEV, "%s: the undo file holds what was on %s, and that copy is not given",
			          path, header->copy[n].name);
			error_next(error, "give every copy by the name and the device it had when it was rebuilt");
			code = SVC_EXIT_USAGE;
		} else if (options->is_dry_run) {
			code = borrow_device(survey, i, &device[n], error);
		} else {
			code = resync_open_device(&survey->copy[i], &options->locate, &device[n], error);
		}
	}
	return code;
}

struct question {
	const struct survey *survey;
	const struct undo *undo;
	const struct resync_options *options;
	struct resync *resync;
	int exit; /* of the answer */
};

static void note_look(const struct question *question, const struct undo_look *look)
{
	struct resync *resync = question->resync;

	for (int n = 0; n < undo_header(question->undo)->copies; n++) {
		int i = find_copy(question->survey, question->undo, n);

		if (i < 0 || !look->copy[n].other_bytes)
			continue;
		resync->restored[i] = look->copy[n].other_bytes;
		resync->lost[i] = look->copy[n].lost_bytes;
		resync->has_restored = true;
	}
}

static bool ask(void *context, const struct undo_look *look)
{
	struct question *question = context;

	note_look(question, look);
	question->exit = question->options->confirm ? question->options->confirm(question->options->context) : 0;
	return question->exit == 0;
}

/* Where nothing was written because of what the copies are: a reason that the report can show. */
static void note_refusal(const struct question *question, const struct undo_look *look, int code,
                         struct svc_error *error)
{
	enum reason_id id = code == -ESTALE ? REASON_USED_AGAIN : REASON_UNDO_DEVICE;
	int n = look->strange;

	if (code != -ESTALE && code != -EINVAL)
		return;
	reason_add(&question->resync->refusals, id, n < 0 ? -1 : find_copy(question->survey, question->undo, n), "%s",
	           error->text);
	error->text[0] = '\0';
}

static int undo_with(struct survey *survey, const struct resync_options *options, struct undo *undo,
                     struct dev *const device[], struct resync *resync, struct svc_error *error)
{
	struct question question = { survey, undo, options, resync, 0 };
	struct restore_options restore_options = {
		.is_dry_run = options->is_dry_run,
		.stop = options->stop,
		.confirm = ask,
		.context = &question,
	};
	struct undo_look look;
	int code = restore_run(undo, device, &restore_options, &look, error);

	if (options->is_dry_run && !code)
		note_look(&question, &look);
	note_refusal(&question, &look, code, error);
	if (question.exit) {
		error->text[0] = '\0'; /* the refusal says it */
		return question.exit;
	}
	resync->is_done = !code && !options->is_dry_run;
	for (int i = 0; i < survey->copies && resync->is_done; i++)
		resync->outcome.written_bytes += resync->restored[i];
	return resync_exit_of(code);
}

int resync_undo(struct survey *survey, const struct resync_options *options, const char *path, struct resync *resync,
                struct svc_error *error)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };
	struct undo *undo;
	int lock = -1, code;

	memset(resync, 0, sizeof(*resync));
	resync->plan.authority = -1;
	snprintf(resync->undo_path, sizeof(resync->undo_path), "%s", path);
	verdict_judge(survey->copy, survey->copies, NULL, false, &resync->verdict);
	code = undo_open(path, !options->is_dry_run, &undo, error);
	if (code)
		return code == -EBADMSG || code == -ENOENT ? SVC_EXIT_USAGE : SVC_EXIT_IO;
	if (!options->is_dry_run) {
		survey_close(survey); /* some NBD servers serve one client at a time */
		code = resync_lock(undo_header(undo)->lv_uuid, &lock, error);
	}
	if (!code)
		code = find_devices(survey, options, undo, path, device, error);
	if (!code)
		code = undo_with(survey, options, undo, device, resync, error);
	for (int n = 0; n < SVC_COPIES_MAX && !options->is_dry_run; n++)
		dev_close(device[n]);
	undo_close(undo);
	if (lock >= 0)
		close(lock);
	return code;
}
