/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose the mirror is, as far as this controller can tell: reads the flash, and shared only where that does not tell, or
 * where somebody may have taken the mirror over: the flash does not learn of that.
 */
#include <errno.h>
#include <string.h>

#include "promote/takeover.h"

/* The mirror is active, and not by a claim of this controller's. */
static int refuse_records(struct takeover *t, struct svc_error *error)
{
	char controller = t->options->controller;
	int other;

	promote_is_ours(t->survey.copy, t->survey.copies, controller, &other);
	if (!controller) {
		error_set(error, -ESTALE, "%s is active, and which controller this is is not known", t->result->device);
		error_next(error, "say it: id below controller in svc.conf(5), or --controller");
		return -ESTALE;
	}
	if (other >= 0)
		error_set(error, -ESTALE, "%s is active here, and by %s's record it is not this controller's",
		          t->result->device, t->survey.copy[other].name);
	else
		error_set(error, -ESTALE, "%s is active, and no record of %s says that it is this controller's",
		          t->result->device, t->survey.copies == 1 ? t->survey.copy[0].name : "its legs");
	error_next(error, "svc-promote says what to do; where the other one is to have it: svc-promote --demote");
	return -ESTALE;
}

static int read_role(struct takeover *t, struct svc_error *error)
{
	const char *wanted = t->result->mountpoint;
	struct volume_mounts mounts;
	uint64_t device;
	int code;

	if (!look_active(t, &device)) {
		t->result->role = ROLE_STANDBY;
		return 0;
	}
	for (int i = 0; i < t->survey.copies; i++)
		if (t->survey.copy[i].evidence.online.is_active)
			memcpy(t->result->legs, t->survey.copy[i].evidence.online.health, sizeof(t->result->legs));
	t->result->role = ROLE_FAILED;
	code = volume_find(t, device, &mounts, error);
	if (code)
		return code;
	if (*wanted && !mounts.is_wanted) {
		error_set(error, -EIO, "%s is active, and not mounted on %.200s", t->result->device, wanted);
		error_next(error, "svc-promote mounts it, or says why not");
		return -EIO;
	}
	if (*wanted && !mounts.is_writable) {
		error_set(error, -EROFS, "%.200s has turned read-only", wanted);
		error_next(error, "see why (dmesg), then svc-promote --demote, and svc-promote, which checks it");
		return -EROFS;
	}
	if (!look_is_ours(t))
		return refuse_records(t, error);
	t->result->role = ROLE_PRIMARY;
	return 0;
}

/* The kernel writes no leg but one, or the array has given the volume to the other one. */
static bool may_be_taken(struct takeover *t)
{
	size_t written = 0;

	for (const char *leg = t->result->legs; *leg; leg++)
		written += *leg != 'D';
	return written < 2 || shut_out_has_lost(t);
}

int status_run(struct takeover *t, struct svc_error *error)
{
	int code = look_paths(t, error), all = t->arguments;

	t->arguments = all > 1 ? 1 : all; /* a flash, where one is configured: it comes first */
	if (!code)
		code = look_survey(t, error);
	if (!code && t->mirror.present)
		code = read_role(t, error);
	if (t->result->role != ROLE_STANDBY && all > 1 && t->result->exit == SVC_EXIT_DONE &&
	    (t->result->role != ROLE_PRIMARY || may_be_taken(t))) {
		t->arguments = all;
		code = look_survey(t, error);
		if (!code && t->mirror.present)
			code = read_role(t, error);
	}
	if (!code && !t->mirror.present)
		code = look_nothing(t, error);
	if (!code && t->result->role == ROLE_STANDBY)
		served_look(t);
	return code && t->result->exit == SVC_EXIT_DONE ? give_up(t, SVC_EXIT_IO, code) : code;
}
