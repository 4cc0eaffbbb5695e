/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libdevmapper's dm_config parser cannot be trusted with is refused here, in one pass:
 *
 * - It recurses once per `{` with 8 KiB of stack each, and its reversal of the tree recurses once per
 *   level: 1000 levels exhaust a thread's stack.
 * - It splits keys at `/` into one level each, so that one key "a/a/a/..." does the same without braces.
 * - It goes on reading digits for strtoll to the end of the buffer: vg_parse ends it with a NUL.
 * - A node and its value take about 100 bytes where the text may have 4.
 *
 * LVM never writes a quoted key, a slash outside quotes, or more than four levels.
 */
#include "locate/vg_scan.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum {
	LEVELS_MAX = 8,
	TOKENS_MAX = 1 << 19, /* a volume group with a thousand LVs has some ten thousand */
	WORD_MAX = 256,       /* bare words: names, numbers; LVM's names end at 128 */
};

enum position {
	POSITION_KEY,   /* a key, or the end of a section */
	POSITION_VALUE, /* behind = */
	POSITION_ARRAY, /* within [ ] */
};

struct scan {
	const char *at;
	const char *end;
	enum position position;
	unsigned level;
	size_t tokens;
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("+_.-", c));
}

static void skip_comment(struct scan *scan)
{
	const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));

	scan->at = newline ? newline : scan->end;
}

static const char *scan_string(struct scan *scan)
{
	if (scan->position == POSITION_KEY)
		return "a quoted key";
	for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++)
		if (*scan->at == '\\')
			scan->at++;
	if (scan->at >= scan->end)
		return "a string without an end";
	scan->at++;
	return NULL;
}

static const char *scan_word(struct scan *scan)
{
	const char *start = scan->at;
	bool is_number = true;

	/* Where libdevmapper ends a bare word depends on what it takes it for; digits and names are safe. */
	for (; scan->at < scan->end && is_word(*scan->at); scan->at++)
		if (!isdigit((unsigned char)*scan->at) && *scan->at != '.' &&
		    (scan->at > start || !strchr("+-", *scan->at)))
			is_number = false;
	if (scan->at - start > WORD_MAX)
		return "an endless word";
	return is_number || scan->position == POSITION_KEY ? NULL : "a value without quotes";
}

static const char *scan_mark(struct scan *scan)
{
	switch (*scan->at++) {
	case '{':
		if (scan->position != POSITION_KEY || ++scan->level > LEVELS_MAX)
			return "sections nested deeper than LVM ever does";
		return NULL;
	case '}':
		if (scan->position != POSITION_KEY || !scan->level--)
			return "a section's end without its beginning";
		return NULL;
	case '=':
		if (scan->position != POSITION_KEY)
			return "two values for one key";
		scan->position = POSITION_VALUE;
		return NULL;
	case '[':
		if (scan->position != POSITION_VALUE)
			return "an array where none belongs";
		scan->position = POSITION_ARRAY;
		return NULL;
	case ']':
		if (scan->position != POSITION_ARRAY)
			return "an array's end without its beginning";
		scan->position = POSITION_KEY;
		return NULL;
	case ',':
		return scan->position == POSITION_ARRAY ? NULL : "a comma where none belongs";
	default:
		return "bytes that LVM never writes";
	}
}

const char *vg_scan(const char *text, size_t length)
{
	struct scan scan = { .at = text, .end = text + length };
	const char *why = NULL;

	if (memchr(text, '\0', length))
		return "a NUL byte";
	while (!why && scan.at < scan.end) {
		bool is_value = true;

		if (isspace((unsigned char)*scan.at)) {
			scan.at++;
			continue;
		}
		if (*scan.at == '#') {
			skip_comment(&scan);
			continue;
		}
		if (++scan.tokens > TOKENS_MAX)
			return "more entries than a volume group can have";
		if (*scan.at == '"') {
			why = scan_string(&scan);
		} else if (is_word(*scan.at)) {
			why = scan_word(&scan);
		} else {
			why = scan_mark(&scan);
			is_value = false;
		}
		if (is_value && scan.position == POSITION_VALUE)
			scan.position = POSITION_KEY;
	}
	if (!why && (scan.level || scan.position != POSITION_KEY))
		why = "an end in the middle of a section";
	return why;
}
