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
	NUMBER_MAX = 60000,
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

static const char *const groups[] = { "flash-a", "flash-b", "shared" };

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

/* How often a word is among words apart by blanks. */
static int count_word(const char *words, const char *word)
{
	size_t length;
	int n = 0;

	for (const char *at = words; *(at += strspn(at, " \t")); at += length) {
		length = strcspn(at, " \t");
		n += length == strlen(word) && !strncmp(at, word, length);
	}
	return n;
}

int conf_leg(const char *legs, const char *name)
{
	size_t length;
	int leg = 0;

	for (const char *at = legs ? legs : ""; *(at += strspn(at, " \t")); at += length, leg++) {
		length = strcspn(at, " \t");
		if (length == strlen(name) && !strncmp(at, name, length))
			return leg;
	}
	return -1;
}

/* Names of copies in the order of the mirror's legs, apart by blanks. */
static const char *set_legs(void *field, size_t size, const char *value)
{
	int words = 0, known = 0;

	for (const char *at = value; *(at += strspn(at, " \t")); at += strcspn(at, " \t"))
		words++;
	for (int g = 0; g < GROUPS; g++) {
		int n = count_word(value, groups[g]);

		if (n > 1)
			return "names a copy twice: each of the mirror's legs is another one";
		known += n;
	}
	if (known < words)
		return "must be flash-a, flash-b and shared in the order of the mirror's legs";
	return set_text(field, size, value);
}

static const char *set_limit(void *field, size_t size, const char *value)
{
	unsigned long long bytes;
	char *end;

	(void)size;
	errno = 0;
	bytes = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || !bytes)
		return "must be a number of bytes, more than 0";
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

static const char *set_control(void *field, size_t size, const char *value)
{
	static const char *const word[] = { [PATHS_NONE] = "none",
		                            [PATHS_MULTIPATH] = "multipath",
		                            [PATHS_MANUAL] = "manual",
		                            [PATHS_EXTERNAL] = "external" };

	(void)size;
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (!strcmp(value, word[i])) {
			*(enum paths_control *)field = (enum paths_control)i;
			return NULL;
		}
	return "must be none, multipath, manual or external";
}

/* A name that device-mapper, udev and LVM's filters take as it is. */
static const char *set_device(void *field, size_t size, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (strspn(value, plain) != strlen(value) || strlen(value) > 100)
		return "must be a name of letters, digits, _ and -, without a directory";
	return set_text(field, size, value);
}

static const char *set_number(void *field, size_t size, const char *value)
{
	unsigned long number;
	char *end;

	(void)size;
	errno = 0;
	number = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || number > NUMBER_MAX)
		return "must be a number from 0 to 60000";
	*(unsigned *)field = (unsigned)number;
	return NULL;
}

static const char *set_mode(void *field, size_t size, const char *value)
{
	if (strcmp(value, "auto") && strcmp(value, "ask") && strcmp(value, "off"))
		return "must be auto, ask or off";
	return set_text(field, size, value);
}

/* As the kernel's console=: a device below /dev, and perhaps a speed. */
static const char *set_console(void *field, size_t size, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/,_-";

	if (strspn(value, plain) != strlen(value) || *value == '/' || *value == ',')
		return "must be a terminal below /dev, and perhaps its speed: ttyS0,115200n8";
	return set_text(field, size, value);
}

/* Seconds of patience; 0: for ever. */
static const char *set_patience(void *field, size_t size, const char *value)
{
	unsigned seconds;

	if (strcmp(value, "0") && set_seconds(&seconds, size, value))
		return "must be a number of seconds from 1 to 3600, or 0: for ever";
	*(int *)field = strcmp(value, "0") ? (int)seconds : -1;
	return NULL;
}

static const char *set_yes(void *field, size_t size, const char *value)
{
	(void)size;
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return "must be yes or no";
	*(char *)field = *value;
	return NULL;
}

static const char *set_absolute(void *field, size_t size, const char *value)
{
	return *value == '/' ? set_text(field, size, value) : "must be an absolute path";
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
	{ "undo", "limit", set_limit, FIELD(undo_limit_bytes), NULL },
	{ "controller", "id", set_controller, FIELD(controller), NULL },
	{ "boot", "mode", set_mode, FIELD(boot_mode), NULL },
	{ "boot", "console", set_console, FIELD(boot_console), NULL },
	{ "boot", "timeout", set_patience, FIELD(boot_timeout_seconds), NULL },
	{ "boot", "device-timeout", set_seconds, FIELD(boot_device_timeout_seconds), NULL },
	{ "boot", "degraded", set_yes, FIELD(boot_degraded), NULL },
	{ "paths", "control", set_control, FIELD(paths_control), NULL },
	{ "paths", "device", set_device, FIELD(paths_device), NULL },
	{ "paths", "timeout", set_seconds, FIELD(paths_timeout_seconds), NULL },
	{ "paths", "interval-ms", set_number, FIELD(paths_interval_ms), NULL },
	{ "paths", "slow-ms", set_number, FIELD(paths_slow_ms), NULL },
	{ "paths", "good-probes", set_number, FIELD(paths_good_probes), NULL },
	{ "paths", "bad-probes", set_number, FIELD(paths_bad_probes), NULL },
	{ "paths", "queue", set_number, FIELD(paths_queue_seconds), NULL },
	{ "paths", "metrics", set_absolute, FIELD(paths_metrics), NULL },
	{ "export", "address", set_text, FIELD(export_address), NULL },
	{ "export", "name", set_text, FIELD(export_name), NULL },
	{ "export", "client", set_text, FIELD(export_client), NULL },
	{ "promote", "mountpoint", set_absolute, FIELD(promote_mountpoint), NULL },
	{ "promote", "mount-options", set_text, FIELD(promote_mount_options), NULL },
	{ "promote", "fence-hook", set_absolute, FIELD(promote_fence_hook), NULL },
	{ "promote", "timeout", set_seconds, FIELD(promote_timeout_seconds), NULL },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const char *conf_set(struct svc_conf *conf, const char *section, const char *key, const char *value)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].section, section) && !strcmp(rows[i].key, key))
			return rows[i].set((char *)conf + rows[i].offset, rows[i].size, value);
	return "is not known";
}

struct reader {
	const char *at;
	const char *end;
	const char *path;
	unsigned line;      /* of the file, from 1 on */
	unsigned legs_line; /* where the legs are; 0: they are not */
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

static bool is_section(const char *name, size_t length)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].section) == length && !strncmp(rows[i].section, name, length))
			return true;
	return false;
}

/* inih says nothing of a section without keys. */
static void check_section(struct reader *reader, const char *line, size_t length)
{
	char name[100], shown[200];
	const char *end;

	while (length && (*line == ' ' || *line == '\t')) {
		line++;
		length--;
	}
	end = length && *line == '[' ? memchr(line, ']', length) : NULL;
	if (!end || is_section(line + 1, (size_t)(end - line - 1)))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(end - line - 1), line + 1);
	refuse(reader, "there is no section [%s]", text_escape(name, shown, sizeof(shown)));
}

/* A copy that is configured has to be one of the mirror's legs. */
static void check_legs(struct reader *reader)
{
	struct copy copy[SVC_COPIES_MAX];
	int copies = conf_copies(reader->conf, copy);

	for (int i = 0; i < copies && reader->legs_line; i++) {
		if (count_word(reader->conf->legs, copy[i].group))
			continue;
		reader->line = reader->legs_line;
		refuse(reader, "legs does not name %s, which [copies] has", copy[i].group);
	}
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
	check_section(reader, reader->at, length);
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
	if (rows[i].set == set_legs)
		reader->legs_line = reader->line;
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
	check_legs(&reader);
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
