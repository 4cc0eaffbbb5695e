/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that no other command gives, as JSON of schema svc/1: svc-console is their command. */
#ifndef SVC_CONSOLE_ANSWERS_H
#define SVC_CONSOLE_ANSWERS_H

#include <stdio.h>

#include "survey.h"

enum { ANSWER_TEXT_BYTES = 128 << 10 }; /* of a file's text, in each copy */

/*
 * The file that has this inode number on that copy, as each usable copy has it: where the number is another file's,
 * that copy does not have it. Read-only and with the journal replayed in memory; its text where it is one:
 * {"command":"view","of","inode","versions":[{"copy","present","bytes","modified","text"|null,"why"}]}.
 * 0, -EIO (not written).
 */
int answer_view(const struct survey *survey, int copy, uint32_t inode, FILE *out);

/*
 * The undo files in a directory: {"command":"undo-list","undos":[{"path","time","copies",...}]}, the latest first;
 * before them `file`, if it is not NULL.
 */
int answer_undos(const char *directory, const char *file, FILE *out);

#endif
