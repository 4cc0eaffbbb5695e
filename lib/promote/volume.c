/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is above the mirror's device: e2fsck, and mounting through libmount. */
#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "path/probe.h"
#include "promote/takeover.h"
#include "verdict/reason.h"

enum {
	LOOK_MS = 100,
	/* Exit status of e2fsck(8). */
	E2FSCK_CORRECTED = 1,
	E2FSCK_REBOOT = 2,
	E2FSCK_UNCORRECTED = 4,
	E2FSCK_BUSY = 8,
};

static bool has_option(const char *options, const char *name)
{
	return options && !mnt_optstr_get_option(options, name, NULL, NULL);
}

int volume_find(const struct takeover *t, uint64_t device, struct volume_mounts *mounts, struct svc_error *error)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	const char *wanted = t->result->mountpoint;
	struct libmnt_fs *fs;
	int code = table && iter ? 0 : error_set(error, -EIO, "/proc/self/mountinfo cannot be read");

	memset(mounts, 0, sizeof(*mounts));
	while (!code && !mnt_table_next_fs(table, iter, &fs)) {
		const char *target = mnt_fs_get_target(fs);

		if (mnt_fs_get_devno(fs) != device || !target)
			continue;
		if (*wanted && !strcmp(target, wanted)) {
			mounts->is_wanted = true;
			/* ext4 turns the file system itself read-only after an error, and not the mount. */
			mounts->is_writable = !has_option(mnt_fs_get_fs_options(fs), "ro") &&
			                      !has_option(mnt_fs_get_vfs_options(fs), "ro");
		}
		if (mounts->count < (int)(sizeof(mounts->target) / sizeof(mounts->target[0])))
			snprintf(mounts->target[mounts->count], sizeof(mounts->target[0]), "%s", target);
		mounts->count++;
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return code;
}

/* ---- the check ---- */

/* 1: it is mounted, or was checked in this call. */
int volume_repair_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	struct volume_mounts mounts;
	uint64_t device;
	int code;

	if (t->is_repaired)
		return 1;
	if (!look_active(t, &device))
		return 0;
	code = volume_find(t, device, &mounts, error);
	return code ? code : mounts.count > 0;
}

/* A call that was killed may have left its e2fsck behind: that one ends by itself. */
static void wait_until_free(const char *device, unsigned ms)
{
	uint64_t end_ms = path_now_ms() + ms;
	int file;

	while ((file = open(device, O_RDONLY | O_EXCL | O_CLOEXEC)) < 0 && errno == EBUSY && path_now_ms() < end_ms)
		nanosleep(&(struct timespec){ 0, LOOK_MS * 1000000L }, NULL);
	if (file >= 0)
		close(file);
}

static int read_mmp(const struct takeover *t, struct signs *signs, struct svc_error *error)
{
	struct dev_options reading = { .access = DEV_READ };
	struct dev *leg;
	int code = dev_open(t->result->device, &reading, &leg, error);

	if (code)
		return code;
	code = signs_read(NULL, leg, 0, signs, error);
	dev_close(leg);
	return code;
}

/* Whether the MMP block stood still for as long as a mount would watch it. A call that went on here has not seen that yet. */
static int is_mmp_still(struct takeover *t, const struct signs *first, unsigned left_ms, struct svc_error *error)
{
	unsigned wait_ms = first->mmp_wait_seconds * 1000;
	struct signs last;
	int code;

	if (t->facts.mmp == MOTION_STILL)
		return 1;
	if (wait_ms >= left_ms / 2)
		return 0;
	tell(t, "watching the file system's MMP block for %u ms", wait_ms);
	nanosleep(&(struct timespec){ wait_ms / 1000, 0 }, NULL);
	code = read_mmp(t, &last, error);
	if (code)
		return code;
	if (last.has_mmp && last.mmp == first->mmp)
		return 1;
	error_set(error, -EPERM, "%s: the file system's MMP block moves: it is mounted elsewhere", t->result->device);
	error_next(error, "%s", reason_row(REASON_PEER_ALIVE)->next);
	return give_up(t, SVC_EXIT_REFUSED, -EPERM);
}

/*
 * Who died with it mounted, or an e2fsck that was killed, is in the MMP block still. e2fsck and the mount would each watch
 * it again, some of them twice, or refuse: more time than a takeover has, for what has been seen.
 */
static int reset_mmp(struct takeover *t, unsigned left_ms, struct svc_error *error)
{
	const char *const argv[] = { "tune2fs", "-f", "-E", "clear_mmp", t->result->device, NULL };
	struct signs signs;
	int code = read_mmp(t, &signs, error);

	if (code || !signs.has_mmp)
		return code;
	code = is_mmp_still(t, &signs, left_ms, error);
	if (code <= 0)
		return code;
	code = spawn_run(argv, NULL, left_ms / 4, NULL);
	if (code)
		tell(t, "%s: tune2fs -E clear_mmp %s: e2fsck and the mount watch the MMP block again",
		     t->result->device, code == -ETIMEDOUT ? "did not end in time" : "failed");
	return 0;
}

int volume_repair(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	const char *const argv[] = { "e2fsck", "-p", t->result->device, NULL };
	uint64_t end_ms = path_now_ms() + left_ms, now;
	struct spawn_output *output;
	int code;

	wait_until_free(t->result->device, left_ms / 2);
	code = reset_mmp(t, left_ms, error);
	if (code)
		return code;
	now = path_now_ms();
	left_ms = now < end_ms ? (unsigned)(end_ms - now) : 1;
	output = calloc(1, sizeof(*output));
	if (!output)
		return error_set(error, -ENOMEM, "out of memory");
	code = spawn_run(argv, NULL, left_ms, output);
	output->out[strcspn(output->out, "\n")] = '\0';
	output->err[strcspn(output->err, "\n")] = '\0';
	t->is_repaired = code >= 0 && code < E2FSCK_UNCORRECTED;
	if (t->is_repaired) {
		if (code)
			tell(t, "e2fsck: %.250s", output->out);
		code = code & (E2FSCK_CORRECTED | E2FSCK_REBOOT) ? 0 : STEP_NOTHING_TO_DO;
	} else if (code == -ETIMEDOUT) {
		error_set(error, code, "%s: e2fsck did not end in time", t->result->device);
	} else if (code < 0) {
		error_set(error, code, "e2fsck cannot be run: %s", strerror(-code));
	} else {
		error_set(error, -EUCLEAN, "%s: e2fsck ended with %d: %.300s", t->result->device, code,
		          *output->err ? output->err : output->out);
		error_next(error, "the mirror is active: repair it by hand (e2fsck -f %s), then run it again",
		           t->result->device);
		code = give_up(t, code & E2FSCK_BUSY ? SVC_EXIT_IO : SVC_EXIT_OPERATOR, -EUCLEAN);
	}
	free(output);
	return code;
}

/* ---- mounting ---- */

/* X-mount.mkdir, with a mode or without: libmount makes it then. */
static bool makes_directory(const char *options)
{
	return has_option(options, "X-mount.mkdir") || has_option(options, "x-mount.mkdir");
}

/* What cannot be looked at for another reason may be the mirror itself, in trouble: mounting tells. */
int volume_check_mountpoint(struct takeover *t, struct svc_error *error)
{
	const char *path = t->result->mountpoint, *options = t->options->conf->promote_mount_options;
	struct stat found;
	int why = 0;

	if (!*path)
		return 0;
	if (stat(path, &found))
		why = (errno == ENOENT && !makes_directory(options)) || errno == ENOTDIR ? errno : 0;
	else if (!S_ISDIR(found.st_mode))
		why = ENOTDIR;
	if (!why)
		return 0;
	error_set(error, -EINVAL, "mountpoint = %.300s: %s", path,
	          why == ENOENT ? "there is no such directory" : "that is no directory");
	error_next(error, "make it (mkdir -p), or correct mountpoint below promote in svc.conf(5)");
	return give_up(t, SVC_EXIT_CONFIG, -EINVAL);
}

int volume_mount_is_done(void *context, struct svc_error *error)
{
	struct takeover *t = context;
	struct volume_mounts mounts;
	uint64_t device;
	int code;

	if (!*t->result->mountpoint)
		return 1;
	if (!look_active(t, &device))
		return 0;
	code = volume_find(t, device, &mounts, error);
	return code ? code : mounts.is_wanted;
}

int volume_mount(void *context, unsigned left_ms, struct svc_error *error)
{
	struct takeover *t = context;
	struct libmnt_context *mount = mnt_new_context();
	const char *options = t->options->conf->promote_mount_options;
	char said[300] = "";
	int code;

	(void)left_ms; /* the process as a whole has a deadline */
	if (!mount)
		return error_set(error, -ENOMEM, "out of memory");
	code = mnt_context_set_source(mount, t->result->device);
	code = code ? code : mnt_context_set_target(mount, t->result->mountpoint);
	code = code ? code : mnt_context_set_fstype(mount, "ext4");
	code = code || !*options ? code : mnt_context_set_options(mount, options);
	code = code ? code : mnt_context_mount(mount);
	if (code) {
		mnt_context_get_excode(mount, code, said, sizeof(said));
		error_set(error, -EIO, "%s cannot be mounted on %s: %s", t->result->device, t->result->mountpoint,
		          *said ? said : strerror(code < 0 ? -code : errno));
		error_next(error, "see what the kernel said (dmesg), and mountpoint and mount-options in svc.conf(5)");
		code = give_up(t, SVC_EXIT_IO, -EIO);
	}
	mnt_free_context(mount);
	return code;
}

int volume_unmount(struct takeover *t, uint64_t device, struct svc_error *error)
{
	struct volume_mounts mounts;
	int code = volume_find(t, device, &mounts, error);

	/* The last one that was mounted may cover those before it. */
	for (int i = mounts.count - 1; i >= 0 && !code; i--) {
		struct libmnt_context *mount = mnt_new_context();

		if (i >= (int)(sizeof(mounts.target) / sizeof(mounts.target[0])))
			i = (int)(sizeof(mounts.target) / sizeof(mounts.target[0])) - 1;
		code = mount ? mnt_context_set_target(mount, mounts.target[i]) : -ENOMEM;
		code = code ? code : mnt_context_umount(mount);
		if (code) {
			bool is_busy = mount && mnt_context_get_syscall_errno(mount) == EBUSY;

			error_set(error, -EBUSY, "%s: cannot be unmounted: %s", mounts.target[i],
			          is_busy ? "it is in use" : strerror(code < 0 ? -code : errno));
			error_next(error, "stop what uses it (fuser -vm %.150s), then run it again", mounts.target[i]);
			code = give_up(t, is_busy ? SVC_EXIT_REFUSED : SVC_EXIT_IO, -EBUSY);
		}
		mnt_free_context(mount);
	}
	return code;
}
