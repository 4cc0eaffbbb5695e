/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A takeover, a demotion or the state, for people and as JSON: svc-promote(8). */
#ifndef SVC_REPORT_PROMOTE_H
#define SVC_REPORT_PROMOTE_H

#include <stdio.h>

#include "promote/promote.h"

/* 0, or -errno where writing to `out` failed or memory is short. */
int report_promote_text(const struct promote_result *result, bool is_verbose, FILE *out);
int report_promote_json(const struct promote_result *result, FILE *out);

/* The JSON, as a whole, to PROMOTE_JSON_PATH. */
int report_promote_file(const struct promote_result *result);

#endif
