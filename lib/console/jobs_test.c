// SPDX-License-Identifier: GPL-2.0-or-later
/* Work in processes of its own: what is noted of it, one at a time, stopped, killed, outlived. */
#include "console/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct jobs jobs;
static char directory[64];

static int setup(void **state)
{
	struct svc_error error;

	(void)state;
	strcpy(directory, "/tmp/svc-jobs-XXXXXX");
	if (!mkdtemp(directory) || jobs_open(&jobs, directory, &error))
		return -1;
	jobs.program = "/bin/sh";
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

/* The last one's supervisor says that it has ended, and lets go of the lane a moment later. */
static int start(enum task task, const char *script, char name[JOB_NAME_SIZE], struct svc_error *error)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	int code = jobs_start(&jobs, task, argv, name, error);

	for (int i = 0; i < 100 && code == -EBUSY; i++) {
		usleep(50000);
		code = jobs_start(&jobs, task, argv, name, error);
	}
	return code;
}

static struct job get(const char *name)
{
	struct job job[JOBS_MAX];
	int count = jobs_list(&jobs, job);

	for (int i = 0; i < count; i++)
		if (!strcmp(job[i].name, name))
			return job[i];
	fail_msg("no job %s", name);
	return job[0];
}

static struct job wait_for(const char *name, bool (*is_so)(const struct job *job))
{
	struct job job = get(name);

	for (int i = 0; i < 300 && !is_so(&job); i++) {
		usleep(50000);
		job = get(name);
	}
	assert_true(is_so(&job));
	return job;
}

static bool has_ended(const struct job *job)
{
	return job->state != JOB_RUNNING;
}

static bool has_progress(const struct job *job)
{
	return strstr(job->progress, "45 %") != NULL;
}

static void test_output(void **state)
{
	struct svc_error error;
	char name[JOB_NAME_SIZE], *text;
	struct job job;
	size_t length;

	(void)state;
	assert_int_equal(start(TASK_COMPARE,
	                       "printf '\\r%-79s' 'comparing  45 %  [###...]' >&2; sleep 1;"
	                       " printf '\\rsvc-compare: it was \\033[2J so\\n' >&2; echo '{}'; exit 2",
	                       name, &error),
	                 0);
	assert_string_equal(name, "1");
	job = wait_for(name, has_progress);
	assert_int_equal(job.state, JOB_RUNNING);
	job = wait_for(name, has_ended);
	assert_int_equal(job.state, JOB_ENDED);
	assert_int_equal(job.exit, 2);
	assert_int_equal(job.task, TASK_COMPARE);
	assert_int_equal(job.lines, 1);
	assert_string_equal(job.line[0], "svc-compare: it was ?[2J so");
	assert_string_equal(job.progress, "");
	assert_true(job.ended >= job.started && job.started > 1700000000);
	text = jobs_output(&jobs, name, 100, &length);
	assert_string_equal(text, "{}\n");
	free(text);
	assert_null(jobs_output(&jobs, name, 2, &length)); /* longer than wanted */
	assert_int_equal(length, 3);
	assert_null(jobs_output(&jobs, "9", 100, &length));
}

/* What came of it after the command had ended is noted, for every console; but not in another run's note. */
static void test_said_later(void **state)
{
	char name[JOB_NAME_SIZE];
	struct svc_error error;
	struct job job;

	(void)state;
	assert_int_equal(start(TASK_BUNDLE, "echo saved to a file >&2", name, &error), 0);
	wait_for(name, has_ended);
	job = get(name);
	assert_string_equal(job.line[0], "saved to a file");
	jobs_say(&jobs, &job, 6, "the sending was stopped");
	assert_int_equal(get(name).lines, 1);
	assert_int_equal(get(name).exit, 6);
	assert_string_equal(get(name).line[0], "the sending was stopped");
	job.serial++;
	jobs_say(&jobs, &job, 0, "it was sent");
	assert_string_equal(get(name).line[0], "the sending was stopped");
}

/* Consoles of other copies in the same directory: one work at a time, and each looks for itself. */
static void test_other_copies(void **state)
{
	const char *const first[] = { "flash-a=/dev/one" }, *const second[] = { "flash-a=/dev/two" };
	char name[JOB_NAME_SIZE], look[JOB_NAME_SIZE], other_look[JOB_NAME_SIZE];
	const char *const argv[] = { "sh", "-c", "true", NULL };
	static struct jobs other;
	struct svc_error error;
	struct job job[JOBS_MAX];

	(void)state;
	whose_find(&jobs.whose, first, 1, NULL);
	assert_int_equal(jobs_open(&other, directory, &error), 0);
	other.program = "/bin/sh";
	whose_find(&other.whose, second, 1, NULL);
	assert_int_equal(start(TASK_COMPARE, "true", name, &error), 0);
	wait_for(name, has_ended);
	assert_int_equal(start(TASK_LOOK, "sleep 1", look, &error), 0);
	assert_int_equal(jobs_start(&other, TASK_LOOK, argv, other_look, &error), 0);
	assert_string_not_equal(look, other_look);
	assert_int_equal(jobs_list(&jobs, job), 2);
	assert_false(job[0].is_of_others);
	assert_string_equal(job[1].name, look);
	assert_int_equal(jobs_list(&other, job), 2);
	assert_true(job[0].is_of_others);
	assert_string_equal(job[0].name, name);
	assert_string_equal(job[1].name, other_look);
	assert_false(job[1].is_of_others);
	wait_for(look, has_ended);
}

static void test_one_at_a_time(void **state)
{
	char name[JOB_NAME_SIZE], other[JOB_NAME_SIZE];
	struct svc_error error;
	struct jobs second;
	const char *const argv[] = { "sh", "-c", "true", NULL };

	(void)state;
	assert_int_equal(start(TASK_RESYNC, "sleep 1", name, &error), 0);
	assert_int_equal(jobs_open(&second, directory, &error), 0); /* another console */
	second.program = "/bin/sh";
	assert_int_equal(jobs_start(&second, TASK_COMPARE, argv, other, &error), -EBUSY);
	assert_non_null(strstr(error.text, "under way"));
	assert_int_equal(jobs_start(&second, TASK_LOOK, argv, other, &error), 0); /* looking is another lane */
	assert_string_equal(other, "look");
	wait_for(other, has_ended);
	assert_int_equal(get(name).state, JOB_RUNNING);
	wait_for(name, has_ended);
	for (int i = 0; i < 100 && jobs_start(&second, TASK_COMPARE, argv, other, &error) == -EBUSY; i++)
		usleep(50000);
	assert_string_equal(other, "2");
	wait_for(other, has_ended);
}

static void test_stop(void **state)
{
	char name[JOB_NAME_SIZE];
	struct svc_error error;
	struct job job;

	(void)state;
	assert_int_equal(start(TASK_RESYNC, "trap 'exit 6' TERM; while :; do sleep 0.1; done", name, &error), 0);
	usleep(300000);
	assert_int_equal(jobs_stop(&jobs, name), 0);
	job = wait_for(name, has_ended);
	assert_int_equal(job.exit, 6);
	assert_true(job.is_stopping);
	assert_int_equal(start(TASK_RESYNC, "kill -9 $$", name, &error), 0); /* and no stop is left over */
	job = wait_for(name, has_ended);
	assert_int_equal(job.exit, 128 + SIGKILL);
	jobs.program = "/nowhere";
	assert_int_equal(start(TASK_RESYNC, "", name, &error), 0);
	job = wait_for(name, has_ended);
	assert_int_equal(job.exit, 126);
}

/* A daemon that keeps the pipe open is not waited for. */
static void test_daemon(void **state)
{
	char name[JOB_NAME_SIZE];
	struct svc_error error;

	(void)state;
	assert_int_equal(start(TASK_EXPORT, "sleep 20 & exit 0", name, &error), 0);
	for (int i = 0; i < 100 && get(name).state == JOB_RUNNING; i++)
		usleep(50000);
	assert_int_equal(get(name).state, JOB_ENDED);
}

/* The console's session ends, with its terminal: the work does not. */
static void test_hangup(void **state)
{
	char name[JOB_NAME_SIZE];
	struct svc_error error;
	int status, ready[2];
	char c;
	pid_t console;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	console = fork();
	if (!console) {
		setsid();
		if (start(TASK_RESYNC, "sleep 1; exit 3", name, &error))
			_exit(1);
		(void)!write(ready[1], "x", 1);
		sleep(60);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	kill(-console, SIGHUP);
	kill(-console, SIGKILL);
	waitpid(console, &status, 0);
	assert_int_equal(get("1").state, JOB_RUNNING);
	assert_int_equal(wait_for("1", has_ended).exit, 3);
	close(ready[0]);
	close(ready[1]);
}

/* The supervisor is gone: nobody knows what came of it, and that is said. */
static void test_lost(void **state)
{
	struct job job = { .name = "7", .number = 7, .task = TASK_RESYNC, .state = JOB_RUNNING, .started = 5 };

	(void)state;
	assert_int_equal(jobs_write(&jobs, &job), 0);
	assert_int_equal(get("7").state, JOB_LOST);
}

static bool has_file(const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return !access(path, F_OK);
}

/* A supervisor that is killed takes its command with it, at a safe point. */
static void test_supervisor_killed(void **state)
{
	char name[JOB_NAME_SIZE], script[400], path[100];
	struct svc_error error;
	int supervisor = 0;
	FILE *file;

	(void)state;
	snprintf(script, sizeof(script),
	         "trap 'touch %s/safe; exit 6' TERM; echo $PPID > %s/pid.new; mv %s/pid.new %s/pid; while :; do sleep "
	         "0.1; done",
	         directory, directory, directory, directory);
	assert_int_equal(start(TASK_RESYNC, script, name, &error), 0);
	for (int i = 0; i < 200 && !has_file("pid"); i++)
		usleep(50000);
	snprintf(path, sizeof(path), "%s/pid", directory);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &supervisor), 1);
	fclose(file);
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	for (int i = 0; i < 200 && !has_file("safe"); i++)
		usleep(50000);
	assert_true(has_file("safe"));
	assert_int_equal(get(name).state, JOB_LOST);
}

/* A path is switched, and a bundle saved, while what somebody asked for before hangs. */
static void test_beside_work(void **state)
{
	char work[JOB_NAME_SIZE], name[JOB_NAME_SIZE];
	struct svc_error error;

	(void)state;
	assert_int_equal(start(TASK_COMPARE, "sleep 20", work, &error), 0);
	assert_int_equal(start(TASK_SWITCH, "exit 3", name, &error), 0);
	assert_string_equal(name, "switch");
	assert_int_equal(wait_for(name, has_ended).exit, 3);
	assert_int_equal(start(TASK_BUNDLE, "exit 4", name, &error), 0);
	assert_string_equal(name, "bundle");
	assert_int_equal(wait_for(name, has_ended).exit, 4);
	assert_int_equal(get(work).state, JOB_RUNNING);
	assert_int_equal(jobs_stop(&jobs, work), 0);
	wait_for(work, has_ended);
}

/* What a console that was killed has left goes with the next one that begins; that of a living one stays. */
static void test_left_over(void **state)
{
	static const char *const suffixes[] = { "job", "out", "lock" };
	char path[100], name[40];
	struct svc_error error;
	struct jobs other;
	pid_t gone = fork();

	(void)state;
	if (!gone)
		_exit(0);
	waitpid(gone, NULL, 0);
	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/own-%d.%s", directory, (int)(i < 3 ? gone : getppid()),
		         suffixes[i % 3]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	assert_int_equal(jobs_open(&other, directory, &error), 0);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "own-%d.%s", (int)(i < 3 ? gone : getppid()), suffixes[i % 3]);
		assert_int_equal(has_file(name), i >= 3);
	}
}

static void test_directory(void **state)
{
	char path[100];
	struct svc_error error;
	struct jobs other;

	(void)state;
	snprintf(path, sizeof(path), "%s/open", directory);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(jobs_open(&other, path, &error), -EPERM);
	snprintf(path, sizeof(path), "%s/link", directory);
	assert_int_equal(symlink(directory, path), 0);
	assert_int_equal(jobs_open(&other, path, &error), -EPERM);
	assert_int_equal(jobs_open(&other, "/proc/nowhere/x", &error), -ENOENT);
}

/* Old work is forgotten, and what is no job is none. */
static void test_many(void **state)
{
	struct job job[JOBS_MAX], made = { .task = TASK_COMPARE, .state = JOB_ENDED };
	char name[JOB_NAME_SIZE], path[100];
	struct svc_error error;
	FILE *file;
	int count;

	(void)state;
	for (unsigned n = 1; n <= 20; n++) {
		made.number = n;
		snprintf(made.name, sizeof(made.name), "%u", n);
		assert_int_equal(jobs_write(&jobs, &made), 0);
	}
	snprintf(path, sizeof(path), "%s/garbage.job", directory);
	file = fopen(path, "w");
	fputs("{\"state\":", file);
	fclose(file);
	assert_int_equal(start(TASK_COMPARE, "true", name, &error), 0);
	assert_string_equal(name, "21");
	wait_for(name, has_ended);
	count = jobs_list(&jobs, job);
	assert_int_equal(count, 16);
	assert_int_equal(job[0].number, 21);
	assert_int_equal(job[15].number, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_said_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hangup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_supervisor_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_work, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
