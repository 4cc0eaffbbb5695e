/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands said (their JSON, schema svc/1), as the screens need it. Nothing is judged here. The parser
 * bounds everything: names in a document come from disks.
 */
#ifndef SVC_DOCUMENT_H
#define SVC_DOCUMENT_H

#include "base/error.h"
#include "model.h"

enum {
	DOCUMENT_BYTES_MAX = 32 << 20, /* a larger one is refused */
	DOCUMENT_FILES_MAX = 4096,     /* files kept by name; the rest is counted */
	DOCUMENT_LINES_MAX = 400,      /* lines of evidence or text kept of one object */
	DOCUMENT_LINE_SIZE = 400,
	DOCUMENT_ACTIONS_MAX = 80,
	DOCUMENT_PATHS_MAX = 8,
	DOCUMENT_SIDES_MAX = SVC_COPIES_MAX,
	DOCUMENT_SIDE_LINES_MAX = 2000, /* lines of one version of a text file */
	DOCUMENT_SIDE_LINE_SIZE = 160,
	DOCUMENT_UNDOS_MAX = 64,
	DOCUMENT_WORD_SIZE = 32,
};

/* Lines of text, each NUL-terminated in a block of its own. */
struct lines {
	size_t count;
	char **line;
};

struct shown_reason {
	char id[DOCUMENT_WORD_SIZE];
	char copy[64];
	char text[320];
	char next[200];
};

struct shown_copy {
	char name[64];
	char locator[128];
	char state[DOCUMENT_WORD_SIZE];
	uint64_t size_bytes;
	bool is_live;
	bool has_fs;
	int64_t write_time, mount_time; /* of its file system */
	char owner;                     /* of its record: 'a', 'b' or 0 */
	uint64_t epoch;                 /* of its record */
	bool is_open;                   /* of its record */
	bool is_compared;
	uint64_t differing_bytes;
	struct lines evidence; /* "fs write_time: ..." */
};

struct shown_side {
	char copy[64];
	uint64_t bytes;
	int64_t modified; /* seconds since 1970 */
};

struct shown_file {
	char *path; /* escaped; empty: no name leads to it */
	char kind[12];
	char only_on[32];
	uint64_t inode;
	uint64_t bytes; /* that differ */
	int sides;
	struct shown_side *side; /* the copies that have it */
	char given_up[32];       /* of a plan that ends a history: the copy whose file or version is lost */
	bool is_replaced;        /* ... and another version of it is kept */
};

struct shown_files {
	size_t count; /* kept */
	size_t total; /* there are */
	struct shown_file *file;
};

struct shown_action {
	char copy[64];
	char state[12];
	char text[320];
};

/* A rebuild: planned or carried out. */
struct shown_plan {
	char id[DOCUMENT_WORD_SIZE]; /* what --confirmed wants */
	char from[64];               /* empty: none */
	bool is_forced;
	char undo[256];
	char unsaved[200];         /* why there is none */
	char left[200];            /* copies that are not right either, and stay as they are */
	struct shown_files losses; /* what is lost where a history ends */
	bool has_other_losses;     /* ... and nobody can tell what else */
	uint64_t written_bytes, proven_bytes;
	int actions;
	struct shown_action action[DOCUMENT_ACTIONS_MAX];
	int refusals;
	struct shown_reason refusal[REASONS_MAX];
};

/* A document of svc-compare or svc-resync. */
struct shown_report {
	char command[DOCUMENT_WORD_SIZE];
	char verdict[DOCUMENT_WORD_SIZE];
	char authority[64]; /* empty: none */
	char status[400];   /* the verdict in one sentence */
	char mode[DOCUMENT_WORD_SIZE];
	int exit;
	uint32_t evidence_id; /* equal: the evidence was the same */
	int reasons;
	struct shown_reason reason[REASONS_MAX];
	int copies;
	struct shown_copy copy[SVC_COPIES_MAX];
	uint64_t compared_bytes; /* 0: the content was not compared */
	uint64_t differing_bytes, free_bytes, metadata_bytes, journal_bytes, unknown_bytes;
	struct shown_files differing;
	bool has_plan;
	struct shown_plan plan;
};

struct shown_path {
	char name[DOCUMENT_WORD_SIZE];
	char locator[128];
	char state[DOCUMENT_WORD_SIZE];
	bool has_latency;
	uint64_t latency_us;
	struct lines detail;
};

/* svc-pathcheck */
struct shown_paths {
	int paths;
	struct shown_path path[DOCUMENT_PATHS_MAX];
	char active[DOCUMENT_WORD_SIZE]; /* empty: none */
	int reasons;
	struct shown_reason reason[REASONS_MAX];
	int exit;
};

/* svc-console --view: one file as every copy has it. */
struct shown_version {
	char copy[64];
	bool is_there;
	uint64_t bytes;
	int64_t modified;
	char why[120]; /* why there is no text; empty: there is */
	struct lines text;
};

struct shown_view {
	int versions;
	struct shown_version version[DOCUMENT_SIDES_MAX];
};

/* svc-console --undo-list */
struct shown_undo {
	char path[256];
	int64_t time;
	bool is_usable;
	uint64_t bytes;
	char copies[128]; /* that it touches: "flash-a" or "flash-a, flash-b" */
	char first[64];   /* the first of them */
	char why[160];    /* why it cannot be used */
};

struct shown_undos {
	int undos;
	struct shown_undo undo[DOCUMENT_UNDOS_MAX];
};

/* Each: 0, -EBADMSG (with a sentence), -ENOMEM. Free with its own document_free_ in any case. */
int document_read_report(const char *text, size_t length, struct shown_report *report, struct svc_error *error);
int document_read_paths(const char *text, size_t length, struct shown_paths *paths, struct svc_error *error);
int document_read_view(const char *text, size_t length, struct shown_view *view, struct svc_error *error);
int document_read_undos(const char *text, size_t length, struct shown_undos *undos, struct svc_error *error);
/* The boot logic's own log in its document, "SVC-...: sentence". */
int document_read_boot(const char *text, size_t length, struct lines *lines, struct svc_error *error);
/*
 * What a takeover, or an action on the paths, did: its steps or paths with their states, reasons, the error. *is_unfenced:
 * it was refused for want of a word that the other controller is stopped, and nothing speaks against that.
 */
int document_read_deeds(const char *text, size_t length, struct lines *lines, bool *is_unfenced,
                        struct svc_error *error);
/* Any document as "name: value" lines: what there is no screen of its own for. */
int document_read_lines(const char *text, size_t length, struct lines *lines, struct svc_error *error);

void document_free_report(struct shown_report *report);
void document_free_paths(struct shown_paths *paths);
void document_free_view(struct shown_view *view);
void lines_free(struct lines *lines);

/* Appends a copy of `text`, cut to DOCUMENT_LINE_SIZE, not fit for a terminal made so. False: full, or no memory. */
bool lines_add(struct lines *lines, size_t most, const char *text);

#endif
