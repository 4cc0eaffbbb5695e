/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/online.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "evidence/online.h"
#include "locate/pv_write.h"
#include "locate/vg.h"

enum {
	WORDS_MAX = 128, /* of a table's parameters */
	POLL_MS = 200,
	SETTLE_POLLS = 5, /* the kernel starts a recovery a moment after the table is resumed */
	STALL_SECONDS = 60,
	SECTOR_BYTES = 512,
	LEG_ROWS_MAX = 64,
};

struct run {
	const struct plan *plan;
	const struct copy *copy;
	int copies;
	const struct access *access;
	const struct online_options *options;
	struct svc_error *error;
	uint64_t mirror; /* the mirror's device */
	uint64_t wanted; /* bit per leg that is refreshed or rebuilt */
	uint64_t rebuilt;
};

/* ---- tables ---- */

static unsigned split(char *text, const char *word[WORDS_MAX])
{
	unsigned words = 0;
	char *rest = NULL;

	for (char *at = strtok_r(text, " ", &rest); at && words < WORDS_MAX; at = strtok_r(NULL, " ", &rest))
		word[words++] = at;
	return words;
}

static int add_word(char *text, size_t size, const char *word)
{
	size_t length = strlen(text);

	return (size_t)snprintf(text + length, size - length, "%s%s", length ? " " : "", word) < size - length
	               ? 0
	               : -EINVAL;
}

/* Keeps the options that stay: all but those that ask for a synchronisation. The first one is the chunk size. */
static int keep_options(const char *const word[], unsigned count, char *text, size_t size, unsigned *kept)
{
	int code = 0;

	for (unsigned w = 0; w < count && !code; w++) {
		if (w && (!strcmp(word[w], "sync") || !strcmp(word[w], "nosync")))
			continue;
		if (w && !strcmp(word[w], "rebuild")) {
			w++;
			continue;
		}
		code = add_word(text, size, word[w]);
		(*kept)++;
	}
	return code;
}

int online_table(const char *parameters, uint64_t rebuild, char *text, size_t size)
{
	char copy[MAPPER_PARAMETERS_SIZE], options[MAPPER_PARAMETERS_SIZE] = "", number[32];
	const char *word[WORDS_MAX];
	unsigned words, count, kept = 0;
	int code;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", parameters) >= sizeof(copy))
		return -EINVAL;
	words = split(copy, word);
	if (words < 4 || words == WORDS_MAX || strcmp(word[0], "raid1") != 0)
		return -EINVAL;
	count = (unsigned)strtoul(word[1], NULL, 10);
	if (!count || count > words - 3)
		return -EINVAL;
	code = keep_options(word + 2, count, options, sizeof(options), &kept);
	for (unsigned leg = 0; leg < SVC_LEGS_MAX && !code; leg++) {
		if (!(rebuild >> leg & 1))
			continue;
		snprintf(number, sizeof(number), "rebuild %u", leg);
		code = add_word(options, sizeof(options), number);
		kept += 2;
	}
	if (code || (size_t)snprintf(text, size, "raid1 %u %s", kept, options) >= size)
		return -EINVAL;
	for (unsigned w = 2 + count; w < words && !code; w++)
		code = add_word(text, size, word[w]);
	return code;
}

/* The sub-volumes of a leg, from the mirror's live table: metadata and image per leg come last in it. */
static int leg_devices(const char *parameters, unsigned legs, unsigned leg, uint64_t device[2])
{
	char copy[MAPPER_PARAMETERS_SIZE];
	const char *word[WORDS_MAX];
	unsigned words, numbers[2];

	snprintf(copy, sizeof(copy), "%s", parameters);
	words = split(copy, word);
	if (words < 2 * legs || leg >= legs)
		return -EINVAL;
	for (unsigned d = 0; d < 2; d++) {
		if (sscanf(word[words - 2 * (legs - leg) + d], "%u:%u", &numbers[0], &numbers[1]) != 2)
			return -EINVAL;
		device[d] = makedev(numbers[0], numbers[1]);
	}
	return 0;
}

/* ---- a leg that was absent when the mirror was activated: its sub-volumes lead nowhere yet ---- */

static int map_runs(uint64_t sub_volume, uint64_t device, const struct extent *run, size_t runs)
{
	struct mapper_row *row = calloc(LEG_ROWS_MAX, sizeof(*row));
	uint64_t start = 0;
	int code = row ? 0 : -ENOMEM;

	if (runs > LEG_ROWS_MAX)
		code = -ENOTSUP;
	for (size_t r = 0; r < runs && !code; r++) {
		row[r].start_sectors = start;
		row[r].length_sectors = run[r].length / SECTOR_BYTES;
		snprintf(row[r].type, sizeof(row[r].type), "linear");
		snprintf(row[r].parameters, sizeof(row[r].parameters), "%u:%u %" PRIu64, major(device), minor(device),
		         run[r].offset / SECTOR_BYTES);
		start += row[r].length_sectors;
	}
	if (!code)
		code = mapper_load(sub_volume, row, runs);
	if (!code)
		code = mapper_resume(sub_volume);
	free(row);
	return code;
}

static int connect_leg(struct run *r, int i, const char *table)
{
	const struct lvm_evidence *own = &r->copy[i].evidence.lvm;
	uint64_t sub_volume[2], device = r->access[i].device->identity[1];
	struct vg_wanted wanted = { 0 };
	struct lvm_evidence found = { 0 };
	struct pv_metadata metadata;
	enum vg_result result;
	struct vg_leg leg;
	int code;

	if (r->copy[i].evidence.online.is_under)
		return 0;
	code = leg_devices(table, own->leg_count, own->leg_index, sub_volume);
	if (!code)
		code = pv_read_metadata(r->access[i].device, &metadata);
	if (code)
		return code;
	memcpy(wanted.lv, own->lv_name, sizeof(wanted.lv));
	code = vg_find_leg(metadata.vg, own->pv_uuid, &wanted, &result, &found, &leg);
	if (!code && (result != VG_FOUND || !leg.metas || found.leg_index != own->leg_index))
		code = -ENOENT;
	if (!code)
		code = map_runs(sub_volume[0], device, leg.meta, leg.metas);
	if (!code)
		code = map_runs(sub_volume[1], device, leg.image, leg.images);
	vg_leg_free(&leg);
	pv_metadata_free(&metadata);
	return code;
}

/* ---- asking, and waiting ---- */

static int read_status(struct run *r, struct online_evidence *online)
{
	struct mapper_row row;
	int code = mapper_status(r->mirror, &row);

	if (!code && (strcmp(row.type, "raid") != 0 || !online_parse_status(row.parameters, online)))
		code = -ENOTSUP;
	return code;
}

static const char *mirror_name(const struct run *r)
{
	return r->copy[r->plan->authority].evidence.lvm.lv_name;
}

bool online_is_as_planned(const char *planned, const char *now, uint64_t wanted)
{
	size_t legs = strlen(planned);

	if (legs != strlen(now))
		return false;
	for (size_t leg = 0; leg < legs; leg++)
		if (planned[leg] != now[leg] && !(wanted >> leg & 1 && planned[leg] == 'a' && now[leg] == 'A'))
			return false;
	return true;
}

static int check_unchanged(struct run *r)
{
	const struct copy *right = &r->copy[r->plan->authority];
	struct online_evidence now = { 0 };
	char uuid[ONLINE_UUID_SIZE];

	if (!online_uuid(&right->evidence.lvm, uuid) || mapper_find(uuid, &r->mirror) || read_status(r, &now) ||
	    !online_is_as_planned(right->evidence.online.health, now.health, r->wanted)) {
		error_set(r->error, -ESTALE, "%s: the mirror is not as it was when the plan was made; nothing was done",
		          mirror_name(r));
		error_next(r->error, "run the same command again");
		return -ESTALE;
	}
	return 0;
}

/* Nothing has to be asked for: the kernel recovers what is wanted already, or has just done so. */
static bool is_under_way(const struct run *r)
{
	const struct online_evidence *online = &r->copy[r->plan->authority].evidence.online;

	for (unsigned leg = 0; leg < online->legs; leg++)
		if (r->wanted >> leg & 1 && online->health[leg] == 'D')
			return false;
	return !r->rebuilt;
}

/*
 * A new table makes the kernel read the superblocks again: a leg that they name failed is taken back with
 * a recovery by the bitmap, one named by `rebuild` is written whole.
 */
static int ask(struct run *r)
{
	struct mapper_row live, *new_row;
	int code = mapper_table(r->mirror, &live);

	if (code)
		return code;
	new_row = calloc(1, sizeof(*new_row));
	if (!new_row)
		return -ENOMEM;
	*new_row = live;
	for (int i = 0; i < r->copies && !code; i++)
		if (r->plan->is_target[i])
			code = connect_leg(r, i, live.parameters);
	if (!code)
		code = online_table(live.parameters, r->rebuilt, new_row->parameters, sizeof(new_row->parameters));
	if (!code)
		code = mapper_load(r->mirror, new_row, 1);
	if (!code)
		code = mapper_resume(r->mirror);
	free(new_row);
	return code;
}

static bool is_done(const struct run *r, const struct online_evidence *now)
{
	for (unsigned leg = 0; leg < now->legs; leg++)
		if (r->wanted >> leg & 1 && now->health[leg] != 'A')
			return false;
	return !strcmp(now->action, "idle") && now->done_sectors == now->total_sectors;
}

static bool is_dropped(const struct run *r, const struct online_evidence *now)
{
	for (unsigned leg = 0; leg < now->legs; leg++)
		if (r->wanted >> leg & 1 && now->health[leg] == 'D')
			return true;
	return false;
}

static int stopped(struct run *r, int code, const char *why)
{
	error_set(r->error, code, "%s: %s; the kernel goes on with it by itself", mirror_name(r), why);
	error_next(r->error, "run the same command again to wait for it and to prove the result");
	return code;
}

static int follow(struct run *r)
{
	const unsigned stall = r->options->stall_seconds ? r->options->stall_seconds : STALL_SECONDS;
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	struct online_evidence now = { 0 }, before = { 0 };
	unsigned still = 0, quiet = 0;

	for (;;) {
		int code = read_status(r, &now);

		if (code)
			return error_set(r->error, code, "%s: device-mapper no longer tells the mirror's state: %s",
			                 mirror_name(r), strerror(-code));
		quiet = is_done(r, &now) || is_dropped(r, &now) ? quiet + 1 : 0;
		if (quiet >= SETTLE_POLLS)
			break;
		if (r->options->progress && now.total_sectors)
			r->options->progress(r->options->context, now.done_sectors * SECTOR_BYTES,
			                     now.total_sectors * SECTOR_BYTES);
		if (r->options->stop && *r->options->stop)
			return stopped(r, -EINTR, "stopped waiting");
		still = now.done_sectors == before.done_sectors && !strcmp(now.action, before.action) ? still + 1 : 0;
		if (still * POLL_MS > stall * 1000)
			return stopped(r, -ETIMEDOUT, "nothing has moved for a long time");
		before = now;
		nanosleep(&pause, NULL);
	}
	if (!is_dropped(r, &now))
		return 0;
	error_set(r->error, -EIO, "%s: the kernel does not take the leg back: its legs are %s", mirror_name(r),
	          now.health);
	error_next(r->error, "see what the kernel said (dmesg), check the device and its path");
	return -EIO;
}

int online_run(const struct plan *plan, const struct copy *copy, int copies, const struct access *access,
               const struct online_options *options, struct outcome *outcome, struct svc_error *error)
{
	struct run r = { plan, copy, copies, access, options, error, 0, 0, 0 };
	int code;

	for (int a = 0; a < plan->actions; a++) {
		uint64_t leg = (uint64_t)1 << plan->leg_index[plan->action[a].copy];

		if (plan->action[a].kind == ACTION_REBUILD_ONLINE)
			r.rebuilt |= leg;
		if (plan->action[a].kind != ACTION_PROVE)
			r.wanted |= leg;
	}
	code = check_unchanged(&r);
	if (code)
		return code;
	if (!is_under_way(&r)) {
		code = ask(&r);
		if (code)
			error_set(error, -EIO, "%s: the kernel refused: %s", mirror_name(&r), strerror(-code));
	}
	code = code ? -EIO : follow(&r);
	for (int a = 0; a < plan->actions; a++)
		if (plan->action[a].kind != ACTION_PROVE)
			outcome->step[a] = code ? STEP_FAILED : STEP_DONE;
	return code;
}
