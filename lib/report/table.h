/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table on the screen: as wide as the terminal, one cell of each row coloured. libsmartcols stays behind it. */
#ifndef SVC_REPORT_TABLE_H
#define SVC_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct libscols_table;

struct table_column {
	const char *name;
	bool is_right; /* numbers */
	bool is_cut;   /* where the terminal is too narrow */
};

/* NULL where memory is short. */
struct libscols_table *table_new(const struct table_column *column, size_t columns, int width, bool has_colour,
                                 FILE *out);

/*
 * A row of texts that are fit for a terminal already (text_escape); column 1, the state, in this colour where the table
 * has colours. 0 or -errno.
 */
int table_add(struct libscols_table *table, const char *const cell[], const char *colour);

/* Prints it, unless `code` tells of a failure before, and frees it. Returns `code`, or -errno. */
int table_end(struct libscols_table *table, int code);

#endif
