/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/stale.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/text.h"
#include "path/notify.h"

enum { LINE_SIZE = 512, WHEN_SIZE = 32 };

static void file_of(const char *directory, const char *locator, char file[PATH_MAX])
{
	snprintf(file, PATH_MAX, "%.3000s/stale-%08lx", directory,
	         crc32(crc32(0, NULL, 0), (const unsigned char *)locator, (unsigned)strlen(locator)));
}

int stale_remember(struct path_stale *stale, const char *directory, const char *locator, const struct svc_error *why)
{
	char file[PATH_MAX], text[LINE_SIZE];
	FILE *out;
	int r;

	file_of(directory, locator, file);
	/* When it was found first stays. */
	if (!access(file, F_OK))
		return 0;
	mkdir(directory, 0755);
	r = notify_file_begin(file, &out);
	if (!r) {
		fprintf(out, "%lld\n%s\n%s\n", (long long)time(NULL), text_escape(locator, text, sizeof(text)),
		        why->text);
		r = notify_file_end(file, out);
	}
	/* Another process wrote it at the same moment, and took the file that both write first. */
	if (!r || !access(file, F_OK))
		return 0;
	snprintf(stale->locator, sizeof(stale->locator), "%s", locator);
	stale->why = *why;
	return r;
}

int stale_forget(struct path_stale *stale, const char *directory, const char *locator)
{
	char file[PATH_MAX];

	if (!strcmp(stale->locator, locator))
		stale->locator[0] = '\0';
	file_of(directory, locator, file);
	return unlink(file) && errno != ENOENT ? -errno : 0;
}

/* Without a word of when or why where the file has none. */
static void read_file(const char *file, char when[WHEN_SIZE], char sentence[LINE_SIZE])
{
	char line[LINE_SIZE];
	FILE *in = fopen(file, "re");
	int64_t at;

	snprintf(when, WHEN_SIZE, "%s", "when is not known");
	*sentence = '\0';
	if (!in)
		return;
	if (fgets(line, sizeof(line), in)) {
		at = strtoll(line, NULL, 10);
		if (at > 0)
			text_time(at, when, WHEN_SIZE);
	}
	if (fgets(line, sizeof(line), in) && fgets(sentence, LINE_SIZE, in))
		sentence[strcspn(sentence, "\n")] = '\0';
	fclose(in);
}

bool stale_recall(const struct path_stale *stale, const char *directory, const char *locator, struct svc_error *why)
{
	char file[PATH_MAX], when[WHEN_SIZE], sentence[LINE_SIZE];
	bool is_known = *locator && !strcmp(stale->locator, locator);
	struct stat status;

	file_of(directory, locator, file);
	if (!stat(file, &status) || (errno != ENOENT && errno != ENOTDIR)) {
		read_file(file, when, sentence);
	} else if (is_known) {
		snprintf(when, sizeof(when), "%s", "by this process");
		snprintf(sentence, sizeof(sentence), "%s", stale->why.text);
	} else {
		return false;
	}
	error_set(why, -ESTALE, "it was found stale (%s), and the opposite has not been proven since%s%.300s", when,
	          *sentence ? ": " : "", sentence);
	return true;
}
