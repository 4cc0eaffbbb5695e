/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which path I/O may go to: never to one of several because it happens to be named first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "path/setup.h"

static struct path_check check;

/* Two good paths, and a flash that knows the volume. */
static void make_good(void)
{
	memset(&check, 0, sizeof(check));
	for (int i = 0; i < PATHS; i++) {
		struct path_facts *f = &check.facts[i];

		f->is_configured = f->is_block = true;
		f->size_bytes = 1 << 20;
		f->lvm.present = true;
		strcpy(f->lvm.pv_uuid, "pv-1");
		strcpy(f->lvm.vg_uuid, "vg-1");
	}
	strcpy(check.expected.vg_uuid, "vg-1");
	strcpy(check.expected.pv_uuid[check.expected.pvs++], "pv-1");
}

static void nothing(void)
{
}

static void no_flash(void)
{
	memset(&check.expected, 0, sizeof(check.expected));
}

static void nbd_other(void)
{
	strcpy(check.facts[PATH_NBD].lvm.pv_uuid, "pv-2");
}

static void no_flash_nbd_other(void)
{
	no_flash();
	nbd_other();
}

static void no_flash_nbd_down(void)
{
	no_flash();
	check.facts[PATH_NBD].error = -EIO;
}

static void no_flash_no_nbd(void)
{
	no_flash();
	memset(&check.facts[PATH_NBD], 0, sizeof(check.facts[PATH_NBD]));
}

static void no_flash_nbd_stale(void)
{
	no_flash();
	check.facts[PATH_NBD].coherence = COHERENCE_STALE;
}

static void direct_is_a_file(void)
{
	check.facts[PATH_DIRECT].is_block = false;
}

static const struct {
	const char *name;
	void (*make)(void);
	bool may_use[PATHS];
	const char *why; /* of the first that may not */
} rows[] = {
	{ "both, and a flash", nothing, { true, true }, "" },
	{ "the flash says which", nbd_other, { true, false }, "which is not the shared copy" },
	{ "two that agree", no_flash, { true, true }, "" },
	{ "two that differ", no_flash_nbd_other, { false, false }, "differ, and no flash copy tells" },
	{ "one alone", no_flash_nbd_down, { false, false }, "nothing tells that this is the shared volume" },
	{ "one alone is given", no_flash_no_nbd, { false, false }, "nothing tells that this is the shared volume" },
	/* It is the same volume: what is read there is old. */
	{ "the same, kept back", no_flash_nbd_stale, { true, false }, "nbd: " },
	{ "no device", direct_is_a_file, { false, true }, "no block device" },
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct svc_error why[PATHS];
		bool may_use[PATHS];
		int first;

		make_good();
		rows[i].make();
		path_judge(check.facts, &check.expected, 0, &check.verdict);
		for (int k = 0; k < PATHS; k++)
			may_use[k] = paths_may_use(&check, k, &why[k]);
		first = may_use[PATH_DIRECT] ? PATH_NBD : PATH_DIRECT;
		if (memcmp(may_use, rows[i].may_use, sizeof(may_use)) ||
		    (!may_use[first] && !strstr(why[first].text, rows[i].why)))
			fail_msg("%s: direct %d, nbd %d: %s", rows[i].name, may_use[PATH_DIRECT], may_use[PATH_NBD],
			         why[first].text);
	}
}

/* The report says so too. */
static void the_report_names_no_side(void **state)
{
	(void)state;
	make_good();
	no_flash_nbd_other();
	path_judge(check.facts, &check.expected, 0, &check.verdict);
	assert_int_equal(check.verdict.exit, SVC_EXIT_OPERATOR);
	assert_non_null(strstr(check.verdict.reasons.item[0].text, "no flash copy tells which is right"));
	make_good();
	nbd_other();
	path_judge(check.facts, &check.expected, 0, &check.verdict);
	assert_null(strstr(check.verdict.reasons.item[0].text, "no flash copy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table), cmocka_unit_test(the_report_names_no_side) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
