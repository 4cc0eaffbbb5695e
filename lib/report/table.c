/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/table.h"

#include <errno.h>
#include <libsmartcols.h>

enum { STATE_COLUMN = 1 };

struct libscols_table *table_new(const struct table_column *column, size_t columns, int width, bool has_colour,
                                 FILE *out)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return NULL;
	scols_table_set_stream(table, out);
	scols_table_enable_colors(table, has_colour);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
	scols_table_set_termwidth(table, (size_t)width);
	for (size_t c = 0; c < columns; c++) {
		int flags = (column[c].is_right ? SCOLS_FL_RIGHT : 0) | (column[c].is_cut ? SCOLS_FL_TRUNC : 0);
		struct libscols_column *made = scols_table_new_column(table, column[c].name, 0, flags);

		/* Names are escaped already: a backslash is not to be escaped once more. */
		if (made && !scols_column_set_safechars(made, "\\"))
			continue;
		scols_unref_table(table);
		return NULL;
	}
	return table;
}

int table_add(struct libscols_table *table, const char *const cell[], const char *colour)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	int code = line ? 0 : -ENOMEM;

	for (size_t c = 0; c < scols_table_get_ncols(table) && !code; c++)
		code = scols_line_set_data(line, c, cell[c]);
	if (!code && scols_table_colors_wanted(table))
		code = scols_cell_set_color(scols_line_get_cell(line, STATE_COLUMN), colour);
	return code;
}

int table_end(struct libscols_table *table, int code)
{
	if (!code)
		code = scols_print_table(table);
	scols_unref_table(table);
	return code;
}
