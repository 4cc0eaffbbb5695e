/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that read documents; jansson goes no further. */
#ifndef SVC_DOCUMENT_PRIVATE_H
#define SVC_DOCUMENT_PRIVATE_H

#include <jansson.h>

#include "console/document.h"

/* The document, which must be that of `command` (NULL: any). NULL with a sentence. */
json_t *document_load(const char *text, size_t length, const char *command, struct svc_error *error);

/* Commands escape what they print; whatever else is in the document must not reach a terminal either. */
void document_clean(char *text);

/* Members of an object; what is absent or of another type is empty, 0 or false. */
void take_text(const json_t *object, const char *key, char *text, size_t size);
uint64_t take_number(const json_t *object, const char *key);
int64_t take_time(const json_t *object, const char *key);
bool take_bool(const json_t *object, const char *key);
int take_reasons(const json_t *list, struct shown_reason reason[REASONS_MAX]);
void flatten(struct lines *lines, const char *prefix, json_t *value, unsigned depth);

#endif
