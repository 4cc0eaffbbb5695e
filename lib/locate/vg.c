/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/vg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One leg of a mirror: names resolved to LVs. */
struct leg {
	const struct vg_lv *image;
	const struct vg_lv *meta; /* NULL: none */
};

struct mirror {
	const struct vg_lv *lv;
	const struct vg_segment *segment;
	struct leg leg[SVC_LEGS_MAX];
	unsigned legs;
};

/* Carries the answer through the steps below. */
struct search {
	const struct vg *vg;
	const struct vg_pv *pv; /* whose leg is looked for */
	bool *is_here;          /* per LV of vg: a segment of it lies on that PV */
	struct vg_leg *leg;
	enum vg_result result;
};

/* Notes why there is no leg; returns false for the caller to pass on. */
__attribute__((format(printf, 3, 4))) static bool refuse(struct search *search, enum vg_result result,
                                                         const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(search->leg->text, sizeof(search->leg->text), format, args);
	va_end(args);
	search->result = result;
	return false;
}

bool vg_parse_wanted(const char *name, struct vg_wanted *wanted)
{
	const char *slash;
	size_t length;

	memset(wanted, 0, sizeof(*wanted));
	if (!strncmp(name, "/dev/", 5)) {
		name += 5;
		if (!strchr(name, '/'))
			return false;
	}
	slash = strchr(name, '/');
	if (slash) {
		length = (size_t)(slash - name);
		if (length >= sizeof(wanted->vg))
			return false;
		memcpy(wanted->vg, name, length);
		if (!vg_is_name(wanted->vg))
			return false;
		name = slash + 1;
	}
	if (!vg_is_name(name))
		return false;
	strcpy(wanted->lv, name);
	return true;
}

/* A mirror is one segment: LVM relies on it for both types (lib/raid/raid.c, lib/mirror/mirrored.c). */
static bool is_mirror(const struct vg_lv *lv)
{
	return lv->segments == 1 && lv->segment[0].kind != VG_SEGMENT_LINEAR &&
	       lv->segment[0].kind != VG_SEGMENT_OTHER && !lv->is_pvmove;
}

/* Once for all LVs: a hostile text may name one LV of many segments in many places. */
static int mark_lvs_here(struct search *search)
{
	const struct vg *vg = search->vg;

	search->is_here = calloc(vg->lvs + 1, sizeof(*search->is_here));
	if (!search->is_here)
		return -ENOMEM;
	for (size_t i = 0; i < vg->lvs; i++)
		for (size_t s = 0; s < vg->lv[i].segments; s++) {
			const struct vg_segment *segment = &vg->lv[i].segment[s];

			for (size_t a = 0; segment->kind == VG_SEGMENT_LINEAR && a < segment->areas; a++)
				if (vg_pv_by_key(vg, segment->area[a].name) == search->pv)
					search->is_here[i] = true;
		}
	return 0;
}

static bool lies_here(const struct search *search, const struct vg_lv *lv)
{
	return lv && search->is_here[lv - search->vg->lv];
}

/*
 * In `raids` the position in the list is the array position; the numbers in the names follow it only
 * until a leg was replaced. An rmeta stands before its rimage and is told by its name, as in LVM
 * (_raid_text_import_areas).
 */
static bool read_legs(struct search *search, const struct vg_lv *lv, struct mirror *mirror)
{
	const struct vg_segment *segment = &lv->segment[0];
	const struct vg_lv *meta = NULL;

	*mirror = (struct mirror){ .lv = lv, .segment = segment };
	for (size_t a = 0; a < segment->areas; a++) {
		const struct vg_lv *part = vg_lv_by_name(search->vg, segment->area[a].name);

		if (!part || part == lv)
			return refuse(search, VG_BROKEN, "its LVM metadata of %s/%s names a leg that does not exist",
			              search->vg->name, lv->name);
		if (segment->kind == VG_SEGMENT_RAID1 && !meta && strstr(part->name, "_rmeta_")) {
			meta = part;
			continue;
		}
		if (mirror->legs == SVC_LEGS_MAX)
			return refuse(search, VG_SCATTERED, "its mirror %s/%s has more than %d legs", search->vg->name,
			              lv->name, SVC_LEGS_MAX);
		mirror->leg[mirror->legs++] = (struct leg){ part, meta };
		meta = NULL;
	}
	return true;
}

static bool has_leg_here(const struct search *search, const struct vg_lv *lv)
{
	for (size_t a = 0; a < lv->segment[0].areas; a++)
		if (lies_here(search, vg_lv_by_name(search->vg, lv->segment[0].area[a].name)))
			return true;
	return false;
}

/* The LV that was asked for, or the only mirror with a leg here. */
static const struct vg_lv *choose(struct search *search, const struct vg_wanted *wanted)
{
	const struct vg_lv *found = NULL;
	size_t candidates = 0, at = 0;
	char list[224] = "";

	if (wanted && wanted->vg[0] && strcmp(wanted->vg, search->vg->name)) {
		refuse(search, VG_OTHER, "it belongs to volume group %s, not to %s", search->vg->name, wanted->vg);
		return NULL;
	}
	if (wanted) {
		found = vg_lv_by_name(search->vg, wanted->lv);
		if (!found)
			refuse(search, VG_NO_MIRROR, "its volume group %s has no logical volume %s", search->vg->name,
			       wanted->lv);
		else if (!is_mirror(found))
			refuse(search, VG_NO_MIRROR, "its logical volume %s/%s is not a mirror", search->vg->name,
			       wanted->lv);
		else if (!has_leg_here(search, found))
			refuse(search, VG_NO_MIRROR, "it has no leg of %s/%s", search->vg->name, wanted->lv);
		return search->leg->text[0] ? NULL : found;
	}
	for (size_t i = 0; i < search->vg->lvs; i++) {
		const struct vg_lv *lv = &search->vg->lv[i];

		if (lv->is_part || !is_mirror(lv) || !has_leg_here(search, lv))
			continue;
		found = lv;
		if (candidates++ < 16 && at < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s/%s", at ? ", " : "",
			                       search->vg->name, lv->name);
	}
	if (candidates > 1)
		refuse(search, VG_AMBIGUOUS, "it carries legs of %zu mirrors: %s%s", candidates, list,
		       candidates > 16 || at >= sizeof(list) ? " ..." : "");
	if (!candidates)
		refuse(search, VG_NO_MIRROR, "its volume group %s has no mirror with a leg on it", search->vg->name);
	return candidates == 1 ? found : NULL;
}

/* Up to the end of the PV's last extent, which LVM holds against the device whether it is used or not. */
static uint64_t needed_bytes(const struct vg *vg, const struct vg_pv *pv)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(pv->extents, vg->extent_bytes, &bytes) ||
	    __builtin_add_overflow(bytes, pv->start_bytes, &bytes))
		return UINT64_MAX;
	return bytes;
}

/* A linear segment of one area as bytes of `pv`, which it lies on; false where that cannot be. */
static bool extent_of(const struct vg *vg, const struct vg_pv *pv, const struct vg_segment *segment,
                      struct extent *place)
{
	uint64_t end;

	return !__builtin_mul_overflow(segment->area[0].extent, vg->extent_bytes, &place->offset) &&
	       !__builtin_add_overflow(place->offset, pv->start_bytes, &place->offset) &&
	       !__builtin_mul_overflow(segment->extents, vg->extent_bytes, &place->length) &&
	       !__builtin_add_overflow(place->offset, place->length, &end) && end <= INT64_MAX && place->length;
}

/* FNV-1a */
static void sum_extent(uint64_t *sum, const struct extent *extent)
{
	for (int i = 0; i < 16 && extent->length; i++)
		*sum = (*sum ^ ((i < 8 ? extent->offset : extent->length) >> i % 8 * 8 & 0xff)) * 0x100000001b3;
}

/* Adds where the LV lies to *sum, neighbours merged; false where not all of it lies on `pv`. */
static bool sum_places(const struct vg *vg, const struct vg_lv *lv, const struct vg_pv *pv, uint64_t *sum)
{
	struct extent run = { 0 }, place;

	for (size_t s = 0; s < lv->segments; s++) {
		const struct vg_segment *segment = &lv->segment[s];

		if (segment->kind != VG_SEGMENT_LINEAR || segment->areas != 1 ||
		    vg_pv_by_key(vg, segment->area[0].name) != pv || !extent_of(vg, pv, segment, &place))
			return false;
		if (run.length && run.offset + run.length == place.offset) {
			run.length += place.length;
			continue;
		}
		sum_extent(sum, &run);
		run = place;
	}
	sum_extent(sum, &run);
	return lv->segments != 0;
}

/* Where the leg lies, as a number; of a raid1 its rmeta too, which has to be on the same PV or is as good as none. */
static void sum_leg(const struct search *search, const struct mirror *mirror, unsigned i, struct lvm_evidence *evidence)
{
	const struct leg *leg = &mirror->leg[i];
	const struct vg_segment *first = leg->image->segments ? &leg->image->segment[0] : NULL;
	const struct vg_pv *pv =
		first && first->kind == VG_SEGMENT_LINEAR ? vg_pv_by_key(search->vg, first->area[0].name) : NULL;
	uint64_t sum = 0xcbf29ce484222325;

	if (!pv || !sum_places(search->vg, leg->image, pv, &sum))
		return;
	if (evidence->type == MIRROR_RAID1 && leg->meta && sum_places(search->vg, leg->meta, pv, &sum))
		evidence->legs_with_meta |= (uint64_t)1 << i;
	evidence->leg_place[i] = sum ? sum : 1;
}

static void describe_legs(const struct search *search, const struct mirror *mirror, struct lvm_evidence *evidence)
{
	for (unsigned i = 0; i < mirror->legs; i++) {
		const struct vg_lv *image = mirror->leg[i].image;

		sum_leg(search, mirror, i, evidence);
		for (size_t s = 0; s < image->segments; s++) {
			const struct vg_segment *segment = &image->segment[s];
			const struct vg_pv *pv = segment->kind == VG_SEGMENT_LINEAR
			                                 ? vg_pv_by_key(search->vg, segment->area[0].name)
			                                 : NULL;

			if (!pv)
				continue;
			if (!evidence->leg_pv_uuid[i][0]) {
				strcpy(evidence->leg_pv_uuid[i], pv->uuid);
				evidence->leg_pv_bytes[i] = needed_bytes(search->vg, pv);
			}
			if (pv->is_missing)
				evidence->missing_legs |= (uint64_t)1 << i;
		}
	}
}

/* One segment of a sub-LV as bytes of the device; false (with the reason) where that cannot be. */
static bool place_segment(struct search *search, const struct vg_lv *lv, const struct vg_segment *segment,
                          struct extent *place)
{
	const struct vg_pv *pv;

	if (segment->kind != VG_SEGMENT_LINEAR)
		return refuse(search, VG_SCATTERED,
		              "its volume %s/%s has a segment of type %.64s, which is not read here", search->vg->name,
		              lv->name, vg_is_name(segment->type) ? segment->type : "(malformed)");
	pv = segment->areas == 1 ? vg_pv_by_key(search->vg, segment->area[0].name) : NULL;
	if (!pv)
		return refuse(search, VG_SCATTERED, "its logical volume %s/%s is not laid directly onto one device",
		              search->vg->name, lv->name);
	if (pv != search->pv)
		return refuse(search, VG_SCATTERED,
		              "its logical volume %s/%s also lies on another physical volume (%s)", search->vg->name,
		              lv->name, pv->uuid);
	if (!extent_of(search->vg, pv, segment, place))
		return refuse(search, VG_BROKEN, "its LVM metadata places %s/%s at an absurd offset", search->vg->name,
		              lv->name);
	return true;
}

/* All segments of a sub-LV, neighbours merged. -ENOMEM, or 0 with *pieces 0 where it was refused. */
static int place_lv(struct search *search, const struct vg_lv *lv, struct extent **piece, size_t *pieces)
{
	uint64_t next = 0;
	size_t n = 0;

	*piece = calloc(lv->segments + 1, sizeof(**piece));
	if (!*piece)
		return -ENOMEM;
	if (!lv->segments)
		refuse(search, VG_BROKEN, "its LVM metadata gives %s/%s no extents", search->vg->name, lv->name);
	for (size_t s = 0; s < lv->segments; s++) {
		const struct vg_segment *segment = &lv->segment[s];
		struct extent *last = n ? *piece + n - 1 : NULL;
		struct extent place;

		if (segment->start_extent != next || __builtin_add_overflow(next, segment->extents, &next)) {
			refuse(search, VG_BROKEN, "its LVM metadata has a gap or an overlap in %s/%s", search->vg->name,
			       lv->name);
			return 0;
		}
		if (!place_segment(search, lv, segment, &place))
			return 0;
		if (last && last->offset + last->length == place.offset)
			last->length += place.length;
		else
			(*piece)[n++] = place;
	}
	*pieces = n;
	return 0;
}

/* The log of an old mirror may be a mirror itself: then its image on this PV is meant. */
static const struct vg_lv *log_here(const struct search *search, const struct vg_segment *segment)
{
	const struct vg_lv *log = segment->log ? vg_lv_by_name(search->vg, segment->log) : NULL;

	if (!log || lies_here(search, log))
		return log;
	for (size_t a = 0; is_mirror(log) && a < log->segment[0].areas; a++) {
		const struct vg_lv *part = vg_lv_by_name(search->vg, log->segment[0].area[a].name);

		if (lies_here(search, part))
			return part;
	}
	return NULL;
}

static int place_leg(struct search *search, const struct mirror *mirror, struct lvm_evidence *evidence)
{
	unsigned here = 0, count = 0;
	const struct vg_lv *meta;
	const struct vg_segment *last;
	int error;

	for (unsigned i = 0; i < mirror->legs; i++)
		if (lies_here(search, mirror->leg[i].image)) {
			here = i;
			count++;
		}
	if (count != 1) {
		refuse(search, VG_SCATTERED, "it carries %u legs of %s/%s", count, search->vg->name, mirror->lv->name);
		return 0;
	}
	evidence->leg_index = here;
	error = place_lv(search, mirror->leg[here].image, &search->leg->image, &search->leg->images);
	if (error || search->result != VG_FOUND)
		return error;
	last = &mirror->leg[here].image->segment[mirror->leg[here].image->segments - 1];
	if (last->start_extent + last->extents != mirror->segment->extents ||
	    __builtin_mul_overflow(mirror->segment->extents, search->vg->extent_bytes, &evidence->leg_bytes)) {
		refuse(search, VG_BROKEN, "its LVM metadata disagrees with itself about the size of %s/%s",
		       search->vg->name, mirror->lv->name);
		return 0;
	}
	/* An rmeta that was moved to another PV is as good as none: its superblock cannot be read from here. */
	meta = evidence->type == MIRROR_RAID1 ? mirror->leg[here].meta : log_here(search, mirror->segment);
	return lies_here(search, meta) ? place_lv(search, meta, &search->leg->meta, &search->leg->metas) : 0;
}

static const struct vg_pv *pv_by_uuid(const struct vg *vg, const char *uuid)
{
	for (size_t i = 0; i < vg->pvs; i++)
		if (!strcmp(vg->pv[i].uuid, uuid))
			return &vg->pv[i];
	return NULL;
}

int vg_find_leg(const struct vg *vg, const char *pv_uuid, const struct vg_wanted *wanted, enum vg_result *result,
                struct lvm_evidence *evidence, struct vg_leg *leg)
{
	struct search search = { .vg = vg, .leg = leg, .result = VG_FOUND };
	const struct vg_lv *lv = NULL;
	struct mirror mirror;
	int error = 0;

	memset(leg, 0, sizeof(*leg));
	strcpy(evidence->vg_name, vg->name);
	strcpy(evidence->vg_uuid, vg->uuid);
	evidence->seqno = vg->seqno;
	evidence->extent_bytes = vg->extent_bytes;
	search.pv = pv_by_uuid(vg, pv_uuid);
	if (!search.pv) {
		refuse(&search, VG_OTHER, "its volume group %s does not list it among its physical volumes", vg->name);
		goto out;
	}
	evidence->pe_start_bytes = search.pv->start_bytes;
	error = mark_lvs_here(&search);
	if (!error)
		lv = choose(&search, wanted);
	if (lv && read_legs(&search, lv, &mirror)) {
		strcpy(evidence->lv_name, lv->name);
		strcpy(evidence->lv_uuid, lv->uuid);
		evidence->is_autoactivated = vg->is_autoactivated && lv->is_autoactivated;
		evidence->type = mirror.segment->kind == VG_SEGMENT_RAID1 ? MIRROR_RAID1 : MIRROR_OLD;
		evidence->leg_count = mirror.legs;
		if (__builtin_mul_overflow(mirror.segment->region_sectors, 512, &evidence->region_bytes))
			evidence->region_bytes = 0;
		describe_legs(&search, &mirror, evidence);
		error = place_leg(&search, &mirror, evidence);
	}
out:
	free(search.is_here);
	*result = search.result;
	return error;
}

void vg_leg_free(struct vg_leg *leg)
{
	free(leg->image);
	free(leg->meta);
	leg->image = leg->meta = NULL;
	leg->images = leg->metas = 0;
}
