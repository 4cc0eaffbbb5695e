// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/document.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "console/document_private.h"
#include "verdict/reason.h"

void document_clean(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

void take_text(const json_t *object, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	snprintf(text, size, "%s", value ? value : "");
	document_clean(text);
}

uint64_t take_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_real(value)) /* past what a signed integer holds */
		return json_real_value(value) >= 0 && json_real_value(value) < 1.8e19 ? (uint64_t)json_real_value(value)
		                                                                      : UINT64_MAX;
	return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
}

int64_t take_time(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool take_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

json_t *document_load(const char *text, size_t length, const char *command, struct svc_error *error)
{
	json_error_t why;
	json_t *root;
	const char *said, *wrong;

	if (length > DOCUMENT_BYTES_MAX) {
		error_set(error, -EBADMSG, "the answer is longer than %d MiB", DOCUMENT_BYTES_MAX >> 20);
		return NULL;
	}
	root = json_loadb(text, length, 0, &why);
	if (!json_is_object(root) || strcmp(json_string_value(json_object_get(root, "schema")) ?: "", "svc/1") != 0) {
		error_set(error, -EBADMSG, "the answer is not a document of the schema svc/1");
		json_decref(root);
		return NULL;
	}
	wrong = json_string_value(json_object_get(json_object_get(root, "error"), "text"));
	if (wrong && !json_object_get(root, "steps")) { /* it ended before it had anything to report */
		error_set(error, -EBADMSG, "%s", wrong);
		json_decref(root);
		return NULL;
	}
	said = json_string_value(json_object_get(root, "command"));
	if (command && (!said || strcmp(said, command) != 0)) {
		error_set(error, -EBADMSG, "the answer is not that of %s", command);
		json_decref(root);
		return NULL;
	}
	return root;
}

bool lines_add(struct lines *lines, size_t most, const char *text)
{
	char **more, *line;

	if (lines->count >= most)
		return false;
	line = strndup(text, DOCUMENT_LINE_SIZE - 1);
	more = line ? realloc(lines->line, (lines->count + 1) * sizeof(*more)) : NULL;
	if (!more) {
		free(line);
		return false;
	}
	document_clean(line);
	lines->line = more;
	lines->line[lines->count++] = line;
	return true;
}

void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->line[i]);
	free(lines->line);
	*lines = (struct lines){ 0 };
}

static void describe(const char *key, const json_t *value, char *text, size_t size)
{
	size_t length = strlen(key);
	char when[32];

	switch (json_typeof(value)) {
	case JSON_STRING:
		snprintf(text, size, "%s", json_string_value(value));
		break;
	case JSON_INTEGER:
		if (length > 5 && !strcmp(key + length - 5, "_time"))
			snprintf(text, size, "%s", text_time(json_integer_value(value), when, sizeof(when)));
		else
			snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		snprintf(text, size, "%.0f", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		snprintf(text, size, "%s", json_is_true(value) ? "yes" : "no");
		break;
	default:
		snprintf(text, size, "none");
		break;
	}
}

/* An object as lines, members of members behind their owner's name. Depth and number are bounded. */
void flatten(struct lines *lines, const char *prefix, json_t *value, unsigned depth)
{
	char name[96], text[DOCUMENT_LINE_SIZE], line[sizeof(name) + sizeof(text) + 4];
	const char *key;
	json_t *member;
	size_t index;

	if (!value || depth > 4 || lines->count >= DOCUMENT_LINES_MAX)
		return;
	if (json_is_array(value)) {
		if (!json_array_size(value))
			return;
		json_array_foreach(value, index, member)
		{
			snprintf(name, sizeof(name), "%s %zu", prefix, index + 1);
			flatten(lines, name, member, depth + 1);
		}
		return;
	}
	if (json_is_object(value)) {
		json_object_foreach(value, key, member)
		{
			snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? " " : "", key);
			flatten(lines, name, member, depth + 1);
		}
		return;
	}
	key = strrchr(prefix, ' ');
	describe(key ? key + 1 : prefix, value, text, sizeof(text));
	snprintf(line, sizeof(line), "%-30s %s", prefix, text);
	lines_add(lines, DOCUMENT_LINES_MAX, line);
}

int document_read_lines(const char *text, size_t length, struct lines *lines, struct svc_error *error)
{
	json_t *root = document_load(text, length, NULL, error);

	*lines = (struct lines){ 0 };
	if (!root)
		return -EBADMSG;
	json_object_del(root, "schema");
	flatten(lines, "", root, 0);
	json_decref(root);
	return 0;
}

static bool has_line(const struct lines *lines, const char *text)
{
	for (size_t i = 0; i < lines->count; i++)
		if (!strcmp(lines->line[i], text))
			return true;
	return false;
}

/* An error often is one of the reasons once more. */
static void add_said(struct lines *lines, const json_t *said)
{
	char text[400], next[300], line[sizeof(text) + 20];

	take_text(said, "text", text, sizeof(text));
	take_text(said, "next", next, sizeof(next));
	if (*text && has_line(lines, text))
		return;
	if (*text)
		lines_add(lines, DOCUMENT_LINES_MAX, text);
	snprintf(line, sizeof(line), "next: %s", next);
	if (*next && strcmp(next, "nothing") != 0)
		lines_add(lines, DOCUMENT_LINES_MAX, line);
}

static bool has_reason(const json_t *root, enum reason_id id)
{
	const json_t *item;
	size_t index;

	json_array_foreach(json_object_get(root, "reasons"), index, item)
	{
		const char *said = json_string_value(json_object_get(item, "id"));

		if (said && !strcmp(said, reason_row(id)->id))
			return true;
	}
	return false;
}

int document_read_deeds(const char *text, size_t length, struct lines *lines, bool *is_unfenced,
                        struct svc_error *error)
{
	json_t *root = document_load(text, length, NULL, error), *item;
	char name[DOCUMENT_WORD_SIZE], state[DOCUMENT_WORD_SIZE], line[200];
	bool has_failed = false;
	size_t index;

	*lines = (struct lines){ 0 };
	*is_unfenced = root && take_number(root, "exit") == SVC_EXIT_REFUSED && has_reason(root, REASON_NOT_FENCED) &&
	               !has_reason(root, REASON_PEER_ALIVE) && !has_reason(root, REASON_PREEMPTED);
	if (!root)
		return -EBADMSG;
	take_text(root, "authority", name, sizeof(name));
	json_array_foreach(json_object_get(root, "refresh"), index, item)
	{
		snprintf(line, sizeof(line), "%-10s is overwritten with what %s holds", json_string_value(item) ?: "",
		         name);
		lines_add(lines, DOCUMENT_LINES_MAX, line);
	}
	json_array_foreach(json_object_get(root, "steps"), index, item)
	{
		take_text(item, "id", name, sizeof(name));
		take_text(item, "state", state, sizeof(state));
		has_failed |= !strcmp(state, "failed");
		if (has_failed && !strcmp(state, "todo")) /* it never came to that, and why not comes next */
			continue;
		snprintf(line, sizeof(line), "%-10s %-8s %6" PRIu64 " ms", name, state,
		         take_number(item, "milliseconds"));
		if (!strcmp(state, "todo") || !strcmp(state, "skipped")) /* took no time */
			snprintf(line, sizeof(line), "%-10s %s", name, state);
		lines_add(lines, DOCUMENT_LINES_MAX, line);
	}
	json_array_foreach(json_object_get(root, "paths"), index, item)
	{
		char coherence[DOCUMENT_WORD_SIZE];

		take_text(item, "name", name, sizeof(name));
		take_text(item, "state", state, sizeof(state));
		take_text(item, "coherence", coherence, sizeof(coherence));
		snprintf(line, sizeof(line), "%-10s %-11s coherence: %s", name, state, coherence);
		lines_add(lines, DOCUMENT_LINES_MAX, line);
	}
	add_said(lines, json_object_get(root, "error"));
	json_array_foreach(json_object_get(root, "reasons"), index, item)
	{
		add_said(lines, item);
	}
	json_decref(root);
	return 0;
}

int document_read_boot(const char *text, size_t length, struct lines *lines, struct svc_error *error)
{
	json_t *root = document_load(text, length, "boot", error), *item;
	size_t index;

	*lines = (struct lines){ 0 };
	if (!root)
		return -EBADMSG;
	json_array_foreach(json_object_get(json_object_get(root, "boot"), "log"), index, item)
	{
		char id[DOCUMENT_WORD_SIZE], sentence[400], line[sizeof(id) + sizeof(sentence) + 2];

		take_text(item, "id", id, sizeof(id));
		take_text(item, "text", sentence, sizeof(sentence));
		snprintf(line, sizeof(line), "%s%s%s", id, *id ? ": " : "", sentence);
		lines_add(lines, DOCUMENT_LINES_MAX, line);
	}
	json_decref(root);
	return 0;
}

int take_reasons(const json_t *list, struct shown_reason reason[REASONS_MAX])
{
	int count = 0;
	size_t index;
	json_t *item;

	json_array_foreach(list, index, item)
	{
		struct shown_reason *to = &reason[count];

		if (count == REASONS_MAX)
			break;
		take_text(item, "id", to->id, sizeof(to->id));
		take_text(item, "copy", to->copy, sizeof(to->copy));
		take_text(item, "text", to->text, sizeof(to->text));
		take_text(item, "next", to->next, sizeof(to->next));
		count++;
	}
	return count;
}

int document_read_paths(const char *text, size_t length, struct shown_paths *paths, struct svc_error *error)
{
	json_t *root = document_load(text, length, "pathcheck", error), *item;
	size_t index;

	memset(paths, 0, sizeof(*paths));
	if (!root)
		return -EBADMSG;
	json_array_foreach(json_object_get(root, "paths"), index, item)
	{
		struct shown_path *to = &paths->path[paths->paths];

		if (paths->paths == DOCUMENT_PATHS_MAX)
			break;
		take_text(item, "name", to->name, sizeof(to->name));
		take_text(item, "locator", to->locator, sizeof(to->locator));
		take_text(item, "state", to->state, sizeof(to->state));
		to->has_latency = json_is_number(json_object_get(item, "latency_us"));
		to->latency_us = take_number(item, "latency_us");
		flatten(&to->detail, "", item, 0);
		paths->paths++;
	}
	take_text(root, "active", paths->active, sizeof(paths->active));
	paths->reasons = take_reasons(json_object_get(root, "reasons"), paths->reason);
	paths->exit = (int)take_number(root, "exit");
	json_decref(root);
	return 0;
}

void document_free_paths(struct shown_paths *paths)
{
	for (int i = 0; i < paths->paths; i++)
		lines_free(&paths->path[i].detail);
	memset(paths, 0, sizeof(*paths));
}

/* Text of a file: tabs as blanks; a line that is too long goes on in the next. */
static void split_text(const char *text, struct lines *lines)
{
	char line[DOCUMENT_SIDE_LINE_SIZE];
	size_t at = 0;

	for (; *text; text++) {
		if (*text == '\n' || at + 1 == sizeof(line)) {
			line[at] = '\0';
			if (!lines_add(lines, DOCUMENT_SIDE_LINES_MAX, line))
				return;
			at = 0;
		}
		if (*text == '\t')
			do
				line[at++] = ' ';
			while (at % 8 && at + 1 < sizeof(line));
		else if (*text != '\n')
			line[at++] = *text;
	}
	line[at] = '\0';
	if (at)
		lines_add(lines, DOCUMENT_SIDE_LINES_MAX, line);
}

int document_read_view(const char *text, size_t length, struct shown_view *view, struct svc_error *error)
{
	json_t *root = document_load(text, length, "view", error), *item;
	size_t index;

	memset(view, 0, sizeof(*view));
	if (!root)
		return -EBADMSG;
	json_array_foreach(json_object_get(root, "versions"), index, item)
	{
		struct shown_version *to = &view->version[view->versions];
		const char *content = json_string_value(json_object_get(item, "text"));

		if (view->versions == DOCUMENT_SIDES_MAX)
			break;
		take_text(item, "copy", to->copy, sizeof(to->copy));
		to->is_there = take_bool(item, "present");
		to->bytes = take_number(item, "bytes");
		to->modified = take_time(item, "modified");
		take_text(item, "why", to->why, sizeof(to->why));
		if (content)
			split_text(content, &to->text);
		view->versions++;
	}
	json_decref(root);
	return 0;
}

void document_free_view(struct shown_view *view)
{
	for (int i = 0; i < view->versions; i++)
		lines_free(&view->version[i].text);
	memset(view, 0, sizeof(*view));
}

int document_read_undos(const char *text, size_t length, struct shown_undos *undos, struct svc_error *error)
{
	json_t *root = document_load(text, length, "undo-list", error), *item;
	size_t index;

	memset(undos, 0, sizeof(*undos));
	if (!root)
		return -EBADMSG;
	json_array_foreach(json_object_get(root, "undos"), index, item)
	{
		struct shown_undo *to = &undos->undo[undos->undos];
		const json_t *copies = json_object_get(item, "copies");
		size_t used = 0;

		if (undos->undos == DOCUMENT_UNDOS_MAX)
			break;
		take_text(item, "path", to->path, sizeof(to->path));
		to->time = take_time(item, "time");
		to->bytes = take_number(item, "bytes");
		to->is_usable = take_bool(item, "usable");
		take_text(item, "why", to->why, sizeof(to->why));
		for (size_t i = 0; i < json_array_size(copies) && used < sizeof(to->copies); i++) {
			const char *name = json_string_value(json_array_get(copies, i)) ?: "?";

			if (!i)
				snprintf(to->first, sizeof(to->first), "%s", name);
			used += (size_t)snprintf(to->copies + used, sizeof(to->copies) - used, "%s%s", i ? ", " : "",
			                         name);
		}
		document_clean(to->first);
		document_clean(to->copies);
		undos->undos++;
	}
	json_decref(root);
	return 0;
}
