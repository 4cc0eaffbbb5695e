/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of a screen, all of them, before a part is picked. */
#ifndef SVC_CONSOLE_BODY_H
#define SVC_CONSOLE_BODY_H

#include "console/draw.h"

enum { BODY_LINES_MAX = 12000 };

struct body_line {
	char *text; /* not longer than the screen is wide */
	uint8_t attr;
	long item; /* of a list; -1: none */
};

struct body {
	int columns;
	size_t pinned; /* lines at the top that stay when the rest moves */
	size_t count, room;
	struct body_line *line;
};

void body_add(struct body *body, uint8_t attr, long item, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* " label    words", wrapped, later lines under the first word. */
void body_paragraph(struct body *body, uint8_t attr, const char *label, const char *text);
void body_blank(struct body *body);
/* How much of `text` fits into `room`: up to the last blank, or all that fits of a long word. */
size_t body_fitting(const char *text, size_t room);
/* Of the pinned lines these many stay: the first ones, and the last, which is the list's head. */
void body_limit_pinned(struct body *body, size_t most);
void body_free(struct body *body);

/* What each screen shows. */
void body_of_overview(const struct console *console, struct body *body);
void body_of_copy(const struct console *console, struct body *body);
void body_of_paths(const struct console *console, struct body *body);
void body_of_differences(const struct console *console, struct body *body);
void body_of_file(const struct console *console, struct body *body);
void body_of_explain(const struct console *console, struct body *body);
void body_of_log(const struct console *console, struct body *body);
void body_of_help(const struct console *console, struct body *body);
void body_of_choose(const struct console *console, struct body *body);
void body_of_plan(const struct console *console, struct body *body);
void body_of_job(const struct console *console, struct body *body);
void body_of_undo(const struct console *console, struct body *body);
void body_of_more(const struct console *console, struct body *body);
void body_of_bundle(const struct console *console, struct body *body);
void body_of_prompt(const struct console *console, struct body *body);

/* Shared by several. */
void body_verdict(const struct console *console, const struct shown_report *report, struct body *body);
/* What to do now, first on every screen that has it. */
void body_recommendation(const struct console *console, struct body *body);
void body_path_table(const struct console *console, struct body *body);
/* Whether a line that the boot wrote down is a reason, and none that the report or a line before it has. */
bool body_is_boot_reason(const struct console *console, const struct shown_report *report, size_t line);
void body_job_line(const struct job *job, struct body *body, uint8_t attr);
const char *exit_words(int code);
/* Of a long name of a device or file the end says most. */
enum { END_SIZE = CANVAS_COLUMNS_MAX + 1 };
const char *end_of(const char *text, int columns, char shown[END_SIZE]);

#endif
