// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <jansson.h>

#include "base/text.h"
#include "report/report.h"

int report_error_json(const char *command, const struct svc_error *error, int exit, FILE *out)
{
	char text[4 * sizeof(error->text)], next[4 * sizeof(error->next)];
	json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s}, s:i}", "schema", "svc/1", "command", command, "error",
	                           "text", text_escape(error->text, text, sizeof(text)), "next",
	                           text_escape(error->next, next, sizeof(next)), "exit", exit);
	bool is_written = object && !json_dumpf(object, out, JSON_INDENT(2)) && fputc('\n', out) != EOF;

	json_decref(object);
	return is_written ? 0 : -EIO;
}
