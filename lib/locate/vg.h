/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the metadata text of a volume group to the leg that one of its PVs carries. Pure. */
#ifndef SVC_VG_H
#define SVC_VG_H

#include "locate/vg_text.h"
#include "model.h"

enum vg_result {
	VG_FOUND,
	VG_OTHER,     /* the wanted LV is one of another volume group, or the PV is not in this one */
	VG_NO_MIRROR, /* no such LV, it is no mirror, or it has no leg on this PV */
	VG_AMBIGUOUS, /* several mirrors have a leg on this PV and none was asked for */
	VG_SCATTERED, /* the leg is spread over several PVs, stacked or striped */
	VG_BROKEN,    /* the text contradicts itself */
};

/* Where the leg lies, as runs of bytes in the device, in the order of the leg's bytes. */
struct vg_leg {
	struct extent *image; /* the mirrored data */
	size_t images;
	struct extent *meta; /* rmeta, or an old mirror's log; may be none */
	size_t metas;
	char text[320]; /* where the result is not VG_FOUND: a sentence that follows "its" or "it" */
};

/* "VG/LV", "LV" or "/dev/VG/LV" taken apart; vg is empty where it was not given. */
struct vg_wanted {
	char vg[LVM_NAME_SIZE];
	char lv[LVM_NAME_SIZE];
};

/* False where the name is malformed. */
bool vg_parse_wanted(const char *name, struct vg_wanted *wanted);

/*
 * Finds the leg on the PV with this UUID and fills the volume group's and the mirror's part of
 * *evidence. `wanted` is NULL where any mirror will do. 0 with *result, or -ENOMEM. Free *leg with
 * vg_leg_free in any case.
 */
int vg_find_leg(const struct vg *vg, const char *pv_uuid, const struct vg_wanted *wanted, enum vg_result *result,
                struct lvm_evidence *evidence, struct vg_leg *leg);
void vg_leg_free(struct vg_leg *leg);

#endif
