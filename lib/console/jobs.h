/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work in processes of its own: a supervisor, in a session of its own, runs a command and keeps a small file about
 * it that every console reads. A path that hangs never hangs a screen, a line that drops ends no work, and a second
 * console sees what the first one does. In the directory:
 *
 *     NAME.job   JSON: what it is, its state and progress; replaced as a whole
 *     NAME.out   what the command printed: its document
 *     NAME.stop  somebody wants it ended
 *     LANE.lock  locked by the supervisor for as long as it lives
 *
 * Consoles of other copies may use the same directory. Work is one at a time for all of them; what a console looks at by
 * itself is in a lane of its copies ("look-1a2b3c4d"), and the others do not list it.
 */
#ifndef SVC_JOBS_H
#define SVC_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "console/whose.h"

enum {
	JOBS_MAX = 24, /* that are kept */
	JOB_LOG_LINES = 8,
	JOB_NAME_SIZE = 24,
	JOB_LINE_SIZE = 200,
	JOB_ARGUMENTS_MAX = 32,
};

/* What every command is told. */
struct task_options {
	const char *config, *lv;  /* NULL: none */
	unsigned timeout_seconds; /* 0: none */
	const char *jobs;         /* NULL: none */
	int copies;
	const char *const *copy; /* as typed */
};

enum lane { LANE_LOOK, LANE_PATHS, LANE_OWN, LANE_WORK, LANE_SWITCH, LANE_BUNDLE, LANES };

enum task {
	TASK_NONE,
#define TASK(symbol, name, lane, is_writing, title) TASK_##symbol,
#include "console/task.def"
#undef TASK
	TASKS,
};

struct task_row {
	const char *name;
	enum lane lane;
	bool is_writing;
	const char *title;
};

const struct task_row *task_row(enum task task);

/* Whether a person asks for what is done in this lane, and looks at it on a screen of its own. */
static inline bool lane_is_asked(enum lane lane)
{
	return lane >= LANE_WORK;
}

enum job_state {
	JOB_RUNNING,
	JOB_ENDED,
	JOB_LOST, /* its supervisor was killed: what came of it is not known */
};

struct job {
	char name[JOB_NAME_SIZE]; /* "12"; "look" */
	unsigned number;          /* of the work lane; else 0 */
	enum task task;
	enum job_state state;
	bool is_stopping;
	bool is_of_others;           /* copies than those of the console that reads this */
	int exit;                    /* JOB_ENDED: of the command; 128 + N: signal N; 126: it could not be run */
	int64_t started, ended;      /* seconds since 1970 */
	uint64_t serial;             /* tells one run of a name from the next */
	char command[JOB_LINE_SIZE]; /* as it could be typed */
	char progress[JOB_LINE_SIZE];
	int lines;
	char line[JOB_LOG_LINES][JOB_LINE_SIZE]; /* the last of what it said on stderr */
};

struct jobs {
	char directory[1024];
	char own[JOB_NAME_SIZE]; /* of this console's own lane: "own-PID" */
	const char *program;     /* NULL: this very one */
	struct whose whose;      /* the copies; set once it is open. None: those of all jobs */
};

/*
 * Finds, or makes, the directory: `wanted`, or where that is NULL /run/svc/jobs, or one below /tmp for who may not.
 * -errno with a sentence; a directory that another user could write to is refused.
 */
int jobs_open(struct jobs *jobs, const char *wanted, struct svc_error *error);

/* Removes the files of this console's own lane. */
void jobs_close(struct jobs *jobs);

/*
 * Starts argv (argv[0]: the name of a command of this very program) as `task`. -EBUSY where the lane is taken; -errno,
 * with a sentence. `name` gets the job's name.
 */
int jobs_start(struct jobs *jobs, enum task task, const char *const argv[], char name[JOB_NAME_SIZE],
               struct svc_error *error);

/* All jobs: work by descending number, then the others. Returns how many. */
int jobs_list(const struct jobs *jobs, struct job job[JOBS_MAX]);

/*
 * What the job printed, NUL-terminated. NULL: nothing, or it could not be read: where it is more than `most` bytes
 * *length says how many. Free it.
 */
char *jobs_output(const struct jobs *jobs, const char *name, size_t most, size_t *length);

/*
 * The supervisor's part, in a process that has nothing open but the lane's lock, as descriptor 0: runs argv until it
 * ends, and keeps the job's file.
 */
void jobs_supervise(const struct jobs *jobs, struct job *job, const char *const argv[]);

/* Writes, reads the file NAME.job. 0, -errno. */
int jobs_write(const struct jobs *jobs, const struct job *job);
int jobs_read(const struct jobs *jobs, const char *name, struct job *job);

/*
 * What else came of a job that has ended, in place of what its command said; `job` is changed too. Where the name is
 * another run's by now nothing is written.
 */
void jobs_say(const struct jobs *jobs, struct job *job, int exit, const char *text);

/* Asks for its end at a safe point. */
int jobs_stop(const struct jobs *jobs, const char *name);

#endif
