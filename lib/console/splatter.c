// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/splatter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LOG_LINES = 200, RECORDS_AT_ONCE = 5000, DEFAULT_LEVEL = 7 };

/* The names in /sys/class/tty/console/active are what the kernel's messages go to. */
static bool is_kernel_console(int terminal)
{
	char names[256] = "", path[300], *rest = names, *name;
	FILE *active = fopen("/sys/class/tty/console/active", "re");
	struct stat ours, theirs;
	bool is_one = false;

	if (!active)
		return false;
	if (!fstat(terminal, &ours) && S_ISCHR(ours.st_mode) && fgets(names, sizeof(names), active)) {
		is_one = ours.st_rdev == makedev(5, 1); /* /dev/console itself */
		while (!is_one && (name = strsep(&rest, " \n"))) {
			snprintf(path, sizeof(path), "/dev/%s", name);
			is_one = *name && !stat(path, &theirs) && theirs.st_rdev == ours.st_rdev;
		}
	}
	fclose(active);
	return is_one;
}

void splatter_open(struct splatter *splatter, int terminal)
{
	splatter->file = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	splatter->is_on_console = is_kernel_console(terminal);
	splatter->has_read_history = false;
}

/* Messages below this level are printed; the first number of /proc/sys/kernel/printk. */
static int console_level(void)
{
	FILE *file = fopen("/proc/sys/kernel/printk", "re");
	int level = DEFAULT_LEVEL;

	if (file && fscanf(file, "%d", &level) != 1)
		level = DEFAULT_LEVEL;
	if (file)
		fclose(file);
	return level;
}

bool splatter_check(struct splatter *splatter, struct lines *log)
{
	char record[2048];
	bool is_hit = false;
	int level = splatter->file >= 0 ? console_level() : 0;

	for (int i = 0; splatter->file >= 0 && i < RECORDS_AT_ONCE; i++) {
		ssize_t got = read(splatter->file, record, sizeof(record) - 1);
		char *text;

		if (got < 0 && errno == EPIPE) /* the ring went round meanwhile; the next read goes on */
			continue;
		if (got <= 0)
			break;
		record[got] = '\0';
		is_hit |= (atoi(record) & 7) < level;
		text = strchr(record,
		              ';'); /* Documentation/ABI/testing/dev-kmsg: "priority,sequence,time,flags;text" */
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (!strstr(text, "svc-"))
			continue;
		if (log->count == LOG_LINES) {
			free(log->line[0]);
			memmove(log->line, log->line + 1, (LOG_LINES - 1) * sizeof(*log->line));
			log->count--;
		}
		lines_add(log, LOG_LINES, text + 1);
	}
	is_hit = is_hit && splatter->is_on_console && splatter->has_read_history;
	splatter->has_read_history = true;
	return is_hit;
}

void splatter_close(struct splatter *splatter)
{
	if (splatter->file >= 0)
		close(splatter->file);
	splatter->file = -1;
}
