/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every reason that is ever printed is a row of reason.def: stable ID, what it means, what to do
 * next, and the exit code it leads to. The text of one occurrence names the copies and the figures.
 */
#ifndef SVC_REASON_H
#define SVC_REASON_H

#include <stddef.h>

enum reason_id {
#define REASON(symbol, id, exit, meaning, next) REASON_##symbol,
#include "verdict/reason.def"
#undef REASON
	REASON_COUNT,
};

struct reason_row {
	const char *id;      /* SVC-...; never changes once released */
	int exit;            /* enum svc_exit this reason asks for; 0: a remark */
	const char *meaning; /* one sentence, for --explain and the manual */
	const char *next;    /* what to do */
};

struct reason {
	enum reason_id id;
	int copy;       /* index of the copy it is about; -1: all of them */
	char text[320]; /* the sentence with names and figures, without a final stop */
};

enum { REASONS_MAX = 24 };

struct reasons {
	size_t count;
	struct reason item[REASONS_MAX];
};

const struct reason_row *reason_row(enum reason_id id);

/* The row with this ID ("SVC-..."), or NULL. */
const struct reason_row *reason_find(const char *id);

/* Appends one; beyond REASONS_MAX the last is replaced, so that the list never lies about being empty. */
void reason_add(struct reasons *list, enum reason_id id, int copy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
