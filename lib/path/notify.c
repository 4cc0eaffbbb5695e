/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL "/run/systemd/journal/socket"

enum { NAME_MAX_BYTES = 4200 };

static int send_datagram(const char *path, const char *text, size_t length)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t size = strlen(path);
	int fd, r = 0;

	if (!size || size >= sizeof(to.sun_path))
		return -EINVAL;
	memcpy(to.sun_path, path, size);
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
	           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) < 0)
		r = -errno;
	close(fd);
	return r;
}

void notify_systemd(const char *state)
{
	const char *to = getenv("NOTIFY_SOCKET");

	if (to && (*to == '/' || *to == '@'))
		send_datagram(to, state, strlen(state));
}

void notify_watchdog(uint64_t least_ms)
{
	const char *unit = getenv("WATCHDOG_USEC");
	uint64_t usec = unit ? strtoull(unit, NULL, 10) : 0;
	char state[64];

	if (!usec)
		return;
	usec = usec < least_ms * 1000 ? least_ms * 1000 : usec;
	snprintf(state, sizeof(state), "WATCHDOG_USEC=%" PRIu64, usec);
	notify_systemd(state);
}

/* A value with a newline would be another field. */
static void put_field(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=", name);
	for (; *value; value++)
		fputc(*value == '\n' ? ' ' : *value, out);
	fputc('\n', out);
}

void notify_event(int priority, const struct notify_field *field, const char *format, ...)
{
	char text[1024], level[4], *message = NULL;
	size_t length = 0;
	FILE *out = NULL;
	va_list args;
	int r = -ENOENT;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(level, sizeof(level), "%d", priority & 7);
	if (!isatty(STDERR_FILENO) && !access(JOURNAL, F_OK))
		out = open_memstream(&message, &length);
	if (out) {
		put_field(out, "MESSAGE", text);
		put_field(out, "PRIORITY", level);
		put_field(out, "SYSLOG_IDENTIFIER", "svc-pathcheck");
		for (; field && field->name; field++)
			put_field(out, field->name, field->value);
		if (!fclose(out))
			r = send_datagram(JOURNAL, message, length);
		free(message);
	}
	if (r)
		fprintf(stderr, "svc-pathcheck: %s\n", text);
}

int notify_file_begin(const char *path, FILE **out)
{
	char name[NAME_MAX_BYTES];

	if ((size_t)snprintf(name, sizeof(name), "%s.new", path) >= sizeof(name))
		return -ENAMETOOLONG;
	*out = fopen(name, "we");
	return *out ? 0 : -errno;
}

int notify_file_end(const char *path, FILE *out)
{
	bool is_bad = ferror(out);
	char name[NAME_MAX_BYTES];

	snprintf(name, sizeof(name), "%s.new", path);
	if (fclose(out) || is_bad) {
		unlink(name);
		return -EIO;
	}
	return rename(name, path) ? -errno : 0;
}
