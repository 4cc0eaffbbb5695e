/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/holders.h"

#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.h"

enum { LINE_SIZE = 8192 };

struct words {
	char *text;
	size_t size, at;
};

/* After a comma; what does not fit is left out. */
static __attribute__((format(printf, 2, 3))) void add(struct words *words, const char *format, ...)
{
	char one[512], shown[1024];
	va_list args;
	int length;

	va_start(args, format);
	vsnprintf(one, sizeof(one), format, args);
	va_end(args);
	text_escape(one, shown, sizeof(shown));
	length = snprintf(words->text + words->at, words->size - words->at, "%s%s", words->at ? ", " : "", shown);
	if ((size_t)length < words->size - words->at)
		words->at += (size_t)length;
	else
		words->text[words->at] = '\0';
}

/* The first line of a file of sysfs; false where there is none. */
static bool read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool is_read = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (is_read)
		line[strcspn(line, "\n")] = '\0';
	return is_read;
}

/* Takes \ooo back to the byte that it stands for. */
static void take_octal_back(char *text)
{
	char *to = text;
	unsigned byte;

	for (const char *from = text; *from; to++) {
		bool is_octal =
			*from == '\\' && strspn(from + 1, "01234567") >= 3 && sscanf(from + 1, "%3o", &byte) == 1;

		*to = is_octal ? (char)byte : *from;
		from += is_octal ? 4 : 1;
	}
	*to = '\0';
}

/* proc(5), mountinfo: ID, parent, major:minor, root, mount point (blanks as \040), ... */
static void add_mounts(struct words *words, dev_t device)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[LINE_SIZE], place[LINE_SIZE];
	unsigned major, minor;

	while (mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*d %*d %u:%u %*s %8191s", &major, &minor, place) == 3 &&
		    makedev(major, minor) == device) {
			take_octal_back(place);
			add(words, "mounted on %s", place);
		}
	if (mounts)
		fclose(mounts);
}

static void add_swap(struct words *words, dev_t device)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	char line[LINE_SIZE], place[LINE_SIZE];
	struct stat status;

	while (swaps && fgets(line, sizeof(line), swaps))
		if (sscanf(line, "%8191s", place) == 1 && !stat(place, &status) && S_ISBLK(status.st_mode) &&
		    status.st_rdev == device)
			add(words, "used for swap");
	if (swaps)
		fclose(swaps);
}

static void add_holders(struct words *words, const char *sysfs)
{
	char path[PATH_MAX], name[256];
	struct dirent *entry;
	DIR *holders;

	snprintf(path, sizeof(path), "%s/holders", sysfs);
	holders = opendir(path);
	while (holders && (entry = readdir(holders))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.64s/holders/%.255s/dm/name", sysfs, entry->d_name);
		if (read_line(path, name, sizeof(name)))
			add(words, "held by %s (%s)", entry->d_name, name);
		else
			add(words, "held by %s", entry->d_name);
	}
	if (holders)
		closedir(holders);
}

/* "8:1" */
static bool read_device(const char *path, dev_t *device)
{
	unsigned major, minor;
	char line[32];

	if (!read_line(path, line, sizeof(line)) || sscanf(line, "%u:%u", &major, &minor) != 2)
		return false;
	*device = makedev(major, minor);
	return true;
}

static void add_users(struct words *words, dev_t device)
{
	char sysfs[64];

	snprintf(sysfs, sizeof(sysfs), "/sys/dev/block/%u:%u", major(device), minor(device));
	add_mounts(words, device);
	add_swap(words, device);
	add_holders(words, sysfs);
}

/* The device's own users and those of its partitions. */
static void add_block(struct words *words, dev_t device)
{
	char pattern[96], path[PATH_MAX];
	glob_t parts;
	dev_t part;

	add_users(words, device);
	snprintf(pattern, sizeof(pattern), "/sys/dev/block/%u:%u/*/partition", major(device), minor(device));
	if (glob(pattern, GLOB_NOSORT, NULL, &parts))
		return;
	for (size_t i = 0; i < parts.gl_pathc; i++) {
		snprintf(path, sizeof(path), "%.*s/dev", (int)(strrchr(parts.gl_pathv[i], '/') - parts.gl_pathv[i]),
		         parts.gl_pathv[i]);
		if (read_device(path, &part))
			add_users(words, part);
	}
	globfree(&parts);
}

/* Loop devices over the file, and who uses those. */
static void add_loops(struct words *words, const struct stat *image)
{
	glob_t loops;

	if (glob("/sys/block/loop*/loop/backing_file", GLOB_NOSORT, NULL, &loops))
		return;
	for (size_t i = 0; i < loops.gl_pathc; i++) {
		const char *name = loops.gl_pathv[i] + strlen("/sys/block/");
		char backing[PATH_MAX], path[64];
		struct stat status;
		dev_t loop;

		if (!read_line(loops.gl_pathv[i], backing, sizeof(backing)) || stat(backing, &status) ||
		    status.st_dev != image->st_dev || status.st_ino != image->st_ino)
			continue;
		add(words, "under /dev/%.*s", (int)strcspn(name, "/"), name);
		snprintf(path, sizeof(path), "/sys/block/%.*s/dev", (int)strcspn(name, "/"), name);
		if (read_device(path, &loop))
			add_block(words, loop);
	}
	globfree(&loops);
}

const char *dev_holders(const char *path, char *text, size_t size)
{
	struct words words = { text, size, 0 };
	struct stat status;

	*text = '\0';
	if (stat(path, &status))
		return text;
	if (S_ISBLK(status.st_mode))
		add_block(&words, status.st_rdev);
	else if (S_ISREG(status.st_mode))
		add_loops(&words, &status);
	return text;
}
