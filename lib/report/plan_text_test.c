/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What svc-resync says: whose history a choice ends, what is left out, done, not reached, and left to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "verdict/verdict.h"

enum { LEG = 1 << 20 };

/* Three legs that went on alone; flash-b is kept. */
static struct file_difference lost_a = { .path = (char *)"/only/a", .inode = 13, .bytes = 8192, .only_on = 0 };
static struct file_difference lost_s = { .path = (char *)"/only/s", .inode = 14, .bytes = 4096, .only_on = 2 };
static struct copy copy[3];
static struct comparison comparison;
static struct verdict verdict;
static struct plan plan;
static struct outcome outcome;
static struct reasons refusals, unreached, remarks;
static struct report report;
static char *output;
static size_t output_size;

static void set_copy(int i, const char *name, int64_t written)
{
	struct copy *c = &copy[i];

	memset(c, 0, sizeof(*c));
	strcpy(c->name, name);
	strcpy(c->group, name);
	snprintf(c->locator, sizeof(c->locator), "/dev/%s", name);
	c->device_bytes = 2 * LEG;
	c->leg_bytes = LEG;
	c->evidence.lvm = (struct lvm_evidence){ .present = true, .type = MIRROR_RAID1, .leg_count = 3, .seqno = 7 };
	c->evidence.lvm.leg_index = (unsigned)i;
	strcpy(c->evidence.lvm.vg_name, "svc");
	strcpy(c->evidence.lvm.lv_name, "data");
	for (int k = 0; k < 3; k++)
		snprintf(c->evidence.lvm.leg_pv_uuid[k], LVM_UUID_SIZE, "pv-%d", k);
	strcpy(c->evidence.lvm.pv_uuid, c->evidence.lvm.leg_pv_uuid[i]);
	c->evidence.fs = (struct fs_evidence){ .present = true, .write_time = written, .mount_time = written - 60 };
	comparison.copy[i] = (struct content_difference){ .compared = true };
}

static void lose(int i, struct file_difference *file)
{
	comparison.copy[i].used_bytes = file->bytes;
	comparison.copy[i].owners = (struct attribution){ .done = true, .file = file, .files = 1 };
}

static int set_up(void **state)
{
	(void)state;
	comparison = (struct comparison){ .done = true, .reference = 1 };
	set_copy(0, "flash-a", 1772352007);
	set_copy(1, "flash-b", 1772352000);
	set_copy(2, "shared", 1772353000);
	lose(0, &lost_a);
	lose(2, &lost_s);
	verdict = (struct verdict){ .kind = VERDICT_SPLIT_BRAIN,
		                    .authority = -1,
		                    .state = { STATE_DIVERGED, STATE_DIVERGED, STATE_DIVERGED } };
	plan = (struct plan){ .authority = 1,
		              .is_forced = true,
		              .is_target = { true, false, true },
		              .is_compared = { true, true, true },
		              .is_member = { true, true, true },
		              .leg_index = { 0, 1, 2 },
		              .action = { { ACTION_MARK, 0, 0 } },
		              .actions = 1 };
	outcome = (struct outcome){ .content_bytes = 12288, .proven_bytes = 12288 };
	refusals.count = unreached.count = remarks.count = 0;
	report = (struct report){ .command = "resync",
		                  .copy = copy,
		                  .copies = 3,
		                  .comparison = &comparison,
		                  .verdict = &verdict,
		                  .width = 200,
		                  .arguments = " flash-a=/dev/flash-a 'flash-b=/dev/x y'",
		                  .plan = &plan,
		                  .outcome = &outcome,
		                  .refusals = &refusals,
		                  .unreached = &unreached,
		                  .remarks = &remarks,
		                  .undo_path = "" };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(output);
	output = NULL;
	return 0;
}

static void print(bool is_result, bool is_done)
{
	FILE *out;

	free(output);
	out = open_memstream(&output, &output_size);
	assert_non_null(out);
	if (is_result)
		report_result(&report, is_done, out);
	else
		report_plan(&report, out);
	fclose(out);
}

static void says(const char *text)
{
	if (!strstr(output, text))
		fail_msg("not said: %s\nbut: %s", text, output);
}

static void test_each_history_is_named(void **state)
{
	(void)state;
	print(false, false);
	says("gives up: what only flash-a holds: last written 2026-03-01 08:00:07Z, last mounted 2026-03-01 07:59:07Z; "
	     "8192 bytes in use differ from flash-b\n"
	     "          1 file that flash-a alone has is lost:\n"
	     "                    8192  /only/a\n"
	     "          what only shared holds: last written 2026-03-01 08:16:40Z, last mounted 2026-03-01 08:15:40Z; "
	     "4096 bytes in use differ from flash-b\n"
	     "          1 file that shared alone has is lost:\n"
	     "                    4096  /only/s\n");
	assert_null(strstr(output, "also whatever"));
	comparison.copy[2].used_bytes = 0;
	print(false, false);
	says("nothing that shared holds: its blocks in use are equal to flash-b's");
	plan.is_forced = false;
	print(false, false);
	assert_null(strstr(output, "gives up"));
}

/* What is lost, what is replaced and what is kept are told apart, whatever their dates. */
static void test_losses(void **state)
{
	static struct file_side of_a[] = { { 0, 8192, 1772352007 } }, of_b[] = { { 1, 4096, 1772352007 } },
				of_both[] = { { 0, 50, 1772352000 }, { 1, 60, 1772352060 } };
	static struct file_difference file[] = {
		{ .path = (char *)"/new/b", .bytes = 12288, .only_on = 1, .sides = 1, .side = of_b },
		{ .path = (char *)"/new/a", .bytes = 8192, .only_on = 0, .sides = 1, .side = of_a },
		{ .path = (char *)"/both", .bytes = 4096, .only_on = -1, .sides = 2, .side = of_both },
	};
	json_t *root, *lost;
	const char *path[2], *what[2];
	int is_known;
	FILE *out;

	(void)state;
	comparison.copy[0].owners.done = false; /* one other copy: the answer for all is its own */
	comparison.owners = (struct attribution){ .done = true, .file = file, .files = 3 };
	plan.is_target[2] = false;
	print(false, false);
	says("8192 bytes in use differ from flash-b\n"
	     "          1 file that flash-a alone has is lost:\n"
	     "                    8192  /new/a\n"
	     "          1 file that both have becomes flash-b's version; flash-a's is lost:\n"
	     "                    4096  /both  (modified later on flash-b)\n"
	     "          1 file that flash-b has and flash-a does not is kept:\n"
	     "                   12288  /new/b\n");
	/* kept over its other path */
	set_copy(2, "flash-b@nbd", 1772352000);
	strcpy(copy[2].group, "flash-b");
	plan.authority = 2;
	print(false, false);
	says("1 file that both have becomes flash-b@nbd's version; flash-a's is lost:\n"
	     "                    4096  /both  (modified later on flash-b)\n");
	says("1 file that flash-b@nbd has and flash-a does not is kept:\n");
	plan.authority = 1;
	comparison.owners.unnamed = 2; /* the one that is kept */
	print(false, false);
	assert_null(strstr(output, "cannot be told"));
	comparison.owners.unnamed = 1;
	print(false, false);
	says("          which files of its own flash-a loses besides cannot be told: its file system or its journal "
	     "cannot be "
	     "read\n");
	free(output);
	out = open_memstream(&output, &output_size);
	assert_int_equal(report_json(&report, out), 0);
	fclose(out);
	root = json_loads(output, 0, NULL);
	assert_int_equal(json_unpack(root, "{s:[{s:o, s:b}!]}", "gives_up", "files", &lost, "files_known", &is_known),
	                 0);
	assert_false(is_known);
	assert_int_equal(json_unpack(lost, "[{s:s, s:s}, {s:s, s:s}!]", "path", &path[0], "lost", &what[0], "path",
	                             &path[1], "lost", &what[1]),
	                 0);
	assert_string_equal(path[0], "/new/a");
	assert_string_equal(what[0], "file");
	assert_string_equal(path[1], "/both");
	assert_string_equal(what[1], "version");
	json_decref(root);
}

/* A long list is cut, and each kind is counted. */
static void test_many_losses(void **state)
{
	static struct file_difference file[30];

	(void)state;
	for (int i = 0; i < 30; i++)
		file[i] = (struct file_difference){ .path = (char *)(i < 25 ? "/gone" : "/kept"),
			                            .bytes = 4096,
			                            .only_on = i < 25 ? 0 : 1 };
	comparison.copy[0].owners = (struct attribution){ .done = true, .file = file, .files = 30 };
	plan.is_target[2] = false;
	print(false, false);
	says("25 files that flash-a alone has are lost:\n");
	says("/gone\n                          and 5 more (-v lists them)\n"
	     "          5 files that flash-b has and flash-a does not are kept:\n");
	report.is_verbose = true;
	print(false, false);
	assert_null(strstr(output, "more"));
}

static void test_everything_is_given_up(void **state)
{
	(void)state;
	plan.is_whole[0] = plan.is_whole[2] = true;
	plan.is_compared[0] = plan.is_compared[2] = false;
	memset(&copy[0].evidence, 0, sizeof(copy[0].evidence));
	reason_add(&copy[0].findings, REASON_FOREIGN, 0, "it holds an md RAID member");
	strcpy(copy[2].evidence.lvm.vg_name, "other");
	strcpy(copy[2].evidence.lvm.vg_uuid, "vg-uuid");
	print(false, false);
	says("gives up: everything on flash-a, all of its 2097152 bytes: it holds an md RAID member\n");
	says("everything on shared, all of its 2097152 bytes: it holds a leg of other/data (VG vg-uuid), last written "
	     "2026-03-01 08:16:40Z, last mounted 2026-03-01 08:15:40Z, and every file in it\n");
	assert_null(strstr(output, " 0 bytes"));
	copy[0].findings.count = 0;
}

static void test_left_and_absent(void **state)
{
	(void)state;
	plan.is_target[0] = plan.is_member[0] = false;
	plan.is_left[0] = true;
	plan.failed_devices = 1;
	print(false, false);
	says("  leaves: flash-a as it is (diverged): --to does not name it. flash-b will name it failed: it stays "
	     "apart, "
	     "and is neither right nor in sync until svc-resync --from flash-b --to flash-a\n");
	assert_null(strstr(output, "also whatever")); /* it is here */
	plan.is_forced = false;
	verdict.state[0] = STATE_STALE;
	print(false, false);
	says("  leaves: flash-a as it is (stale): --to does not name it\n");
	/* Not given at all. */
	plan.is_forced = true;
	copy[0] = copy[1];
	copy[1] = copy[2];
	report.copies = 2;
	plan = (struct plan){ .authority = 0,
		              .is_forced = true,
		              .is_target = { false, true },
		              .is_compared = { true, true },
		              .is_member = { true, true },
		              .leg_index = { 1, 2 },
		              .failed_devices = 1,
		              .actions = 1,
		              .action = { { ACTION_MARK, 1, 0 } } };
	print(false, false);
	says("also whatever leg 0 (PV pv-0) holds alone: it is not here, is named failed, and is rebuilt whole when it "
	     "returns\n");
}

/* The command that undoes it can be pasted: one line, quoted, whatever the width. */
static void test_undo_line(void **state)
{
	(void)state;
	report.width = 40;
	report.undo_path = "/var/lib/s v c/undo'1";
	print(true, true);
	says("\n    undo: svc-resync --undo '/var/lib/s v c/undo'\\''1' flash-a=/dev/flash-a 'flash-b=/dev/x y'\n");
	report.undo_path = "/tmp/undo";
	print(true, true);
	says("\n    undo: svc-resync --undo /tmp/undo flash-a=/dev/flash-a 'flash-b=/dev/x y'\n");
}

static void test_not_reached(void **state)
{
	(void)state;
	reason_add(&unreached, REASON_OPEN, 2, "shared could not be read and was left as it is");
	plan.is_target[2] = false;
	print(true, true);
	says("    done: flash-a is rebuilt from flash-b and proven: 12288 bytes of content written, 12288 read back");
	says("not done: SVC-OPEN: shared could not be read and was left as it is\n"
	     "  action: bring it back, then run the same command again for what is left\n");
	print(true, false);
	assert_null(strstr(output, "proven"));
}

/* A refusal ends with what to do, and with the command where that is one. */
static void test_refusal(void **state)
{
	(void)state;
	reason_add(&refusals, REASON_NEEDS_CHOICE, -1, "the verdict is split-brain");
	print(false, false);
	says(" refused: SVC-NEEDS-CHOICE: the verdict is split-brain\n");
	says("\n          svc-resync --from NAME flash-a=/dev/flash-a 'flash-b=/dev/x y'\n");
	refusals.count = 0;
	reason_add(&refusals, REASON_FROM_UNUSABLE, -1, "flash-a is blank");
	print(false, false);
	assert_null(strstr(output, "/dev/flash-a"));
}

/* svc-resync was not told to look at the evidence only. */
static void test_nothing_compared(void **state)
{
	FILE *out = open_memstream(&output, &output_size);

	(void)state;
	comparison.done = false;
	report.mode = COMPARE_FAST;
	assert_int_equal(report_text(&report, out), 0);
	fclose(out);
	says("compared: nothing: there are no two copies to compare\n");
	free(output);
	out = open_memstream(&output, &output_size);
	verdict.kind = VERDICT_UNRELATED;
	assert_int_equal(report_text(&report, out), 0);
	fclose(out);
	says("compared: nothing: these are not copies of one mirror\n");
}

static void test_remark(void **state)
{
	(void)state;
	copy[1].evidence.lvm.missing_legs = 1;
	copy[1].evidence.lvm.seqno = 8;
	plan_remarks(&plan, copy, 3, &remarks);
	assert_int_equal(remarks.count, 1);
	print(true, true);
	says("  remark: SVC-LVM-MISSING: LVM's metadata flags flash-a's physical volume as missing;");
	says("\n          vgextend --restoremissing svc /dev/flash-a\n");
	strcpy(copy[0].locator, "a.img");
	print(true, true);
	says("\n          vgextend --restoremissing svc /dev/disk/by-id/lvm-pv-uuid-pv-0\n");
	/* One that is about no copy. */
	remarks.count = 0;
	reason_add(&remarks, REASON_UNDO_CUT, -1, "undo-1 is cut off");
	print(true, true);
	says("  remark: SVC-UNDO-CUT: undo-1 is cut off\n");
	says("  action: keep it only where");
	/* Older metadata does not count; what is not rebuilt is rightly called missing. */
	remarks.count = 0;
	copy[0].evidence.lvm.seqno = 9;
	plan_remarks(&plan, copy, 3, &remarks);
	assert_int_equal(remarks.count, 0);
	copy[0].evidence.lvm.seqno = 7;
	plan.is_member[0] = false;
	plan_remarks(&plan, copy, 3, &remarks);
	assert_int_equal(remarks.count, 0);
	/* Without anything to rebuild it is said too. */
	plan = (struct plan){ .authority = -1 };
	plan_remarks(&plan, copy, 3, &remarks);
	assert_int_equal(remarks.count, 1);
	print(true, false);
	says("vgextend --restoremissing svc /dev/disk/by-id/lvm-pv-uuid-pv-0\n");
}

static void test_json(void **state)
{
	json_t *root;
	const char *first, *second, *file, *left, *id;
	json_int_t written, mounted, bytes;
	int is_all;
	json_t *none;
	FILE *out = open_memstream(&output, &output_size);

	(void)state;
	plan.is_whole[2] = true;
	plan.is_left[1] = true; /* for the shape of it */
	reason_add(&unreached, REASON_OPEN, 2, "not read");
	assert_int_equal(report_json(&report, out), 0);
	fclose(out);
	root = json_loads(output, 0, NULL);
	assert_non_null(root);
	assert_int_equal(
		json_unpack(root, "{s:[{s:s, s:b, s:I, s:I, s:I, s:[{s:s}]}, {s:s, s:b, s:o}], s:[s], s:[{s:s}], s:[]}",
	                    "gives_up", "copy", &first, "everything", &is_all, "write_time", &written, "mount_time",
	                    &mounted, "bytes", &bytes, "files", "path", &file, "copy", &second, "everything", &is_all,
	                    "files", &none, "left", &left, "unreached", "id", &id, "remarks"),
		0);
	assert_string_equal(first, "flash-a");
	assert_string_equal(second, "shared");
	assert_string_equal(file, "/only/a");
	assert_string_equal(left, "flash-b");
	assert_string_equal(id, "SVC-OPEN");
	assert_true(written == 1772352007 && mounted == written - 60 && bytes == 8192 && is_all && json_is_null(none));
	json_decref(root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_history_is_named),
		TEST(test_losses),
		TEST(test_many_losses),
		TEST(test_everything_is_given_up),
		TEST(test_left_and_absent),
		TEST(test_undo_line),
		TEST(test_not_reached),
		TEST(test_refusal),
		TEST(test_nothing_compared),
		TEST(test_remark),
		TEST(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
