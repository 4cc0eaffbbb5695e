// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/whose.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <zlib.h>

#include "dev/dev.h"
#include "locate/locate.h"

static void find_id(const char *locator, char *id, size_t size)
{
	struct stat status;

	id[0] = '\0';
	if (dev_is_uri(locator) || stat(locator, &status))
		return;
	if (S_ISBLK(status.st_mode))
		snprintf(id, size, "device %u:%u", major(status.st_rdev), minor(status.st_rdev));
	else
		snprintf(id, size, "file %llu:%llu", (unsigned long long)status.st_dev,
		         (unsigned long long)status.st_ino);
}

static void find_path(const char *locator, char *path, size_t size)
{
	char here[3000] = "";

	if (dev_is_uri(locator) || *locator == '/' || !getcwd(here, sizeof(here)))
		snprintf(path, size, "%s", locator);
	else
		snprintf(path, size, "%s/%s", here, locator);
}

void whose_find(struct whose *whose, const char *const argument[], int arguments, const char *lv)
{
	struct svc_error error;
	struct copy copy;

	memset(whose, 0, sizeof(*whose));
	snprintf(whose->lv, sizeof(whose->lv), "%s", lv ? lv : "");
	for (int i = 0; i < arguments && i < SVC_COPIES_MAX; i++) {
		struct whose_copy *to = &whose->copy[whose->copies++];

		if (locate_parse(argument[i], &copy, &error))
			continue; /* the commands will say so */
		snprintf(to->name, sizeof(to->name), "%s", copy.name);
		find_id(copy.locator, to->id, sizeof(to->id));
		find_path(copy.locator, to->path, sizeof(to->path));
	}
}

json_t *whose_note(const struct whose *whose)
{
	json_t *list, *note;

	if (!whose->copies)
		return NULL;
	list = json_array();
	for (int i = 0; i < whose->copies; i++) {
		const struct whose_copy *copy = &whose->copy[i];

		/* What is no UTF-8 has no JSON, and is told by its number alone. */
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", copy->name, "id", copy->id, "path",
		                                      json_string(copy->path) ?: json_string("")));
	}
	note = json_pack("{s:s, s:o}", "lv", whose->lv, "copies", list);
	return note;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static bool is_same(const struct whose_copy *copy, const json_t *note)
{
	const char *id = text_of(note, "id"), *path = text_of(note, "path");
	bool is_file = !strncmp(id, "file ", 5) && !strncmp(copy->id, "file ", 5);

	if (strcmp(copy->name, text_of(note, "name")) != 0)
		return false;
	if (*id && !strcmp(copy->id, id))
		return true;
	/* A device may have come back under another number; a file with another one is another file. */
	return !is_file && *path && !strcmp(copy->path, path);
}

bool whose_is(const struct whose *whose, const json_t *note)
{
	const json_t *list = json_object_get(note, "copies");
	const char *lv = text_of(note, "lv");

	if (!whose->copies)
		return true;
	if (json_array_size(list) != (size_t)whose->copies || (*lv && *whose->lv && strcmp(lv, whose->lv) != 0))
		return false;
	for (int i = 0; i < whose->copies; i++) {
		bool is_there = false;

		for (size_t k = 0; k < json_array_size(list); k++)
			is_there |= is_same(&whose->copy[i], json_array_get(list, k));
		if (!is_there)
			return false;
	}
	return true;
}

uint32_t whose_number(const struct whose *whose)
{
	uint32_t number = (uint32_t)crc32(0, (const uint8_t *)whose->lv, (unsigned)strlen(whose->lv));

	for (int i = 0; i < whose->copies; i++) {
		const struct whose_copy *copy = &whose->copy[i];

		number = (uint32_t)crc32(number, (const uint8_t *)copy->name, (unsigned)strlen(copy->name) + 1);
		number = (uint32_t)crc32(number, (const uint8_t *)copy->path, (unsigned)strlen(copy->path) + 1);
	}
	return number;
}
