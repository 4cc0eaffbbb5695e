// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/whole.h"

enum { WORK_KEPT = 16, PATH_SIZE = 1024 + 320, LOOKS_KEPT_SECONDS = 24 * 3600 };

static const char *path_of(const struct jobs *jobs, const char *name, const char *suffix, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%.256s.%s", jobs->directory, name, suffix);
	return path;
}

/* A directory of ours alone: what is in it is obeyed (NAME.stop) and shown. */
static int use_directory(struct jobs *jobs, const char *path, struct svc_error *error)
{
	struct stat status;

	if (mkdir(path, 0700) && errno != EEXIST)
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	if (lstat(path, &status))
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 022)
		return error_set(error, -EPERM, "%s: is not a directory that only this user may write to", path);
	if (access(path, W_OK))
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	snprintf(jobs->directory, sizeof(jobs->directory), "%s", path);
	return 0;
}

static int find_directory(struct jobs *jobs, const char *wanted, struct svc_error *error)
{
	char path[64];

	if (wanted)
		return use_directory(jobs, wanted, error);
	mkdir("/run/svc", 0755); /* what matters is whether the next one can be made */
	if (!use_directory(jobs, "/run/svc/jobs", error))
		return 0;
	snprintf(path, sizeof(path), "/tmp/svc-%u", (unsigned)geteuid());
	return use_directory(jobs, path, error);
}

static bool is_named(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* What was seen of some copies, long ago: nobody is interested any more. */
static bool is_old_look(DIR *directory, const char *name)
{
	struct stat status;

	return (is_named(name, "look-") || is_named(name, "paths-")) &&
	       !fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) &&
	       time(NULL) - status.st_mtime > LOOKS_KEPT_SECONDS;
}

/* "own-PID.*" and "send-PID.*" of consoles that were killed; what still runs in such a lane loses its notes, no more. */
static void remove_left(const struct jobs *jobs)
{
	DIR *directory = opendir(jobs->directory);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		int pid = 0;

		if (is_old_look(directory, entry->d_name))
			unlinkat(dirfd(directory), entry->d_name, 0);
		if (sscanf(entry->d_name, "own-%d.", &pid) != 1 && sscanf(entry->d_name, "send-%d.", &pid) != 1)
			continue;
		if (pid > 0 && kill(pid, 0) && errno == ESRCH)
			unlinkat(dirfd(directory), entry->d_name, 0);
	}
	if (directory)
		closedir(directory);
}

int jobs_open(struct jobs *jobs, const char *wanted, struct svc_error *error)
{
	int code;

	memset(jobs, 0, sizeof(*jobs));
	snprintf(jobs->own, sizeof(jobs->own), "own-%d", (int)getpid());
	code = find_directory(jobs, wanted, error);
	if (!code)
		remove_left(jobs);
	return code;
}

static void remove_files(const struct jobs *jobs, const char *name)
{
	static const char *const suffix[] = { "job", "out", "out.new", "stop", "lock" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++)
		unlink(path_of(jobs, name, suffix[i], path));
}

void jobs_close(struct jobs *jobs)
{
	remove_files(jobs, jobs->own);
}

static void lane_name(const struct jobs *jobs, enum lane lane, char name[JOB_NAME_SIZE])
{
	static const char *const names[LANES] = { [LANE_LOOK] = "look",
		                                  [LANE_PATHS] = "paths",
		                                  [LANE_WORK] = "work",
		                                  [LANE_SWITCH] = "switch",
		                                  [LANE_BUNDLE] = "bundle" };
	bool is_of_copies = lane == LANE_LOOK || lane == LANE_PATHS;

	if (is_of_copies && jobs->whose.copies)
		snprintf(name, JOB_NAME_SIZE, "%s-%08x", names[lane], whose_number(&jobs->whose));
	else
		snprintf(name, JOB_NAME_SIZE, "%s", lane == LANE_OWN ? jobs->own : names[lane]);
}

/* The lock goes with the open file: the supervisor inherits it, and it ends with the supervisor. */
static int lock_lane(const struct jobs *jobs, enum lane lane, int *lock)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_SIZE], name[JOB_NAME_SIZE];

	lane_name(jobs, lane, name);
	*lock = open(path_of(jobs, name, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock < 0)
		return -errno;
	if (!fcntl(*lock, F_OFD_SETLK, &whole))
		return 0;
	close(*lock);
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static bool is_locked(const struct jobs *jobs, enum lane lane)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_SIZE], name[JOB_NAME_SIZE];
	bool is_held;
	int file;

	lane_name(jobs, lane, name);
	file = open(path_of(jobs, name, "lock", path), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	is_held = file >= 0 && !fcntl(file, F_OFD_GETLK, &whole) && whole.l_type != F_UNLCK;
	if (file >= 0)
		close(file);
	return is_held;
}

static int by_number(const void *left, const void *right)
{
	const struct job *a = left, *b = right;

	return a->number != b->number ? (a->number > b->number ? -1 : 1) : strcmp(a->name, b->name);
}

static bool has_suffix(const char *file, const char *suffix, char *name, size_t size)
{
	size_t length = strlen(file), rest = strlen(suffix);

	if (length <= rest || length - rest >= size || strcmp(file + length - rest, suffix) != 0)
		return false;
	snprintf(name, size, "%.*s", (int)(length - rest), file);
	return true;
}

/* Another console's own lane is its own business; what is looked at of other copies is that of their consoles. */
static bool is_foreign(const struct jobs *jobs, const char *name)
{
	static const struct {
		const char *prefix;
		enum lane lane;
	} lanes[] = { { "own-", LANE_OWN }, { "look", LANE_LOOK }, { "paths", LANE_PATHS } };
	char own[JOB_NAME_SIZE];

	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
		lane_name(jobs, lanes[i].lane, own);
		if (is_named(name, lanes[i].prefix) && strcmp(name, own) != 0)
			return true;
	}
	return false;
}

static int list_all(const struct jobs *jobs, struct job *job, int most)
{
	DIR *directory = opendir(jobs->directory);
	struct dirent *entry;
	char name[JOB_NAME_SIZE];
	int count = 0;

	while (directory && count < most && (entry = readdir(directory)))
		if (has_suffix(entry->d_name, ".job", name, sizeof(name)) && !is_foreign(jobs, name) &&
		    !jobs_read(jobs, name, &job[count]))
			count++;
	if (directory)
		closedir(directory);
	if (count)
		qsort(job, (size_t)count, sizeof(*job), by_number);
	return count;
}

int jobs_list(const struct jobs *jobs, struct job job[JOBS_MAX])
{
	int count = list_all(jobs, job, JOBS_MAX);

	for (int i = 0; i < count; i++) {
		char name[JOB_NAME_SIZE];

		if (job[i].state != JOB_RUNNING || is_locked(jobs, task_row(job[i].task)->lane))
			continue;
		/* It may have ended between the two looks. */
		memcpy(name, job[i].name, sizeof(name));
		if (!jobs_read(jobs, name, &job[i]) && job[i].state == JOB_RUNNING)
			job[i].state = JOB_LOST;
	}
	return count;
}

/* The next number; and those that are too old are forgotten. The lane is locked. */
static unsigned next_number(const struct jobs *jobs)
{
	struct job job[JOBS_MAX];
	int count = list_all(jobs, job, JOBS_MAX), works = 0;

	for (int i = 0; i < count; i++)
		if (job[i].number && ++works >= WORK_KEPT)
			remove_files(jobs, job[i].name);
	return count ? job[0].number + 1 : 1;
}

static void join(const char *const argv[], char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (int i = 0; argv[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "", argv[i]);
}

int jobs_start(struct jobs *jobs, enum task task, const char *const argv[], char name[JOB_NAME_SIZE],
               struct svc_error *error)
{
	enum lane lane = task_row(task)->lane;
	struct job job = { .task = task, .state = JOB_RUNNING, .started = time(NULL) };
	struct timespec now;
	char path[PATH_SIZE];
	int lock, status, code = lock_lane(jobs, lane, &lock);
	pid_t child;

	if (code == -EBUSY)
		return error_set(error, code,
		                 lane == LANE_WORK ? "other work is under way: press w to see it"
		                                   : "that is being done already");
	if (code)
		return error_set(error, code, "%s: %s", jobs->directory, strerror(-code));
	clock_gettime(CLOCK_REALTIME, &now);
	job.serial = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (lane == LANE_WORK) {
		job.number = next_number(jobs);
		snprintf(job.name, sizeof(job.name), "%u", job.number);
	} else {
		lane_name(jobs, lane, job.name);
	}
	unlink(path_of(jobs, job.name, "stop", path));
	join(argv, job.command, sizeof(job.command));
	code = jobs_write(jobs, &job);
	if (code) {
		close(lock);
		return error_set(error, code, "%s: %s", jobs->directory, strerror(-code));
	}
	child = fork();
	if (!child) { /* a session of its own: the terminal's hang-up is not its own; its parent is init */
		if (setsid() < 0 || (child = fork()) < 0)
			_exit(1);
		if (child)
			_exit(0);
		/* Nothing of the terminal stays open; the lock does. */
		if (dup2(lock, 0) < 0 || close_range(1, ~0U, 0))
			_exit(1);
		jobs_supervise(jobs, &job, argv);
		_exit(0);
	}
	code = child < 0 ? -errno : 0;
	close(lock);
	if (!code && waitpid(child, &status, 0) == child && status)
		code = -EAGAIN;
	if (code)
		return error_set(error, code, "no process could be started: %s", strerror(-code));
	snprintf(name, JOB_NAME_SIZE, "%s", job.name);
	return 0;
}

char *jobs_output(const struct jobs *jobs, const char *name, size_t most, size_t *length)
{
	char path[PATH_SIZE], *text;
	int file = open(path_of(jobs, name, "out", path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*length = 0;
	if (file < 0)
		return NULL;
	text = whole_read(file, most, length);
	close(file);
	return text;
}

void jobs_say(const struct jobs *jobs, struct job *job, int exit, const char *text)
{
	struct job noted;

	job->exit = exit;
	job->lines = 1;
	snprintf(job->line[0], sizeof(job->line[0]), "%s", text);
	if (!jobs_read(jobs, job->name, &noted) && noted.serial == job->serial && noted.state == JOB_ENDED)
		jobs_write(jobs, job);
}

int jobs_stop(const struct jobs *jobs, const char *name)
{
	char path[PATH_SIZE];
	int file = open(path_of(jobs, name, "stop", path), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (file < 0)
		return -errno;
	close(file);
	return 0;
}
