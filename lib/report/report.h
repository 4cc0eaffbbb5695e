/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found, for people (one 24x80 screen) and as JSON (INTERFACE: "--json"). */
#ifndef SVC_REPORT_H
#define SVC_REPORT_H

#include <stdio.h>

#include "model.h"
#include "plan/plan.h"
#include "rebuild/rebuild.h"

struct report {
	const char *command; /* "compare" */
	const struct copy *copy;
	int copies;
	enum compare_mode mode;
	const struct comparison *comparison;
	const struct verdict *verdict;
	const char *arguments; /* the copies as they would be typed again, for the action line; "" from svc.conf */
	bool is_verbose;       /* all evidence, all files, all extents */
	bool has_colour;       /* the output is a terminal and NO_COLOR is not set */
	int width;             /* columns */
	int exit;              /* the exit code of the command */
	/* svc-resync alone; NULL elsewhere */
	const struct plan *plan;
	const struct outcome *outcome;
	const struct reasons *refusals;
	const char *undo_path; /* empty: nothing is saved */
};

/* 0, or -errno where writing to `out` failed or memory is short. */
int report_text(const struct report *report, FILE *out);
int report_json(const struct report *report, FILE *out);

/* The plan, action by action, and where the undo goes; or why there is none. */
void report_plan(const struct report *report, FILE *out);

/* What was written, proven and saved. */
void report_result(const struct report *report, FILE *out);

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
