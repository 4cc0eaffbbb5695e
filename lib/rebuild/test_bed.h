/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of this folder: real copies of test-images in memory, a whole resync over them, and what
 * has to hold before, while and after it. A medium goes back to a base state at the cost of what changed.
 */
#ifndef SVC_TEST_BED_H
#define SVC_TEST_BED_H

#include <stdarg.h>
#include <errno.h>
#include <sys/mman.h>

#include "base/test_image.h"
#include "compare/compare.h"
#include "dev/recorder.h"
#include "evidence/evidence.h"
#include "evidence/raid.h"
#include "locate/pv_write.h"
#include "locate/vg.h"
#include "resync.h"
#include "verdict/history.h"
#include "verdict/verdict.h"

enum { BED_COPIES = 3, BED_PAGE = 4096, PAGE_DATA = 1, PAGE_DIRTY = 2 };

/* A scenario and how it is run. Without `from` the verdict names the authority. */
struct bed_row {
	const char *scenario;
	const char *copy[BED_COPIES];
	const char *from;
	const char *to;
	const char *legs; /* svc.conf's order */
	bool is_allocated;
	bool is_old; /* a mirror whose log no rebuild touches */
};

#define A_AND_S                     \
	{                           \
		"flash-a", "shared" \
	}
#define A_B_AND_S                              \
	{                                      \
		"flash-a", "flash-b", "shared" \
	}

struct medium {
	struct dev dev;
	size_t size;
	uint8_t *original;
	uint8_t *base; /* what `live` goes back to */
	uint8_t *live;
	uint8_t *flag; /* by page: may hold data; live differs from base */
	size_t *dirty;
	size_t dirties;
	struct extent *leg; /* where the mirrored data is, once it has been found */
	size_t legs;
	struct extent *meta;
	size_t metas;
};

struct bed {
	const struct bed_row *row;
	int copies;
	struct medium medium[BED_COPIES];
	int authority;
	bool is_target[BED_COPIES];
	uint64_t failed_devices;
	bool has_rest;       /* a copy is neither right nor a target */
	int first_authority; /* the verdict's own, before anything */
	bool is_doubtful;    /* a damaged copy may be newer, by that verdict */
	char why[600];       /* the first thing that was wrong */
};

/* Notes what is wrong. Returns -1. */
static inline __attribute__((format(printf, 2, 3))) int bed_wrong(struct bed *bed, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(bed->why, sizeof(bed->why), format, arguments);
	va_end(arguments);
	return -1;
}

/* ---- a medium ---- */

static inline int medium_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	memcpy(buffer, ((struct medium *)dev)->live + offset, length);
	return 0;
}

static inline int medium_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct medium *medium = (struct medium *)dev;

	for (size_t page = offset / BED_PAGE; length && page <= (offset + length - 1) / BED_PAGE; page++) {
		if (!(medium->flag[page] & PAGE_DIRTY))
			medium->dirty[medium->dirties++] = page;
		medium->flag[page] |= PAGE_DIRTY | PAGE_DATA;
	}
	memcpy(medium->live + offset, buffer, length);
	return 0;
}

static inline int medium_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	struct medium *medium = (struct medium *)dev;
	size_t pages = medium->size / BED_PAGE, first = offset / BED_PAGE, last;
	uint64_t start;

	while (first < pages && !(medium->flag[first] & PAGE_DATA))
		first++;
	for (last = first; last < pages && medium->flag[last] & PAGE_DATA;)
		last++;
	start = first == offset / BED_PAGE ? offset : first * (uint64_t)BED_PAGE;
	*run = (struct extent){ start, last * (uint64_t)BED_PAGE - start };
	if (first == pages)
		*run = (struct extent){ .offset = medium->size };
	return 0;
}

/* Surveys close what they are given; the medium stays. */
static inline void medium_close(struct dev *dev)
{
	(void)dev;
}

static const struct dev_ops medium_ops = {
	.pread = medium_pread,
	.pwrite = medium_pwrite,
	.next_data = medium_next_data,
	.close = medium_close,
};

static inline void medium_roll_back(struct medium *medium)
{
	for (size_t i = 0; i < medium->dirties; i++) {
		size_t page = medium->dirty[i];

		memcpy(medium->live + page * BED_PAGE, medium->base + page * BED_PAGE, BED_PAGE);
		medium->flag[page] &= (uint8_t)~PAGE_DIRTY;
	}
	medium->dirties = 0;
}

/* What is live becomes the base. */
static inline void medium_settle(struct medium *medium)
{
	for (size_t i = 0; i < medium->dirties; i++) {
		size_t page = medium->dirty[i];

		memcpy(medium->base + page * BED_PAGE, medium->live + page * BED_PAGE, BED_PAGE);
		medium->flag[page] &= (uint8_t)~PAGE_DIRTY;
	}
	medium->dirties = 0;
}

static inline bool medium_is_original(const struct medium *medium)
{
	return !memcmp(medium->live, medium->original, medium->size);
}

/* -1: there is no such image. */
static inline int medium_load(struct medium *medium, const char *scenario, const char *name)
{
	static const uint8_t zeros[BED_PAGE];
	size_t pages;

	medium->original = test_image_load(scenario, name, &medium->size);
	if (!medium->original)
		return -1;
	pages = medium->size / BED_PAGE;
	medium->base = malloc(medium->size);
	medium->live = malloc(medium->size);
	medium->flag = calloc(pages, 1);
	medium->dirty = calloc(pages, sizeof(medium->dirty[0]));
	if (!medium->base || !medium->live || !medium->flag || !medium->dirty || medium->size % BED_PAGE)
		abort();
	memcpy(medium->base, medium->original, medium->size);
	memcpy(medium->live, medium->original, medium->size);
	for (size_t page = 0; page < pages; page++)
		if (memcmp(medium->original + page * BED_PAGE, zeros, BED_PAGE))
			medium->flag[page] = PAGE_DATA;
	medium->dev = (struct dev){
		.ops = &medium_ops, .size_bytes = medium->size, .align_bytes = RECORDER_SECTOR_BYTES, .parallel = 1
	};
	return 0;
}

static inline void bed_close(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++) {
		struct medium *medium = &bed->medium[i];

		free(medium->original);
		free(medium->base);
		free(medium->live);
		free(medium->flag);
		free(medium->dirty);
		free(medium->leg);
		free(medium->meta);
	}
	memset(bed, 0, sizeof(*bed));
}

/* -1: the scenario's images are not there. */
static inline int bed_open(struct bed *bed, const struct bed_row *row)
{
	memset(bed, 0, sizeof(*bed));
	bed->row = row;
	for (; bed->copies < BED_COPIES && row->copy[bed->copies]; bed->copies++)
		if (medium_load(&bed->medium[bed->copies], row->scenario, row->copy[bed->copies])) {
			bed_close(bed);
			return -1;
		}
	return 0;
}

static inline void bed_roll_back(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++)
		medium_roll_back(&bed->medium[i]);
}

static inline void bed_reset(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++) {
		struct medium *medium = &bed->medium[i];

		medium_roll_back(medium);
		for (size_t page = 0; page < medium->size / BED_PAGE; page++)
			if (memcmp(medium->base + page * BED_PAGE, medium->original + page * BED_PAGE, BED_PAGE)) {
				memcpy(medium->base + page * BED_PAGE, medium->original + page * BED_PAGE, BED_PAGE);
				memcpy(medium->live + page * BED_PAGE, medium->original + page * BED_PAGE, BED_PAGE);
			}
	}
}

/* ---- the commands ---- */

static inline int bed_index(const struct bed *bed, const char *name)
{
	for (int i = 0; name && i < bed->copies; i++)
		if (!strcmp(bed->row->copy[i], name))
			return i;
	return -1;
}

/* device: NULL, or what is read instead of the media. */
static inline int bed_survey(struct bed *bed, struct dev *const device[], struct survey *survey)
{
	struct svc_error error;

	memset(survey, 0, sizeof(*survey));
	for (; survey->copies < bed->copies; survey->copies++) {
		int i = survey->copies;
		struct copy *copy = &survey->copy[i];

		snprintf(copy->name, sizeof(copy->name), "%s", bed->row->copy[i]);
		snprintf(copy->group, sizeof(copy->group), "%s", bed->row->copy[i]);
		snprintf(copy->locator, sizeof(copy->locator), "%s.img", bed->row->copy[i]);
		survey->access[i].device = device ? device[i] : &bed->medium[i].dev;
		if (locate_leg(copy, NULL, &survey->access[i], &error))
			return bed_wrong(bed, "%s: cannot be located: %s", copy->name, error.text);
		evidence_read(copy, i, &survey->access[i]);
	}
	return 0;
}

/* Closes the slices; the devices are not the survey's. */
static inline void bed_survey_close(struct survey *survey)
{
	for (int i = 0; i < survey->copies; i++) {
		survey->access[i].device = NULL;
		access_close(&survey->access[i]);
	}
}

/* As svc-compare does it. */
static inline int bed_judge(struct bed *bed, struct survey *survey, enum compare_mode mode,
                            struct comparison *comparison, struct verdict *verdict)
{
	struct compare_options options = { .mode = mode };
	struct svc_error error;
	int reference;

	memset(comparison, 0, sizeof(*comparison));
	verdict_judge(survey->copy, survey->copies, NULL, false, verdict);
	reference = verdict_reference(survey->copy, survey->copies, verdict);
	if (reference >= 0 &&
	    compare_run(survey->copy, survey->copies, survey->access, reference, &options, comparison, &error))
		return bed_wrong(bed, "the comparison fails: %s", error.text);
	verdict_judge(survey->copy, survey->copies, comparison, true, verdict);
	return 0;
}

/* One svc-resync on devices. The plan that it made, if it made one, to *plan. The exit code; *error says why. */
static inline int bed_resync_on(struct bed *bed, struct dev *const device[], const char *save, struct plan *plan,
                                struct svc_error *error)
{
	struct resync_options options = {
		.wish = { .from = bed_index(bed, bed->row->from),
		          .has_to = bed->row->to != NULL,
		          .is_allocated = bed->row->is_allocated,
		          .is_forced = true },
		.legs = bed->row->legs,
		.is_saving = save != NULL,
		.save_path = save,
		.now = 1770000000,
	};
	struct resync resync;
	struct survey survey;
	int code;

	memset(error, 0, sizeof(*error));
	memset(plan, 0, sizeof(*plan));
	if (bed_survey(bed, device, &survey)) {
		bed_survey_close(&survey);
		return -1;
	}
	if (bed->row->to)
		options.wish.to[bed_index(bed, bed->row->to)] = true;
	code = resync_prepare(&survey, &options, &resync, error);
	if (code && !error->text[0] && resync.refusals.count)
		error_set(error, -EPERM, "%s", resync.refusals.item[0].text);
	*plan = resync.plan;
	if (!code && resync.plan.actions)
		code = resync_execute(&survey, &options, device, &resync, error);
	resync_free(&resync);
	bed_survey_close(&survey);
	return code;
}

static inline void bed_devices(struct bed *bed, struct dev *device[BED_COPIES])
{
	for (int i = 0; i < bed->copies; i++)
		device[i] = &bed->medium[i].dev;
}

static inline int bed_resync(struct bed *bed, const char *save, struct plan *plan, struct svc_error *error)
{
	struct dev *device[BED_COPIES];

	bed_devices(bed, device);
	return bed_resync_on(bed, device, save, plan, error);
}

/* The same, noting what is written. */
static inline int bed_record(struct bed *bed, struct recording *recording, const char *save, struct plan *plan,
                             struct svc_error *error)
{
	struct dev *device[BED_COPIES] = { NULL };
	int code = 0;

	for (int i = 0; i < bed->copies && !code; i++)
		code = dev_open_recorder(&bed->medium[i].dev, recording, (unsigned)i, &device[i]);
	if (!code)
		code = bed_resync_on(bed, device, save, plan, error);
	for (int i = 0; i < bed->copies; i++)
		dev_close(device[i]);
	return code;
}

/* svc-resync --undo on devices. 0, or -errno; *error says why. */
static inline int bed_undo_on(struct dev *const device[], const char *path, struct svc_error *error)
{
	const struct restore_options options = { 0 };
	struct undo_look look;
	struct undo *undo;
	int code = undo_open(path, true, &undo, error);

	if (code)
		return code;
	code = restore_run(undo, device, &options, &look, error);
	undo_close(undo);
	return code;
}

static inline int bed_undo(struct bed *bed, const char *path, struct svc_error *error)
{
	struct dev *device[SVC_COPIES_MAX] = { NULL };

	bed_devices(bed, device);
	return bed_undo_on(device, path, error);
}

static inline bool bed_is_original(const struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++)
		if (!medium_is_original(&bed->medium[i]))
			return false;
	return true;
}

/* ---- what has to hold ---- */

static inline struct extent *bed_extents(const struct extent *from, size_t count)
{
	struct extent *extents = calloc(count + 1, sizeof(*extents));

	if (!extents)
		abort();
	if (count) /* there is no rmeta behind a bare file system */
		memcpy(extents, from, count * sizeof(*extents));
	return extents;
}

/* Where each leg lies; asked when every copy has one, after a rebuild. */
static inline int bed_find_legs(struct bed *bed)
{
	for (int i = 0; i < bed->copies; i++) {
		struct medium *medium = &bed->medium[i];
		struct lvm_evidence evidence = { 0 };
		struct pv_metadata metadata;
		enum vg_result result;
		struct vg_leg leg;

		if (pv_read_metadata(&medium->dev, &metadata)) {
			medium->leg = bed_extents(&(struct extent){ 0, medium->size }, 1);
			medium->legs = 1;
			medium->meta = bed_extents(NULL, 0);
			continue;
		}
		if (vg_find_leg(metadata.vg, metadata.label.uuid, NULL, &result, &evidence, &leg) || result != VG_FOUND)
			return bed_wrong(bed, "%s has no leg", bed->row->copy[i]);
		medium->leg = bed_extents(leg.image, leg.images);
		medium->legs = leg.images;
		medium->meta = bed_extents(leg.meta, leg.metas);
		medium->metas = leg.metas;
		vg_leg_free(&leg);
		pv_metadata_free(&metadata);
	}
	return 0;
}

static inline uint64_t bed_leg_bytes(const struct medium *medium)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < medium->legs; i++)
		bytes += medium->leg[i].length;
	return bytes;
}

/* A byte of the leg to a byte of the device. */
static inline uint64_t bed_at(const struct medium *medium, uint64_t offset)
{
	for (size_t i = 0; i < medium->legs; i++) {
		if (offset < medium->leg[i].length)
			return medium->leg[i].offset + offset;
		offset -= medium->leg[i].length;
	}
	abort();
}

/* x as it is, y as it is or was. Extents begin and end on pages, so that a page of the leg is one of the device. */
static inline bool bed_is_leg_equal(const struct medium *x, const struct medium *y, bool is_original,
                                    const struct bitset *units, uint32_t unit_bytes)
{
	for (uint64_t at = 0; at < bed_leg_bytes(x); at += BED_PAGE) {
		uint64_t dx = bed_at(x, at), dy = bed_at(y, at);
		const uint8_t *other = is_original ? y->original : y->live;

		if (units && unit_bytes >= BED_PAGE && !bitset_test(units, at / unit_bytes))
			continue;
		if (!(x->flag[dx / BED_PAGE] & PAGE_DATA) && !(y->flag[dy / BED_PAGE] & PAGE_DATA))
			continue;
		if (memcmp(x->live + dx, other + dy, BED_PAGE))
			return false;
	}
	return true;
}

static inline bool bed_is_authority_intact(const struct bed *bed)
{
	const struct medium *medium = &bed->medium[bed->authority];

	return bed_is_leg_equal(medium, medium, true, NULL, 0);
}

static inline bool bed_is_leg_touched(const struct bed *bed, int i)
{
	return !bed_is_leg_equal(&bed->medium[i], &bed->medium[i], true, NULL, 0);
}

static inline bool bed_is_done(const struct bed *bed, int i, const struct bitset *used, uint32_t unit_bytes)
{
	return bed_is_leg_equal(&bed->medium[i], &bed->medium[bed->authority], true,
	                        bed->row->is_allocated ? used : NULL, unit_bytes);
}

/* The dm-raid superblock as the kernel would see it; not present: it would refuse it. */
static inline struct raid_evidence bed_superblock(const struct medium *medium)
{
	struct raid_evidence raid = { 0 };

	if (medium->metas)
		raid_parse_superblock(medium->live + medium->meta[0].offset, &raid);
	return raid;
}

/* Whether the target is named where it is given alone, or with the others but not the authority. */
static inline bool bed_is_named_without(const struct bed *bed, const struct survey *survey, int target, bool is_alone)
{
	struct copy *copy = calloc(SVC_COPIES_MAX, sizeof(*copy));
	struct verdict verdict = { 0 };
	int copies = 0, at = -1;

	if (!copy)
		abort();
	for (int i = 0; i < survey->copies; i++) {
		if (i != target && (is_alone || i == bed->authority))
			continue;
		if (i == target)
			at = copies;
		copy[copies++] = survey->copy[i];
	}
	verdict_judge(copy, copies, NULL, false, &verdict);
	free(copy);
	return verdict.authority == at || verdict.state[at] == STATE_IN_SYNC;
}

/*
 * Any state that a crash leaves: the target is not named, not called equal unless it is, and the kernel
 * is not told that it is complete; the authority's data is what it was.
 */
static inline int bed_check_crashed(struct bed *bed)
{
	struct comparison comparison = { 0 };
	struct verdict verdict = { 0 };
	struct survey survey;
	int code = bed_survey(bed, NULL, &survey);

	if (!code)
		code = bed_judge(bed, &survey, COMPARE_ALLOCATED, &comparison, &verdict);
	if (!code && !bed_is_authority_intact(bed))
		code = bed_wrong(bed, "the authority's data was changed");
	/* What the verdict began by itself goes on by itself: the boot must not have to ask a person. */
	for (size_t i = 0; i < verdict.reasons.count && !code && !bed->is_doubtful && !bed->row->from; i++)
		if (verdict.reasons.item[i].id == REASON_MAY_BE_NEWER)
			code = bed_wrong(bed, "what was cut off is taken for one that may be newer: %s",
			                 verdict.reasons.item[i].text);
	for (int i = 0; i < bed->copies && !code; i++) {
		const char *name = bed->row->copy[i];
		struct raid_evidence raid = bed_superblock(&bed->medium[i]);
		bool is_done, is_touched;
		enum reason_id why;

		if (!bed->is_target[i])
			continue;
		is_touched = bed_is_leg_touched(bed, i);
		is_done = bed_is_done(bed, i, comparison.used, comparison.block_bytes);
		if (verdict.authority == i && (i != bed->first_authority || is_touched) && !is_done)
			code = bed_wrong(bed, "%s is named as the authority (%s)", name, verdict_name(verdict.kind));
		else if (verdict.state[i] == STATE_IN_SYNC && verdict.kind != VERDICT_IN_SYNC && is_touched && !is_done)
			code = bed_wrong(bed, "%s is called in-sync", name);
		else if (verdict.kind == VERDICT_IN_SYNC && comparison.used &&
		         !bed_is_leg_equal(&bed->medium[i], &bed->medium[bed->authority], true, comparison.used,
		                           comparison.block_bytes))
			code = bed_wrong(bed, "in-sync, and blocks in use differ");
		else if (verdict.kind == VERDICT_IN_SYNC && history_is_unfinished(&survey.copy[i], &why))
			code = bed_wrong(bed, "in-sync, and %s is marked", name);
		else if (raid.present && raid.recovery_offset == UINT64_MAX && is_touched && !is_done)
			code = bed_wrong(bed, "the kernel would take %s for complete", name);
		else if (is_touched && !is_done &&
		         (bed_is_named_without(bed, &survey, i, true) || bed_is_named_without(bed, &survey, i, false)))
			code = bed_wrong(bed, "without %s, %s is named", bed->row->copy[bed->authority], name);
	}
	compare_free(&comparison);
	bed_survey_close(&survey);
	return code;
}

static inline int bed_check_superblock(struct bed *bed, int i, const struct copy *copy)
{
	struct raid_evidence raid = bed_superblock(&bed->medium[i]);
	struct raid_evidence right = bed_superblock(&bed->medium[bed->authority]);

	if (!bed->medium[i].metas || bed->row->is_old)
		return 0;
	if (!raid.present || raid.events != right.events || raid.recovery_offset != UINT64_MAX ||
	    raid.resync_offset != UINT64_MAX || raid.failed_devices != bed->failed_devices ||
	    raid.array_position != copy->evidence.lvm.leg_index)
		return bed_wrong(bed, "%s: superblock: events %llu, failed %llx, position %u, recovery %llx",
		                 bed->row->copy[i], (unsigned long long)raid.events,
		                 (unsigned long long)raid.failed_devices, raid.array_position,
		                 (unsigned long long)raid.recovery_offset);
	return 0;
}

/* After a rebuild that ended with 0: legs equal, marks off, superblocks as they should be, in-sync. */
static inline int bed_check_done(struct bed *bed)
{
	struct comparison comparison = { 0 };
	struct verdict verdict = { 0 };
	struct survey survey;
	enum reason_id why;
	int code = bed_survey(bed, NULL, &survey);

	if (!code)
		code = bed_judge(bed, &survey, bed->row->is_allocated ? COMPARE_ALLOCATED : COMPARE_FULL, &comparison,
		                 &verdict);
	/* A copy that was not to be rebuilt stays stale. */
	if (!code && verdict.kind != VERDICT_IN_SYNC &&
	    !(bed->has_rest && verdict.kind == VERDICT_STALE && verdict.authority == bed->authority))
		code = bed_wrong(bed, "after the rerun the verdict is %s: %s", verdict_name(verdict.kind),
		                 verdict.reasons.count ? verdict.reasons.item[0].text : "");
	if (!code && !bed_is_authority_intact(bed))
		code = bed_wrong(bed, "the rerun changed the authority's data");
	for (int i = 0; i < bed->copies && !code; i++) {
		if (i != bed->authority && !bed->is_target[i])
			continue;
		if (!bed_is_done(bed, i, comparison.used, comparison.block_bytes))
			code = bed_wrong(bed, "after the rerun %s differs from the authority", bed->row->copy[i]);
		else if (history_is_unfinished(&survey.copy[i], &why))
			code = bed_wrong(bed, "after the rerun %s is still marked", bed->row->copy[i]);
		else if (survey.copy[i].evidence.lvm.seqno < survey.copy[bed->authority].evidence.lvm.seqno)
			code = bed_wrong(bed, "after the rerun %s's LVM metadata is old", bed->row->copy[i]);
		else
			code = bed_check_superblock(bed, i, &survey.copy[i]);
	}
	compare_free(&comparison);
	bed_survey_close(&survey);
	return code;
}

/* One recorded run: what is the authority, what the targets, where the legs are. Leaves the media rebuilt. */
static inline int bed_first_run(struct bed *bed, struct recording *recording, const char *save)
{
	struct comparison comparison;
	struct svc_error error;
	struct verdict verdict = { 0 };
	struct survey survey;
	struct plan plan;
	int code = bed_survey(bed, NULL, &survey);

	if (!code)
		code = bed_judge(bed, &survey, COMPARE_ALLOCATED, &comparison, &verdict);
	if (code)
		return code;
	bed->first_authority = verdict.authority;
	bed->is_doubtful = verdict_has(&verdict, REASON_MAY_BE_NEWER, NULL);
	compare_free(&comparison);
	bed_survey_close(&survey);
	code = bed_record(bed, recording, save, &plan, &error);
	if (code)
		return bed_wrong(bed, "the first run ends with %d: %s", code, error.text);
	bed->authority = plan.authority;
	bed->failed_devices = plan.failed_devices;
	for (int i = 0; i < bed->copies; i++)
		bed->has_rest |= !plan.is_member[i];
	memcpy(bed->is_target, plan.is_target, sizeof(bed->is_target));
	code = bed_find_legs(bed);
	return code ? code : bed_check_done(bed);
}

#endif
