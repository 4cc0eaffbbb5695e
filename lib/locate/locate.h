/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From NAME=LOCATOR to a leg, without activating anything: device -> PV label -> volume group ->
 * raid1 LV -> the segments of this PV's image and metadata sub-LV. Read-only.
 */
#ifndef SVC_LOCATE_H
#define SVC_LOCATE_H

#include <signal.h>

#include "base/error.h"
#include "dev/dev.h"
#include "model.h"

/* The open side of a copy: handles only, no facts. Members are NULL where there is none. */
struct access {
	struct dev *device; /* the whole device or file */
	struct dev *leg;    /* slice: the mirrored data */
	struct dev *meta;   /* slice: rmeta of a raid1 leg; mlog of an old mirror where it lies on this PV */
	struct dev *record; /* slice: the bootloader area */
};

struct locate_options {
	struct dev_options dev;
	const char *lv; /* "VG/LV" or "LV" that is meant, or NULL: the only mirror there is */
};

/*
 * Fills name, locator and group from an argument: NAME=LOCATOR, or LOCATOR alone, named after its last
 * component. An `=` after a `/`, `:`, `?` or `.` belongs to the locator. Pure.
 * -EINVAL with a sentence: unknown NAME, empty locator, too long.
 */
int locate_parse(const char *argument, struct copy *copy, struct svc_error *error);

/*
 * Makes the names of copies given without NAME= unique (two /a/disk.img, /b/disk.img are named by
 * their whole locator) and refuses a name given twice. Pure. -EINVAL with a sentence.
 */
int locate_name_all(struct copy *copy, int copies, struct svc_error *error);

/*
 * Opens the copy and finds its leg. What is wrong with the copy itself is not an error: it ends in
 * copy->condition and copy->findings. Fills copy->evidence.lvm, device_bytes, leg_bytes, is_live.
 * Errors (with a sentence) are for the caller's mistakes alone: -EINVAL where options->lv is malformed,
 * -EISDIR or -ENODEV where the locator can never be a copy. What *access holds is closed with access_close.
 */
int locate_copy(struct copy *copy, const struct locate_options *options, struct access *access,
                struct svc_error *error);

/* The same on access->device, which the caller has opened; access is otherwise all zeros. `lv` as in the options. */
int locate_leg(struct copy *copy, const char *lv, struct access *access, struct svc_error *error);

/*
 * Reads all of a copy that is blank at both ends: where it holds anything further in, or cannot be read, it is foreign. A
 * copy in another condition stays as it is. `progress` may be NULL. 0, -EINTR, -ENOMEM.
 */
int locate_read_blank(struct copy *copy, const struct access *access, const volatile sig_atomic_t *stop,
                      void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes), void *context);

void access_close(struct access *access);

#endif
