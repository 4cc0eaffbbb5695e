/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing the binary part of an LVM2 physical volume, in the order that LVM itself keeps: text first,
 * then the header that points at it. Formats as in pv.h.
 */
#ifndef SVC_PV_WRITE_H
#define SVC_PV_WRITE_H

#include "dev/dev.h"
#include "locate/pv.h"
#include "locate/vg_text.h"

enum { PV_TAIL_BYTES = 1 << 20 }; /* what foreign.c, like libblkid, looks at of a device's end */

/* The newest valid metadata text on a device, as it is on the disk. */
struct pv_metadata {
	struct pv_label label;
	char *text;
	size_t bytes;
	struct vg *vg;
};

/* -EBADMSG where no valid text is left; -ENOMEM, or what reading gives. Free with pv_metadata_free. */
int pv_read_metadata(struct dev *device, struct pv_metadata *metadata);
void pv_metadata_free(struct pv_metadata *metadata);

/*
 * Replaces the text in every metadata area of the device by `text`: written behind the current one in
 * the ring, made durable, then committed by the area's header. -ENOSPC where it does not fit.
 */
int pv_write_text(struct dev *device, const struct pv_label *label, const char *text, size_t bytes);

/*
 * Makes the label that the PV with this UUID has to have according to `metadata`, with one metadata
 * area like that of the device the metadata was read from. -ENOENT where the volume group has no such
 * PV, -ENOSPC where device_bytes is less than its extents need.
 */
int pv_plan_label(const struct pv_metadata *metadata, const char *uuid, uint64_t device_bytes, struct pv_label *label);

/*
 * Takes the device: what its first 4 KiB said it was is gone, and in its place is the label with a wrong
 * checksum, which LVM ignores. Until pv_end_layout has made it right the device is a damaged copy:
 * neither blank nor somebody else's. Then all before the first extent is zeroed: what was there before
 * would be seen beside the PV, or its record would speak for what comes.
 */
int pv_begin_layout(struct dev *device, const struct pv_label *label);

/*
 * After pv_begin_layout, and after whatever marks the leg: text and area header. The device's end, where md, other RAIDs
 * and GPT have their signatures, is zeroed: LVM takes no PV that looks like a member of something else.
 */
int pv_write_layout(struct dev *device, const struct pv_label *label, const char *text, size_t bytes);

/* When all that is on the medium: the label. The device is then a PV. */
int pv_end_layout(struct dev *device, const struct pv_label *label);

#endif
