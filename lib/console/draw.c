// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/draw.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "console/body.h"

enum {
	FOOTER_ROWS_MIN = 2,
	HEAD_ROWS = 2,     /* title, blank */
	LIST_ROWS_MIN = 4, /* of what moves, however much is pinned above it */
	TITLE_COLUMN = 14, /* behind " svc-console: " */
};

static const struct {
	const char *title;
	bool is_list;
	void (*body)(const struct console *console, struct body *body);
} screens[SCREENS] = {
	[SCREEN_OVERVIEW] = { "Overview", false, body_of_overview },
	[SCREEN_COPY] = { "Copy", false, body_of_copy },
	[SCREEN_PATHS] = { "Paths", false, body_of_paths },
	[SCREEN_DIFFERENCES] = { "Differences", true, body_of_differences },
	[SCREEN_FILE] = { "File", false, body_of_file },
	[SCREEN_EXPLAIN] = { "Reasons", false, body_of_explain },
	[SCREEN_LOG] = { "Log", false, body_of_log },
	[SCREEN_HELP] = { "Help", false, body_of_help },
	[SCREEN_CHOOSE] = { "Choose the copy to keep", false, body_of_choose },
	[SCREEN_PLAN] = { "Plan: nothing is written yet", false, body_of_plan },
	[SCREEN_JOB] = { "Work", false, body_of_job },
	[SCREEN_UNDO] = { "Undo", true, body_of_undo },
	[SCREEN_MORE] = { "More", false, body_of_more },
	[SCREEN_BUNDLE] = { "Support bundle", false, body_of_bundle },
	[SCREEN_PROMPT] = { "Please confirm", false, body_of_prompt },
};

bool draw_is_list(enum screen_id screen)
{
	return screens[screen].is_list;
}

static void put(struct canvas *canvas, int row, int column, uint8_t attr, const char *text)
{
	for (; *text && column < canvas->columns; column++, text++) {
		canvas->text[row][column] = *text >= 0x20 && *text < 0x7f ? *text : '?';
		canvas->attr[row][column] = attr;
	}
}

static int columns_of(const struct console *console)
{
	int columns = console->columns < CANVAS_COLUMNS_MIN ? CANVAS_COLUMNS_MIN : console->columns;

	return columns > CANVAS_COLUMNS_MAX ? CANVAS_COLUMNS_MAX : columns;
}

/* "r rebuild": the name behind its key, where the name does not begin with its own. */
static void name_key(const struct key_row *row, char *text, size_t size)
{
	bool has_own = row->key == '1' || row->key == 'j' || row->key == ' ' || row->key == '?' || row->key == 'q';

	if (has_own)
		snprintf(text, size, "%s", row->name);
	else
		snprintf(text, size, "%c %s", row->key, row->name);
}

static bool is_moving(const struct key_row *row)
{
	return row->action == KEY_OF_DOWN || row->action == KEY_OF_PAGE_DOWN;
}

/* Help, and the way back: they have their room however small the screen is. */
static bool is_last(const struct key_row *row)
{
	return row->action == KEY_OF_HELP || row->action == KEY_OF_BACK || row->action == KEY_OF_LEAVE;
}

/* The keys that have their room in any case, as one text. */
static int name_last(const struct console *console, char last[80])
{
	size_t length = 0;

	last[0] = '\0';
	for (size_t i = 0; i < KEYS; i++)
		if (is_last(&key_rows[i]) && console_has_key(console, &key_rows[i]))
			length += (size_t)snprintf(last + length, 80 - length, "%s%s", length ? "  " : "",
			                           key_rows[i].name);
	return (int)length;
}

/* Where the keys are: on the canvas from this row on, or nowhere yet where that is NULL. Returns the rows they take. */
static int lay_keys(const struct console *console, struct canvas *canvas, int row, bool has_moving)
{
	int first = row, column = 1,
	    most = columns_of(console) - 1; /* the lower right corner stays free: terminals scroll there */
	char text[80];

	for (size_t i = 0; i < KEYS; i++) {
		int length;

		if (!*key_rows[i].name || is_last(&key_rows[i]) || !console_has_key(console, &key_rows[i]) ||
		    (is_moving(&key_rows[i]) && !has_moving))
			continue;
		name_key(&key_rows[i], text, sizeof(text));
		length = (int)strlen(text);
		if (column + length > most) {
			row++;
			column = 1;
		}
		if (canvas)
			put(canvas, row, column, ATTR_PLAIN, text);
		column += length + 2;
	}
	if (column + name_last(console, text) > most) {
		row++;
		column = 1;
	}
	if (canvas)
		put(canvas, row, column, ATTR_PLAIN, text);
	return row - first + 1;
}

/* Two at least, so that what is above keeps its place; more where the keys, but for those that only move, need them. */
static int footer_rows(const struct console *console)
{
	int rows = console->screen == SCREEN_PROMPT ? 1 : lay_keys(console, NULL, 0, false);

	return rows > FOOTER_ROWS_MIN ? rows : FOOTER_ROWS_MIN;
}

static void put_keys(const struct console *console, struct canvas *canvas, bool is_long)
{
	int rows = footer_rows(console), row = canvas->rows - rows;

	if (console->screen == SCREEN_PROMPT)
		put(canvas, row, 1, ATTR_PLAIN,
		    console->options.is_plain ? "Enter alone goes back."
		                              : "Enter alone, or Ctrl-G, goes back; Ctrl-U clears the line.");
	else
		lay_keys(console, canvas, row, is_long && lay_keys(console, NULL, 0, true) <= rows);
}

/* For the body: all but head, message and keys. */
static long body_rows(const struct console *console)
{
	int rows = console->rows < CANVAS_ROWS_MIN   ? CANVAS_ROWS_MIN
	           : console->rows > CANVAS_ROWS_MAX ? CANVAS_ROWS_MAX
	                                             : console->rows;

	return rows - HEAD_ROWS - 1 - footer_rows(console);
}

static size_t page_rows(const struct console *console, const struct body *body)
{
	long rows = body_rows(console) - (long)body->pinned;

	return rows > 1 ? (size_t)rows : 1;
}

static void make_body(const struct console *console, struct body *body)
{
	*body = (struct body){ .columns = columns_of(console) };
	screens[console->screen].body(console, body);
	if (body->pinned > body->count)
		body->pinned = body->count;
	body_limit_pinned(body, (size_t)(body_rows(console) - LIST_ROWS_MIN));
}

void draw_extent(const struct console *console, size_t *count, size_t *page)
{
	struct body body;

	make_body(console, &body);
	*page = page_rows(console, &body);
	*count = 0;
	for (size_t i = body.pinned; i < body.count; i++)
		*count += !screens[console->screen].is_list || body.line[i].item >= 0;
	body_free(&body);
}

static bool is_marked(const struct body *body, long line)
{
	return body->line[body->pinned + (size_t)line].item >= 0;
}

long draw_next_run(const struct console *console, long from, bool is_within, size_t *count, size_t *page)
{
	struct body body;
	long found = from, lines;

	make_body(console, &body);
	lines = body.count > body.pinned ? (long)(body.count - body.pinned) : 0;
	while (found < lines && (!is_marked(&body, found) || (is_within && found > 0 && is_marked(&body, found - 1))))
		found++;
	*page = page_rows(console, &body);
	*count = (size_t)lines;
	body_free(&body);
	return found < lines ? found : -1;
}

static void put_title(const struct console *console, struct canvas *canvas)
{
	char left[120], right[80], owner[24] = "";
	const struct console_options *options = &console->options;
	const char *state;
	int column;

	if (options->controller)
		snprintf(owner, sizeof(owner), "controller %c  ", options->controller);
	snprintf(left, sizeof(left), " svc-console: %s",
	         console->screen == SCREEN_PROMPT ? console->prompt.title : screens[console->screen].title);
	left[TITLE_COLUMN] =
		(char)toupper((unsigned char)left[TITLE_COLUMN]); /* a task's name begins with a small one */
	state = options->is_read_only ? "read-only" : console->is_unlocked ? "UNLOCKED" : "locked";
	if ((int)(strlen(left) + 1 + strlen(owner) + strlen(state) + 1) > canvas->columns)
		owner[0] = '\0'; /* the overview says it, too */
	snprintf(right, sizeof(right), "%s%s ", owner, state);
	memset(canvas->attr[0], ATTR_REVERSE, (size_t)canvas->columns);
	put(canvas, 0, 0, ATTR_REVERSE, left);
	column = canvas->columns - (int)strlen(right);
	put(canvas, 0, column > 0 ? column : 0, ATTR_REVERSE, right);
}

/* The first line of the body's moving part that is shown. */
static size_t first_line(const struct console *console, const struct body *body, size_t page, long *marked)
{
	size_t cursor = console->cursor[console->screen], moving = body->count - body->pinned;

	*marked = -1;
	if (console->screen == SCREEN_PROMPT) /* what is typed is its last line */
		return moving <= page ? 0 : moving - page;
	if (!screens[console->screen].is_list)
		return moving <= page ? 0 : cursor > moving - page ? moving - page : cursor;
	for (size_t i = body->pinned; i < body->count; i++)
		if (body->line[i].item == (long)cursor) {
			*marked = (long)i;
			return (i - body->pinned) / page * page; /* by pages: less to send over a slow line */
		}
	return 0;
}

/* Returns whether there is more than fits. */
static bool put_body(const struct console *console, struct canvas *canvas)
{
	struct body body;
	bool is_long;
	size_t page, top;
	long marked;
	int row = HEAD_ROWS;

	make_body(console, &body);
	page = page_rows(console, &body);
	top = first_line(console, &body, page, &marked);
	for (size_t i = 0; i < body.count && row < HEAD_ROWS + body_rows(console); i++) {
		if (i == body.pinned)
			i += top;
		if (i >= body.count)
			break;
		if ((long)i == marked)
			memset(canvas->attr[row], ATTR_REVERSE, (size_t)canvas->columns);
		put(canvas, row, 0, (long)i == marked ? ATTR_REVERSE : body.line[i].attr, body.line[i].text);
		row++;
	}
	is_long = body.count - body.pinned > page || marked >= 0;
	if (body.count - body.pinned > page) {
		char more[60];
		size_t last = top + page < body.count - body.pinned ? top + page : body.count - body.pinned;

		snprintf(more, sizeof(more), "lines %zu-%zu of %zu", top + 1, last, body.count - body.pinned);
		put(canvas, 1, canvas->columns - (int)strlen(more) - 1, ATTR_PLAIN, more);
	}
	body_free(&body);
	return is_long;
}

/* Keys are taken all the same; but what would be shown of them could be misread. */
static bool is_too_small(const struct console *console)
{
	return console->columns < CANVAS_COLUMNS_MIN || console->rows < CANVAS_ROWS_MIN;
}

void draw(const struct console *console, struct canvas *canvas)
{
	int countdown = console_countdown(console);
	char text[240];
	bool is_long;

	canvas->rows = console->rows < 1 ? 1 : console->rows > CANVAS_ROWS_MAX ? CANVAS_ROWS_MAX : console->rows;
	canvas->columns = console->columns < 1                    ? 1
	                  : console->columns > CANVAS_COLUMNS_MAX ? CANVAS_COLUMNS_MAX
	                                                          : console->columns;
	for (int row = 0; row < canvas->rows; row++) {
		memset(canvas->text[row], ' ', (size_t)canvas->columns);
		canvas->text[row][canvas->columns] = '\0';
		memset(canvas->attr[row], ATTR_PLAIN, (size_t)canvas->columns);
	}
	if (is_too_small(console)) {
		snprintf(text, sizeof(text), "too small: %dx%d needed", CANVAS_COLUMNS_MIN, CANVAS_ROWS_MIN);
		put(canvas, 0, 0, ATTR_BOLD, text);
		return;
	}
	put_title(console, canvas);
	is_long = put_body(console, canvas);
	if (countdown >= 0)
		snprintf(text, sizeof(text), "the boot goes on without the mirror in %d s; any key stops that",
		         countdown);
	else
		snprintf(text, sizeof(text), "%s", console->message);
	put(canvas, canvas->rows - footer_rows(console) - 1, 1, ATTR_BOLD, text);
	put_keys(console, canvas, is_long);
}
