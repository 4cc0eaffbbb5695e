/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LVM has to see one device per leg: the one made of the paths, and the flash. The paths by themselves would be the same
 * physical volume again, and LVM hangs on a dead nbd device. What lvm.conf says of that is checked here.
 */
#ifndef SVC_PATH_FILTER_H
#define SVC_PATH_FILTER_H

#include "path/setup.h"

enum {
	FILTER_PATTERNS_MAX = 64,
	FILTER_NAMES_MAX = 32,
};

/* One of LVM's filter lists: [ "a|regex|", "r|regex|" ... ]; the first that matches a name decides about it. */
struct filter {
	unsigned patterns;
	char pattern[FILTER_PATTERNS_MAX][256];
};

/* From the value as lvmconfig prints it. False where it is none. Pure. */
bool filter_parse(const char *text, struct filter *filter);

/*
 * Whether LVM takes a device of these names: it does where any of them is accepted, or none is rejected
 * (lib/filters/filter-regex.c of LVM). Pure but for the regular expressions' memory.
 */
bool filter_accepts(const struct filter *filter, const char *const name[], unsigned names);

/*
 * Whether a line of LVM's devices file (lvmdevices(8); lib/device/device_id.c of LVM) means a device of these names:
 * by the WWID of sysfs where the line goes by that, else by name. `wwid` may be empty. Pure.
 */
bool filter_lists(const char *line, const char *const name[], unsigned names, const char *wwid);

/* Adds a reason for what LVM sees and must not, or does not see and must. 0, or -errno where LVM cannot be asked. */
int filter_check(const struct paths *paths, struct reasons *reasons, struct svc_error *error);

#endif
