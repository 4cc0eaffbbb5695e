/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"

enum { LOOK_MS = 100 };

void *watch_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void watch_beat(struct watch *watch)
{
	atomic_fetch_add(&watch->beats, 1);
}

void watch_step(struct watch *watch, unsigned limit_seconds, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(watch->step, sizeof(watch->step), format, args);
	va_end(args);
	atomic_store(&watch->limit_seconds, limit_seconds);
	watch_beat(watch);
}

/* Processor time of all its threads, clock ticks: fields 14 and 15 of proc(5)'s stat. 0 where it cannot be read. */
static unsigned long used_ticks(pid_t child)
{
	unsigned long user = 0, system = 0;
	char path[40], line[1024] = "";
	const char *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	after = strrchr(line, ')');
	if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		return 0;
	return user + system;
}

int watch_run(struct watch *watch, int (*work)(void *context), void *context, const volatile sig_atomic_t *stop)
{
	unsigned beats = 0, quiet_ms = 0;
	unsigned long ticks = 0; /* when it became quiet */
	bool is_told = false;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (!child) {
		int code = work(context);

		fflush(NULL);
		_exit(code);
	}
	if (child < 0)
		return -errno;
	for (;;) {
		unsigned limit = atomic_load(&watch->limit_seconds), beats_now = atomic_load(&watch->beats);
		int status = spawn_wait(child, LOOK_MS);

		if (status != -ETIMEDOUT)
			return status;
		if (stop && *stop && !is_told)
			is_told = !kill(child, SIGTERM);
		quiet_ms = beats_now == beats ? quiet_ms + LOOK_MS : 0;
		if (limit && quiet_ms > limit * 1000) {
			/* A hundredth of the time at least: looking at a clock now and then is no work. */
			if (used_ticks(child) - ticks < limit * (unsigned long)sysconf(_SC_CLK_TCK) / 100) {
				spawn_abandon(child);
				return -ETIMEDOUT;
			}
			quiet_ms = 0;
		}
		if (!quiet_ms)
			ticks = used_ticks(child);
		beats = beats_now;
	}
}
