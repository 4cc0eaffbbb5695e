// SPDX-License-Identifier: GPL-2.0-or-later
/* The cursor. */
#include <string.h>

#include "console/console_private.h"
#include "console/draw.h"

void moving_search_next(struct console *console)
{
	const struct shown_report *report = console_report(console);
	size_t from = console->cursor[SCREEN_DIFFERENCES];

	if (!report || !*console->search) {
		console_say(console, "press / to say what to look for");
		return;
	}
	for (size_t n = 1; n <= report->differing.count; n++) {
		size_t index = (from + n) % report->differing.count;

		if (!strcasestr(report->differing.file[index].path, console->search))
			continue;
		console->cursor[SCREEN_DIFFERENCES] = index;
		if (index == from)
			console_say(console, "no other file that differs has \"%s\" in its name", console->search);
		return;
	}
	console_say(console, "no file that differs has \"%s\" in its name", console->search);
}

/* The cursor is the first line shown: a few lines before what differs help to see where it is. */
void moving_next_line(struct console *console)
{
	enum { BEFORE = 2 };
	size_t count, page, *cursor = &console->cursor[SCREEN_FILE];
	long marked = draw_next_run(console, *cursor ? (long)*cursor + BEFORE + 1 : 0, *cursor, &count, &page);

	if (marked < 0) {
		console_say(console, "nothing more differs");
		return;
	}
	*cursor = marked < BEFORE ? 0 : (size_t)marked - BEFORE;
	if (*cursor + page > count)
		*cursor = count > page ? count - page : 0;
}

void moving_move(struct console *console, long by_lines, long by_pages)
{
	size_t count, page, *cursor = &console->cursor[console->screen];
	long to;

	draw_extent(console, &count, &page);
	to = (long)*cursor + by_lines + by_pages * (long)page;
	if (draw_is_list(console->screen))
		*cursor = to < 0 || !count ? 0 : to >= (long)count ? count - 1 : (size_t)to;
	else
		*cursor = to < 0 || count <= page ? 0 : to > (long)(count - page) ? count - page : (size_t)to;
}
