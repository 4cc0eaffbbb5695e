/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "locate/vg.h"

enum {
	FILE_BYTES_MAX = 64 << 10,
	LINE_BYTES_MAX = SVC_LOCATOR_SIZE + 64, /* the longest value and its key */
	TIMEOUT_SECONDS_MAX = 3600,
};

/* Returns NULL, or what the value has to be. */
typedef const char *set_fn(void *field, size_t size, const char *value);

static const char *set_text(void *field, size_t size, const char *value)
{
	if (!*value)
		return "must not be empty";
	if (strlen(value) >= size)
		return "is too long";
	strcpy(field, value);
	return NULL;
}

static const char *set_lv(void *field, size_t size, const char *value)
{
	struct vg_wanted wanted;

	if (!vg_parse_wanted(value, &wanted) || !wanted.vg[0])
		return "must be VG/LV";
	return set_text(field, size, value);
}

/* Names of copies in the order of the mirror's legs, apart by blanks. */
static const char *set_legs(void *field, size_t size, const char *value)
{
	char names[CONF_WORD_SIZE], *rest = names;

	if (strlen(value) >= sizeof(names))
		return "is too long";
	strcpy(names, value);
	for (char *name; (name = strsep(&rest, " \t"));)
		if (*name && strcmp(name, "flash-a") && strcmp(name, "flash-b") && strcmp(name, "shared"))
			return "must be flash-a, flash-b and shared in the order of the mirror's legs";
	return set_text(field, size, value);
}

static const char *set_bytes(void *field, size_t size, const char *value)
{
	unsigned long long bytes;
	char *end;

	(void)size;
	errno = 0;
	bytes = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno)
		return "must be a number of bytes";
	*(uint64_t *)field = bytes;
	return NULL;
}

static const char *set_seconds(void *field, size_t size, const char *value)
{
	unsigned long seconds;
	char *end;

	(void)size;
	errno = 0;
	seconds = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || !seconds || seconds > TIMEOUT_SECONDS_MAX)
		return "must be a number of seconds from 1 to 3600";
	*(unsigned *)field = (unsigned)seconds;
	return NULL;
}

static const char *set_controller(void *field, size_t size, const char *value)
{
	(void)size;
	if (strcmp(value, "a") && strcmp(value, "b"))
		return "must be a or b";
	*(char *)field = *value;
	return NULL;
}

#define FIELD(member) offsetof(struct svc_conf, member), sizeof(((struct svc_conf *)0)->member)

static const struct row {
	const char *section;
	const char *key;
	set_fn *set;
	size_t offset;
	size_t size;
	const char *excludes; /* another key of the section that means the same */
} rows[] = {
	{ "mirror", "lv", set_lv, FIELD(lv), NULL },
	{ "mirror", "legs", set_legs, FIELD(legs), NULL },
	{ "copies", "flash-a", set_text, FIELD(flash_a), NULL },
	{ "copies", "flash-b", set_text, FIELD(flash_b), NULL },
	{ "copies", "shared", set_text, FIELD(shared), "shared@direct" },
	{ "copies", "shared@direct", set_text, FIELD(shared_direct), "shared" },
	{ "copies", "shared@nbd", set_text, FIELD(shared_nbd), NULL },
	{ "nbd", "timeout", set_seconds, FIELD(nbd_timeout_seconds), NULL },
	{ "nbd", "tls-certificates", set_text, FIELD(nbd_tls_certificates), NULL },
	{ "nbd", "tls-psk-file", set_text, FIELD(nbd_tls_psk_file), NULL },
	{ "nbd", "tls-username", set_text, FIELD(nbd_tls_username), NULL },
	{ "undo", "directory", set_text, FIELD(undo_directory), NULL },
	{ "undo", "limit", set_bytes, FIELD(undo_limit_bytes), NULL },
	{ "controller", "id", set_controller, FIELD(controller), NULL },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct reader {
	const char *at;
	const char *end;
	const char *path;
	unsigned line; /* of the file, from 1 on */
	bool is_given[ROWS];
	struct svc_conf *conf;
	struct svc_error *error;
	int code; /* of the first mistake */
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *reader, const char *format, ...)
{
	char text[320], path[160];
	va_list args;

	if (reader->code)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reader->code = error_set(reader->error, -EINVAL, "%s, line %u: %s",
	                         text_escape(reader->path, path, sizeof(path)), reader->line, text);
	error_next(reader->error, "correct the file; svc.conf(5) lists its sections and keys");
}

/* Hands inih one line. Its own reader would split a longer one and silently take the rest for another. */
static char *read_line(char *to, int size, void *stream)
{
	struct reader *reader = stream;
	const char *newline;
	size_t length;

	if (reader->code || reader->at >= reader->end)
		return NULL;
	reader->line++;
	newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	length = (size_t)((newline ? newline : reader->end) - reader->at);
	if (length + 3 > (size_t)size) {
		refuse(reader, "longer than %d characters", size - 3);
		return NULL;
	}
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)reader->at[i] < ' ' && reader->at[i] != '\t' &&
		    !(reader->at[i] == '\r' && i + 1 == length)) {
			refuse(reader, "has a control character");
			return NULL;
		}
	memcpy(to, reader->at, length);
	strcpy(to + length, "\n");
	reader->at += length + (newline != NULL);
	return to;
}

static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct reader *reader = user;
	char shown[100], shown_section[100];
	const char *wrong;
	bool has_section = false;
	size_t i;

	text_escape(key, shown, sizeof(shown));
	text_escape(section, shown_section, sizeof(shown_section));
	for (i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].section, section))
			continue;
		has_section = true;
		if (!strcmp(rows[i].key, key))
			break;
	}
	if (i == ROWS) {
		if (has_section)
			refuse(reader, "[%s] has no key %s", shown_section, shown);
		else if (*section)
			refuse(reader, "there is no section [%s]", shown_section);
		else
			refuse(reader, "%s is outside any section", shown);
		return 0;
	}
	for (size_t j = 0; j < ROWS && !reader->code; j++)
		if (reader->is_given[j] && !strcmp(rows[j].section, section) &&
		    (j == i || (rows[i].excludes && !strcmp(rows[i].excludes, rows[j].key))))
			refuse(reader, j == i ? "%s is given twice" : "%s is given besides %s, which means the same",
			       shown, rows[j].key);
	reader->is_given[i] = true;
	wrong = rows[i].set((char *)reader->conf + rows[i].offset, rows[i].size, value);
	if (wrong)
		refuse(reader, "%s %s", shown, wrong);
	return !reader->code;
}

int conf_parse(const char *text, size_t length, const char *path, struct svc_conf *conf, struct svc_error *error)
{
	struct reader reader = { .at = text, .end = text + length, .path = path, .conf = conf, .error = error };
	int line;

	memset(conf, 0, sizeof(*conf));
	/* A comment behind a value needs a blank before its semicolon, so that one within a value stays. */
	ini_allow_inline_comments = true;
	ini_inline_comment_prefixes = (char *)";";
	ini_start_comment_prefixes = (char *)";#";
	ini_allow_multiline = false;
	ini_allow_no_value = false;
	ini_use_stack = true;
	ini_max_line = LINE_BYTES_MAX + 3;
	line = ini_parse_stream(read_line, &reader, handle, &reader);
	if (!reader.code && line) {
		reader.line = line > 0 ? (unsigned)line : reader.line;
		refuse(&reader, "neither a section nor KEY = VALUE");
	}
	return reader.code;
}

int conf_read(const char *path, struct svc_conf *conf, struct svc_error *error)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	size_t length = 0;
	struct stat status;
	int fd = -1, code;

	memset(conf, 0, sizeof(*conf));
	if (!text)
		return error_set(error, -ENOMEM, "%s: out of memory", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status)) {
		code = error_set(error, -errno, "%s: %s", path, strerror(errno));
		if (code == -ENOENT)
			error_next(error, "name the copies on the command line, or write %s (svc.conf(5))", path);
		goto out;
	}
	if (!S_ISREG(status.st_mode)) {
		code = error_set(error, -EINVAL, "%s: not a file", path);
		goto out;
	}
	for (;;) {
		ssize_t got = read(fd, text + length, FILE_BYTES_MAX + 1 - length);

		if (got < 0) {
			code = error_set(error, -errno, "%s: %s", path, strerror(errno));
			goto out;
		}
		length += (size_t)got;
		if (!got || length > FILE_BYTES_MAX)
			break;
	}
	code = length > FILE_BYTES_MAX ? error_set(error, -EINVAL, "%s: longer than %d bytes", path, FILE_BYTES_MAX)
	                               : conf_parse(text, length, path, conf, error);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return code;
}

int conf_copies(const struct svc_conf *conf, struct copy copy[SVC_COPIES_MAX])
{
	const struct {
		const char *name;
		const char *group;
		const char *locator;
	} given[] = {
		{ "flash-a", "flash-a", conf->flash_a },      { "flash-b", "flash-b", conf->flash_b },
		{ "shared", "shared", conf->shared },         { "shared@direct", "shared", conf->shared_direct },
		{ "shared@nbd", "shared", conf->shared_nbd },
	};
	int n = 0;

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		if (!*given[i].locator)
			continue;
		memset(&copy[n], 0, sizeof(copy[n]));
		strcpy(copy[n].name, given[i].name);
		strcpy(copy[n].group, given[i].group);
		strcpy(copy[n].locator, given[i].locator);
		n++;
	}
	return n;
}
