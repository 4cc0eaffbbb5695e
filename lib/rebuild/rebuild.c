/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The story of a rebuild: members opened, action after action, members closed. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "evidence/evidence.h"
#include "evidence/record.h"
#include "rebuild/parts.h"

int rebuild_failed(struct rebuild *r, int i, int code, const char *what)
{
	return error_set(r->error, code, "%s: %s: %s", r->copy[i].name, what, strerror(-code));
}

int member_locate(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	struct copy beside = member->now;
	struct extent whole = { 0, r->device[i]->size_bytes };
	int code;

	member->over.device = member->saver;
	member->plain.device = r->device[i];
	code = locate_leg(&member->now, r->options->lv, &member->over, r->error);
	if (!code && member->now.condition == COPY_USABLE &&
	    !member->now.evidence.lvm.present) { /* a bare file system */
		code = dev_open_slice(r->device[i], &whole, 1, &member->plain.leg);
		return code ? rebuild_failed(r, i, code, "cannot be opened as a whole") : 0;
	}
	if (!code)
		code = locate_leg(&beside, r->options->lv, &member->plain, r->error);
	if (!code && member->now.condition != beside.condition) /* a read failed the one time or the other */
		code = rebuild_failed(r, i, -EIO, "its leg cannot be found again");
	return code;
}

void member_close_legs(struct access *access)
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

void member_drop_small_area(struct access *over)
{
	if (!over->record || over->record->size_bytes >= RECORD_AREA_BYTES)
		return;
	dev_close(over->record);
	over->record = NULL;
}

/* A target that could not be read is named to be overwritten; of one that could, what was not looked at may be lost. */
static enum saver_loss loss_of(const struct rebuild *r, int i)
{
	if (!r->plan->is_target[i])
		return SAVER_FAILS;
	return r->copy[i].condition == COPY_UNREADABLE ? SAVER_READS_ZEROS : SAVER_SAVES_ZEROS;
}

static int open_member(struct rebuild *r, int i)
{
	struct member *member = &r->member[i];
	int code = saver_open(r->device[i], r->undo, i, &member->saver);

	if (code)
		return rebuild_failed(r, i, code, "cannot be prepared");
	memcpy(member->now.name, r->copy[i].name, sizeof(member->now.name));
	memcpy(member->now.group, r->copy[i].group, sizeof(member->now.group));
	code = member_locate(r, i);
	if (code)
		return code;
	if (r->copy[i].condition == COPY_FOREIGN) /* so it is judged that only looks blank at both ends */
		code = locate_read_blank(&member->now, &member->plain, r->options->stop, NULL, NULL);
	if (code)
		return rebuild_failed(r, i, code, "cannot be read again");
	evidence_read(&member->now, i, &member->over);
	if (member->now.condition == COPY_UNREADABLE && r->copy[i].condition != COPY_UNREADABLE)
		return rebuild_failed(r, i, -EIO, "its evidence cannot be read again");
	if (!is_same_evidence(&r->copy[i], &member->now)) {
		error_set(r->error, -ESTALE, "%s: its evidence changed since the verdict; nothing was written",
		          r->copy[i].name);
		error_next(r->error, "%s", reason_row(REASON_CHANGED)->next);
		return -ESTALE;
	}
	if (member->now.evidence.record.present)
		member->record = member->now.evidence.record.record;
	if (member->now.condition == COPY_USABLE && !member->now.evidence.record.has_area) { /* small, or taken */
		dev_close(member->over.record);
		member->over.record = NULL;
	}
	member_drop_small_area(&member->over);
	saver_lose(member->saver, loss_of(r, i));
	return 0;
}

/* The units in use: what the comparison found, or the authority's own map where nothing was compared. */
static int make_maps(struct rebuild *r)
{
	uint64_t units;
	int code = 0;

	r->leg_bytes = rebuild_authority(r)->leg_bytes;
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

/*
 * Two names for one device that nothing tells apart, for it is blank or foreign: as soon as the first target is marked,
 * the second one shows it.
 */
static int check_untouched(struct rebuild *r, int i)
{
	struct access access = { .device = r->device[i] };
	struct copy seen = { 0 };
	int code;

	memcpy(seen.name, r->copy[i].name, sizeof(seen.name));
	memcpy(seen.group, r->copy[i].group, sizeof(seen.group));
	code = locate_leg(&seen, r->options->lv, &access, r->error);
	if (!code && r->copy[i].condition == COPY_FOREIGN)
		code = locate_read_blank(&seen, &access, r->options->stop, NULL, NULL);
	if (!code) {
		evidence_read(&seen, i, &access);
		if (!is_same_evidence(&r->copy[i], &seen)) {
			code = error_set(r->error, -EIO,
			                 "%s: it changed while another copy was rebuilt: nothing was written to it",
			                 r->copy[i].name);
			error_next(r->error, "see whether two of the copies are one device under two names");
		}
	}
	member_close_legs(&access);
	return code;
}

/*
 * Before anything calls a copy whole: the copies to go by are what they were when the verdict was made, and every name still
 * leads to what was opened by it. Another host may have mounted shared meanwhile, or somebody put another file in place.
 */
static int check_sources(struct rebuild *r)
{
	int code = 0;

	for (int i = 0; i < r->copies && !code; i++) {
		struct access access = { .device = r->device[i] };
		struct copy seen = { 0 };

		if (!r->plan->is_member[i])
			continue;
		if (dev_check(r->device[i], r->copy[i].locator)) {
			error_set(r->error, -EIO,
			          "%s: its name no longer leads to what was opened by it, or to less of it",
			          r->copy[i].name);
			error_next(r->error, "see who replaced it or cut it off; then run the command again");
			return -EIO;
		}
		if (r->plan->is_target[i])
			continue;
		code = locate_leg(&seen, r->options->lv, &access, r->error);
		if (!code)
			evidence_read(&seen, i, &access);
		if (!code && !is_same_evidence(&r->member[i].now, &seen)) {
			code = error_set(r->error, -EIO, "%s: it changed while the others were rebuilt from it",
			                 r->copy[i].name);
			error_next(r->error,
			           "find out who writes to it (the other controller?); then run the command again");
		}
		member_close_legs(&access);
	}
	return code;
}

static int act(struct rebuild *r, const struct action *action)
{
	switch (action->kind) {
	case ACTION_LAYOUT:
		return rebuild_lay_out(r, action->copy);
	case ACTION_MARK:
		return rebuild_mark(r, action->copy);
	case ACTION_USED:
	case ACTION_FREE:
		return rebuild_copy_content(r, action->copy, action->kind == ACTION_USED);
	case ACTION_PROVE:
		return rebuild_prove(r, action->copy);
	case ACTION_METADATA:
		return rebuild_update_text(r, action->copy);
	case ACTION_SUPERBLOCK:
		return rebuild_settle(r, action->copy);
	case ACTION_FORGIVE:
		return rebuild_forgive(r, action->copy);
	case ACTION_UNMARK:
		return rebuild_unmark(r, action->copy);
	case ACTION_REFRESH:
	case ACTION_REBUILD_ONLINE:
		break; /* the kernel's: online.c */
	}
	return -EINVAL;
}

static int do_action(struct rebuild *r, const struct action *action)
{
	bool is_content = action->kind == ACTION_USED || action->kind == ACTION_FREE || action->kind == ACTION_PROVE;
	bool is_first =
		action->kind == ACTION_LAYOUT || (action->kind == ACTION_MARK && !r->plan->is_whole[action->copy]);
	bool is_end = action->kind == ACTION_METADATA || action->kind == ACTION_SUPERBLOCK ||
	              action->kind == ACTION_FORGIVE || action->kind == ACTION_UNMARK;
	int code = is_first && r->is_begun ? check_untouched(r, action->copy) : 0;

	/* Before the proof too: a change of the authority's is not to be taken for the target's fault. */
	if (!code && (action->kind == ACTION_PROVE || (is_end && !r->is_checked))) {
		r->is_checked = is_end;
		code = check_sources(r);
	}
	if (code)
		return code;
	r->is_begun = true;
	saver_keep(r->member[action->copy].saver, !is_content);
	code = act(r, action);
	if (!code && !is_content)
		code = rebuild_prove_metadata(r, action->copy);
	saver_keep(r->member[action->copy].saver, false);
	return code;
}

static void close_members(struct rebuild *r)
{
	for (int i = 0; i < r->copies; i++) {
		struct member *member = &r->member[i];
		struct saver_count count = member->saver ? saver_counted(member->saver) : (struct saver_count){ 0 };

		r->outcome->written_bytes += count.written_bytes;
		r->outcome->writes += count.writes;
		bitset_free(member->written);
		member_close_legs(&member->over);
		member_close_legs(&member->plain);
		dev_close(member->saver);
	}
	bitset_free(r->pass);
	if (r->undo)
		r->outcome->saved_bytes = undo_size(r->undo);
	undo_close(r->undo);
}

uint64_t rebuild_now_us(void)
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
	if (getrandom(&r->run, sizeof(r->run), 0) != sizeof(r->run))
		code = error_set(error, -EIO, "no random number is to be had from the kernel");
	if (!code && options->save_path)
		code = rebuild_open_undo(r);
	for (int i = 0; i < copies && !code; i++)
		if (plan->is_member[i])
			code = open_member(r, i);
	if (!code)
		code = make_maps(r);
	if (!code && r->undo)
		code = rebuild_save_witnesses(r);
	for (int a = 0; a < plan->actions && !code; a++) {
		uint64_t start = rebuild_now_us();

		code = do_action(r, &plan->action[a]);
		outcome->step_us[a] = rebuild_now_us() - start;
		outcome->step[a] = code ? STEP_FAILED : STEP_DONE;
	}
	if (!code && r->undo)
		code = undo_note(r->undo, UNDO_FINISHED);
	if (code && r->undo && undo_failure(r->undo))
		code = rebuild_explain_undo(r, code);
	close_members(r);
	free(r);
	return code;
}
