// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "console/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shown_report *report = malloc(sizeof(*report));
	struct shown_paths *paths = malloc(sizeof(*paths));
	struct shown_view *view = malloc(sizeof(*view));
	struct shown_undos *undos = malloc(sizeof(*undos));
	const char *text = (const char *)data;
	struct svc_error error;
	struct lines lines;
	bool is_unfenced;

	if (!report || !paths || !view || !undos)
		abort();
	document_read_report(text, size, report, &error);
	document_free_report(report);
	document_read_paths(text, size, paths, &error);
	document_free_paths(paths);
	document_read_view(text, size, view, &error);
	document_free_view(view);
	document_read_undos(text, size, undos, &error);
	document_read_lines(text, size, &lines, &error);
	lines_free(&lines);
	document_read_deeds(text, size, &lines, &is_unfenced, &error);
	lines_free(&lines);
	document_read_boot(text, size, &lines, &error);
	lines_free(&lines);
	free(report);
	free(paths);
	free(view);
	free(undos);
	return 0;
}
