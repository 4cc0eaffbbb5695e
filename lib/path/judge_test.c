/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "path/path.h"

#define PV "PPPPPP-0000-0000-0000-0000-0000-000001"
#define PV2 "PPPPPP-0000-0000-0000-0000-0000-000002"
#define VG "VVVVVV-0000-0000-0000-0000-0000-000001"
#define VG2 "VVVVVV-0000-0000-0000-0000-0000-000002"

static struct path_facts facts[PATHS];
static struct path_expected expected;

/* Two good paths, and a flash that knows the volume. */
static void make_good(void)
{
	memset(facts, 0, sizeof(facts));
	memset(&expected, 0, sizeof(expected));
	for (int i = 0; i < PATHS; i++) {
		struct path_facts *f = &facts[i];

		f->is_configured = f->is_block = true;
		f->size_bytes = 1 << 20;
		for (int n = 0; n < PATH_READS; n++)
			f->latency_us[n] = 100 + (uint64_t)n;
		f->lvm.present = true;
		strcpy(f->lvm.pv_uuid, PV);
		strcpy(f->lvm.vg_uuid, VG);
		strcpy(f->lvm.vg_name, "svc");
		f->record.present = true;
		strcpy(f->record.record.pv_uuid, PV);
		strcpy(f->record.record.copy_name, "shared");
	}
	strcpy(facts[PATH_DIRECT].serial, "serial");
	strcpy(facts[PATH_DIRECT].designator, "0103");
	strcpy(expected.vg_uuid, VG);
	strcpy(expected.pv_uuid[expected.pvs++], PV);
}

static void nothing(void)
{
}

static void direct_down(void)
{
	facts[PATH_DIRECT] = (struct path_facts){ .is_configured = true, .error = -EIO, .why = { .text = "dead" } };
}

static void both_down(void)
{
	direct_down();
	facts[PATH_NBD] = facts[PATH_DIRECT];
}

static void nbd_absent(void)
{
	memset(&facts[PATH_NBD], 0, sizeof(facts[PATH_NBD]));
}

static void nbd_other_size(void)
{
	facts[PATH_NBD].size_bytes++;
}

static void nbd_other_pv(void)
{
	strcpy(facts[PATH_NBD].lvm.pv_uuid, PV2);
	strcpy(facts[PATH_NBD].record.record.pv_uuid, PV2);
}

static void nbd_other_vg(void)
{
	strcpy(facts[PATH_NBD].lvm.vg_uuid, VG2);
}

static void nbd_blank(void)
{
	memset(&facts[PATH_NBD].lvm, 0, sizeof(facts[PATH_NBD].lvm));
	memset(&facts[PATH_NBD].record, 0, sizeof(facts[PATH_NBD].record));
}

/* The flash says that it is the direct path that leads astray. */
static void direct_other_pv(void)
{
	strcpy(facts[PATH_DIRECT].lvm.pv_uuid, PV2);
	strcpy(facts[PATH_DIRECT].record.record.pv_uuid, PV2);
}

static void nothing_expected_other_pv(void)
{
	memset(&expected, 0, sizeof(expected));
	nbd_other_pv();
}

static void nothing_expected(void)
{
	memset(&expected, 0, sizeof(expected));
}

static void only_nbd_and_wrong(void)
{
	direct_down();
	nbd_other_pv();
}

static void nbd_is_dd_copy(void)
{
	strcpy(facts[PATH_NBD].record.record.pv_uuid, PV2);
}

static void nbd_is_a_flash(void)
{
	for (int i = 0; i < PATHS; i++)
		strcpy(facts[i].record.record.copy_name, "flash-b");
}

static void scsi_differs(void)
{
	strcpy(facts[PATH_NBD].designator, "0104");
}

static void serial_differs(void)
{
	strcpy(facts[PATH_NBD].serial, "other");
}

static void nbd_read_only(void)
{
	facts[PATH_NBD].is_read_only = true;
}

static void nbd_no_flush(void)
{
	facts[PATH_NBD].has_no_flush = true;
}

static void wrong_and_read_only(void)
{
	nbd_other_pv();
	nbd_read_only();
}

static void nbd_slow(void)
{
	facts[PATH_NBD].latency_us[2] = 500001;
}

static void nbd_one_slow_read(void)
{
	facts[PATH_NBD].latency_us[4] = 900000;
	facts[PATH_NBD].latency_us[3] = 900000;
	facts[PATH_NBD].latency_us[2] = 500000;
}

static void nbd_stale(void)
{
	facts[PATH_NBD].coherence = COHERENCE_STALE;
}

static void coherent(void)
{
	facts[PATH_NBD].coherence = facts[PATH_DIRECT].coherence = COHERENCE_PROVEN;
}

static void untestable(void)
{
	facts[PATH_NBD].coherence = COHERENCE_FAILED;
}

static void both_untestable(void)
{
	facts[PATH_NBD].coherence = facts[PATH_DIRECT].coherence = COHERENCE_FAILED;
}

static void direct_write_refused(void)
{
	facts[PATH_DIRECT].coherence = COHERENCE_REFUSED;
}

static void direct_write_fails(void)
{
	facts[PATH_DIRECT].coherence = COHERENCE_BROKEN;
}

static void nbd_hangs(void)
{
	facts[PATH_NBD].coherence = COHERENCE_BROKEN;
}

static void nbd_detached(void)
{
	facts[PATH_NBD].is_detached = true;
}

static void detached_and_read_only(void)
{
	nbd_detached();
	nbd_read_only();
}

static void detached_and_wrong(void)
{
	nbd_detached();
	nbd_other_pv();
}

static void stale_and_direct_down(void)
{
	direct_down();
	nbd_stale();
}

static const struct {
	const char *name;
	void (*make)(void);
	enum path_state direct, nbd;
	int exit;
	int reason; /* of the first; -1: there is none */
} rows[] = {
	{ "both good", nothing, PATH_GOOD, PATH_GOOD, 0, -1 },
	{ "no nbd configured", nbd_absent, PATH_GOOD, PATH_GOOD, 0, -1 },
	{ "nothing expected", nothing_expected, PATH_GOOD, PATH_GOOD, 0, -1 },
	{ "direct down", direct_down, PATH_DOWN, PATH_GOOD, 5, REASON_PATH_LOST },
	{ "both down", both_down, PATH_DOWN, PATH_DOWN, 5, REASON_PATH_LOST },
	{ "other size", nbd_other_size, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "other PV", nbd_other_pv, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "other VG", nbd_other_vg, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "blank", nbd_blank, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "direct leads astray", direct_other_pv, PATH_OTHER_VOLUME, PATH_GOOD, 2, REASON_PATH_OTHER_VOLUME },
	{ "direct is the measure", nothing_expected_other_pv, PATH_GOOD, PATH_OTHER_VOLUME, 2,
	  REASON_PATH_OTHER_VOLUME },
	{ "wrong beats down", only_nbd_and_wrong, PATH_DOWN, PATH_OTHER_VOLUME, 2, REASON_PATH_LOST },
	{ "copied with dd", nbd_is_dd_copy, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "a flash", nbd_is_a_flash, PATH_OTHER_VOLUME, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "SCSI designators", scsi_differs, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "SCSI serial", serial_differs, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "read-only", nbd_read_only, PATH_GOOD, PATH_READ_ONLY, 5, REASON_PATH_READ_ONLY },
	{ "without flush", nbd_no_flush, PATH_GOOD, PATH_READ_ONLY, 5, REASON_PATH_READ_ONLY },
	{ "wrong and read-only", wrong_and_read_only, PATH_GOOD, PATH_OTHER_VOLUME, 2, REASON_PATH_OTHER_VOLUME },
	{ "kernel's device dead, server good", nbd_detached, PATH_GOOD, PATH_DOWN, 5, REASON_PATH_LOST },
	{ "kernel's device dead, server read-only", detached_and_read_only, PATH_GOOD, PATH_READ_ONLY, 5,
	  REASON_PATH_READ_ONLY },
	{ "kernel's device dead, server wrong", detached_and_wrong, PATH_GOOD, PATH_OTHER_VOLUME, 2,
	  REASON_PATH_OTHER_VOLUME },
	{ "slow", nbd_slow, PATH_GOOD, PATH_SLOW, 0, REASON_PATH_SLOW },
	{ "one slow read", nbd_one_slow_read, PATH_GOOD, PATH_GOOD, 0, -1 },
	{ "stale", nbd_stale, PATH_GOOD, PATH_STALE, 2, REASON_PATH_STALE },
	{ "stale beats down", stale_and_direct_down, PATH_DOWN, PATH_STALE, 2, REASON_PATH_LOST },
	{ "coherent", coherent, PATH_GOOD, PATH_GOOD, 0, -1 },
	{ "not testable", untestable, PATH_GOOD, PATH_GOOD, 5, REASON_PATH_UNPROVEN },
	{ "by neither path", both_untestable, PATH_GOOD, PATH_GOOD, 5, REASON_PATH_UNPROVEN },
	{ "a write is refused", direct_write_refused, PATH_READ_ONLY, PATH_GOOD, 5, REASON_PATH_READ_ONLY },
	{ "a write fails", direct_write_fails, PATH_DOWN, PATH_GOOD, 5, REASON_PATH_LOST },
	{ "the test hangs there", nbd_hangs, PATH_GOOD, PATH_DOWN, 5, REASON_PATH_LOST },
};

static void table(void **state)
{
	struct path_verdict verdict;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int reason;

		make_good();
		rows[i].make();
		path_judge(facts, &expected, 0, &verdict);
		reason = verdict.reasons.count ? (int)verdict.reasons.item[0].id : -1;
		if (verdict.state[PATH_DIRECT] != rows[i].direct || verdict.state[PATH_NBD] != rows[i].nbd ||
		    (int)verdict.exit != rows[i].exit || reason != rows[i].reason)
			fail_msg("%s: %s %s, exit %d, %s", rows[i].name, path_state_name(verdict.state[PATH_DIRECT]),
			         path_state_name(verdict.state[PATH_NBD]), verdict.exit,
			         reason < 0 ? "no reason" : reason_row((enum reason_id)reason)->id);
		/* No sentence is said twice. */
		for (size_t k = 1; k < verdict.reasons.count; k++)
			if (verdict.reasons.item[k].id == REASON_PATH_UNPROVEN)
				assert_int_not_equal(verdict.reasons.item[k - 1].id, REASON_PATH_UNPROVEN);
	}
}

static void slow_is_configured(void **state)
{
	struct path_verdict verdict;

	(void)state;
	make_good();
	facts[PATH_NBD].latency_us[2] = 2001;
	path_judge(facts, &expected, 2, &verdict);
	assert_int_equal(verdict.state[PATH_NBD], PATH_SLOW);
	path_judge(facts, &expected, 3, &verdict);
	assert_int_equal(verdict.state[PATH_NBD], PATH_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table), cmocka_unit_test(slow_is_configured) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
