/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/filter.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/spawn.h"
#include "path/attach.h"

enum { LVM_MS = 10000 };

bool filter_parse(const char *text, struct filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	for (text = strchr(text, '"'); text; text = strchr(text, '"')) {
		size_t length = 0;

		for (text++; *text && *text != '"'; text++) {
			if (*text == '\\' && text[1]) /* lvmconfig escapes quotes and backslashes */
				text++;
			if (length + 1 >= sizeof(filter->pattern[0]) || filter->patterns == FILTER_PATTERNS_MAX)
				return false;
			filter->pattern[filter->patterns][length++] = *text;
		}
		if (*text != '"' || length < 3)
			return false;
		text++;
		filter->patterns++;
	}
	return filter->patterns > 0;
}

/* "a|regex|": the letter, then the regular expression between any two equal characters, or brackets. */
static bool matches(const char *pattern, const char *name)
{
	static const char open[] = "([{", close[] = ")]}";
	const char *bracket = strchr(open, pattern[1]);
	const char *end = strrchr(pattern + 2, bracket ? close[bracket - open] : pattern[1]);
	char expression[256];
	bool is_match;
	regex_t regex;

	if (!end)
		return false;
	snprintf(expression, sizeof(expression), "%.*s", (int)(end - pattern - 2), pattern + 2);
	if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB))
		return false;
	is_match = !regexec(&regex, name, 0, NULL, 0);
	regfree(&regex);
	return is_match;
}

bool filter_accepts(const struct filter *filter, const char *const name[], unsigned names)
{
	bool is_rejected = false;

	for (unsigned n = 0; n < names; n++)
		for (unsigned p = 0; p < filter->patterns; p++) {
			if (!matches(filter->pattern[p], name[n]))
				continue;
			if (filter->pattern[p][0] == 'a')
				return true;
			is_rejected = true;
			break;
		}
	return !is_rejected;
}

/* All names of a device below /dev, as LVM knows them by udev. */
struct names {
	unsigned count;
	char *name[FILTER_NAMES_MAX];
};

static void add_name(struct names *names, const char *name)
{
	char *copy = names->count < FILTER_NAMES_MAX ? strdup(name) : NULL;

	if (copy)
		names->name[names->count++] = copy;
}

static void collect_names(const char *device, struct names *names)
{
	static const char *const pattern[] = { "/dev/disk/by-*/*", "/dev/mapper/*" };
	char real[PATH_MAX], target[PATH_MAX];
	glob_t found;

	memset(names, 0, sizeof(*names));
	add_name(names, device);
	if (!realpath(device, real))
		return;
	if (strcmp(real, device) != 0)
		add_name(names, real);
	for (size_t p = 0; p < 2; p++) {
		if (glob(pattern[p], GLOB_NOSORT, NULL, &found))
			continue;
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (strcmp(found.gl_pathv[i], device) != 0 && realpath(found.gl_pathv[i], target) &&
			    !strcmp(target, real))
				add_name(names, found.gl_pathv[i]);
		globfree(&found);
	}
}

static void free_names(struct names *names)
{
	for (unsigned i = 0; i < names->count; i++)
		free(names->name[i]);
}

/* The value behind "KEY=" at the beginning of a line. */
static bool find_value(const char *text, const char *key, char *value, size_t size)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) != 0 || line[length] != '=')
			continue;
		snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
		return true;
	}
	return false;
}

/* The value behind "KEY=" in a line of the devices file; none of them has blanks in it. */
static bool find_word(const char *line, const char *key, char *value, size_t size)
{
	size_t length = strlen(key);

	for (const char *at = line; *at; at += strcspn(at, " ")) {
		at += strspn(at, " ");
		if (strncmp(at, key, length) != 0 || at[length] != '=')
			continue;
		at += length + 1;
		snprintf(value, size, "%.*s", (int)strcspn(at, " \n"), at);
		return true;
	}
	return false;
}

bool filter_lists(const char *line, const char *const name[], unsigned names, const char *wwid)
{
	char type[32], id[256], device[256];
	bool is_listed = false;

	if (!find_word(line, "IDTYPE", type, sizeof(type)) || !find_word(line, "IDNAME", id, sizeof(id)))
		return false;
	if (!strcmp(type, "sys_wwid") && *wwid)
		return !strcmp(id, wwid);
	/* DEVNAME is what it was called last, where an identity of another kind counts. */
	if (strcmp(type, "devname") != 0 && find_word(line, "DEVNAME", device, sizeof(device)))
		memcpy(id, device, sizeof(id));
	for (unsigned n = 0; n < names; n++)
		is_listed |= !strcmp(id, name[n]);
	return is_listed;
}

/* As LVM writes it: blanks become underscores. */
static void read_wwid(const char *device, char *wwid, size_t size)
{
	char path[80];
	struct stat status;
	FILE *in = NULL;

	*wwid = '\0';
	if (!stat(device, &status) && S_ISBLK(status.st_mode)) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/device/wwid", major(status.st_rdev),
		         minor(status.st_rdev));
		in = fopen(path, "re");
	}
	if (in && fgets(wwid, (int)size, in)) {
		wwid[strcspn(wwid, "\n")] = '\0';
		for (char *at = wwid; *at; at++)
			*at = (char)(*at == ' ' ? '_' : *at);
	}
	if (in)
		fclose(in);
}

/* What LVM is told of which devices are its. */
struct lvm_rules {
	struct filter filter[2];     /* global_filter and filter */
	char devices_file[PATH_MAX]; /* takes their place; empty: not used, or not there */
};

static bool is_listed(const char *file, const struct names *names, const char *wwid)
{
	FILE *in = fopen(file, "re");
	char line[1024];
	bool is_found = false;

	while (in && !is_found && fgets(line, sizeof(line), in))
		is_found = filter_lists(line, (const char *const *)names->name, names->count, wwid);
	if (in)
		fclose(in);
	return is_found;
}

static bool is_seen(const struct lvm_rules *rules, const char *device)
{
	struct names names;
	bool is_accepted;
	char wwid[256];

	collect_names(device, &names);
	read_wwid(device, wwid, sizeof(wwid));
	if (rules->devices_file[0])
		is_accepted = is_listed(rules->devices_file, &names, wwid);
	else
		is_accepted = filter_accepts(&rules->filter[0], (const char *const *)names.name, names.count) &&
		              filter_accepts(&rules->filter[1], (const char *const *)names.name, names.count);
	free_names(&names);
	return is_accepted;
}

/* The line to be written, with the names that this host has for the devices. */
static void format_line(const struct paths *paths, const char *device, char *text, size_t size)
{
	size_t length = (size_t)snprintf(text, size, "global_filter = [ \"a|^%s$|\"", device);

	for (int i = 0; i < 2 && length < size; i++)
		if (paths->places.flash[i][0] == '/')
			length +=
				(size_t)snprintf(text + length, size - length, ", \"a|^%s$|\"", paths->places.flash[i]);
	if (length < size)
		snprintf(text + length, size - length, ", \"r|.*|\" ]");
}

/* /etc/lvm/devices/NAME; one that is not there is not used (lvmdevices(8)). */
static void find_devices_file(const char *answer, char *file, size_t size)
{
	char value[256], *name = value;

	*file = '\0';
	if (!find_value(answer, "use_devicesfile", value, sizeof(value)) || *value != '1' ||
	    !find_value(answer, "devicesfile", value, sizeof(value)))
		return;
	name += *name == '"';
	name[strcspn(name, "\"")] = '\0';
	snprintf(file, size, "%s/devices/%s", getenv("LVM_SYSTEM_DIR") ? getenv("LVM_SYSTEM_DIR") : "/etc/lvm", name);
	if (access(file, R_OK))
		*file = '\0';
}

static int ask_lvm(struct lvm_rules *rules, struct svc_error *error)
{
	static const char *const argv[] = { "lvm",
		                            "lvmconfig",
		                            "--type",
		                            "full",
		                            "devices/global_filter",
		                            "devices/filter",
		                            "devices/use_devicesfile",
		                            "devices/devicesfile",
		                            NULL };
	struct spawn_output *output = calloc(1, sizeof(*output));
	char value[8192];
	int r = output ? spawn_run(argv, NULL, LVM_MS, output) : -ENOMEM;

	if (!r && (!find_value(output->out, "global_filter", value, sizeof(value)) ||
	           !filter_parse(value, &rules->filter[0]) ||
	           !find_value(output->out, "filter", value, sizeof(value)) || !filter_parse(value, &rules->filter[1])))
		r = -EPROTO;
	if (!r)
		find_devices_file(output->out, rules->devices_file, sizeof(rules->devices_file));
	free(output);
	if (!r)
		return 0;
	error_set(error, r < 0 ? r : -EIO, "LVM's filter cannot be checked: lvmconfig %s",
	          r < 0 ? strerror(-r) : "fails");
	return r < 0 ? r : -EIO;
}

static void tell(const struct lvm_rules *rules, const struct paths *paths, const char *device, int path,
                 struct reasons *reasons)
{
	const char *verb = path < 0 ? "does not see" : "sees", *rest = path < 0 ? "" : " by itself";
	char one[SVC_LOCATOR_SIZE], line[240];

	if (rules->devices_file[0]) {
		reason_add(reasons, REASON_LVM_FILTER, path, "LVM %s %.60s%s, by %.60s: lvmdevices %s %.60s", verb,
		           device, rest, rules->devices_file, path < 0 ? "--adddev" : "--deldev", device);
		return;
	}
	format_line(paths, control_device(&paths->control, "", one, sizeof(one)), line, sizeof(line));
	reason_add(reasons, REASON_LVM_FILTER, path, "LVM %s %.60s%s; devices { } of lvm.conf needs: %s", verb, device,
	           rest, line);
}

int filter_check(const struct paths *paths, struct reasons *reasons, struct svc_error *error)
{
	char device[SVC_LOCATOR_SIZE];
	struct lvm_rules rules;
	int r;

	/* Nothing of ours makes another device of the paths: there is none beside which they could be seen. */
	if (!paths->control.ops)
		return 0;
	r = ask_lvm(&rules, error);
	if (r)
		return r;
	for (int i = 0; i < PATHS; i++) {
		const struct path_facts *facts = &paths->check.facts[i];
		/* An NBD path that is not attached will be one of these, and LVM would see it when it is. */
		const char *path = facts->device[0] == '/' ? facts->device : "/dev/nbd0";

		if (facts->is_configured && is_seen(&rules, path))
			tell(&rules, paths, path, i, reasons);
	}
	control_device(&paths->control, "", device, sizeof(device));
	if (!is_seen(&rules, device))
		tell(&rules, paths, device, -1, reasons);
	/* Not the flash of the other controller, which svc.conf may name too. */
	for (int i = 0; i < 2; i++) {
		const char *flash = paths->places.flash[i];

		if (*flash == '/' && !access(flash, F_OK) && !is_seen(&rules, flash))
			tell(&rules, paths, flash, -1, reasons);
	}
	return 0;
}
