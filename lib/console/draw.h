/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the state to what the screen shows: characters and attributes, ASCII alone. Pure. The first row is the title,
 * the last three are a message and the keys; between them lies the body, of which a part is shown.
 */
#ifndef SVC_CONSOLE_DRAW_H
#define SVC_CONSOLE_DRAW_H

#include "console/console.h"

enum {
	CANVAS_ROWS_MAX = 100,
	CANVAS_COLUMNS_MAX = 200,
	CANVAS_ROWS_MIN = 18, /* a smaller screen says that it is */
	CANVAS_COLUMNS_MIN = 64,
	ATTR_PLAIN = 0,
	ATTR_BOLD = 1,
	ATTR_REVERSE = 2,
};

struct canvas {
	int rows, columns;
	char text[CANVAS_ROWS_MAX][CANVAS_COLUMNS_MAX + 1]; /* every row is filled with blanks, and NUL-terminated */
	uint8_t attr[CANVAS_ROWS_MAX][CANVAS_COLUMNS_MAX];
};

void draw(const struct console *console, struct canvas *canvas);

/* How many items (of a list) or lines (of a page) the screen has, and how many of them are shown at once. */
void draw_extent(const struct console *console, size_t *count, size_t *page);

/*
 * The first line of the page, from line `from` on, that is marked as differing; -1: none. Where lines before `from` are
 * on the screen (is_within) the rest of a run that began there is no news. *count and *page as draw_extent has them:
 * the lines are made once for all, which takes long where they are aligned.
 */
long draw_next_run(const struct console *console, long from, bool is_within, size_t *count, size_t *page);

/* Whether the screen's cursor is an item rather than the first line shown. */
bool draw_is_list(enum screen_id screen);

#endif
