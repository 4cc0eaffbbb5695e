/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is worth a remark beside the paths: LVM's filter, requests that are not held back, the export. */
#ifndef SVC_PATH_REMARK_H
#define SVC_PATH_REMARK_H

#include "path/export.h"
#include "path/setup.h"

/* Adds them, after a look; `options` are those of an export by svc.conf. */
void paths_remark(const struct paths *paths, const struct export_options *options, struct reasons *reasons);

#endif
