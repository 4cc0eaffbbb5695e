/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *text_escape(const char *raw, char *text, size_t size)
{
	size_t at = 0;

	for (; *raw; raw++) {
		unsigned char c = (unsigned char)*raw;
		char piece[5];
		int length;

		if (c == '\\')
			length = snprintf(piece, sizeof(piece), "\\\\");
		else if (c >= 0x20 && c < 0x7f)
			length = snprintf(piece, sizeof(piece), "%c", c);
		else
			length = snprintf(piece, sizeof(piece), "\\x%02x", c);
		if (at + (size_t)length + 1 > size)
			break;
		memcpy(text + at, piece, (size_t)length);
		at += (size_t)length;
	}
	if (size)
		text[at] = '\0';
	return text;
}

const char *text_time(int64_t seconds, char *text, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&when, &tm) || !strftime(text, size, "%Y-%m-%d %H:%M:%SZ", &tm))
		snprintf(text, size, "%s", seconds ? "out of range" : "never");
	return text;
}

void text_put_word(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";

	bool is_plain = *word && strspn(word, plain) == strlen(word), is_printable = true;

	for (const char *c = word; *c; c++)
		is_printable &= *c >= 0x20 && *c < 0x7f;
	if (is_plain) {
		fprintf(out, " %s", word);
		return;
	}
	if (!is_printable) { /* nothing that a terminal would obey; bash and others read it back */
		fprintf(out, " $'");
		for (; *word; word++)
			fprintf(out, *word >= 0x20 && *word < 0x7f && !strchr("'\\", *word) ? "%c" : "\\x%02x",
			        (unsigned char)*word);
		fputc('\'', out);
		return;
	}
	fprintf(out, " '");
	for (; *word; word++)
		fprintf(out, *word == '\'' ? "'\\''" : "%c", *word);
	fputc('\'', out);
}
