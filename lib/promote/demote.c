/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror handed over, or at least left in good order: by steps that can be repeated, as a takeover. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "claim/claim.h"
#include "gate/activate.h"
#include "path/legs.h"
#include "promote/takeover.h"
#include "rebuild/mark.h"

enum { LVM_SECONDS_MIN = 5 };

/* The kernel may have dropped a leg that nobody noted yet: whoever comes next has to learn that it is older. */
static void bring_records_up_to_date(struct takeover *t)
{
	int shared = look_shared(t);
	struct legs_state state;

	legs_update(&t->paths.places, shared >= 0 ? t->survey.copy[shared].locator : "", &t->paths.options, &state);
	if (state.error)
		tell(t, "records: %.300s", state.why.text);
	else if (state.change == LEGS_LOST)
		tell(t, "a leg of the mirror is written no more, and the records of the others say so");
}

static int look(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	uint64_t device;
	int code = look_paths(t, error);

	(void)left_ms;
	if (!code)
		code = look_survey(t, error);
	if (code)
		return code;
	if (!t->mirror.present) {
		return give_up(t, SVC_EXIT_NO_COPY, look_nothing(t, error));
	}
	t->was_active = look_active(t, &device);
	if (t->options->is_dry_run || !t->was_active)
		return 0;
	bring_records_up_to_date(t);
	return look_survey(t, error);
}

static int unmount_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	struct volume_mounts mounts;
	uint64_t device;
	int code;

	if (!look_active(t, &device))
		return 1;
	code = volume_find(t, device, &mounts, error);
	return code ? code : !mounts.count;
}

static int unmount(void *context, unsigned left_ms, struct svc_error *error)
{
	uint64_t device;

	(void)left_ms;
	return look_active(context, &device) ? volume_unmount(context, device, error) : 0;
}

static int deactivate_is_done(void *context, struct svc_error *error)
{
	uint64_t device;

	(void)error;
	return !look_active(context, &device);
}

static int deactivate(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	unsigned seconds = left_ms / 1000 > LVM_SECONDS_MIN ? left_ms / 1000 : LVM_SECONDS_MIN;
	int code;

	survey_close(&t->survey);
	code = deactivate_mirror(t->survey.copy, t->survey.copies, seconds, error);
	if (code && !*error->next)
		error_next(error, "stop what uses %s (lsof, dmsetup ls --tree), then run it again", t->result->device);
	return code == -EBUSY ? give_up(t, SVC_EXIT_REFUSED, code) : code;
}

static bool is_to_close(const struct takeover *t, int i)
{
	return promote_is_to_close(t->survey.copy, t->survey.copies, i, t->options->controller);
}

static int close_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;

	(void)error;
	for (int i = 0; i < t->survey.copies; i++)
		if (is_to_close(t, i))
			return 0;
	return 1;
}

/* Whatever a device keeps in a cache of its own has to be on the medium before the record says that all is done. */
static int settle(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	int code = look_survey(t, error);

	(void)left_ms;
	if (code)
		return code;
	for (int i = 0; i < t->survey.copies && !code; i++) {
		const struct copy *copy = &t->survey.copy[i];

		if (is_to_close(t, i))
			code = dev_flush(t->survey.access[i].device);
		if (!code)
			continue;
		error_set(error, code, "%s: %.300s does not write what it holds back: %s", copy->name, copy->locator,
		          strerror(-code));
		error_next(error, "the mirror is not active any more: see to the device (dmesg), then run it again");
	}
	t->is_proven = !code;
	return code;
}

static int settle_is_done(void *context, struct svc_error *error)
{
	return ((struct takeover *)context)->is_proven || close_is_done(context, error);
}

/* What is read is what is written: a monitor that still has something to note does so before, or not at all. */
int demote_close(struct takeover *t, struct svc_error *error)
{
	bool is_member[SVC_COPIES_MAX] = { false };
	int lock = record_lock(), code;
	struct claim claim;

	if (lock < 0) {
		error_set(error, lock, "the records cannot be locked: %s", strerror(-lock));
		error_next(error, "see what has them for so long (svc-resync, a monitor), then run it again");
		return lock;
	}
	code = look_survey(t, error);
	for (int i = 0; i < t->survey.copies && !code; i++)
		is_member[i] = is_to_close(t, i);
	claim_plan_close(t->survey.copy, t->survey.copies, is_member, time(NULL), &claim);
	survey_close(&t->survey);
	if (!code)
		code = claim_run(&claim, t->survey.copy, &t->options->locate, error);
	record_unlock(lock);
	return code ? code : look_survey(t, error);
}

static int close_records(void *context, unsigned left_ms, struct svc_error *error)
{
	(void)left_ms;
	return demote_close(context, error);
}

/* An array that cannot be asked takes no key back; it is told, and the rest goes on. */
static int release_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	struct svc_error why;
	struct fence fence;
	int code;

	(void)error;
	if (t->is_fenced)
		return 1;
	code = shut_out_read(t, &fence, &why);
	if (code && code != -EOPNOTSUPP)
		tell(t, "the reservation, if there is one, stays: %.250s", why.text);
	return code || !shut_out_is_to_release(t, &fence.last);
}

static int release(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	int code = shut_out_release(t, error);

	(void)left_ms;
	t->is_fenced = !code;
	return code;
}

static int export_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;

	(void)error;
	return !*t->options->conf->export_address || t->served->find() > 0;
}

/* The mirror is handed over without it too: there is one path less then. */
static int export(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;

	(void)left_ms;
	if (!t->served->start(t, error))
		return 0;
	tell(t, "shared is not served to the other controller: %.250s", error->text);
	return STEP_NOTHING_TO_DO;
}

static const struct step_row rows[] = {
	{ "preflight", "looking at what is there" },
	{ "unmount", "unmounting the file system" },
	{ "refresh", "stopping the rebuild in the background" },
	{ "deactivate", "deactivating the mirror" },
	{ "settle", "having the devices write what they hold back" },
	{ "close", "writing into the records that the mirror is closed" },
	{ "release", "giving the reservation up" },
	{ "export", "serving shared to the other controller" },
};

static const struct step_ops ops[] = {
	{ NULL, look },
	{ unmount_is_done, unmount },
	{ refresh_is_stopped, refresh_stop },
	{ deactivate_is_done, deactivate },
	{ settle_is_done, settle },
	{ close_is_done, close_records },
	{ release_is_done, release },
	{ export_is_done, export },
};

/* That is no success, whether it was closed in this call or before: who takes over from shared goes on without what is on the flash. */
static int check_shared(struct takeover *t, struct svc_error *error)
{
	bool has_closed = t->was_active || t->is_proven;
	struct reasons reasons = { 0 };
	int shared = look_shared(t);
	bool has_shared = shared >= 0 && t->survey.copy[shared].condition == COPY_USABLE;

	if (!promote_is_on_flash_alone(t->survey.copy, t->survey.copies, t->options->controller) &&
	    (has_shared || !t->was_active))
		return 0;
	reason_add(&reasons, REASON_LEFT_ON_FLASH, -1, "%s: %s",
	           has_closed ? "the mirror was closed on this controller's flash alone"
	                      : "this controller's flash is ahead",
	           has_shared ? "shared is older" : "shared cannot be read");
	tell_reasons(t, &reasons);
	error_set(error, -EIO, "%s", reasons.item[0].text);
	error_next(error, "%s", reason_row(REASON_LEFT_ON_FLASH)->next);
	return give_up(t, SVC_EXIT_IO, -EIO);
}

int demote_run(struct takeover *t, struct svc_error *error)
{
	uint64_t device;
	int code = takeover_steps(t, rows, sizeof(rows) / sizeof(rows[0]), ops, error);

	t->result->role = !t->mirror.present         ? ROLE_UNKNOWN
	                  : !look_active(t, &device) ? ROLE_STANDBY
	                  : t->options->is_dry_run   ? ROLE_PRIMARY
	                                             : ROLE_FAILED;
	return !code && t->result->role == ROLE_STANDBY ? check_shared(t, error) : code;
}
