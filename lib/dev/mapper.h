/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device-mapper of this host, by libdevmapper: the one place that asks it and changes its tables.
 * Devices are named by their st_rdev. Where there is no device-mapper, or no right to use it, nothing
 * is active.
 */
#ifndef SVC_MAPPER_H
#define SVC_MAPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAPPER_PARAMETERS_SIZE = 4096 };

struct mapper_row {
	uint64_t start_sectors, length_sectors;
	char type[32];
	char parameters[MAPPER_PARAMETERS_SIZE];
};

/* The active device with this UUID. 0, -ENOENT where there is none. */
int mapper_find(const char *uuid, uint64_t *device);

/* The only row of the device's live table, or of its status. -ENOTSUP where it has several, -EIO. */
int mapper_table(uint64_t device, struct mapper_row *row);
int mapper_status(uint64_t device, struct mapper_row *row);

/* Loads `rows` rows beside the live table; mapper_resume puts them in its place in one step. -EIO, -ENOMEM. */
int mapper_load(uint64_t device, const struct mapper_row *row, size_t rows);
int mapper_resume(uint64_t device);

/*
 * Makes a device with these rows, and its node /dev/mapper/NAME. `uuid` tells ours from others. -EBUSY where there is
 * one of that name or UUID.
 */
int mapper_create(const char *name, const char *uuid, const struct mapper_row *row, size_t rows, uint64_t *device);

/* -EBUSY where somebody uses it. */
int mapper_remove(uint64_t device);

/* A message to the device's target. */
int mapper_message(uint64_t device, const char *text);

/*
 * Puts the loaded table in place of the live one without freezing a file system above and without waiting for
 * requests that the target can hold back: neither would end where the device below is dead.
 */
int mapper_swap(uint64_t device);

/* Whether `device` is, or stands on, `below`, at any depth. */
bool mapper_is_on(uint64_t device, uint64_t below);

#endif
