// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "console/tar.h"
#include "locate/conf.h"

enum {
	FILE_BYTES_MAX = 16 << 20,
	KERNEL_LOG_BYTES = 1 << 20,
	DEADLINE_MS = 60000, /* for a command: a copy may be behind a dead path */
	SYSLOG_ACTION_READ_ALL = 3,
};

struct bundle {
	struct tar *tar;
	int64_t now;
	int code; /* of the first thing that could not be written */
};

static void add(struct bundle *bundle, const char *name, const void *bytes, size_t length)
{
	char full[160];
	int code;

	snprintf(full, sizeof(full), "svc-support/%s", name);
	code = tar_add(bundle->tar, full, bytes, length, bundle->now);
	if (code && !bundle->code)
		bundle->code = code;
}

/* Why something is not in it belongs in it too. */
static void add_trouble(struct bundle *bundle, const char *name, int code)
{
	char file[120], text[200];

	snprintf(file, sizeof(file), "%.90s.missing", name);
	snprintf(text, sizeof(text), "%.90s: %s\n", name, strerror(-code));
	add(bundle, file, text, strlen(text));
}

/* Files of /proc have no size until they are read. */
static void add_descriptor(struct bundle *bundle, const char *name, int file)
{
	char *bytes = malloc(FILE_BYTES_MAX);
	size_t length = 0;
	ssize_t got = -1;

	lseek(file, 0, SEEK_SET);
	while (bytes && length < FILE_BYTES_MAX && (got = read(file, bytes + length, FILE_BYTES_MAX - length)) > 0)
		length += (size_t)got;
	if (bytes && (got >= 0 || length))
		add(bundle, name, bytes, length);
	else
		add_trouble(bundle, name, bytes ? -errno : -ENOMEM);
	free(bytes);
}

static void add_file(struct bundle *bundle, const char *name, const char *path)
{
	struct stat status;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (file < 0 || fstat(file, &status) || !S_ISREG(status.st_mode))
		add_trouble(bundle, name, file < 0 ? -errno : -EINVAL);
	else
		add_descriptor(bundle, name, file);
	if (file >= 0)
		close(file);
}

/* Everything in a directory of ours but what shows files' content (own-*) and other bundles. */
static void add_directory(struct bundle *bundle, const char *name, const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char file[100], from[1400];
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || (strcmp(dot, ".job") != 0 && strcmp(dot, ".out") != 0 && strcmp(dot, ".json") != 0) ||
		    !strncmp(entry->d_name, "own-", 4))
			continue;
		snprintf(file, sizeof(file), "%s/%.80s", name, entry->d_name);
		snprintf(from, sizeof(from), "%s/%s", path, entry->d_name);
		add_file(bundle, file, from);
	}
	if (directory)
		closedir(directory);
}

/* What a command prints; this very program by the name of one of its commands, or one in PATH. */
static void add_output(struct bundle *bundle, const char *name, const char *const argv[], bool is_own)
{
	int out = memfd_create("svc-bundle", MFD_CLOEXEC), said = memfd_create("svc-bundle", MFD_CLOEXEC), code;
	char remarks[120];
	pid_t child;

	if (out < 0 || said < 0) {
		add_trouble(bundle, name, -errno);
		goto out;
	}
	child = fork();
	if (!child) {
		int null = open("/dev/null", O_RDWR);

		setpgid(0, 0);
		if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(said, 2) < 0)
			_exit(126);
		close_range(3, ~0U, 0);
		execvp(is_own ? "/proc/self/exe" : argv[0], (char *const *)argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	code = child < 0 ? -errno : spawn_wait(child, DEADLINE_MS);
	if (code == -ETIMEDOUT)
		spawn_abandon(child);
	if (code < 0)
		add_trouble(bundle, name, code);
	add_descriptor(bundle, name, out);
	snprintf(remarks, sizeof(remarks), "%.90s.said", name);
	if (lseek(said, 0, SEEK_END) > 0)
		add_descriptor(bundle, remarks, said);
out:
	if (out >= 0)
		close(out);
	if (said >= 0)
		close(said);
}

static void add_evidence(struct bundle *bundle, const struct task_options *options)
{
	struct request look = { .kind = REQUEST_RUN, .task = TASK_LOOK };
	struct task_line line;
	int count = 0;

	task_command(&look, options, &line);
	add_output(bundle, "compare.json", line.argument, true);
	for (; line.argument[count]; count++)
		if (!strcmp(line.argument[count], "--json") || !strcmp(line.argument[count], "--quiet"))
			line.argument[count] = "--verbose";
	add_output(bundle, "compare.txt", line.argument, true);
}

/* What the other commands know: the paths, whose the mirror is, what can be taken back. */
static void add_answers(struct bundle *bundle, const struct task_options *options)
{
	static const struct {
		const char *file;
		enum task task;
	} answers[] = { { "pathcheck.json", TASK_PATHS },
		        { "promote.json", TASK_PROMOTE_PLAN },
		        { "undo-list.json", TASK_UNDOS } };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct request request = { .kind = REQUEST_RUN, .task = answers[i].task };
		struct task_line line;

		task_command(&request, options, &line);
		for (int k = 0; line.argument[k]; k++)
			if (!strcmp(line.argument[k], "--dry-run"))
				line.argument[k] = "--status";
		add_output(bundle, answers[i].file, line.argument, true);
	}
}

static void add_kernel_log(struct bundle *bundle)
{
	char *text = malloc(KERNEL_LOG_BYTES);
	int length = text ? klogctl(SYSLOG_ACTION_READ_ALL, text, KERNEL_LOG_BYTES) : -1;

	if (length >= 0)
		add(bundle, "dmesg.txt", text, (size_t)length);
	else
		add_trouble(bundle, "dmesg.txt", text ? -errno : -ENOMEM);
	free(text);
}

int bundle_write(const char *path, const char *directory, const struct task_options *options, uint64_t *bytes,
                 struct svc_error *error)
{
	static const char *const tables[] = { "cmdline", "mounts", "partitions", "mdstat", "version", "meminfo" };
	static const char *const table[] = { "dmsetup", "table", NULL }, *const status[] = { "dmsetup", "status",
		                                                                             NULL };
	struct bundle bundle = { .now = time(NULL) };
	struct stat file;
	int code = tar_create(path, &bundle.tar);

	if (code)
		return error_set(error, code, "%s: %s", path, strerror(-code));
	add_evidence(&bundle, options);
	add_answers(&bundle, options);
	if (directory)
		add_directory(&bundle, "jobs", directory);
	add_directory(&bundle, "run", "/run/svc");
	add_file(&bundle, "svc.conf", options->config ? options->config : SVC_CONF_PATH);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char from[40];

		snprintf(from, sizeof(from), "/proc/%s", tables[i]);
		add_file(&bundle, from + 1, from);
	}
	add_output(&bundle, "dmsetup-table.txt", table, false);
	add_output(&bundle, "dmsetup-status.txt", status, false);
	add_kernel_log(&bundle);
	code = tar_finish(bundle.tar);
	if (bundle.code)
		code = bundle.code;
	if (!code && stat(path, &file))
		code = -errno;
	if (!code) {
		*bytes = (uint64_t)file.st_size;
		return 0;
	}
	unlink(path);
	return error_set(error, code, "%s: the bundle could not be written: %s", path, strerror(-code));
}

/* /sys/class/block/NAME/removable, of the disk for a partition. */
static bool is_removable(const char *device)
{
	const char *name = strrchr(device, '/');
	char path[300];
	int removable = 0;

	for (size_t i = 0; name && strlen(name) < 64 && i < 2 && !removable; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/sys/class/block/%s/%sremovable", name + 1, i ? "../" : "");
		file = fopen(path, "re");
		if (file && fscanf(file, "%d", &removable) != 1)
			removable = 0;
		if (file)
			fclose(file);
	}
	return removable == 1;
}

int bundle_targets(char target[][200], int most)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const char *folder = getenv("TMPDIR") ?: access("/var/tmp", W_OK) ? "/tmp" : "/var/tmp";
	struct mntent *mount;
	char when[24];
	time_t now = time(NULL);
	struct tm at;
	int count = 0;

	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", gmtime_r(&now, &at));
	while (mounts && count + 1 < most && (mount = getmntent(mounts)))
		if (!strncmp(mount->mnt_fsname, "/dev/", 5) && strlen(mount->mnt_dir) < 120 &&
		    is_removable(mount->mnt_fsname))
			snprintf(target[count++], 200, "%s/svc-support-%s.tar.gz", mount->mnt_dir, when);
	if (mounts)
		endmntent(mounts);
	snprintf(target[count++], 200, "%.120s/svc-support-%s.tar.gz", folder, when);
	return count;
}
