// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/answers.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "fs/read_file.h"
#include "rebuild/undo.h"

enum { UNDO_FILES_MAX = 256 };

static int print(json_t *object, FILE *out)
{
	int code =
		object && !json_dumpf(object, out, JSON_COMPACT) && fputc('\n', out) != EOF && !fflush(out) ? 0 : -EIO;

	json_decref(object);
	return code;
}

static json_t *escaped(const char *raw)
{
	char text[1024];

	return json_string(text_escape(raw, text, sizeof(text)));
}

/* Text has no NULs and few other control characters. Made ASCII in place. */
static bool make_text(char *bytes, size_t length)
{
	size_t strange = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (!c)
			return false;
		if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
			continue;
		strange += c < 0x20 && c != '\r';
		bytes[i] = c == '\r' ? ' ' : '?';
	}
	return strange <= length / 50;
}

static void add_text(json_t *version, struct fs *fs, uint32_t inode, const struct fs_file *file)
{
	struct svc_error error = { .text = "" };
	char *bytes = malloc(ANSWER_TEXT_BYTES + 1);
	size_t length = 0;
	int code = bytes ? fs_file_read(fs, inode, bytes, ANSWER_TEXT_BYTES, &length, &error) : -ENOMEM;
	const char *why = NULL;

	if (code)
		why = code == -ENOMEM ? "out of memory" : error.text;
	else if (file->is_encrypted)
		why = "it is encrypted";
	else if (!make_text(bytes, length))
		why = "it is not text";
	if (why) {
		json_object_set_new(version, "text", json_null());
		json_object_set_new(version, "why", escaped(why));
	} else {
		bytes[length] = '\0';
		json_object_set_new(version, "text", json_string(bytes));
		json_object_set_new(version, "cut", json_boolean(file->bytes > length));
	}
	free(bytes);
}

static int look(const struct survey *survey, int i, uint32_t inode, struct fs **fs, struct fs_file *file,
                struct svc_error *error)
{
	int code;

	*fs = NULL;
	if (survey->copy[i].condition != COPY_USABLE || !survey->access[i].leg)
		return error_set(error, -EUCLEAN, "its file system cannot be read");
	code = fs_open(survey->access[i].leg, FS_REPLAYED, fs, error);
	return code ? code : fs_file_look(*fs, inode, file, error);
}

/* The file that is meant. */
struct meant {
	int copy; /* whose it is */
	uint32_t inode;
	bool is_known; /* it could be read there */
	struct fs_file file;
	char *path; /* where its generation says nothing, as mke2fs and debugfs leave it; else NULL */
};

static bool is_meant(const struct meant *meant, struct fs *fs, const struct fs_file *file)
{
	struct svc_error error;
	char *path = NULL;
	bool is_same = file->generation == meant->file.generation && file->birth == meant->file.birth;

	if (is_same && meant->path)
		is_same = !fs_file_path(fs, meant->inode, &path, &error) && !strcmp(path, meant->path);
	free(path);
	return is_same;
}

static void find_meant(const struct survey *survey, struct meant *meant)
{
	struct svc_error error;
	struct fs *fs;

	meant->is_known = !look(survey, meant->copy, meant->inode, &fs, &meant->file, &error);
	if (meant->is_known && !meant->file.generation && fs_file_path(fs, meant->inode, &meant->path, &error))
		meant->is_known = false;
	if (fs)
		fs_close(fs);
}

static json_t *version_of(const struct survey *survey, int i, const struct meant *meant)
{
	json_t *version = json_pack("{s:o}", "copy", escaped(survey->copy[i].name));
	struct svc_error error = { .text = "" };
	struct fs_file file;
	struct fs *fs;
	int code = look(survey, i, meant->inode, &fs, &file, &error);

	if (!code && !meant->is_known)
		code = error_set(&error, -ENOENT, "the copy whose file is meant cannot be read");
	if (!code && !is_meant(meant, fs, &file))
		code = error_set(&error, -ENOENT, "its inode is another file's there");
	json_object_set_new(version, "present", json_boolean(!code));
	if (code) {
		json_object_set_new(version, "text", json_null());
		json_object_set_new(version, "why", escaped(error.text));
	} else {
		json_object_set_new(version, "bytes", json_integer((json_int_t)file.bytes));
		json_object_set_new(version, "modified", json_integer(file.modified));
		add_text(version, fs, meant->inode, &file);
	}
	if (fs)
		fs_close(fs);
	return version;
}

int answer_view(const struct survey *survey, int copy, uint32_t inode, FILE *out)
{
	json_t *versions = json_array();
	struct meant meant = { .copy = copy, .inode = inode };

	find_meant(survey, &meant);
	for (int i = 0; i < survey->copies; i++)
		json_array_append_new(versions, version_of(survey, i, &meant));
	free(meant.path);
	return print(json_pack("{s:s, s:s, s:o, s:I, s:o}", "schema", "svc/1", "command", "view", "of",
	                       escaped(survey->copy[copy].name), "inode", (json_int_t)inode, "versions", versions),
	             out);
}

static json_t *undo_of(const char *path, uint64_t bytes)
{
	static const char *const state[] = {
		[UNDO_OPEN] = "open", [UNDO_FINISHED] = "finished", [UNDO_BEGUN] = "begun", [UNDO_DONE] = "done"
	};
	json_t *copies = json_array(), *object;
	struct svc_error error;
	struct undo *undo;
	int code = undo_open(path, false, &undo, &error);

	object = json_pack("{s:o, s:I, s:o}", "path", escaped(path), "bytes", (json_int_t)bytes, "copies", copies);
	if (code) {
		json_object_set_new(object, "usable", json_false());
		json_object_set_new(object, "why", escaped(error.text));
		return object;
	}
	for (int i = 0; i < undo_header(undo)->copies; i++)
		if (undo_touches(undo, i))
			json_array_append_new(copies, escaped(undo_header(undo)->copy[i].name));
	json_object_set_new(object, "time", json_integer(undo_header(undo)->time));
	json_object_set_new(object, "state", json_string(state[undo_state(undo)]));
	json_object_set_new(object, "usable",
	                    json_boolean(undo_state(undo) != UNDO_DONE && json_array_size(copies) > 0));
	json_object_set_new(object, "why",
	                    json_string(undo_state(undo) == UNDO_DONE ? "was put back already"
	                                : json_array_size(copies) > 0 ? ""
	                                                              : "nothing was overwritten"));
	undo_close(undo);
	return object;
}

struct found {
	char path[1300];
	uint64_t bytes;
	int64_t time;
};

static int latest_first(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	return a->time != b->time ? (a->time > b->time ? -1 : 1) : -strcmp(a->path, b->path);
}

int answer_undos(const char *directory, const char *file, FILE *out)
{
	struct found *found = calloc(UNDO_FILES_MAX, sizeof(*found));
	DIR *open = opendir(directory);
	json_t *list = json_array();
	struct dirent *entry;
	struct stat named;
	size_t count = 0;

	while (found && open && count < UNDO_FILES_MAX && (entry = readdir(open))) {
		struct stat status;

		if (strncmp(entry->d_name, "undo-", 5) != 0)
			continue;
		snprintf(found[count].path, sizeof(found[count].path), "%s/%s", directory, entry->d_name);
		if (lstat(found[count].path, &status) || !S_ISREG(status.st_mode))
			continue;
		found[count].bytes = (uint64_t)status.st_size;
		found[count++].time = status.st_mtime;
	}
	if (open)
		closedir(open);
	if (file)
		json_array_append_new(list, undo_of(file, stat(file, &named) ? 0 : (uint64_t)named.st_size));
	if (count)
		qsort(found, count, sizeof(*found), latest_first);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, undo_of(found[i].path, found[i].bytes));
	free(found);
	return print(json_pack("{s:s, s:s, s:o}", "schema", "svc/1", "command", "undo-list", "undos", list), out);
}
