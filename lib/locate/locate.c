/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/locate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/holders.h"
#include "locate/foreign.h"
#include "locate/pv.h"
#include "locate/vg.h"

enum { ALL = -1 }; /* findings get their copy's index when the verdict gathers them */

enum { DEVICE_BYTES_MIN = 4096 }; /* LVM's label and metadata would not fit, nor a file system */

/* What is known of one copy while its leg is looked for. */
struct search {
	struct copy *copy;
	struct access *access;
	struct svc_error *error;
	const struct vg_wanted *wanted; /* NULL: the only mirror there is */
	struct pv_label label;
	struct vg *vg; /* of the newest valid text */
	unsigned bad;  /* metadata areas by what became of them */
	unsigned empty;
	unsigned unread;
	char why[128]; /* what is wrong with the last bad one */
};

static void note_read_error(struct copy *copy, const char *what, struct extent where, int code)
{
	struct read_errors *errors = &copy->evidence.errors;

	if (errors->count < SVC_ERRORS_LISTED)
		errors->listed[errors->count] = where;
	errors->count++;
	errors->bytes += where.length;
	reason_add(&copy->findings, REASON_READ_ERROR, ALL, "its %s cannot be read: %s at byte %" PRIu64, what,
	           strerror(-code), where.offset);
}

/* ---- metadata areas ---- */

static void note_bad_area(struct search *search, unsigned area, const char *why)
{
	search->bad++;
	snprintf(search->why, sizeof(search->why), "the one at byte %" PRIu64 ": %s", search->label.area[area].offset,
	         why);
}

static bool fits(const struct search *search, struct extent part)
{
	uint64_t size = search->access->device->size_bytes;

	return part.offset <= size && part.length <= size - part.offset;
}

/* Reads the text of an area into *text, or notes why not. Only lack of memory is an error. */
static int read_text(struct search *search, unsigned area, const struct pv_text *where, char **text)
{
	size_t at = 0;

	*text = NULL;
	if (!fits(search, where->piece[0]) || !fits(search, where->piece[1])) {
		note_bad_area(search, area, "its text lies beyond the end of the device");
		return 0;
	}
	*text = malloc(where->bytes);
	if (!*text)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		int code = dev_read(search->access->device, *text + at, where->piece[i].length, where->piece[i].offset);

		if (code) {
			note_read_error(search->copy, "LVM metadata", where->piece[i], code);
			search->unread++;
			goto unusable;
		}
		at += where->piece[i].length;
	}
	if (pv_checksum(*text, where->bytes) == where->checksum)
		return 0;
	note_bad_area(search, area, "the checksum of its text is wrong");
unusable:
	free(*text);
	*text = NULL;
	return 0;
}

static int read_area(struct search *search, unsigned area)
{
	struct lvm_evidence *lvm = &search->copy->evidence.lvm;
	struct extent header = { search->label.area[area].offset, PV_SECTOR_BYTES };
	uint8_t sector[PV_SECTOR_BYTES];
	const char *why = NULL;
	struct vg *vg = NULL;
	struct pv_text where;
	char *text = NULL;
	int error;

	if (!fits(search, header)) {
		note_bad_area(search, area, "it lies beyond the end of the device");
		return 0;
	}
	error = dev_read(search->access->device, sector, sizeof(sector), header.offset);
	if (error) {
		note_read_error(search->copy, "LVM metadata", header, error);
		search->unread++;
		return 0;
	}
	switch (pv_parse_area(sector, search->label.area[area], &where)) {
	case PV_AREA_BAD:
		note_bad_area(search, area, "its header is damaged");
		return 0;
	case PV_AREA_EMPTY:
		search->empty++;
		lvm->areas_valid++;
		return 0;
	case PV_AREA_IGNORED:
		lvm->areas_valid++;
		return 0;
	case PV_AREA_TEXT:
		break;
	}
	error = read_text(search, area, &where, &text);
	if (error || !text)
		return error;
	error = vg_parse(text, where.bytes, &vg, &why);
	free(text);
	if (error == -EBADMSG) {
		note_bad_area(search, area, why);
		return 0;
	}
	if (error)
		return error;
	lvm->areas_valid++;
	if (search->vg && search->vg->seqno >= vg->seqno) {
		vg_free(vg);
	} else {
		vg_free(search->vg);
		search->vg = vg;
	}
	return 0;
}

/* Says why a PV without any valid text is not a usable copy. */
static void judge_no_text(struct search *search)
{
	struct copy *copy = search->copy;

	if (search->unread) {
		copy->condition = COPY_UNREADABLE;
	} else if (search->bad) {
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_METADATA_DAMAGED, ALL,
		           "its LVM metadata is damaged (areas: %u, all unusable); %s", search->label.areas,
		           search->why);
	} else if (search->empty) {
		copy->condition = COPY_FOREIGN;
		reason_add(&copy->findings, REASON_OTHER_VG, ALL,
		           "it is an LVM physical volume that belongs to no volume group");
	} else {
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_METADATA_DAMAGED, ALL,
		           "it is a physical volume without metadata of its volume group (areas: %u, all ignored)",
		           search->label.areas);
	}
}

/* ---- the leg ---- */

/* Notes a part that ends beyond the device; `what` names it. */
static bool is_cut_off(struct search *search, const struct extent *piece, size_t pieces, const char *what)
{
	const struct lvm_evidence *lvm = &search->copy->evidence.lvm;
	uint64_t end = 0;

	for (size_t i = 0; i < pieces; i++)
		if (piece[i].offset + piece[i].length > end)
			end = piece[i].offset + piece[i].length;
	if (end <= search->copy->device_bytes)
		return false;
	search->copy->condition = COPY_DAMAGED;
	reason_add(&search->copy->findings, REASON_LEG_TRUNCATED, ALL,
	           "it is %" PRIu64 " bytes long, but its %s of %s/%s ends at byte %" PRIu64,
	           search->copy->device_bytes, what, lvm->vg_name, lvm->lv_name, end);
	return true;
}

static int open_leg(struct search *search, const struct vg_leg *leg)
{
	struct lvm_evidence *lvm = &search->copy->evidence.lvm;
	struct access *access = search->access;
	int error = 0;

	if (is_cut_off(search, leg->image, leg->images, "leg") || is_cut_off(search, leg->meta, leg->metas, "metadata"))
		return 0;
	if (lvm->leg_bytes > search->copy->device_bytes) {
		search->copy->condition = COPY_DAMAGED;
		reason_add(&search->copy->findings, REASON_METADATA_DAMAGED, ALL,
		           "its LVM metadata lays %" PRIu64 " bytes of %s/%s onto %" PRIu64 " bytes", lvm->leg_bytes,
		           lvm->vg_name, lvm->lv_name, search->copy->device_bytes);
		return 0;
	}
	error = dev_open_slice(access->device, leg->image, leg->images, &access->leg);
	if (!error && leg->metas)
		error = dev_open_slice(access->device, leg->meta, leg->metas, &access->meta);
	if (!error && lvm->bootloader_area.length && fits(search, lvm->bootloader_area))
		error = dev_open_slice(access->device, &lvm->bootloader_area, 1, &access->record);
	if (error)
		return error_set(search->error, error, "%s: %s", search->copy->name, strerror(-error));
	search->copy->leg_bytes = lvm->leg_bytes;
	search->copy->condition = COPY_USABLE;
	return 0;
}

static int find_leg(struct search *search)
{
	static const struct {
		enum copy_condition condition;
		enum reason_id reason;
	} outcomes[] = {
		[VG_OTHER] = { COPY_FOREIGN, REASON_OTHER_VG },
		[VG_NO_MIRROR] = { COPY_FOREIGN, REASON_NO_MIRROR },
		[VG_AMBIGUOUS] = { COPY_FOREIGN, REASON_LEG_AMBIGUOUS },
		[VG_SCATTERED] = { COPY_FOREIGN, REASON_LEG_SCATTERED },
		[VG_BROKEN] = { COPY_DAMAGED, REASON_METADATA_DAMAGED },
	};
	struct copy *copy = search->copy;
	enum vg_result result;
	struct vg_leg leg;
	int error;

	error = vg_find_leg(search->vg, search->label.uuid, search->wanted, &result, &copy->evidence.lvm, &leg);
	if (error) {
		error_set(search->error, error, "%s: out of memory", copy->name);
	} else if (result == VG_FOUND) {
		error = open_leg(search, &leg);
	} else {
		copy->condition = outcomes[result].condition;
		reason_add(&copy->findings, outcomes[result].reason, ALL, "%s", leg.text);
	}
	vg_leg_free(&leg);
	return error;
}

static int locate_on_pv(struct search *search)
{
	struct lvm_evidence *lvm = &search->copy->evidence.lvm;
	int error = 0;

	lvm->present = true;
	strcpy(lvm->pv_uuid, search->label.uuid);
	lvm->pv_size_bytes = search->label.size_bytes;
	lvm->pe_start_bytes = search->label.data_offset_bytes;
	lvm->bootloader_area = search->label.bootloader_area;
	lvm->areas_total = search->label.areas;
	for (unsigned i = 0; i < search->label.areas && !error; i++)
		error = read_area(search, i);
	if (error)
		return error_set(search->error, error, "%s: out of memory", search->copy->name);
	if (!search->vg) {
		judge_no_text(search);
		return 0;
	}
	if (search->bad)
		reason_add(&search->copy->findings, REASON_METADATA_COPY_BAD, ALL,
		           "one of its %u LVM metadata areas is damaged, %s; the other one was used",
		           search->label.areas, search->why);
	return find_leg(search);
}

/* ---- no PV ---- */

static int locate_without_pv(struct search *search)
{
	struct copy *copy = search->copy;
	struct extent whole = { 0, copy->device_bytes };
	struct foreign foreign;
	int error = foreign_probe(search->access->device, &foreign);

	if (error == -ENOMEM)
		return error_set(search->error, error, "%s: out of memory", copy->name);
	if (error) {
		copy->condition = COPY_UNREADABLE;
		note_read_error(copy, "contents", foreign.unread, error);
		return 0;
	}
	switch (foreign.kind) {
	case FOREIGN_BLANK:
		copy->condition = COPY_BLANK;
		reason_add(&copy->findings, REASON_BLANK, ALL,
		           "it is blank: both ends of its %" PRIu64 " bytes hold nothing", copy->device_bytes);
		return 0;
	case FOREIGN_EXT_CUT:
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_FS_DAMAGED, ALL, "it holds %s", foreign.what);
		return 0;
	case FOREIGN_OTHER:
		copy->condition = COPY_FOREIGN;
		reason_add(&copy->findings, REASON_FOREIGN, ALL, "it holds %s", foreign.what);
		return 0;
	case FOREIGN_EXT:
		break;
	}
	error = dev_open_slice(search->access->device, &whole, 1, &search->access->leg);
	if (error)
		return error_set(search->error, error, "%s: %s", copy->name, strerror(-error));
	copy->leg_bytes = copy->device_bytes;
	copy->condition = COPY_USABLE;
	return 0;
}

int locate_read_blank(struct copy *copy, const struct access *access, const volatile sig_atomic_t *stop,
                      void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes), void *context)
{
	uint64_t at;
	int result;

	if (copy->condition != COPY_BLANK || !copy->device_bytes || !access->device)
		return 0;
	result = foreign_is_all_blank(access->device, stop, progress, context, &at);
	if (result == -EINTR || result == -ENOMEM)
		return result;
	copy->findings.count = 0;
	if (result != 1)
		copy->condition = COPY_FOREIGN;
	if (result == 1)
		reason_add(&copy->findings, REASON_BLANK, ALL, "it is blank: all of its %" PRIu64 " bytes hold nothing",
		           copy->device_bytes);
	else if (result)
		reason_add(&copy->findings, REASON_FOREIGN, ALL,
		           "both its ends are blank, but byte %" PRIu64 " cannot be read: %s", at, strerror(-result));
	else
		reason_add(&copy->findings, REASON_FOREIGN, ALL,
		           "both its ends are blank, but it holds something at byte %" PRIu64, at);
	return 0;
}

/* ---- all of it ---- */

static int locate_on_device(struct search *search)
{
	struct copy *copy = search->copy;
	uint8_t head[PV_SCAN_BYTES] = { 0 };
	struct extent scanned = { 0, copy->device_bytes < sizeof(head) ? copy->device_bytes : sizeof(head) };
	const char *why = NULL;
	int error;

	/* A card reader without a card says 0; a blank device would be rebuilt. */
	if (copy->device_bytes < DEVICE_BYTES_MIN) {
		copy->condition = COPY_UNREADABLE;
		reason_add(&copy->findings, REASON_OPEN, ALL,
		           "%s, %" PRIu64 " bytes long: there is no medium in it, or it was cut off",
		           copy->device_bytes ? "it has no room for anything" : "it is empty", copy->device_bytes);
		return 0;
	}
	error = dev_read(search->access->device, head, scanned.length, 0);
	if (error) {
		note_read_error(copy, "label", scanned, error);
		return 0;
	}
	switch (pv_parse_label(head, scanned.length, &search->label, &why)) {
	case PV_VALID:
		return locate_on_pv(search);
	case PV_DAMAGED:
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_LABEL_DAMAGED, ALL, "its LVM label is damaged: %s", why);
		return 0;
	case PV_BEGUN:
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_REBUILD_TARGET, ALL,
		           "it is being made a leg of the mirror, and that is not finished");
		return 0;
	case PV_NONE:
		break;
	}
	return locate_without_pv(search);
}

static int parse_lv(const char *lv, struct vg_wanted *wanted, struct svc_error *error)
{
	if (vg_parse_wanted(lv, wanted))
		return 0;
	error_set(error, -EINVAL, "%.200s: not the name of a logical volume", lv);
	error_next(error, "give it as VG/LV, as `lvs` prints them");
	return -EINVAL;
}

int locate_leg(struct copy *copy, const char *lv, struct access *access, struct svc_error *error)
{
	struct search search = { .copy = copy, .access = access, .error = error };
	struct vg_wanted wanted;
	int code;

	if (lv) {
		code = parse_lv(lv, &wanted, error);
		if (code)
			return code;
		search.wanted = &wanted;
	}
	copy->condition = COPY_UNREADABLE;
	copy->device_bytes = access->device->size_bytes;
	copy->is_live = access->device->is_live;
	copy->is_read_only = access->device->is_read_only;
	copy->has_no_flush = access->device->has_no_flush;
	code = locate_on_device(&search);
	vg_free(search.vg);
	return code;
}

int locate_copy(struct copy *copy, const struct locate_options *options, struct access *access, struct svc_error *error)
{
	struct vg_wanted wanted;
	int code;

	memset(access, 0, sizeof(*access));
	copy->condition = COPY_UNREADABLE;
	if (options->lv) {
		code = parse_lv(options->lv, &wanted, error);
		if (code)
			return code;
	}
	code = dev_open(copy->locator, &options->dev, &access->device, error);
	if (code == -EISDIR || code == -ENODEV || code == -ENOMEM)
		return code;
	if (code) {
		reason_add(&copy->findings, REASON_OPEN, ALL, "%s", error->text);
		return 0;
	}
	if (access->device->is_live)
		dev_holders(copy->locator, copy->held_by, sizeof(copy->held_by));
	return locate_leg(copy, options->lv, access, error);
}

void access_close(struct access *access)
{
	dev_close(access->record);
	dev_close(access->meta);
	dev_close(access->leg);
	dev_close(access->device);
	memset(access, 0, sizeof(*access));
}
