/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "survey.h"

#include <errno.h>
#include <string.h>

#include "evidence/evidence.h"
#include "evidence/online.h"

static int refuse_same_device(const struct survey *survey, struct svc_error *error)
{
	for (int x = 0; x < survey->copies; x++)
		for (int y = x + 1; y < survey->copies; y++) {
			const struct dev *dx = survey->access[x].device, *dy = survey->access[y].device;
			const struct copy *cx = &survey->copy[x], *cy = &survey->copy[y];

			if (strcmp(cx->locator, cy->locator) != 0 && !(dx && dy && dev_is_same(dx, dy)))
				continue;
			if (dx && dy && dx->is_block != dy->is_block)
				error_set(error, -EINVAL, "%s and %s are the same device: %s is a loop device over %s",
				          cx->name, cy->name, dx->is_block ? cx->locator : cy->locator,
				          dx->is_block ? cy->locator : cx->locator);
			else
				error_set(error, -EINVAL, "%s and %s are the same device: %s", cx->name, cy->name,
				          cy->locator);
			error_next(error, "give each copy once, by its own device");
			return -EINVAL;
		}
	return 0;
}

static const struct reason *find_finding(const struct copy *copy, enum reason_id id)
{
	for (size_t i = 0; i < copy->findings.count; i++)
		if (copy->findings.item[i].id == id)
			return &copy->findings.item[i];
	return NULL;
}

/* A mirror that was not named where it has to be, or one that is named and nowhere to be found. */
static int refuse_unclear_mirror(const struct survey *survey, const char *lv, struct svc_error *error)
{
	int with_lvm = 0, without_mirror = 0;

	for (int i = 0; i < survey->copies; i++) {
		const struct copy *copy = &survey->copy[i];
		const struct reason *unclear = find_finding(copy, REASON_LEG_AMBIGUOUS);

		if (unclear) {
			error_set(error, -EINVAL, "%s: %s", copy->name, unclear->text);
			error_next(error, "%s", reason_row(REASON_LEG_AMBIGUOUS)->next);
			return -EINVAL;
		}
		with_lvm += copy->evidence.lvm.present;
		without_mirror += find_finding(copy, REASON_NO_MIRROR) || find_finding(copy, REASON_OTHER_VG);
	}
	if (!lv || !with_lvm || without_mirror < with_lvm)
		return 0;
	error_set(error, -EINVAL, "no copy has a leg of a mirror named %s", lv);
	error_next(error, "check the name; lvs -a lists the logical volumes where they may be activated");
	return -EINVAL;
}

int survey_open(const char *const argument[], int arguments, const struct locate_options *options,
                struct survey *survey, struct svc_error *error)
{
	int code = 0;

	memset(survey, 0, sizeof(*survey));
	if (arguments > SVC_COPIES_MAX)
		return error_set(error, -EINVAL, "%d copies are given, at most %d can be compared", arguments,
		                 SVC_COPIES_MAX);
	for (int i = 0; i < arguments && !code; i++)
		code = locate_parse(argument[i], &survey->copy[i], error);
	if (!code)
		code = locate_name_all(survey->copy, arguments, error);
	for (; !code && survey->copies < arguments; survey->copies += code == 0)
		code = locate_copy(&survey->copy[survey->copies], options, &survey->access[survey->copies], error);
	if (!code)
		code = refuse_same_device(survey, error);
	if (!code)
		code = refuse_unclear_mirror(survey, options->lv, error);
	for (int i = 0; i < survey->copies && !code; i++) {
		evidence_read(&survey->copy[i], i, &survey->access[i]);
		online_read(&survey->copy[i], &survey->access[i]);
	}
	return code;
}

int survey_read_blanks(struct survey *survey, const volatile sig_atomic_t *stop,
                       void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes), void *context,
                       struct svc_error *error)
{
	int code = 0;

	for (int i = 0; i < survey->copies && !code; i++)
		code = locate_read_blank(&survey->copy[i], &survey->access[i], stop, progress, context);
	return code ? error_set(error, code, code == -EINTR ? "stopped" : "out of memory") : 0;
}

void survey_close(struct survey *survey)
{
	for (int i = 0; i < survey->copies; i++)
		access_close(&survey->access[i]);
}
