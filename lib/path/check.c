/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/check.h"

#include <errno.h>
#include <string.h>

#include "evidence/record.h"
#include "locate/conf.h"
#include "path/coherence.h"

/* The place that a copy's name means; NULL: none here. */
static char *place_of(struct path_places *places, const char *name)
{
	const struct {
		const char *name;
		char *place;
	} row[] = {
		{ "shared", places->path[PATH_DIRECT] },  { "shared@direct", places->path[PATH_DIRECT] },
		{ "shared@nbd", places->path[PATH_NBD] }, { "flash-a", places->flash[0] },
		{ "flash-b", places->flash[1] },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (!strcmp(row[i].name, name))
			return row[i].place;
	return NULL;
}

int path_places_parse(const char *const argument[], int arguments, struct path_places *places, struct svc_error *error)
{
	struct copy copy[SVC_COPIES_MAX] = { 0 };
	int r = 0;

	memset(places, 0, sizeof(*places));
	for (int i = 0; i < arguments && i < SVC_COPIES_MAX && !r; i++)
		r = locate_parse(argument[i], &copy[i], error);
	if (!r)
		r = locate_name_all(copy, arguments, error);
	for (int i = 0; i < arguments && !r; i++) {
		char *place = place_of(places, copy[i].name);

		if (!place)
			r = error_set(error, -EINVAL, "%.200s: no path, and no copy that tells one", copy[i].name);
		else if (*place)
			r = error_set(error, -EINVAL, "%.200s is given twice", copy[i].name);
		else
			strcpy(place, copy[i].locator);
	}
	if (!r && !places->path[PATH_DIRECT][0] && !places->path[PATH_NBD][0])
		r = error_set(error, -EINVAL, "no path to the shared volume is given");
	if (r && !*error->next)
		error_next(error, "name the paths: shared@direct=DEVICE shared@nbd=URI");
	return r;
}

static bool is_own(const struct lvm_evidence *flash, const char *pv_uuid)
{
	return !strcmp(flash->pv_uuid, pv_uuid);
}

static void expect_from(const struct lvm_evidence *flash, const char *legs, struct path_expected *expected)
{
	int leg = conf_leg(legs, "shared");

	memset(expected, 0, sizeof(*expected));
	for (unsigned i = 0; i < flash->leg_count && i < SVC_LEGS_MAX; i++)
		if (flash->leg_pv_uuid[i][0] && !is_own(flash, flash->leg_pv_uuid[i]) && (leg < 0 || leg == (int)i))
			strcpy(expected->pv_uuid[expected->pvs++], flash->leg_pv_uuid[i]);
	if (expected->pvs)
		strcpy(expected->vg_uuid, flash->vg_uuid);
}

struct expect_task {
	const struct path_places *places;
	const struct path_check_options *options;
	struct path_expected expected;
};

static int expect_in_child(void *shared)
{
	struct expect_task *task = shared;

	for (int i = 0; i < 2; i++) {
		struct access access = { 0 };
		struct svc_error error;
		struct copy copy = { 0 };

		if (!task->places->flash[i][0])
			continue;
		strcpy(copy.locator, task->places->flash[i]);
		if (!locate_copy(&copy, &task->options->locate, &access, &error) && copy.evidence.lvm.present &&
		    copy.condition == COPY_USABLE)
			expect_from(&copy.evidence.lvm, task->options->legs, &task->expected);
		access_close(&access);
		if (task->expected.vg_uuid[0])
			break;
	}
	return 0;
}

void path_expect(const struct path_places *places, const struct path_check_options *options,
                 struct path_expected *expected)
{
	static pid_t stuck;
	unsigned seconds = options->locate.dev.timeout_seconds;
	struct expect_task *task = path_memory(sizeof(*task));

	memset(expected, 0, sizeof(*expected));
	if (!task)
		return;
	task->places = places;
	task->options = options;
	if (!path_call(&stuck, expect_in_child, task, (seconds ? seconds : PATH_TIMEOUT_SECONDS) * 1000))
		*expected = task->expected;
	path_memory_free(task, sizeof(*task));
}

/* Nothing is written to what may be another volume. */
static bool may_write(const struct path_check *check)
{
	for (int i = 0; i < PATHS; i++)
		if (check->facts[i].is_configured &&
		    (check->verdict.state[i] == PATH_OTHER_VOLUME || check->verdict.state[i] == PATH_READ_ONLY))
			return false;
	return true;
}

static bool are_read(const struct path_check *check)
{
	for (int i = 0; i < PATHS; i++)
		if (!check->facts[i].is_configured || check->facts[i].error || check->facts[i].is_detached)
			return false;
	return true;
}

/* Where it is not asked for, but would be made, and cannot: said, and no reason to do nothing. */
static bool is_untestable(struct path_check *check, char controller)
{
	struct path_facts *nbd = &check->facts[PATH_NBD];
	bool has_room = true;

	for (int i = 0; i < PATHS; i++)
		has_room &= check->facts[i].lvm.bootloader_area.length >= RECORD_AREA_BYTES;
	if (has_room && controller)
		return false;
	nbd->coherence = COHERENCE_FAILED;
	error_set(&nbd->coherence_why, -ENOSPC, "%s",
	          has_room ? "which controller this is is not known ([controller] id), so that it has no probe slot"
	                   : "the volume has no place for records");
	return true;
}

static int test(struct path_check *check, const struct path_check_options *options, struct svc_error *error)
{
	if (options->coherence == COHERENCE_NOT_WANTED || !may_write(check))
		return 0;
	if (options->coherence == COHERENCE_IF_POSSIBLE &&
	    (!are_read(check) || is_untestable(check, options->controller)))
		return 0;
	return coherence_run(check->facts, options->controller, &options->locate.dev, error);
}

/* What this test found, or an earlier one where this one could not tell. */
static void keep_stale(const struct path_places *places, struct path_check *check)
{
	const char *locator = places->path[PATH_NBD];
	struct path_facts *nbd = &check->facts[PATH_NBD];
	struct svc_error why = nbd->coherence_why;

	if (nbd->coherence == COHERENCE_STALE) {
		int r = stale_remember(&check->stale, STALE_DIRECTORY, locator, &why);
		if (r)
			error_set(&nbd->coherence_why, -ESTALE,
			          "%.300s (which cannot be kept in " STALE_DIRECTORY ", for other calls: %s)", why.text,
			          strerror(-r));
		return;
	}
	if (nbd->coherence == COHERENCE_PROVEN && !stale_forget(&check->stale, STALE_DIRECTORY, locator))
		return;
	if (nbd->is_configured && !nbd->error &&
	    stale_recall(&check->stale, STALE_DIRECTORY, locator, &nbd->coherence_why))
		nbd->coherence = COHERENCE_STALE;
}

int path_check(const struct path_places *places, const struct path_check_options *options, struct path_check *check,
               struct svc_error *error)
{
	struct path_expected expected;
	int r = 0;

	for (int i = 0; i < PATHS; i++) {
		check->probe[i].kind = (enum path_kind)i;
		check->probe[i].locator = places->path[i];
		check->probe[i].options = &options->locate;
		if (places->path[i][0])
			path_probe_start(&check->probe[i]);
	}
	path_expect(places, options, &expected);
	if (expected.vg_uuid[0]) /* a flash that cannot be read now was read before */
		check->expected = expected;
	for (int i = 0; i < PATHS; i++) {
		memset(&check->facts[i], 0, sizeof(check->facts[i]));
		if (places->path[i][0])
			path_probe_finish(&check->probe[i], &check->facts[i]);
	}
	path_judge(check->facts, &check->expected, options->slow_ms, &check->verdict);
	r = test(check, options, error);
	keep_stale(places, check);
	path_judge(check->facts, &check->expected, options->slow_ms, &check->verdict);
	return r;
}
