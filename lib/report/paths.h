/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What svc-pathcheck found, as a screen and as JSON. */
#ifndef SVC_REPORT_PATHS_H
#define SVC_REPORT_PATHS_H

#include <stdio.h>

#include "path/setup.h"

struct paths_report {
	const struct paths *paths;
	const struct reasons *others; /* reasons that are no path's; NULL: none */
	bool is_verbose;
	bool has_colour;
	int width;
	int exit;
};

/* 0, or -errno where writing failed or memory is short. */
int report_paths_text(const struct paths_report *report, FILE *out);
int report_paths_json(const struct paths_report *report, FILE *out);

#endif
