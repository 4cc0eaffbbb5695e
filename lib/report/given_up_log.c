/* SPDX-License-Identifier: GPL-2.0-or-later */
/* svc-resync: a history that is given up, in the system's log. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/text.h"
#include "report/report.h"
#include "verdict/verdict.h"

enum { LOG_WIDTH = 2000, LOG_LINES_MAX = 200, SHOWN_SIZE = 2400 };

/* Without the screen's indentation. */
static void put_line(const char *line, FILE *also)
{
	line += strspn(line, " ");
	if (!*line)
		return;
	syslog(LOG_DAEMON | LOG_WARNING, "%s", line);
	if (also)
		fprintf(also, "svc-resync: %s\n", line);
}

void report_log_given_up(const struct report *report, FILE *also)
{
	struct report wide = *report;
	char line[SHOWN_SIZE], name[4 * SVC_NAME_SIZE], *text = NULL, *rest, *at;
	FILE *out;
	size_t size;
	int lines = 0, left = 0;

	wide.width = LOG_WIDTH;
	wide.is_verbose = true;
	snprintf(line, sizeof(line), "%s is kept by choice, and the verdict is %s",
	         text_escape(report->copy[report->plan->authority].name, name, sizeof(name)),
	         verdict_name(report->verdict->kind));
	put_line(line, also);
	out = open_memstream(&text, &size);
	if (!out)
		return;
	report_given_up(&wide, out);
	if (fclose(out))
		goto out;
	for (rest = text; (at = strsep(&rest, "\n"));) {
		if (lines++ < LOG_LINES_MAX)
			put_line(at, also);
		else
			left += *at != '\0';
	}
	snprintf(line, sizeof(line), "and %d more", left);
	if (left)
		put_line(line, also);
out:
	free(text);
}

void report_log_end(const struct report *report, bool is_done, const char *why)
{
	char shown[SHOWN_SIZE];

	if (is_done)
		syslog(LOG_DAEMON | LOG_NOTICE, "the others are rebuilt from it and proven");
	else
		syslog(LOG_DAEMON | LOG_WARNING, "not finished, exit %d: %s", report->exit,
		       text_escape(why, shown, sizeof(shown)));
}
