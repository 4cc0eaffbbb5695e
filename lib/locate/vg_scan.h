/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SVC_VG_SCAN_H
#define SVC_VG_SCAN_H

#include <stddef.h>

/*
 * Holds a metadata text against the subset of the grammar that LVM writes. NULL where libdevmapper's
 * parser may have it, else a constant phrase naming what was found. One pass, no memory.
 */
const char *vg_scan(const char *text, size_t length);

#endif
