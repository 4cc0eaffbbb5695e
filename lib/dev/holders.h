/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who on this host uses a block device, or the block device over an image file. */
#ifndef SVC_HOLDERS_H
#define SVC_HOLDERS_H

#include <stddef.h>

/*
 * In words, "mounted on /data, held by dm-3 (svc-data)": mounts of this process's namespace, swap, device-mapper and md, of
 * partitions and of loop devices too. Empty where nothing is found, which proves nothing: a program may have it open. Raw
 * bytes of mount points are escaped. Returns text.
 */
const char *dev_holders(const char *path, char *text, size_t size);

#endif
