/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which copies a console is about, and a job was. Locators may be relative, or a file may have become another one: what
 * was found out there is not about the copies here, although the command line is the same.
 */
#ifndef SVC_WHOSE_H
#define SVC_WHOSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model.h"

struct whose_copy {
	char name[SVC_NAME_SIZE];
	char id[48];     /* "file 2049:1234", "device 8:16"; empty: it is not there, or behind a server */
	char path[4200]; /* absolute; a URI as it is */
};

struct whose {
	int copies; /* 0: not known, and all work is taken for its own */
	struct whose_copy copy[SVC_COPIES_MAX];
	char lv[2 * LVM_NAME_SIZE + 8]; /* empty: the only one */
};

/* Looks up NAME=LOCATORs from where this process is. `lv` may be NULL. */
void whose_find(struct whose *whose, const char *const argument[], int arguments, const char *lv);

/* As a job's note keeps it. NULL: not known, or no memory. */
json_t *whose_note(const struct whose *whose);

/* Whether a note is of these copies: the same files, and devices of the same number or path. NULL: no note. */
bool whose_is(const struct whose *whose, const json_t *note);

/* The same for consoles that were called with the same copies. */
uint32_t whose_number(const struct whose *whose);

#endif
