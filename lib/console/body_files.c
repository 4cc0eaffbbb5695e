// SPDX-License-Identifier: GPL-2.0-or-later
/* The files that differ, and the versions of one of them side by side. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "console/body.h"

enum {
	ALIGN_LINES_MAX = 800, /* beyond that line n stands beside line n */
	FILE_COLUMN = 28,      /* where names begin in the list */
};

static void put_summary(const struct shown_report *report, struct body *body)
{
	char text[300];

	snprintf(text, sizeof(text),
	         "%" PRIu64 " bytes: %zu file%s, %" PRIu64 " metadata, %" PRIu64 " journal, %" PRIu64 " not in use",
	         report->differing_bytes, report->differing.total, report->differing.total == 1 ? "" : "s",
	         report->metadata_bytes, report->journal_bytes, report->free_bytes);
	body_paragraph(body, ATTR_PLAIN, "differs", text);
}

/* Columns for its name; behind it, in brackets, stands what it is where it is no file. */
static int file_room(const struct shown_file *file, const struct body *body)
{
	return body->columns - FILE_COLUMN - (strcmp(file->kind, "file") != 0 ? (int)strlen(file->kind) + 4 : 0);
}

/* What the copies say of the file under the cursor. */
static void put_sides(const struct shown_report *report, size_t index, struct body *body)
{
	const struct shown_file *file = index < report->differing.count ? &report->differing.file[index] : NULL;
	bool is_narrow = body->columns < 80;
	char when[32], text[400];

	for (int i = 0; i < report->copies; i++) {
		const struct shown_side *side = NULL;

		for (int k = 0; file && k < file->sides; k++)
			if (!strcmp(file->side[k].copy, report->copy[i].name))
				side = &file->side[k];
		if (!report->copy[i].is_compared)
			continue;
		if (side)
			snprintf(text, sizeof(text), "%-*.*s %*" PRIu64 " bytes, %s%s", is_narrow ? 10 : 12,
			         is_narrow ? 10 : 12, report->copy[i].name, is_narrow ? 12 : 15, side->bytes,
			         is_narrow ? "" : "modified ", text_time(side->modified, when, sizeof(when)));
		else
			snprintf(text, sizeof(text), "%-12.12s does not have it", report->copy[i].name);
		body_paragraph(body, ATTR_PLAIN, i ? "" : "on", text);
	}
	if (file && file_room(file, body) < (int)strlen(file->path)) {
		snprintf(text, sizeof(text), "%s", file->path);
		body_paragraph(body, ATTR_PLAIN, "file", text);
	}
}

void body_of_differences(const struct console *console, struct body *body)
{
	const struct shown_report *report = console_report(console);

	if (!report || !report->compared_bytes) {
		body_paragraph(body, ATTR_PLAIN, "",
		               "The content was not compared yet: q, then c compares every block in use.");
		return;
	}
	put_summary(report, body);
	if (!report->differing.count) {
		body_paragraph(body, ATTR_PLAIN, "", "No file differs.");
		return;
	}
	put_sides(report, console->cursor[SCREEN_DIFFERENCES], body);
	body_add(body, ATTR_PLAIN, -1, " %15s  %-9s %s", "bytes differ", "only on", "file");
	body->pinned = body->count;
	for (size_t i = 0; i < report->differing.count; i++) {
		const struct shown_file *file = &report->differing.file[i];
		bool is_file = !strcmp(file->kind, "file");
		char shown[END_SIZE];

		body_add(body, ATTR_PLAIN, (long)i, " %15" PRIu64 "  %-9.9s %s%s%s%s", file->bytes, file->only_on,
		         *file->path ? end_of(file->path, file_room(file, body), shown) : "(deleted while open)",
		         is_file ? "" : "  [", is_file ? "" : file->kind, is_file ? "" : "]");
	}
	if (report->differing.total > report->differing.count)
		body_add(body, ATTR_PLAIN, -1, "                  and %zu more",
		         report->differing.total - report->differing.count);
}

static const char *line_at(const struct lines *lines, size_t index)
{
	return index < lines->count ? lines->line[index] : "";
}

static bool is_blank(const char *text)
{
	return !text[strspn(text, " ")];
}

static void put_pair(struct body *body, char mark, const char *left, const char *right)
{
	int half = (body->columns - 4) / 2;
	bool is_marked = false;

	do { /* what is longer goes on below: the difference may be there */
		size_t left_length = strnlen(left, (size_t)half), right_length = strnlen(right, (size_t)half);
		bool differs = mark == '|' ? left_length != right_length || strncmp(left, right, left_length) != 0
		                           : mark != ' ';

		body_add(body, differs ? ATTR_BOLD : ATTR_PLAIN, differs && !is_marked ? 0 : -1, "%-*.*s %c %.*s", half,
		         half, left, differs ? mark : ' ', half, right);
		is_marked |= differs;
		left += left_length;
		right += right_length;
		if (mark == ' ' || is_marked) { /* blanks at the end need no lines of their own */
			left += is_blank(left) ? strlen(left) : 0;
			right += is_blank(right) ? strlen(right) : 0;
		}
	} while (*left || *right);
}

/* length[i][k]: how many lines the rests of both from i and k on have in common, in order. */
static void align(const struct lines *left, const struct lines *right, uint16_t *length, struct body *body)
{
	size_t width = right->count + 1, i = 0, k = 0;

	for (size_t a = left->count; a-- > 0;)
		for (size_t b = right->count; b-- > 0;) {
			uint16_t down = length[(a + 1) * width + b], across = length[a * width + b + 1];

			if (!strcmp(left->line[a], right->line[b]))
				length[a * width + b] = (uint16_t)(length[(a + 1) * width + b + 1] + 1);
			else
				length[a * width + b] = down > across ? down : across;
		}
	while (i < left->count || k < right->count) {
		bool has_both = i < left->count && k < right->count;

		if (has_both && !strcmp(left->line[i], right->line[k])) {
			put_pair(body, ' ', left->line[i], right->line[k]);
			i++, k++;
		} else if (has_both && length[(i + 1) * width + k + 1] == length[i * width + k]) {
			put_pair(body, '|', left->line[i], right->line[k]); /* neither has a partner */
			i++, k++;
		} else if (k == right->count ||
		           (i < left->count && length[(i + 1) * width + k] >= length[i * width + k + 1])) {
			put_pair(body, '<', left->line[i++], "");
		} else {
			put_pair(body, '>', "", right->line[k++]);
		}
	}
}

static void put_text(const struct lines *left, const struct lines *right, struct body *body)
{
	uint16_t *length = NULL;

	if (left->count <= ALIGN_LINES_MAX && right->count <= ALIGN_LINES_MAX)
		length = calloc((left->count + 1) * (right->count + 1), sizeof(*length));
	if (length)
		align(left, right, length, body);
	for (size_t i = 0; !length && (i < left->count || i < right->count); i++) {
		const char *a = line_at(left, i), *b = line_at(right, i);

		put_pair(body, strcmp(a, b) != 0 ? '|' : ' ', a, b);
	}
	free(length);
}

/* Why there is no text of a version, in brackets and in lines that fit its column. */
static void say_why(const char *why, size_t room, struct lines *lines)
{
	char text[sizeof(((struct shown_version *)NULL)->why) + 2], line[CANVAS_COLUMNS_MAX + 1];
	const char *at = text;

	snprintf(text, sizeof(text), "(%s)", why);
	while (*at) {
		size_t length = body_fitting(at, room);

		snprintf(line, sizeof(line), "%.*s", (int)length, at);
		lines_add(lines, DOCUMENT_SIDE_LINES_MAX, line);
		at += length;
		at += strspn(at, " ");
	}
}

/* What one copy has can be read where the other has nothing to hold against it: nothing is marked. */
static void put_alone(const struct shown_version *left, const struct shown_version *right, struct body *body)
{
	size_t room = (size_t)(body->columns - 4) / 2;
	struct lines why[2] = { { 0 }, { 0 } };
	const struct lines *a = *left->why ? &why[0] : &left->text, *b = *right->why ? &why[1] : &right->text;

	if (*left->why)
		say_why(left->why, room, &why[0]);
	if (*right->why)
		say_why(right->why, room, &why[1]);
	for (size_t i = 0; i < a->count || i < b->count; i++)
		put_pair(body, ' ', line_at(a, i), line_at(b, i));
	lines_free(&why[0]);
	lines_free(&why[1]);
}

static void describe_version(const struct shown_version *version, char *text, size_t size)
{
	char when[32];

	if (version->is_there)
		snprintf(text, size, "%" PRIu64 " bytes, %s", version->bytes,
		         text_time(version->modified, when, sizeof(when)));
	else
		snprintf(text, size, "does not have it");
}

void body_of_file(const struct console *console, struct body *body)
{
	const struct shown_view *view = &console->view;
	const struct shown_version *left = &view->version[0], *right;
	char one[80], two[80];

	if (!console->has_view || !view->versions) {
		body_paragraph(body, ATTR_PLAIN, "", "No version of it could be read.");
		return;
	}
	body_paragraph(body, ATTR_BOLD, "file", console->viewed);
	right = &view->version[console->right < view->versions ? console->right : view->versions - 1];
	put_pair(body, ' ', left->copy, right->copy);
	describe_version(left, one, sizeof(one));
	describe_version(right, two, sizeof(two));
	put_pair(body, ' ', one, two);
	body_blank(body);
	body->pinned = body->count;
	if (*left->why || *right->why) {
		put_alone(left, right, body);
		return;
	}
	put_text(&left->text, &right->text, body);
}
