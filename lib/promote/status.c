/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose the mirror is, as far as this controller can tell: reads the flash, and shared only where that does not tell, or
 * where somebody may have taken the mirror over: the flash does not learn of that.
 */
#include <errno.h>
#include <string.h>

#include "promote/takeover.h"

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
	if (*wanted && !mounts.is_wanted)
		return error_set(error, -EIO, "the mirror is active, and not mounted on %s", wanted);
	if (*wanted && !mounts.is_writable)
		return error_set(error, -EROFS, "%s has turned read-only", wanted);
	if (!look_is_ours(t))
		return error_set(error, -ESTALE,
		                 "the mirror is active, and no record says that it is this controller's");
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
		code = error_set(error, -ENODEV, "no copy of the mirror could be read");
	return code && t->result->exit == SVC_EXIT_DONE ? give_up(t, SVC_EXIT_IO, code) : code;
}
