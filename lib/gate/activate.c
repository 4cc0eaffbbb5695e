/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/activate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/spawn.h"
#include "dev/mapper.h"
#include "evidence/online.h"

enum {
	CONFIG_SIZE = 8192,
	SETTLE_MS = 2000, /* what a leg may take to be called in sync */
	LOOK_MS = 50,
};

/* Adds text; false where it does not fit. */
static bool append(char *text, size_t size, size_t *used, const char *more)
{
	size_t length = strlen(more);

	if (length >= size - *used)
		return false;
	memcpy(text + *used, more, length + 1);
	*used += length;
	return true;
}

bool activate_filter(const char *const device[], int devices, char *text, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-:";
	size_t used = 0;
	/* The host's filter stands beside this one, and its udev may call the legs parts of a multipath map (svc-initramfs(7)). */
	bool fits = append(text, size, &used,
	                   "devices { use_devicesfile=0 external_device_info_source=\"none\" filter=[\"a|.*|\"] "
	                   "global_filter=[");

	for (int i = 0; i < devices && fits; i++) {
		fits = append(text, size, &used, "\"a|^");
		for (const char *c = device[i]; *c && fits; c++) {
			/* Within brackets these stand for themselves; anything else is in no device's name here. */
			char piece[4] = { *c };

			if (strchr(".+=,@", *c))
				snprintf(piece, sizeof(piece), "[%c]", *c);
			else if (!strchr(plain, *c))
				return false;
			fits = append(text, size, &used, piece);
		}
		fits = fits && append(text, size, &used, "$|\",");
	}
	return fits && append(text, size, &used, "\"r|.*|\"] } activation { monitoring=0 }");
}

static int make_filter(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX], char *config,
                       struct svc_error *error)
{
	char path[SVC_COPIES_MAX][PATH_MAX];
	const char *device[SVC_COPIES_MAX] = { NULL };
	int devices = 0;

	for (int i = 0; i < copies; i++) {
		if (!is_member[i])
			continue;
		/* LVM knows a device by each of its names; the canonical one is always among them. */
		if (!realpath(copy[i].locator, path[devices]))
			return error_set(error, -errno, "%s: %.300s: %s", copy[i].name, copy[i].locator,
			                 strerror(errno));
		device[devices] = path[devices];
		devices++;
	}
	if (!activate_filter(device, devices, config, CONFIG_SIZE))
		return error_set(error, -EINVAL, "a copy's device has a name that LVM's filters cannot take");
	return 0;
}

static int run_lvm(const char *const argv[], unsigned seconds, struct svc_error *error)
{
	struct spawn_output output;
	int status = spawn_run(argv, NULL, seconds * 1000, &output);

	output.err[strcspn(output.err, "\n")] = '\0';
	if (!status)
		return 0;
	if (status == -ETIMEDOUT)
		return error_set(error, status, "lvm did not end within %u seconds", seconds);
	if (status < 0)
		return error_set(error, status, "lvm cannot be run: %s", strerror(-status));
	return error_set(error, -EIO, "lvm failed with status %d: %.300s", status, output.err);
}

static int read_online(const struct lvm_evidence *lvm, struct online_evidence *online)
{
	char uuid[ONLINE_UUID_SIZE];
	struct mapper_row *row;
	uint64_t device;
	int code;

	if (!online_uuid(lvm, uuid) || mapper_find(uuid, &device))
		return -ENOENT;
	row = malloc(sizeof(*row));
	if (!row)
		return -ENOMEM;
	code = mapper_status(device, row);
	if (!code && (strcmp(row->type, "raid") != 0 || !online_parse_status(row->parameters, online)))
		code = -ENOTSUP;
	free(row);
	return code;
}

static bool is_in_sync(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX],
                       const struct online_evidence *online)
{
	for (int i = 0; i < copies; i++)
		if (is_member[i] && (copy[i].evidence.lvm.leg_index >= online->legs ||
		                     online->health[copy[i].evidence.lvm.leg_index] != 'A'))
			return false;
	return true;
}

static int check_legs(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX],
                      const struct lvm_evidence *lvm, struct svc_error *error)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	struct online_evidence online = { .health = "" };
	int code = 0;

	for (int ms = 0; ms <= SETTLE_MS; ms += LOOK_MS) {
		code = read_online(lvm, &online);
		if (code)
			return error_set(error, code, "%s/%s: device-mapper does not show it: %s", lvm->vg_name,
			                 lvm->lv_name, strerror(-code));
		if (is_in_sync(copy, copies, is_member, &online))
			return 0;
		nanosleep(&pause, NULL);
	}
	return error_set(error, -EIO, "%s/%s: the kernel calls its legs %s, and not every one of them in sync",
	                 lvm->vg_name, lvm->lv_name, online.health);
}

/*
 * What is half active is worse than what is not, and an lvm that failed or was given up may have got as far as that.
 * Returns `code` with its sentence, or -EBUSY and both sentences where the mirror is still there after all.
 */
static int take_back(const struct lvm_evidence *lvm, const char *const off[], unsigned seconds, int code,
                     struct svc_error *error)
{
	char uuid[ONLINE_UUID_SIZE], why[sizeof(error->text)];
	struct svc_error failed;
	uint64_t device;
	int failure = run_lvm(off, seconds, &failed);

	if (!online_uuid(lvm, uuid) || mapper_find(uuid, &device))
		return code;
	memcpy(why, error->text, sizeof(why));
	return error_set(error, -EBUSY, "%s/%s is half active and cannot be deactivated (%.120s), after: %.200s",
	                 lvm->vg_name, lvm->lv_name, failure ? failed.text : "the kernel still has it", why);
}

int activate_mirror(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX], unsigned seconds,
                    struct svc_error *error)
{
	const struct lvm_evidence *lvm = NULL;
	char config[CONFIG_SIZE], name[2 * LVM_NAME_SIZE + 2];
	const char *const on[] = { "lvm",      "lvchange", "-ay",      "--sysinit", "--activationmode",
		                   "degraded", name,       "--config", config,      NULL };
	const char *const off[] = { "lvm", "lvchange", "-an", "--sysinit", name, "--config", config, NULL };
	int code = make_filter(copy, copies, is_member, config, error);

	for (int i = copies - 1; i >= 0; i--)
		if (is_member[i])
			lvm = &copy[i].evidence.lvm;
	if (!lvm)
		return error_set(error, -EINVAL, "no copy is to be activated");
	if (code)
		return code;
	snprintf(name, sizeof(name), "%s/%s", lvm->vg_name, lvm->lv_name);
	code = run_lvm(on, seconds, error);
	if (!code)
		code = check_legs(copy, copies, is_member, lvm, error);
	return code ? take_back(lvm, off, seconds, code, error) : 0;
}

int deactivate_mirror(const struct copy *copy, int copies, unsigned seconds, struct svc_error *error)
{
	char config[CONFIG_SIZE], name[2 * LVM_NAME_SIZE + 2] = "", uuid[ONLINE_UUID_SIZE] = "";
	const char *const off[] = { "lvm", "lvchange", "-an", "--sysinit", name, "--config", config, NULL };
	bool is_member[SVC_COPIES_MAX] = { false };
	uint64_t device;
	int code;

	for (int i = 0; i < copies; i++) {
		const struct lvm_evidence *lvm = &copy[i].evidence.lvm;

		is_member[i] = copy[i].condition == COPY_USABLE && lvm->type == MIRROR_RAID1;
		if (is_member[i] && online_uuid(lvm, uuid))
			snprintf(name, sizeof(name), "%s/%s", lvm->vg_name, lvm->lv_name);
	}
	if (!*name)
		return error_set(error, -ENOENT, "no copy tells which logical volume is meant");
	if (mapper_find(uuid, &device))
		return 0;
	code = make_filter(copy, copies, is_member, config, error);
	if (!code)
		code = run_lvm(off, seconds, error);
	return !code && !mapper_find(uuid, &device) ? error_set(error, -EBUSY, "%s is still active", name) : code;
}
