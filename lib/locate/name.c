/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NAME=LOCATOR taken apart, and names that tell the copies of one call apart. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "locate/locate.h"

static const char *const names[] = { "flash-a", "flash-b", "shared", "shared@direct", "shared@nbd" };

static bool is_known_name(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Copies at most size - 1 bytes of [start, end). */
static void copy_part(char *to, size_t size, const char *start, const char *end)
{
	size_t length = (size_t)(end - start);

	if (length >= size)
		length = size - 1;
	memcpy(to, start, length);
	to[length] = '\0';
}

/*
 * The last component of a path, the export's of an NBD URI, or its host's. A URI with no more than a
 * socket to tell it by (nbd+unix:///?socket=/run/a.sock) is named after that.
 */
static void derive_name(const char *locator, char *name, size_t size)
{
	const char *start = locator, *end = locator + strlen(locator);
	const char *query = dev_is_uri(locator) ? strpbrk(locator, "?#") : NULL;

	if (query) {
		const char *socket = strstr(query, "socket=");
		const char *path = strstr(locator, "://");
		bool has_path = path && path + 3 < query && (path[3] != '/' || path + 4 < query);

		if (has_path || !socket) {
			end = query;
		} else {
			start = socket + strlen("socket=");
			end = start + strcspn(start, "&#");
		}
	}
	while (end > start + 1 && end[-1] == '/')
		end--;
	for (const char *slash = end; slash > start; slash--)
		if (slash[-1] == '/') {
			if (slash < end)
				start = slash;
			break;
		}
	if (start == end) {
		start = locator;
		end = locator + strlen(locator);
	}
	copy_part(name, size, start, end);
}

int locate_parse(const char *argument, struct copy *copy, struct svc_error *error)
{
	size_t word = strcspn(argument, "=/:?.");
	const char *locator = argument;

	memset(copy, 0, sizeof(*copy));
	if (argument[word] == '=') {
		copy_part(copy->name, sizeof(copy->name), argument, argument + word);
		if (word >= sizeof(copy->name) || !is_known_name(copy->name)) {
			error_set(error, -EINVAL, "%.100s: there is no copy of this name", copy->name);
			error_next(error, "the names are flash-a, flash-b, shared, shared@direct and shared@nbd; "
			                  "a file whose name has an = is given as ./FILE");
			return -EINVAL;
		}
		locator = argument + word + 1;
		copy_part(copy->group, sizeof(copy->group), copy->name, copy->name + strcspn(copy->name, "@"));
	}
	if (!*locator)
		return error_set(error, -EINVAL, "%s: no device, file or NBD URI is given",
		                 copy->name[0] ? copy->name : "empty argument");
	if (strlen(locator) >= sizeof(copy->locator))
		return error_set(error, -EINVAL, "%.100s...: longer than %zu characters", argument,
		                 sizeof(copy->locator) - 1);
	strcpy(copy->locator, locator);
	if (!copy->name[0]) {
		derive_name(locator, copy->name, sizeof(copy->name));
		/* Marks the name as derived until locate_name_all has settled it. */
		copy_part(copy->group, sizeof(copy->group), locator, locator + strlen(locator));
	}
	return 0;
}

/* locate_parse left the locator as its group; a name with a path that the locator lacks was given. */
static bool is_derived(const struct copy *copy)
{
	return !strncmp(copy->group, copy->locator, sizeof(copy->group) - 1) &&
	       (!strchr(copy->name, '@') || strchr(copy->locator, '@'));
}

/* `shared` alone is `shared@direct`. */
static bool is_same_name(const char *a, const char *b)
{
	return !strcmp(strcmp(a, "shared") ? a : "shared@direct", strcmp(b, "shared") ? b : "shared@direct");
}

int locate_name_all(struct copy *copy, int copies, struct svc_error *error)
{
	bool is_taken[SVC_COPIES_MAX] = { false };

	if (copies > SVC_COPIES_MAX)
		return error_set(error, -EINVAL, "%d copies are given; %d can be held against each other", copies,
		                 SVC_COPIES_MAX);
	for (int i = 0; i < copies; i++)
		for (int j = 0; j < copies; j++)
			if (i != j && is_same_name(copy[i].name, copy[j].name))
				is_taken[i] = true;
	for (int i = 0; i < copies; i++) {
		if (!is_derived(&copy[i]))
			continue;
		if (is_taken[i])
			copy_part(copy[i].name, sizeof(copy[i].name), copy[i].locator,
			          copy[i].locator + strlen(copy[i].locator));
		strcpy(copy[i].group, copy[i].name);
	}
	for (int i = 0; i < copies; i++)
		for (int j = 0; j < i; j++)
			if (is_same_name(copy[i].name, copy[j].name)) {
				error_set(error, -EINVAL, "%s is given twice", copy[i].name);
				error_next(error, "name each copy once; the shared copy's paths are shared@direct and "
				                  "shared@nbd");
				return -EINVAL;
			}
	return 0;
}
