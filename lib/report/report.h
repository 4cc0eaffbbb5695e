/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found, for people (one 24x80 screen) and as JSON (INTERFACE: "--json"). */
#ifndef SVC_REPORT_H
#define SVC_REPORT_H

#include <stdio.h>

#include "model.h"
#include "plan/plan.h"
#include "rebuild/rebuild.h"

enum { BOOT_LOG_MAX = 96 };

/* What svc-boot did, step by step. */
struct boot_log {
	size_t count;
	struct boot_log_entry {
		uint64_t milliseconds; /* since the kernel started */
		char id[32];           /* a reason's, or empty */
		char text[320];
	} entry[BOOT_LOG_MAX];
};

/* svc-boot alone: what it did about the verdict. */
struct boot_report {
	const char *action; /* the decision it ended with */
	const char *mode;   /* auto, ask, off */
	char controller;    /* 'a', 'b', or 0 */
	bool is_active;     /* the mirror is */
	bool has_rebuilt;
	const char *device; /* /dev/VG/LV; empty where it is not known */
	const struct boot_log *log;
};

enum { REPORT_BRIEF_FILES = 4096 };

struct report {
	const char *command; /* "compare" */
	const struct copy *copy;
	int copies;
	enum compare_mode mode;
	const struct comparison *comparison;
	const struct verdict *verdict;
	const char *arguments; /* the copies as they would be typed again, for the action line; "" from svc.conf */
	bool is_verbose;       /* all evidence, all files, all extents */
	bool is_brief;         /* JSON: no extents, and the first REPORT_BRIEF_FILES files */
	bool has_colour;       /* the output is a terminal and NO_COLOR is not set */
	int width;             /* columns */
	int exit;              /* the exit code of the command */
	/* svc-resync alone; NULL elsewhere */
	const struct svc_error *error; /* what else ended it than `refusals`; its text is empty: nothing did */
	const struct plan *plan;
	const struct outcome *outcome;
	const struct reasons *refusals;
	const struct reasons *unreached;
	const struct reasons *remarks;
	const char *undo_path;          /* empty: nothing is saved */
	const char *unsaved;            /* ... and this is why; NULL or empty: there is nothing to say of it */
	const uint64_t *restored;       /* --undo alone: bytes put back, or to be, by copy */
	const uint64_t *lost;           /* with it: of these, zeros for what could not be read when it was saved */
	const struct boot_report *boot; /* svc-boot alone; NULL elsewhere */
};

/* 0, or -errno where writing to `out` failed or memory is short. */
int report_text(const struct report *report, FILE *out);
int report_json(const struct report *report, FILE *out);

/* Where the error has no next step: what its exit code calls for. `command` is svc-compare, as typed. */
void report_next(const char *command, int exit, struct svc_error *error);

/* The object of a call that ended before it had anything to report: what was wrong, and the exit code. 0, or -EIO. */
int report_error_json(const char *command, const struct svc_error *error, int exit, FILE *out);

/* Whether this file, which report_json wrote, says that svc-boot activated the mirror, and as it should be. */
bool report_boot_is_active(const char *path);

/* The plan, action by action, and where the undo goes; or why there is none. */
void report_plan(const struct report *report, FILE *out);

/* What a forced plan ends: whose history, when it was last written, which files, and which legs are not here. */
void report_given_up(const struct report *report, FILE *out);

/* The same to the system's log, every file of it, and line by line to `also` (NULL: nowhere else). */
void report_log_given_up(const struct report *report, FILE *also);
/* ... and what became of it; `why` not, where it is not done. */
void report_log_end(const struct report *report, bool is_done, const char *why);

/* What was written, proven and saved (where all of the plan was done); what could not be; what is left to do. */
void report_result(const struct report *report, bool is_done, FILE *out);

/* What to do next; where that is svc-resync the whole command, on one line, to be copied. */
void report_action(const struct report *report, FILE *out, const char *next);

/* The files with differing blocks, some of them or (-v) all. */
void report_files(const struct report *report, FILE *out, const struct attribution *owners);

/* One of them; `remark` stands behind it in brackets, in place of who alone has it; NULL: nothing is put there. */
void report_file(FILE *out, const struct file_difference *file, const char *remark);

/* What becomes of copy i's version of a file where it is overwritten with the plan's authority. */
enum file_loss {
	LOSS_NONE,    /* it has none */
	LOSS_FILE,    /* the file is gone: the authority does not have it */
	LOSS_VERSION, /* the authority's version takes its place */
};
/* Whether the files of copy i are among those that are listed; false: nobody can tell what is lost with it. */
bool report_names_files(const struct report *report, int i);
enum file_loss report_loss(const struct report *report, int i, const struct file_difference *file);

/* Whose copy i's differing blocks are: its own answer, or the one of all copies where there is but one other. */
const struct attribution *report_owners(const struct report *report, int i);

/* "   label: words", wrapped to the width, later lines indented under the first. */
void report_paragraph(const struct report *report, FILE *out, const char *label, const char *raw);

/* All evidence of all copies as "name: value" lines (-v). */
void report_evidence(const struct report *report, FILE *out);

/* One paragraph of --explain: the ID, what it means, what to do. */
void report_explain(enum reason_id id, FILE *out);

/* One sentence: who is right and what the others are. */
void report_status(const struct report *report, char *text, size_t size);

/* The words of the JSON. */
const char *report_mode_name(enum compare_mode mode);
const char *report_metadata_name(enum metadata_kind kind);
const char *report_owner_name(enum owner_kind kind);

/* Bytes of differing metadata of all kinds. */
uint64_t report_metadata_bytes(const struct attribution *owners);

#endif
