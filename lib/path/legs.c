/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/legs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "evidence/record.h"
#include "rebuild/mark.h"
#include "survey.h"

enum {
	COPIES = 3, /* both flashes and shared */
	/* Each copy may be one that does not answer; and what is written then may go to one that has just died. */
	TOUCHES = COPIES + 1,
	LOCK_MS = 10000, /* how long record_lock waits */
};

static char health_of(const struct copy *copy)
{
	const struct online_evidence *online = &copy->evidence.online;
	unsigned leg = copy->evidence.lvm.leg_index;

	return online->is_active && leg < online->legs ? online->health[leg] : 0;
}

/* In sync, and the device that is looked at is the one that is written. */
static bool is_written(const struct copy *copy)
{
	return copy->condition == COPY_USABLE && copy->evidence.online.is_under && health_of(copy) == 'A';
}

static bool is_left_behind(const struct copy *copy)
{
	return copy->condition == COPY_USABLE && health_of(copy) == 'D';
}

static const struct record *own_record(const struct copy *copy)
{
	return mark_is_own(copy) ? &copy->evidence.record.record : NULL;
}

static uint64_t bit_of(const struct copy *copy)
{
	return (uint64_t)1 << (copy->evidence.lvm.leg_index % 64);
}

static bool has_generation(const struct record *record, const uint8_t generation[16])
{
	return record && !memcmp(record->generation, generation, 16);
}

/* Whether the record's copy is an older version of the other one's. */
static bool is_ancestor(const struct record *old, const struct record *record)
{
	if (!old || !record_has_generation(old->generation))
		return true;
	for (int i = 0; i < SVC_RECORD_HISTORY; i++)
		if (!memcmp(old->generation, record->history[i], 16))
			return true;
	return false;
}

/*
 * Legs that may have the generation by what was announced, and that the kernel does not write yet: those that it
 * recovers, and those about to be attached (rebuild/mark.h).
 */
static uint64_t find_announced(const struct copy *copy, int copies, const struct copy *model)
{
	uint64_t announced = 0;

	for (unsigned leg = 0; leg < model->evidence.online.legs; leg++)
		if (model->evidence.online.health[leg] == 'a')
			announced |= (uint64_t)1 << leg;
	for (int i = 0; i < copies; i++)
		if (is_left_behind(&copy[i]) &&
		    (!own_record(&copy[i]) || !record_has_generation(own_record(&copy[i])->generation) ||
		     own_record(&copy[i])->is_beyond))
			announced |= bit_of(&copy[i]);
	return announced;
}

/* Somebody else has claimed a leg since it was lost: it is theirs, and its record too. */
static bool is_taken_over(const struct copy *copy, int copies, const struct record *record)
{
	for (int i = 0; i < copies; i++)
		if (is_left_behind(&copy[i]) && !has_generation(own_record(&copy[i]), record->generation) &&
		    !is_ancestor(own_record(&copy[i]), record))
			return true;
	return false;
}

/* The copies that are written, and what they agree on; NULL where that is nothing. */
static const struct copy *find_model(const struct copy *copy, int copies)
{
	const struct copy *model = NULL;

	for (int i = 0; i < copies; i++) {
		const struct record *record = is_written(&copy[i]) ? own_record(&copy[i]) : NULL;

		if (!record || !record_has_generation(record->generation))
			continue;
		/* The one whose history holds the other's is the newer. */
		if (!model || is_ancestor(own_record(model), record))
			model = &copy[i];
	}
	return model;
}

static void add(struct claim *claim, int copy, const struct record *record)
{
	claim->item[claim->items].copy = copy;
	claim->item[claim->items++].record = *record;
}

static enum legs_change plan_outdated(const struct copy *copy, int copies, const struct copy *model, int64_t now,
                                      struct claim *claim)
{
	for (int i = 0; i < copies; i++) {
		struct record record;

		if (!is_left_behind(&copy[i]) || !own_record(&copy[i]) || own_record(&copy[i])->is_outdated ||
		    has_generation(own_record(&copy[i]), own_record(model)->generation) ||
		    !is_ancestor(own_record(&copy[i]), own_record(model)))
			continue;
		record = *own_record(&copy[i]);
		record.is_outdated = true;
		record.changed_time = now;
		add(claim, i, &record);
	}
	return claim->items ? LEGS_OUTDATED : LEGS_NONE;
}

/* Legs that are in sync by the kernel's word while their records lag behind. */
static enum legs_change plan_returned(const struct copy *copy, int copies, const struct copy *model, uint64_t legs,
                                      int64_t now, struct claim *claim)
{
	bool lags = own_record(model)->legs != legs;

	/* Who has the generation learns of the others before they get it (claim.h). */
	for (int k = 0; k < 2 * copies; k++) {
		int i = k % copies;
		const struct record *record = own_record(&copy[i]);
		struct record next = { 0 };

		if (!is_written(&copy[i]) || !copy[i].evidence.record.has_area ||
		    has_generation(record, own_record(model)->generation) != (k < copies))
			continue;
		if (has_generation(record, own_record(model)->generation) && !lags && !record->is_outdated)
			continue;
		if (!is_ancestor(record, own_record(model)) && !has_generation(record, own_record(model)->generation))
			continue;
		if (record)
			next = *record;
		else
			mark_own(&next, &copy[i], now);
		if (&copy[i] != model)
			mark_whole(&next, model, legs, now);
		next.legs = legs;
		next.changed_time = now;
		add(claim, i, &next);
	}
	return claim->items ? LEGS_RETURNED : LEGS_NONE;
}

enum legs_change legs_plan(const struct copy *copy, int copies, char controller, const uint8_t fresh[16], int64_t now,
                           struct claim *claim)
{
	struct claim_wish wish = { .authority = -1, .controller = controller, .now = now };
	const struct copy *model = find_model(copy, copies);
	struct svc_error ignored;
	uint64_t written = 0, announced;

	memset(claim, 0, sizeof(*claim));
	/* A mirror without records, and one that this controller has not claimed, is none of ours. */
	if (!model || own_record(model)->owner != controller || !own_record(model)->is_open)
		return LEGS_NONE;
	for (unsigned leg = 0; leg < model->evidence.online.legs; leg++)
		if (model->evidence.online.health[leg] == 'A')
			written |= (uint64_t)1 << leg;
	announced = own_record(model)->legs & find_announced(copy, copies, model);
	if (own_record(model)->legs & ~written & ~announced) {
		memcpy(wish.fresh, fresh, sizeof(wish.fresh));
		wish.is_shared_spared = is_taken_over(copy, copies, own_record(model));
		for (int i = 0; i < copies; i++)
			wish.is_member[i] = is_written(&copy[i]) &&
			                    has_generation(own_record(&copy[i]), own_record(model)->generation);
		return claim_plan(copy, copies, &wish, claim, &ignored) ? LEGS_NONE : LEGS_LOST;
	}
	/* Every leg that is written has to be in reach, or its record would be left without what the others say. */
	for (int i = 0; i < copies; i++)
		if (is_written(&copy[i]))
			written &= ~bit_of(&copy[i]);
	if (!written) {
		uint64_t legs = announced;

		for (int i = 0; i < copies; i++)
			legs |= is_written(&copy[i]) ? bit_of(&copy[i]) : 0;
		if (plan_returned(copy, copies, model, legs, now, claim) != LEGS_NONE)
			return LEGS_RETURNED;
	}
	return plan_outdated(copy, copies, model, now, claim);
}

struct legs_task {
	const struct path_places *places;
	const char *device;
	const struct path_check_options *options;
	struct legs_state state;
};

static int write_records(const struct survey *survey, const struct claim *claim, const struct locate_options *options,
                         struct svc_error *error)
{
	struct access access[SVC_COPIES_MAX] = { 0 };
	struct dev *area[SVC_COPIES_MAX] = { NULL };
	struct dev_options writing = options->dev;
	int r = 0;

	writing.access = DEV_WRITE_BESIDE;
	for (int n = 0; n < claim->items && !r; n++) {
		int i = claim->item[n].copy;

		if (access[i].device) /* a copy's record may be written twice */
			continue;
		r = dev_open(survey->copy[i].locator, &writing, &access[i].device, error);
		if (!r)
			r = dev_open_slice(access[i].device, &survey->copy[i].evidence.lvm.bootloader_area, 1,
			                   &access[i].record);
		if (r && !access[i].record && access[i].device)
			error_set(error, r, "%s has no place for records", survey->copy[i].name);
		area[i] = access[i].record;
	}
	if (!r)
		r = claim_write(claim, survey->copy, area, error);
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		access_close(&access[i]);
	return r;
}

/* A leg that is lost does not always take word of it, and the others get their new generation all the same. */
static bool drop_deaf(struct survey *survey, const struct claim *claim)
{
	struct copy *first = &survey->copy[claim->item[0].copy];

	if (is_written(first))
		return false;
	first->condition = COPY_UNREADABLE;
	return true;
}

static int bring_up_to_date(struct survey *survey, const struct path_check_options *options, enum legs_change *change,
                            struct svc_error *error)
{
	struct claim claim;
	uint8_t fresh[16];
	int code = claim_make_generation(fresh);

	while (!code) {
		enum legs_change wanted =
			legs_plan(survey->copy, survey->copies, options->controller, fresh, time(NULL), &claim);

		if (wanted == LEGS_NONE)
			break;
		code = write_records(survey, &claim, &options->locate, error);
		if (!code)
			*change = wanted;
		if (!code || wanted != LEGS_LOST || !drop_deaf(survey, &claim))
			break;
		code = 0;
	}
	return code;
}

/* The copies that are looked at, and what that found. */
struct look {
	char text[COPIES][SVC_LOCATOR_SIZE + 16];
	const char *argument[COPIES];
	int arguments;
	struct survey survey;
};

static void name_copies(const struct legs_task *task, struct look *look)
{
	static const char *const name[COPIES] = { "flash-a", "flash-b", "shared" };
	const char *const locator[COPIES] = { task->places->flash[0], task->places->flash[1], task->device };

	look->arguments = 0;
	for (int i = 0; i < COPIES; i++) {
		if (!*locator[i])
			continue;
		snprintf(look->text[look->arguments], sizeof(look->text[0]), "%s=%s", name[i], locator[i]);
		look->argument[look->arguments] = look->text[look->arguments];
		look->arguments++;
	}
}

/* One that does not answer was waited for once. */
static void leave_out_unreadable(struct look *look)
{
	int n = 0;

	for (int i = 0; i < look->survey.copies; i++)
		if (look->survey.copy[i].condition != COPY_UNREADABLE)
			look->argument[n++] = look->argument[i];
	look->arguments = n;
}

static void survey_legs(struct legs_task *task, struct look *look)
{
	struct legs_state *state = &task->state;

	state->error = survey_open(look->argument, look->arguments, &task->options->locate, &look->survey, &state->why);
	for (int i = 0; i < look->survey.copies && !state->error; i++) {
		const struct online_evidence *online = &look->survey.copy[i].evidence.online;

		if (!online->is_active)
			continue;
		state->is_active = true;
		state->legs = online->legs;
		memcpy(state->health, online->health, sizeof(state->health));
	}
}

static bool is_due(const struct survey *survey, const struct path_check_options *options)
{
	static const uint8_t fresh[16] = "any other one";
	struct claim claim;

	return legs_plan(survey->copy, survey->copies, options->controller, fresh, time(NULL), &claim) != LEGS_NONE;
}

/*
 * Looks without the lock, which others wait for; where there is something to write the copies that can be read are read
 * again with it.
 */
static int update_in_child(void *shared)
{
	struct legs_task *task = shared;
	struct legs_state *state = &task->state;
	struct look look;
	int lock;

	name_copies(task, &look);
	survey_legs(task, &look);
	if (state->error || !state->is_active || !is_due(&look.survey, task->options)) {
		survey_close(&look.survey);
		return 0;
	}
	leave_out_unreadable(&look);
	survey_close(&look.survey);
	lock = record_lock();
	if (lock < 0) {
		state->error = error_set(&state->why, lock, "the lock of the records: %s", strerror(-lock));
		return 0;
	}
	survey_legs(task, &look);
	if (!state->error)
		state->error = bring_up_to_date(&look.survey, task->options, &state->change, &state->why);
	survey_close(&look.survey);
	record_unlock(lock);
	return 0;
}

uint64_t legs_update_ms(const struct path_check_options *options)
{
	unsigned seconds = options->locate.dev.timeout_seconds;

	return (uint64_t)(seconds ? seconds : PATH_TIMEOUT_SECONDS) * 1000 * TOUCHES + LOCK_MS;
}

void legs_update(const struct path_places *places, const char *device, const struct path_check_options *options,
                 struct legs_state *state)
{
	static pid_t stuck;
	uint64_t deadline_ms = legs_update_ms(options);
	struct legs_task *task = path_memory(sizeof(*task));
	int r;

	memset(state, 0, sizeof(*state));
	if (!task) {
		state->error = -ENOMEM;
		return;
	}
	task->places = places;
	task->device = device;
	task->options = options;
	r = path_call(&stuck, update_in_child, task, deadline_ms < UINT_MAX ? (unsigned)deadline_ms : UINT_MAX);
	*state = task->state;
	if (r)
		state->error =
			error_set(&state->why, r, "the mirror's legs could not be looked at within %" PRIu64 " s",
		                  deadline_ms / 1000);
	path_memory_free(task, sizeof(*task));
}
