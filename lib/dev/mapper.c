/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/mapper.h"

#include <errno.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	DEPTH_MAX = 8, /* devices on devices; the kernel itself makes no circles */
	ROWS_MAX = 64,
};

__attribute__((format(printf, 5, 6))) static void ignore_log(int level, const char *file, int line, int code,
                                                             const char *format, ...)
{
	(void)level, (void)file, (void)line, (void)code, (void)format;
}

/* libdevmapper would make the control node where it is not there. */
static struct dm_task *new_task(int type, uint64_t device)
{
	struct dm_task *task;

	if (access("/dev/mapper/control", R_OK | W_OK))
		return NULL;
	dm_log_with_errno_init(ignore_log);
	task = dm_task_create(type);
	if (task && device && !dm_task_set_major_minor(task, (int)major(device), (int)minor(device), 1)) {
		dm_task_destroy(task);
		return NULL;
	}
	return task;
}

static int run(struct dm_task *task)
{
	if (dm_task_run(task))
		return 0;
	return dm_task_get_errno(task) > 0 ? -dm_task_get_errno(task) : -EIO;
}

int mapper_find(const char *uuid, uint64_t *device)
{
	struct dm_task *task = new_task(DM_DEVICE_INFO, 0);
	struct dm_info info;
	int code = -ENOENT;

	if (!task)
		return code;
	if (dm_task_set_uuid(task, uuid) && !run(task) && dm_task_get_info(task, &info) && info.exists &&
	    info.live_table) {
		*device = makedev(info.major, info.minor);
		code = 0;
	}
	dm_task_destroy(task);
	return code;
}

static int read_row(int type, uint64_t device, struct mapper_row *row)
{
	struct dm_task *task = new_task(type, device);
	char *target = NULL, *parameters = NULL;
	void *next = NULL;
	int code;

	if (!task)
		return -EIO;
	/* Without flushing: a suspended leg below must not make the question hang. */
	dm_task_no_flush(task);
	code = run(task);
	if (!code) {
		next = dm_get_next_target(task, NULL, &row->start_sectors, &row->length_sectors, &target, &parameters);
		if (next || !target || !parameters)
			code = -ENOTSUP;
		else if ((size_t)snprintf(row->type, sizeof(row->type), "%s", target) >= sizeof(row->type) ||
		         (size_t)snprintf(row->parameters, sizeof(row->parameters), "%s", parameters) >=
		                 sizeof(row->parameters))
			code = -ENOTSUP;
	}
	dm_task_destroy(task);
	return code;
}

int mapper_table(uint64_t device, struct mapper_row *row)
{
	return read_row(DM_DEVICE_TABLE, device, row);
}

int mapper_status(uint64_t device, struct mapper_row *row)
{
	return read_row(DM_DEVICE_STATUS, device, row);
}

static int add_rows(struct dm_task *task, const struct mapper_row *row, size_t rows)
{
	if (rows > ROWS_MAX)
		return -ENOTSUP;
	for (size_t i = 0; i < rows; i++)
		if (!dm_task_add_target(task, row[i].start_sectors, row[i].length_sectors, row[i].type,
		                        row[i].parameters))
			return -ENOMEM;
	return 0;
}

int mapper_load(uint64_t device, const struct mapper_row *row, size_t rows)
{
	struct dm_task *task = new_task(DM_DEVICE_RELOAD, device);
	int code = task ? add_rows(task, row, rows) : -EIO;

	if (!code)
		code = run(task);
	if (task)
		dm_task_destroy(task);
	return code;
}

/* Runs what makes or takes away a node, and waits for udev to have followed, where there is one. */
static int run_and_settle(struct dm_task *task)
{
	uint32_t cookie = 0;
	int code;

	if (!dm_task_set_cookie(task, &cookie, 0))
		return -EIO;
	code = run(task);
	dm_udev_wait(cookie);
	dm_task_update_nodes();
	return code;
}

int mapper_create(const char *name, const char *uuid, const struct mapper_row *row, size_t rows, uint64_t *device)
{
	struct dm_task *task = new_task(DM_DEVICE_CREATE, 0);
	int code = task ? add_rows(task, row, rows) : -EIO;

	if (!code && (!dm_task_set_name(task, name) || !dm_task_set_uuid(task, uuid)))
		code = -EINVAL;
	if (!code)
		code = run_and_settle(task);
	if (!code)
		code = mapper_find(uuid, device);
	if (task)
		dm_task_destroy(task);
	return code;
}

int mapper_remove(uint64_t device)
{
	struct dm_task *task = new_task(DM_DEVICE_REMOVE, device);
	int code = task ? run_and_settle(task) : -EIO;

	if (task)
		dm_task_destroy(task);
	return code;
}

int mapper_message(uint64_t device, const char *text)
{
	struct dm_task *task = new_task(DM_DEVICE_TARGET_MSG, device);
	int code = task ? 0 : -EIO;

	if (!code && (!dm_task_set_sector(task, 0) || !dm_task_set_message(task, text)))
		code = -ENOMEM;
	if (!code)
		code = run(task);
	if (task)
		dm_task_destroy(task);
	return code;
}

/*
 * Resumes. Without a cookie libdevmapper tells udev to take the device's links away (_do_dm_ioctl in lvm2's
 * libdm/ioctl/libdm-iface.c), unless the caller does not synchronise with udev at all. And waiting for udev, which reads
 * the device, would hold up who changes the paths because one of them is dead.
 */
static int run_unsettled(struct dm_task *task)
{
	int is_synchronised = dm_udev_get_sync_support();
	int code;

	dm_udev_set_sync_support(0);
	code = run(task);
	dm_udev_set_sync_support(is_synchronised);
	return code;
}

int mapper_swap(uint64_t device)
{
	struct dm_task *task = new_task(DM_DEVICE_RESUME, device);
	int code = task && dm_task_no_flush(task) && dm_task_skip_lockfs(task) ? 0 : -EIO;

	if (!code)
		code = run_unsettled(task);
	if (task)
		dm_task_destroy(task);
	return code;
}

int mapper_resume(uint64_t device)
{
	struct dm_task *task = new_task(DM_DEVICE_RESUME, device);
	int code = task ? run_unsettled(task) : -EIO;

	if (task)
		dm_task_destroy(task);
	return code;
}

static bool is_on(uint64_t device, uint64_t below, int depth)
{
	struct dm_task *task;
	struct dm_deps *deps;
	bool found = device == below;

	if (found || !depth)
		return found;
	task = new_task(DM_DEVICE_DEPS, device);
	if (!task)
		return false;
	deps = run(task) ? NULL : dm_task_get_deps(task);
	for (uint32_t i = 0; deps && i < deps->count && !found; i++)
		found = is_on(deps->device[i], below, depth - 1);
	dm_task_destroy(task);
	return found;
}

bool mapper_is_on(uint64_t device, uint64_t below)
{
	return below && is_on(device, below, DEPTH_MAX);
}
