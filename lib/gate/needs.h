/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What svc.conf asks of an initramfs image: for the scripts that make one, svc-initramfs(7). */
#ifndef SVC_NEEDS_H
#define SVC_NEEDS_H

#include <stdio.h>

#include "locate/conf.h"

/*
 * Prints a line for each: `device PATH`, a copy's device as udev and LVM name it; `server URI`, a copy behind NBD; `file
 * PATH` and `directory PATH`, the keys and certificates for TLS. 0, or -errno where writing failed.
 */
int needs_print(const struct svc_conf *conf, FILE *out);

/*
 * The path without `.`, `..` and empty parts, from / where it is relative, as an image's programs run there: what is
 * compared with names, as udev's rules and LVM's filters do, has to be the name. Pure.
 */
void needs_clean_path(const char *path, char clean[SVC_LOCATOR_SIZE + 1]);

#endif
