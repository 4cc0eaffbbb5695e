/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/rebuild.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compare/scan.h"
#include "evidence/evidence.h"
#include "evidence/record.h"
#include "locate/foreign.h"
#include "locate/pv_write.h"
#include "locate/vg.h"
#include "rebuild/content.h"
#include "rebuild/mark.h"
#include "rebuild/saver.h"
#include "rebuild/superblock.h"
#include "rebuild/undo.h"

enum {
	PROGRESS_BYTES = 64 << 20, /* how much content may have to be compared again after a crash */
};

/* A copy that the plan touches, opened through a saver. */
struct member {
	struct dev *saver;
	struct access over;     /* leg, meta and record over the saver: what is written goes through it */
	struct access plain;    /* the same without it: for many readers at once */
	struct copy now;        /* as it was just before the first write */
	struct record record;   /* as last written */
	struct bitset *written; /* units of the leg */
	uint64_t durable_bytes; /* content up to the last durable progress */
};

struct rebuild {
	const struct plan *plan;
	const struct copy *copy;
	int copies;
	struct dev *const *device;
	const struct rebuild_map *map;
	const struct rebuild_options *options;
	struct outcome *outcome;
	struct svc_error *error;
	struct undo *undo;
	struct member member[SVC_COPIES_MAX];
	struct bitset *pass; /* units that the content action at hand looks at */
	uint32_t unit_bytes;
	uint64_t leg_bytes;
	int target; /* of the action at hand */
};

static const struct copy *authority_of(const struct rebuild *r)
{
	return &r->copy[r->plan->authority];
}

static struct access *authority_access(struct rebuild *r)
{
	return &r->member[r->plan->authority].plain;
}

static int failed(struct rebuild *r, int i, int code, const char *what)
{
	return error_set(r->error, code, "%s: %s: %s", r->copy[i].name, what, strerror(-code));
}

/* Without a record and without a dm-raid superblock the mark is over the file system's own magic number. */
static bool is_fs_marked(const struct rebuild *r, int i)
{
	return authority_of(r)->evidence.lvm.type != MIRROR_RAID1 && !r->member[i].over.record;
}

/* ---- opening ---- */

/* Finds the member's leg anew, once through the saver and once beside it. */
static int locate_member(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	struct copy beside = member->now;
	int code;

	member->over.device = member->saver;
	member->plain.device = r->device[i];
	code = locate_leg(&member->now, r->options->lv, &member->over, r->error);
	if (!code)
		code = locate_leg(&beside, r->options->lv, &member->plain, r->error);
	if (!code && member->now.condition != beside.condition) /* a read failed the one time or the other */
		code = failed(r, i, -EIO, "its leg cannot be found again");
	return code;
}

static void close_legs(struct access *access)
{
	dev_close(access->leg);
	dev_close(access->meta);
	dev_close(access->record);
	memset(access, 0, sizeof(*access));
}

static bool is_same_evidence(const struct copy *x, const struct copy *y)
{
	return x->condition == y->condition && x->leg_bytes == y->leg_bytes && x->device_bytes == y->device_bytes &&
	       !memcmp(&x->evidence, &y->evidence, sizeof(x->evidence));
}

/* A bootloader area too small for a record is none. */
static void drop_small_area(struct access *over)
{
	if (!over->record || over->record->size_bytes >= RECORD_AREA_BYTES)
		return;
	dev_close(over->record);
	over->record = NULL;
}

static int open_member(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	int code = saver_open(r->device[i], r->undo, i, &member->saver);

	if (code)
		return failed(r, i, code, "cannot be prepared");
	memcpy(member->now.name, r->copy[i].name, sizeof(member->now.name));
	memcpy(member->now.group, r->copy[i].group, sizeof(member->now.group));
	code = locate_member(r, i);
	if (code)
		return code;
	evidence_read(&member->now, i, &member->over);
	if (member->now.condition == COPY_UNREADABLE && r->copy[i].condition != COPY_UNREADABLE)
		return failed(r, i, -EIO, "its evidence cannot be read again");
	if (!is_same_evidence(&r->copy[i], &member->now)) {
		error_set(r->error, -ESTALE, "%s: its evidence changed since the verdict; nothing was written",
		          r->copy[i].name);
		error_next(r->error, "%s", reason_row(REASON_CHANGED)->next);
		return -ESTALE;
	}
	if (member->now.evidence.record.present)
		member->record = member->now.evidence.record.record;
	drop_small_area(&member->over);
	return 0;
}

static int open_undo(struct rebuild *r)
{
	struct undo_header header = { .time = r->options->now, .copies = r->copies };

	memcpy(header.lv_uuid, authority_of(r)->evidence.lvm.lv_uuid, sizeof(header.lv_uuid));
	for (int i = 0; i < r->copies; i++) {
		memcpy(header.copy[i].name, r->copy[i].group,
		       strnlen(r->copy[i].group, sizeof(header.copy[i].name) - 1));
		memcpy(header.copy[i].pv_uuid, r->copy[i].evidence.lvm.pv_uuid, LVM_UUID_SIZE);
		header.copy[i].device_bytes = r->copy[i].device_bytes;
		if (r->plan->is_whole[i])
			memcpy(header.copy[i].rebuilt_uuid,
			       authority_of(r)->evidence.lvm.leg_pv_uuid[r->plan->leg_index[i]], LVM_UUID_SIZE);
	}
	return undo_create(r->options->save_path, &header, r->options->save_append, r->options->save_limit_bytes,
	                   &r->undo, r->error);
}

/* The units in use: what the comparison found, or the authority's own map where nothing was compared. */
static int make_maps(struct rebuild *r)
{
	uint64_t units;
	int code = 0;

	r->leg_bytes = authority_of(r)->leg_bytes;
	r->unit_bytes = r->map->unit_bytes;
	units = r->leg_bytes / r->unit_bytes + (r->leg_bytes % r->unit_bytes != 0);
	r->pass = bitset_new(units);
	if (!r->pass)
		code = -ENOMEM;
	for (int i = 0; i < r->copies && !code; i++) {
		if (!r->plan->is_target[i])
			continue;
		r->member[i].written = bitset_new(units);
		code = r->member[i].written ? 0 : -ENOMEM;
	}
	return code == -ENOMEM ? error_set(r->error, code, "out of memory for the block maps") : code;
}

/* ---- actions ---- */

static int store_mark(struct rebuild *r, int i, struct dev *area, const char *pv_uuid, enum rebuild_state state)
{
	uint64_t total = 0;

	for (int a = 0; a < r->plan->actions; a++)
		if (r->plan->action[a].copy == i &&
		    (r->plan->action[a].kind == ACTION_USED || r->plan->action[a].kind == ACTION_FREE))
			total += r->plan->action[a].bytes;
	mark_rebuilding(&r->member[i].record, &r->copy[i], pv_uuid, authority_of(r), state, r->member[i].durable_bytes,
	                total, r->options->now);
	return record_store(area, &r->member[i].record);
}

static int do_mark(struct rebuild *r, int i)
{
	struct access *over = &r->member[i].over;
	int code = 0;

	if (over->record)
		code = store_mark(r, i, over->record, r->member[i].now.evidence.lvm.pv_uuid, REBUILD_CONTENT);
	if (!code && authority_of(r)->evidence.lvm.type == MIRROR_RAID1)
		code = superblock_mark(over->meta, authority_access(r)->meta);
	if (!code && is_fs_marked(r, i))
		code = dev_write(over->leg, foreign_rebuild_mark, FOREIGN_MARK_BYTES, FOREIGN_MARK_OFFSET);
	if (!code)
		code = dev_flush(r->member[i].saver);
	return code ? failed(r, i, code, "cannot be marked as being rebuilt") : 0;
}

/* Marks what will be the leg before there is a label that leads to it. */
static int mark_ahead(struct rebuild *r, int i, const struct pv_metadata *metadata, const struct pv_label *label)
{
	struct lvm_evidence evidence = { 0 };
	struct vg_wanted wanted = { 0 };
	struct dev *area = NULL, *meta = NULL;
	enum vg_result result;
	struct vg_leg leg;
	int code;

	memcpy(wanted.lv, authority_of(r)->evidence.lvm.lv_name, sizeof(wanted.lv));
	code = vg_find_leg(metadata->vg, label->uuid, &wanted, &result, &evidence, &leg);
	if (!code && result != VG_FOUND)
		code = -ENOENT;
	if (!code && label->bootloader_area.length >= RECORD_AREA_BYTES)
		code = dev_open_slice(r->member[i].saver, &label->bootloader_area, 1, &area);
	if (!code && area)
		code = store_mark(r, i, area, label->uuid, REBUILD_CONTENT);
	if (!code && leg.metas)
		code = dev_open_slice(r->member[i].saver, leg.meta, leg.metas, &meta);
	if (!code && meta && authority_of(r)->evidence.lvm.type == MIRROR_RAID1)
		code = superblock_mark(meta, authority_access(r)->meta);
	dev_close(area);
	dev_close(meta);
	vg_leg_free(&leg);
	return code;
}

/* The target becomes the PV that the volume group expects, and is located again. */
static int do_layout(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	const struct lvm_evidence *right = &authority_of(r)->evidence.lvm;
	const char *uuid = right->leg_pv_uuid[r->plan->leg_index[i]];
	struct pv_metadata metadata;
	struct pv_label label;
	int code;

	close_legs(&member->over);
	close_legs(&member->plain);
	if (right->type == MIRROR_NONE) { /* a bare file system: the device is the leg */
		struct extent whole = { 0, r->leg_bytes };

		code = dev_open_slice(member->saver, &whole, 1, &member->over.leg);
		return code ? code : dev_open_slice(r->device[i], &whole, 1, &member->plain.leg);
	}
	code = pv_read_metadata(authority_access(r)->device, &metadata);
	if (code)
		return failed(r, r->plan->authority, code, "its LVM metadata cannot be read");
	code = pv_plan_label(&metadata, uuid, r->copy[i].device_bytes, &label);
	if (!code)
		code = pv_begin_layout(member->saver, &label);
	if (!code)
		code = mark_ahead(r, i, &metadata, &label);
	if (!code)
		code = pv_write_layout(member->saver, &label, metadata.text, metadata.bytes);
	pv_metadata_free(&metadata);
	if (code == -ENOSPC)
		return error_set(r->error, code, "%s: %" PRIu64 " bytes are too few for PV %s", r->copy[i].name,
		                 r->copy[i].device_bytes, uuid);
	if (code)
		return failed(r, i, code, "the PV cannot be laid out");
	memset(&member->now.findings, 0, sizeof(member->now.findings));
	memset(&member->now.evidence, 0, sizeof(member->now.evidence));
	code = locate_member(r, i);
	if (!code && (member->now.condition != COPY_USABLE || member->now.leg_bytes != r->leg_bytes))
		code = error_set(r->error, -EIO, "%s: the PV that was just laid out does not show its leg",
		                 r->copy[i].name);
	drop_small_area(&member->over);
	return code;
}

static int content_step(void *context, uint64_t written_bytes)
{
	struct rebuild *r = context;
	struct member *member = &r->member[r->target];
	uint64_t done = r->outcome->content_bytes + written_bytes;
	int code = 0;

	if (r->options->progress)
		r->options->progress(r->options->context, done, r->plan->bytes);
	if (written_bytes - member->durable_bytes < PROGRESS_BYTES || !member->over.record)
		return 0;
	code = dev_flush(member->saver);
	member->durable_bytes = written_bytes;
	if (!code)
		code = store_mark(r, r->target, member->over.record, member->record.pv_uuid, REBUILD_CONTENT);
	return code;
}

/* Which units a content action looks at. */
static void choose_pass(struct rebuild *r, int i, bool wants_used)
{
	memset(r->pass->word, 0, (r->pass->bits + 63) / 64 * sizeof(r->pass->word[0]));
	for (uint64_t w = 0; w < (r->pass->bits + 63) / 64; w++) {
		uint64_t used = r->map->used->word[w], all = ~(uint64_t)0;

		if (w == r->pass->bits / 64)
			all = ((uint64_t)1 << r->pass->bits % 64) - 1;
		r->pass->word[w] = (wants_used ? used : ~used) & all;
		if (r->plan->is_compared[i])
			r->pass->word[w] &= r->map->differing->word[w];
	}
}

/* The unit with the mark, where that is in the file system's superblock: it comes last. */
static uint64_t marked_unit(const struct rebuild *r)
{
	return FOREIGN_MARK_OFFSET / r->unit_bytes;
}

static int do_content(struct rebuild *r, int i, bool wants_used)
{
	struct content_job job = {
		.from = authority_access(r)->leg,
		.to = r->member[i].over.leg,
		.to_read = r->member[i].plain.leg,
		.saver = r->member[i].saver,
		.wanted = r->pass,
		.written = r->member[i].written,
		.unit_bytes = r->unit_bytes,
		.leg_bytes = r->leg_bytes,
		.rate = r->options->rate,
		.stop = r->options->stop,
		.batch_done = content_step,
		.context = r,
	};
	int code;

	choose_pass(r, i, wants_used);
	if (is_fs_marked(r, i))
		bitset_clear(r->pass, marked_unit(r));
	r->target = i;
	r->member[i].durable_bytes = 0;
	code = content_copy(&job);
	r->outcome->content_bytes += job.written_bytes;
	if (code == -EINTR) {
		int flushed = dev_flush(r->member[i].saver);

		error_set(r->error, code, "stopped; %s stays marked as being rebuilt", r->copy[i].name);
		error_next(r->error, "run the same command again to go on");
		return flushed ? failed(r, i, flushed, "cannot be flushed") : code;
	}
	if (code == -EFBIG) {
		error_set(r->error, code,
		          "%s: saving what is overwritten takes more than the limit of %" PRIu64 " bytes",
		          r->copy[i].name, r->options->save_limit_bytes);
		error_next(r->error, "%s", reason_row(REASON_UNDO_LIMIT)->next);
		return code;
	}
	if (code && job.read_error)
		return failed(r, r->plan->authority, code, "cannot be read");
	return code ? failed(r, i, code, "cannot be written") : 0;
}

/* Reads back what was written, past this host's cache, and holds it against the authority. */
static int do_prove(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	struct dev *medium = NULL;
	struct access proof = { 0 };
	struct copy seen = member->now;
	struct scan scan = {
		.part = { { .leg = authority_access(r)->leg }, { .leg = member->plain.leg } },
		.parts = 2,
		.unit_bytes = r->unit_bytes,
		.leg_bytes = r->leg_bytes,
		.wanted = member->written,
		.stop = r->options->stop,
	};
	int code = dev_flush(member->saver);

	if (!code && !dev_open_uncached(r->device[i], &medium)) {
		proof.device = medium;
		seen.findings.count = 0;
		if (authority_of(r)->evidence.lvm.type != MIRROR_NONE)
			code = locate_leg(&seen, r->options->lv, &proof, r->error);
		else
			code = dev_open_slice(medium, &(struct extent){ 0, r->leg_bytes }, 1, &proof.leg);
		if (!code)
			scan.part[1].leg = proof.leg ? proof.leg : member->plain.leg;
	}
	for (int p = 0; p < scan.parts; p++) {
		scan.part[p].differing = bitset_new(member->written->bits);
		if (!code && !scan.part[p].differing)
			code = -ENOMEM;
	}
	if (!code)
		code = scan_run(&scan);
	if (!code && (bitset_count(scan.part[1].differing) || scan.part[0].unread || scan.part[1].unread))
		code = -EBADMSG;
	if (!code)
		r->outcome->proven_bytes += scan.done_bytes;
	for (int p = 0; p < scan.parts; p++) {
		bitset_free(scan.part[p].differing);
		bitset_free(scan.part[p].unread);
	}
	access_close(&proof);
	if (code == -EBADMSG) {
		error_set(r->error, code, "%s: what was written does not read back as %s's", r->copy[i].name,
		          authority_of(r)->name);
		error_next(r->error, "do not trust this device: check it and its path, then run the command again");
		return code;
	}
	return code == -EINTR ? error_set(r->error, code, "stopped; %s stays marked as being rebuilt", r->copy[i].name)
	       : code         ? failed(r, i, code, "cannot be read back")
	                      : 0;
}

static int do_metadata(struct rebuild *r, int i)
{
	struct pv_metadata right, own;
	int code = pv_read_metadata(authority_access(r)->device, &right);

	if (code)
		return failed(r, r->plan->authority, code, "its LVM metadata cannot be read");
	code = pv_read_metadata(r->member[i].saver, &own);
	if (!code && own.vg->seqno < right.vg->seqno)
		code = pv_write_text(r->member[i].saver, &own.label, right.text, right.bytes);
	pv_metadata_free(&own);
	pv_metadata_free(&right);
	return code ? failed(r, i, code, "its LVM metadata cannot be brought up to date") : 0;
}

static bool has_all_legs(const struct rebuild *r)
{
	uint64_t legs = 0;

	for (int i = 0; i < r->copies; i++)
		if (r->plan->is_member[i])
			legs |= (uint64_t)1 << r->plan->leg_index[i];
	return legs == ((uint64_t)1 << authority_of(r)->evidence.lvm.leg_count) - 1;
}

static enum superblock_bits bits_of(const struct rebuild *r)
{
	if (has_all_legs(r))
		return BITS_NONE;
	return r->plan->is_absent_unsettled ? BITS_ALL : BITS_KEEP;
}

static int do_superblock(struct rebuild *r, int i)
{
	struct dev *meta = r->member[i].over.meta, *model = authority_access(r)->meta;
	unsigned position = r->plan->leg_index[i];
	int code = superblock_settle(meta, model, position, r->plan->failed_devices, bits_of(r));

	if (!code)
		code = superblock_prove(meta, model, position, r->plan->failed_devices);
	return code ? failed(r, i, code, "its dm-raid superblock cannot be written") : 0;
}

/* What was chosen to be kept may carry another device's record: as long as it is there nobody can judge. */
static int do_forgive(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	int code = do_superblock(r, i);

	if (code || !member->over.record || !r->copy[i].evidence.record.present || mark_is_own(&r->copy[i]))
		return code;
	mark_own(&member->record, &r->copy[i], r->options->now);
	code = record_store(member->over.record, &member->record);
	return code ? failed(r, i, code, "its record cannot be written") : 0;
}

static int do_unmark(struct rebuild *r, int i)
{
	struct access *over = &r->member[i].over;
	int code = 0;

	if (is_fs_marked(r, i)) {
		size_t length = r->unit_bytes;
		uint8_t *unit = dev_buffer(length), *back = dev_buffer(length);
		uint64_t at = marked_unit(r) * r->unit_bytes;

		code = unit && back ? dev_read(authority_access(r)->leg, unit, length, at) : -ENOMEM;
		if (!code)
			code = dev_write(over->leg, unit, length, at);
		if (!code)
			code = dev_flush(r->member[i].saver);
		if (!code)
			code = dev_read(over->leg, back, length, at);
		if (!code && memcmp(unit, back, length))
			code = -EBADMSG;
		free(unit);
		free(back);
	}
	if (!code && over->record) {
		mark_whole(&r->member[i].record, authority_of(r), r->options->now);
		code = record_store(over->record, &r->member[i].record);
	}
	if (!code)
		code = dev_flush(r->member[i].saver);
	return code ? failed(r, i, code, "the mark cannot be taken off") : 0;
}

static int do_action(struct rebuild *r, const struct action *action)
{
	switch (action->kind) {
	case ACTION_LAYOUT:
		return do_layout(r, action->copy);
	case ACTION_MARK:
		return do_mark(r, action->copy);
	case ACTION_USED:
	case ACTION_FREE:
		return do_content(r, action->copy, action->kind == ACTION_USED);
	case ACTION_PROVE:
		return do_prove(r, action->copy);
	case ACTION_METADATA:
		return do_metadata(r, action->copy);
	case ACTION_SUPERBLOCK:
		return do_superblock(r, action->copy);
	case ACTION_FORGIVE:
		return do_forgive(r, action->copy);
	case ACTION_UNMARK:
		return do_unmark(r, action->copy);
	case ACTION_REFRESH:
	case ACTION_REBUILD_ONLINE:
		break; /* the kernel's: online.c */
	}
	return -EINVAL;
}

static void close_members(struct rebuild *r)
{
	for (int i = 0; i < r->copies; i++) {
		struct member *member = &r->member[i];
		struct saver_count count = member->saver ? saver_counted(member->saver) : (struct saver_count){ 0 };

		r->outcome->written_bytes += count.written_bytes;
		r->outcome->writes += count.writes;
		bitset_free(member->written);
		close_legs(&member->over);
		close_legs(&member->plain);
		dev_close(member->saver);
	}
	bitset_free(r->pass);
	if (r->undo)
		r->outcome->saved_bytes = undo_size(r->undo);
	undo_close(r->undo);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int rebuild_run(const struct plan *plan, const struct copy *copy, int copies, struct dev *const device[],
                const struct rebuild_map *map, const struct rebuild_options *options, struct outcome *outcome,
                struct svc_error *error)
{
	struct rebuild *r = calloc(1, sizeof(*r));
	int code = 0;

	memset(outcome, 0, sizeof(*outcome));
	if (!r)
		return error_set(error, -ENOMEM, "out of memory");
	*r = (struct rebuild){ .plan = plan,
		               .copy = copy,
		               .copies = copies,
		               .device = device,
		               .map = map,
		               .options = options,
		               .outcome = outcome,
		               .error = error };
	if (options->save_path)
		code = open_undo(r);
	for (int i = 0; i < copies && !code; i++)
		if (plan->is_member[i])
			code = open_member(r, i);
	if (!code)
		code = make_maps(r);
	for (int a = 0; a < plan->actions && !code; a++) {
		uint64_t start = now_us();

		code = do_action(r, &plan->action[a]);
		outcome->step_us[a] = now_us() - start;
		outcome->step[a] = code ? STEP_FAILED : STEP_DONE;
	}
	if (!code && r->undo) {
		code = undo_finish(r->undo);
		if (code)
			error_set(error, code, "%s: the undo file cannot be finished: %s", options->save_path,
			          strerror(-code));
	}
	close_members(r);
	free(r);
	return code;
}
