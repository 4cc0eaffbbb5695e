/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console by itself: state and event in, state and request out. No I/O and no clock: time is handed in, and
 * what the commands say comes in as documents. Screens are drawn from the state (draw.h), requests are carried out
 * by whoever owns the terminal (run.h).
 */
#ifndef SVC_CONSOLE_H
#define SVC_CONSOLE_H

#include "console/document.h"
#include "console/jobs.h"

enum screen_id {
	SCREEN_OVERVIEW,
	SCREEN_COPY,
	SCREEN_PATHS,
	SCREEN_DIFFERENCES,
	SCREEN_FILE,
	SCREEN_EXPLAIN,
	SCREEN_LOG,
	SCREEN_HELP,
	SCREEN_CHOOSE,
	SCREEN_PLAN,
	SCREEN_JOB,
	SCREEN_UNDO,
	SCREEN_MORE,
	SCREEN_BUNDLE,
	SCREEN_PROMPT,
	SCREENS,
};

enum {
	KEY_ENTER = '\r',
	KEY_ERASE = 0x7f,
	KEY_KILL = 0x15,   /* Ctrl-U */
	KEY_CANCEL = 0x07, /* Ctrl-G */
	KEY_REDRAW = 0x0c, /* Ctrl-L */
	KEY_PASTED = 256,  /* characters came faster than anyone types; they were dropped */
};

enum action_id {
#define KEY(screens, key, action, needs, name, hint) KEY_OF_##action,
#include "console/keys.def"
#undef KEY
	KEYS,
};

enum {
	NEEDS_NOTHING = 0,
	NEEDS_UNLOCKED = 1,
	NEEDS_BOOT = 2,    /* only in the boot */
	NEEDS_RUNTIME = 4, /* only on the running system */
	NEEDS_PATHCHECK = 8,
	NEEDS_PROMOTE = 16,
	NEEDS_SAY = 32, /* writes nothing, but a console that only looks on has no say in it */
};

struct key_row {
	unsigned screens; /* bit per enum screen_id */
	int key;
	enum action_id action;
	unsigned needs;
	const char *name, *hint;
};

extern const struct key_row key_rows[KEYS];

enum request_kind {
	REQUEST_NONE,
	REQUEST_RUN,    /* start `task` */
	REQUEST_STOP,   /* end the job `word` */
	REQUEST_REDRAW, /* paint everything again */
	REQUEST_LEAVE,  /* end with `exit` */
	REQUEST_SHELL,
	REQUEST_REBOOT,
	REQUEST_SEND, /* the support bundle, over the line */
};

struct request {
	enum request_kind kind;
	enum task task;
	char from[64], to[64]; /* names of copies, for TASK_PLAN and TASK_RESYNC; empty: none */
	char save[256];        /* for these two: the file that what is overwritten is saved to; empty: the usual one */
	bool is_unsaved;       /* for these two: nothing is saved, as was asked for */
	char word[1024];       /* the plan's ID, a file, COPY:INODE, a path's name, a job */
	int exit;
};

#define TASK_WORD_OFF "off" /* of TASK_PROMOTE: a person says that the other controller is stopped */

enum { CONSOLE_TARGETS_MAX = 8, CONSOLE_STACK = 8, CONSOLE_LOG_LINES = 200, LOOK_EVERY_MS = 15000 };

/* What does not change while the console runs. */
struct console_options {
	bool is_read_only; /* cannot be unlocked */
	bool is_boot;      /* started by the boot, on its console */
	bool is_plain;     /* lines, where only letters and Enter are keys */
	bool has_pathcheck, has_promote;
	char controller;       /* 'a', 'b' or 0 */
	unsigned wait_seconds; /* is_boot: without a key by then the boot goes on; 0: waits for ever */
};

struct prompt {
	const char *title;
	char about[400]; /* what will happen */
	char wanted[64]; /* the word that must be typed; empty: any name */
	char typed[256];
	struct request request; /* what is asked for when it was typed */
	enum {
		PROMPT_REQUEST,
		PROMPT_UNLOCK,
		PROMPT_SEARCH,
		PROMPT_FILE, /* the word is the request's word */
		PROMPT_SAVE, /* the word is the request's file to save to */
	} kind;
	enum action_id then; /* PROMPT_UNLOCK: what was wanted and needs it; KEYS: nothing */
};

struct console {
	struct console_options options;
	int rows, columns; /* of the screen */
	enum screen_id screen;
	enum screen_id stack[CONSOLE_STACK]; /* where `back` leads */
	int depth;
	bool is_unlocked;
	bool is_touched; /* a key was pressed */
	uint64_t now_ms, started_ms, looked_ms, paths_ms;
	bool has_started;       /* the first tick was */
	char message[200];      /* for the line above the footer, until the next key */
	size_t cursor[SCREENS]; /* lists: the item; pages: the first line */
	int item;               /* SCREEN_COPY: which */
	char only[64];          /* the one copy that the plan asked for rebuilds; empty: all that need it */
	int right;              /* SCREEN_FILE: the version on the right */
	bool is_explaining_all;
	char search[64];
	char viewed[DOCUMENT_LINE_SIZE]; /* SCREEN_FILE: its name */
	struct prompt prompt;

	struct job job[JOBS_MAX];
	int jobs;
	char awaited[JOB_NAME_SIZE]; /* the job whose answer this console waits for, and goes to its screen then */
	enum task awaited_task;
	struct request planned; /* what the plan at hand was asked with */
	char shown_job[JOB_NAME_SIZE];

	bool has_look, has_compared, has_plan, has_result, has_paths, has_view, has_undos;
	struct shown_report look, compared, plan, result; /* evidence; with content; dry run; last rebuild */
	int64_t look_time, compared_time;                 /* when they were made: seconds since 1970 */
	int64_t look_began;
	struct shown_paths paths;
	struct shown_view view;
	struct shown_undos undos;
	struct lines deeds; /* of the last takeover, or action on the paths: what it did, and does */
	char deeds_job[JOB_NAME_SIZE];
	bool is_unfenced;      /* the last takeover: see document_read_deeds */
	char trouble[512];     /* why there is no `look`; empty: no trouble */
	char unread[120];      /* why the answer at hand is no report; empty: it is, or need be none */
	struct lines boot;     /* what the boot logic wrote down */
	char boot_unread[120]; /* why that is not known; empty: it is, or there is none */
	struct lines log;      /* of the kernel's log what is ours */
	int targets;           /* mounted media for the support bundle */
	char target[CONSOLE_TARGETS_MAX][200];
};

/* The command line of a REQUEST_RUN, NULL-terminated; it points into request, options and store. Pure. */
struct task_line {
	const char *argument[JOB_ARGUMENTS_MAX];
	char store[6][1100];
};

void task_command(const struct request *request, const struct task_options *options, struct task_line *line);

void console_init(struct console *console, const struct console_options *options);
void console_free(struct console *console);

/* A key, as input.h makes them. */
struct request console_key(struct console *console, int key, uint64_t now_ms);

/* Time goes by. */
struct request console_tick(struct console *console, uint64_t now_ms);

/* The list of jobs as it is now. */
void console_jobs(struct console *console, const struct job *job, int jobs);

/*
 * A job has ended, and this is what it printed; NULL: nothing, or `length` bytes that could not be read. Each job once,
 * in the order in which they ended.
 */
struct request console_answer(struct console *console, const struct job *job, const char *text, size_t length);

/*
 * What the boot wrote down: its document, and when that was; NULL and how many bytes it has: it is too long. In the boot
 * what it judged counts as if it had been compared here.
 */
void console_judged(struct console *console, const char *text, size_t length, int64_t time);

/* What a running takeover has written down of its steps so far. */
void console_deeds(struct console *console, const struct job *job, const char *text, size_t length);

/* A REQUEST_RUN was taken up as this job, or was not. */
void console_taken(struct console *console, const struct request *request, const char *name);
void console_refused(struct console *console, const char *why);

void console_say(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The report that counts: the evidence, or the content where it was compared on this very evidence. */
const struct shown_report *console_report(const struct console *console);

/* The job in the work lane that is running, or the last one, of these copies. NULL: none. */
const struct job *console_work(const struct console *console);
const struct job *console_job(const struct console *console, const char *name);

/* What to do now: a key (0: none) and a sentence. */
int console_recommend(const struct console *console, char *text, size_t size);

/* What to do about the paths. */
void console_recommend_path(const struct console *console, char *text, size_t size);

/* Whether this key can do anything here. */
bool console_has_key(const struct console *console, const struct key_row *row);

/* Whether this key is in the table for the screen that is shown. */
bool console_knows_key(const struct console *console, int key);

/* Seconds until the boot goes on without a person; -1: it waits. */
int console_countdown(const struct console *console);

#endif
