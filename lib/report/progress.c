/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/progress.h"

#include <inttypes.h>
#include <string.h>

enum { BAR_COLUMNS = 24, MEANINGFUL_MS = 300, WARM_PART = 40 };

void progress_format(const char *what, uint64_t done_bytes, uint64_t total_bytes, uint64_t elapsed_ms, char *text,
                     size_t size)
{
	double share;
	char bar[BAR_COLUMNS + 1];
	size_t length;

	if (done_bytes > total_bytes)
		done_bytes = total_bytes;
	share = total_bytes ? (double)done_bytes / (double)total_bytes : 1;
	memset(bar, '.', BAR_COLUMNS);
	memset(bar, '#', (size_t)(share * BAR_COLUMNS));
	bar[BAR_COLUMNS] = '\0';
	length = (size_t)snprintf(text, size, "%s %3d %%  [%s]", what, (int)(share * 100), bar);
	if (elapsed_ms < MEANINGFUL_MS || !done_bytes || length >= size)
		return;
	double per_second = (double)done_bytes * 1000 / (double)elapsed_ms;
	uint64_t left = (uint64_t)((double)(total_bytes - done_bytes) / per_second + 0.5);

	bool is_slow = per_second < 1048576; /* a slow line to the other controller: "0 MiB/s" would look like none */

	snprintf(text + length, size - length, "  %.0f %s/s  ETA %" PRIu64 ":%02" PRIu64,
	         per_second / (is_slow ? 1024 : 1048576), is_slow ? "KiB" : "MiB", left / 60, left % 60);
}

void progress_update(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
	struct progress *progress = context;
	struct timespec now;
	uint64_t elapsed_ms;
	char text[120];

	clock_gettime(CLOCK_MONOTONIC, &now);
	/* Twice: what goes into empty buffers in the beginning says little of how it goes on. */
	if (!progress->is_started || (!progress->is_warm && done_bytes >= total_bytes / WARM_PART)) {
		progress->is_warm = progress->is_started;
		progress->start = now;
		progress->start_bytes = done_bytes;
	}
	progress->is_started = true;
	elapsed_ms = (uint64_t)(now.tv_sec - progress->start.tv_sec) * 1000 +
	             (uint64_t)((now.tv_nsec - progress->start.tv_nsec) / 1000000);
	/* What was done before the clock ran counts as if it had taken as long as the same amount has since. */
	if (progress->start_bytes && done_bytes > progress->start_bytes)
		elapsed_ms = (uint64_t)((double)elapsed_ms * (double)done_bytes /
		                        (double)(done_bytes - progress->start_bytes));
	else if (progress->start_bytes)
		elapsed_ms = 0;
	progress_format(progress->what, done_bytes, total_bytes, elapsed_ms, text, sizeof(text));
	if (progress->is_shown) {
		fprintf(progress->out, "\r%-79s", text);
		progress->is_drawn = true;
	} else if (progress->requested && *progress->requested) {
		fprintf(progress->out, "%s\n", text);
	}
	if (progress->requested)
		*progress->requested = 0;
	fflush(progress->out);
}

void progress_end(struct progress *progress)
{
	if (progress->is_drawn)
		fprintf(progress->out, "\r%79s\r", "");
	fflush(progress->out);
	progress->is_drawn = false;
}
