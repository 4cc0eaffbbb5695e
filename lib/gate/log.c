/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

/*
 * Every write to /dev/kmsg is a record of its own (Documentation/ABI/testing/dev-kmsg). Warnings stay below what
 * `quiet` shows: the console has the report already. Where there is no kernel log for us, there is none.
 */
void log_kmsg(const char *program, const char *text, bool is_step)
{
	char record[900], shown[800];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	int length;

	if (fd < 0)
		return;
	length = snprintf(record, sizeof(record), "<%d>%s: %s\n", is_step ? 6 : 4, program,
	                  text_escape(text, shown, sizeof(shown)));
	/* If that fails, the only place to say so would be this one. */
	length = (int)write(fd, record, (size_t)length);
	close(fd);
}

static void add(struct gate_log *log, FILE *out, const char *id, const char *text)
{
	struct boot_log_entry *entry;
	struct timespec now;
	char line[400], shown[800];

	if (log->boot.count < BOOT_LOG_MAX)
		log->boot.count++;
	entry = &log->boot.entry[log->boot.count - 1];
	clock_gettime(CLOCK_BOOTTIME, &now);
	entry->milliseconds = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	snprintf(entry->id, sizeof(entry->id), "%s", id);
	snprintf(entry->text, sizeof(entry->text), "%s", text);
	snprintf(line, sizeof(line), "%s%s%s", id, *id ? " " : "", text);
	if (log->is_kept)
		log_kmsg("svc-boot", line, !*id);
	if (out) {
		fprintf(out, "svc-boot: %s\n", text_escape(line, shown, sizeof(shown)));
		fflush(out);
	}
}

void log_step(struct gate_log *log, FILE *out, const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add(log, out, "", text);
}

void log_reasons(struct gate_log *log, FILE *out, const struct reasons *reasons)
{
	for (size_t i = 0; i < reasons->count; i++)
		add(log, out, reason_row(reasons->item[i].id)->id, reasons->item[i].text);
}
