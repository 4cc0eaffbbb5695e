/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All copies of one call: located, and their evidence read. The beginning of every command. */
#ifndef SVC_SURVEY_H
#define SVC_SURVEY_H

#include "base/error.h"
#include "locate/locate.h"
#include "model.h"

struct survey {
	struct copy copy[SVC_COPIES_MAX];
	struct access access[SVC_COPIES_MAX];
	int copies;
};

/*
 * Opens the copies that `argument` names (NAME=LOCATOR or LOCATOR) and reads their evidence. What is
 * wrong with a copy is noted in it. Errors are the caller's mistakes, with a sentence: -EINVAL (a bad
 * name or locator, too many copies, one device given twice, several mirrors and no --lv, a mirror that
 * is on none of the copies), -EISDIR, -ENODEV. Close it in any case.
 */
int survey_open(const char *const argument[], int arguments, const struct locate_options *options,
                struct survey *survey, struct svc_error *error);
void survey_close(struct survey *survey);

/*
 * Reads all of the copies that are blank at both ends, before anything is judged that may lead to writing over them
 * (locate_read_blank). `progress` may be NULL. 0, -EINTR, -ENOMEM with a sentence.
 */
int survey_read_blanks(struct survey *survey, const volatile sig_atomic_t *stop,
                       void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes), void *context,
                       struct svc_error *error);

#endif
