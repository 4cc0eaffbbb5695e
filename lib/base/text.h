/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from hostile disks, and times, made fit for a terminal. */
#ifndef SVC_TEXT_H
#define SVC_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Copies `raw` with everything but printable ASCII as \xNN and a backslash as \\, cut to fit `size`.
 * Returns text, so that it can be used as an argument.
 */
const char *text_escape(const char *raw, char *text, size_t size);

/* Seconds since 1970 as "2026-11-22 12:00:01Z", or "never" for 0. Returns text. */
const char *text_time(int64_t seconds, char *text, size_t size);

/* A blank and the word, quoted for the shell where it needs it: what is printed can be pasted. */
void text_put_word(FILE *out, const char *word);

#endif
