/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LVM2's metadata text as plain arrays: what lib/locate/vg.c reasons about. The text is hostile: it is
 * held against a strict subset of the grammar before libdevmapper's parser sees it, and that parser
 * stays behind this header.
 */
#ifndef SVC_VG_TEXT_H
#define SVC_VG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

enum vg_segment_kind {
	VG_SEGMENT_LINEAR, /* `striped` with one stripe */
	VG_SEGMENT_RAID1,
	VG_SEGMENT_MIRROR,
	VG_SEGMENT_OTHER, /* its areas are not read */
};

/* One entry of stripes = [...], mirrors = [...] or raids = [...]. */
struct vg_area {
	const char *name; /* of a PV within the text ("pv0") or of an LV */
	uint64_t extent;  /* where in it; 0 for raids, which name none */
};

struct vg_segment {
	enum vg_segment_kind kind;
	const char *type; /* as the text has it */
	uint64_t start_extent;
	uint64_t extents;
	uint64_t region_sectors; /* 0: not given */
	const char *log;         /* mirror_log, or NULL */
	struct vg_area *area;
	size_t areas;
};

struct vg_lv {
	const char *name;
	const char *uuid;
	bool is_pvmove;
	bool is_autoactivated;      /* LVM may activate it by itself */
	bool is_part;               /* an image, metadata or log LV of another one */
	struct vg_segment *segment; /* by start_extent */
	size_t segments;
};

struct vg_pv {
	const char *key; /* its name within the text */
	const char *uuid;
	uint64_t start_bytes; /* of extent 0 */
	uint64_t extents;     /* 0: not given; so are the following */
	uint64_t size_bytes;  /* of the device when the PV was made */
	struct extent bootloader_area;
	bool is_missing;
};

struct vg {
	void *tree; /* owns all strings */
	const char *name;
	const char *uuid;
	uint64_t seqno;
	uint64_t extent_bytes;
	bool is_autoactivated; /* LVM may activate its LVs by itself */
	struct vg_pv *pv;      /* by key */
	size_t pvs;
	struct vg_lv *lv; /* by name */
	size_t lvs;
};

/*
 * Parses a metadata text, which need not end in NUL. 0, -ENOMEM, or -EBADMSG with *why, a constant
 * phrase. Free with vg_free. Time and memory grow with `length` alone, n log n at most.
 */
int vg_parse(const char *text, size_t length, struct vg **vg, const char **why);
void vg_free(struct vg *vg);

const struct vg_lv *vg_lv_by_name(const struct vg *vg, const char *name);
const struct vg_pv *vg_pv_by_key(const struct vg *vg, const char *key);

/* True where LVM would take it as the name of a VG or LV. */
bool vg_is_name(const char *name);

#endif
