// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/body.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_COLUMNS = 10 };

static void add(struct body *body, uint8_t attr, long item, const char *text)
{
	size_t length = strlen(text);

	if (body->count == BODY_LINES_MAX)
		return;
	if (body->count == body->room) {
		size_t room = body->room ? body->room * 2 : 64;
		struct body_line *more = realloc(body->line, room * sizeof(*more));

		if (!more)
			return;
		body->line = more;
		body->room = room;
	}
	if (length > (size_t)body->columns)
		length = (size_t)body->columns;
	body->line[body->count] = (struct body_line){ strndup(text, length), attr, item };
	if (body->line[body->count].text)
		body->count++;
}

void body_add(struct body *body, uint8_t attr, long item, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add(body, attr, item, text);
}

void body_blank(struct body *body)
{
	add(body, ATTR_PLAIN, -1, "");
}

size_t body_fitting(const char *text, size_t room)
{
	size_t length = strlen(text), at = room;

	if (length <= room)
		return length;
	while (at && text[at] != ' ')
		at--;
	return at ? at : room;
}

void body_paragraph(struct body *body, uint8_t attr, const char *label, const char *text)
{
	size_t room = (size_t)body->columns > LABEL_COLUMNS + 10 ? (size_t)body->columns - LABEL_COLUMNS - 1 : 10;

	do {
		size_t length = body_fitting(text, room);

		body_add(body, attr, -1, " %-*s%.*s", LABEL_COLUMNS - 1, label, (int)length, text);
		text += length;
		while (*text == ' ')
			text++;
		label = "";
	} while (*text);
}

void body_limit_pinned(struct body *body, size_t most)
{
	size_t from = most ? most - 1 : 0, dropped = body->pinned > most ? body->pinned - most : 0;

	if (!dropped || from + dropped >= body->pinned)
		return;
	for (size_t i = from; i < from + dropped; i++)
		free(body->line[i].text);
	memmove(&body->line[from], &body->line[from + dropped], (body->count - from - dropped) * sizeof(*body->line));
	body->count -= dropped;
	body->pinned -= dropped;
}

void body_free(struct body *body)
{
	for (size_t i = 0; i < body->count; i++)
		free(body->line[i].text);
	free(body->line);
	*body = (struct body){ .columns = body->columns };
}
