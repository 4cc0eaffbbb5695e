/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/fault.h"
#include "locate/locate.h"
#include "locate/test_image.h"

enum { PV_BYTES = 32 * TEST_MIB };

static struct copy copy;
static struct access opened;
static struct svc_error error;

static bool has_finding(enum reason_id id, const char *says)
{
	for (size_t i = 0; i < copy.findings.count; i++)
		if (copy.findings.item[i].id == id && strstr(copy.findings.item[i].text, says))
			return true;
	for (size_t i = 0; i < copy.findings.count; i++)
		print_message("finding: %s\n", copy.findings.item[i].text);
	return false;
}

/* The leg on a device in memory. access stays open until the next call or the test's end. */
static enum copy_condition locate(uint8_t *device, uint64_t size, const char *lv)
{
	access_close(&opened);
	memset(&copy, 0, sizeof(copy));
	assert_int_equal(dev_open_memory(device, size, true, &opened.device), 0);
	assert_int_equal(locate_leg(&copy, lv, &opened, &error), 0);
	return copy.condition;
}

static void opens_all_parts_of_a_leg(void **state)
{
	uint8_t *device = test_image_device("svc-a", PV_BYTES);
	uint8_t byte;

	(void)state;
	device[2 * TEST_MIB + 66 * 65536] = 'a';
	device[2 * TEST_MIB + 138 * 65536] = 'b';
	device[2 * TEST_MIB + 65 * 65536] = 'm';
	device[TEST_MIB] = 'r';
	assert_int_equal(locate(device, PV_BYTES, "svc/data"), COPY_USABLE);
	assert_int_equal(copy.findings.count, 0);
	assert_true(copy.evidence.lvm.present);
	assert_int_equal(copy.evidence.lvm.areas_valid, 1);
	assert_int_equal(copy.evidence.lvm.areas_total, 1);
	assert_int_equal(copy.evidence.lvm.pv_size_bytes, PV_BYTES);
	assert_int_equal(copy.device_bytes, PV_BYTES);
	assert_int_equal(copy.leg_bytes, 6 * TEST_MIB);
	assert_int_equal(opened.leg->size_bytes, 6 * TEST_MIB);
	assert_int_equal(opened.record->size_bytes, TEST_MIB);
	assert_int_equal(dev_read(opened.leg, &byte, 1, 0), 0);
	assert_int_equal(byte, 'a');
	assert_int_equal(dev_read(opened.leg, &byte, 1, 4 * TEST_MIB), 0);
	assert_int_equal(byte, 'b');
	assert_int_equal(dev_read(opened.meta, &byte, 1, 0), 0);
	assert_int_equal(byte, 'm');
	assert_int_equal(dev_read(opened.record, &byte, 1, 0), 0);
	assert_int_equal(byte, 'r');
	free(device);
}

static void lists_the_mirrors_where_several_fit(void **state)
{
	uint8_t *device = test_image_device("svc-a", PV_BYTES);

	(void)state;
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_LEG_AMBIGUOUS, "svc/data, svc/other"));
	assert_null(opened.leg);
	assert_int_equal(locate(device, PV_BYTES, "elsewhere/data"), COPY_FOREIGN);
	assert_true(has_finding(REASON_OTHER_VG, "svc, not to elsewhere"));
	assert_int_equal(locate(device, PV_BYTES, "nothing"), COPY_FOREIGN);
	assert_true(has_finding(REASON_NO_MIRROR, "nothing"));
	assert_int_equal(locate_leg(&copy, "a b", &opened, &error), -EINVAL);
	free(device);
}

static void reads_the_text_around_the_ring(void **state)
{
	uint8_t *device = test_image_device("ring-w", 4 * TEST_MIB);

	(void)state;
	assert_int_equal(locate(device, 4 * TEST_MIB, NULL), COPY_USABLE);
	assert_string_equal(copy.evidence.lvm.vg_name, "ring");
	assert_null(opened.record);
	free(device);
}

/* svc-s: two metadata areas, the second one in the last MiB. */
static uint8_t *two_areas(void)
{
	uint8_t *device = test_image_device("svc-s", PV_BYTES);

	test_image_read("svc-s-end", device + PV_BYTES - TEST_MIB, TEST_MIB);
	return device;
}

static void uses_the_newest_valid_metadata(void **state)
{
	const uint64_t second = PV_BYTES - TEST_MIB;
	uint8_t *device = two_areas();
	char *text = test_get_text(device, TEST_AREA);
	char *newer = test_edit(text, "seqno", "seqno = ", "seqno = 9");
	uint64_t seqno;

	(void)state;
	assert_int_equal(locate(device, PV_BYTES, "data"), COPY_USABLE);
	assert_int_equal(copy.evidence.lvm.areas_valid, 2);
	assert_int_equal(copy.evidence.lvm.areas_total, 2);
	assert_int_equal(copy.findings.count, 0);
	seqno = copy.evidence.lvm.seqno;
	test_put_text(device, second, newer);
	assert_int_equal(locate(device, PV_BYTES, "data"), COPY_USABLE);
	assert_true(copy.evidence.lvm.seqno >= 90 + seqno % 10);
	/* The newer one damaged: the older one serves, and that is said. */
	device[second + 700] ^= 1;
	assert_int_equal(locate(device, PV_BYTES, "data"), COPY_USABLE);
	assert_int_equal(copy.evidence.lvm.seqno, seqno);
	assert_int_equal(copy.evidence.lvm.areas_valid, 1);
	assert_true(has_finding(REASON_METADATA_COPY_BAD, "byte 32505856: the checksum"));
	/* Both damaged. */
	device[TEST_AREA + 100] ^= 1;
	assert_int_equal(locate(device, PV_BYTES, "data"), COPY_DAMAGED);
	assert_true(has_finding(REASON_METADATA_DAMAGED, "areas: 2"));
	assert_null(opened.leg);
	free(newer);
	free(text);
	free(device);
}

static void uses_the_first_area_of_a_device_cut_off_before_the_second(void **state)
{
	uint8_t *device = two_areas();

	(void)state;
	assert_int_equal(locate(device, 20 * TEST_MIB, "data"), COPY_USABLE);
	assert_true(has_finding(REASON_METADATA_COPY_BAD, "beyond the end of the device"));
	free(device);
}

static void judges_a_pv_without_text(void **state)
{
	uint8_t *device = test_image_device("svc-b", PV_BYTES);
	char *text;

	(void)state;
	put_le32(device + TEST_AREA + 60, 1);
	test_sign_area(device + TEST_AREA);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_DAMAGED);
	assert_true(has_finding(REASON_METADATA_DAMAGED, "all ignored"));
	memset(device + TEST_AREA + 40, 0, 24);
	test_sign_area(device + TEST_AREA);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_OTHER_VG, "no volume group"));
	text = strdup("nothing of the kind");
	test_put_text(device, TEST_AREA, text);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_DAMAGED);
	assert_true(has_finding(REASON_METADATA_DAMAGED, "grammar"));
	free(text);
	device[PV_SECTOR_BYTES + 300] ^= 1;
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_DAMAGED);
	assert_true(has_finding(REASON_LABEL_DAMAGED, "checksum"));
	assert_false(has_finding(REASON_REBUILD_TARGET, ""));
	put_le32(device + PV_SECTOR_BYTES + 16, pv_begun_checksum(device + PV_SECTOR_BYTES));
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_DAMAGED);
	assert_true(has_finding(REASON_REBUILD_TARGET, "not finished"));
	assert_false(has_finding(REASON_LABEL_DAMAGED, ""));
	free(device);
}

static void says_where_a_truncated_device_ends(void **state)
{
	uint8_t *device = test_image_device("svc-b", PV_BYTES);
	/* The leg on b ends with its second segment: PE 73 + 32. */
	const uint64_t end = 2 * TEST_MIB + (73 + 32) * 65536;
	char figure[32];

	(void)state;
	assert_int_equal(locate(device, end, NULL), COPY_USABLE);
	assert_int_equal(locate(device, end - 1, NULL), COPY_DAMAGED);
	snprintf(figure, sizeof(figure), "ends at byte %llu", (unsigned long long)end);
	assert_true(has_finding(REASON_LEG_TRUNCATED, figure));
	snprintf(figure, sizeof(figure), "it is %llu bytes", (unsigned long long)end - 1);
	assert_true(has_finding(REASON_LEG_TRUNCATED, figure));
	assert_null(opened.leg);
	/* Every length: a clear condition and a finding, and never a leg. */
	for (uint64_t size = 0; size < end; size += size < 16384 ? 511 : 262139) {
		assert_int_not_equal(locate(device, size, NULL), COPY_USABLE);
		assert_true(copy.findings.count > 0);
	}
	free(device);
}

static void knows_what_else_is_there(void **state)
{
	uint8_t *device = calloc(1, PV_BYTES);
	const uint64_t last_group = PV_BYTES - 100;

	(void)state;
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_BLANK);
	assert_true(has_finding(REASON_BLANK, "33554432 bytes"));
	assert_int_equal(locate(device, 4096, NULL), COPY_BLANK);
	assert_int_equal(locate(device, 4095, NULL), COPY_UNREADABLE);
	assert_true(has_finding(REASON_OPEN, "4095 bytes long: there is no medium"));
	assert_int_equal(locate(device, 0, NULL), COPY_UNREADABLE);
	device[last_group] = 1;
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_FOREIGN, "not recognised"));
	device[last_group] = 0;
	device[3 * TEST_MIB] = 1;
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	memset(device, 0xff, PV_BYTES);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_BLANK);
	memset(device, 0x55, PV_BYTES);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	memset(device, 0, PV_BYTES);
	memcpy(device + 4086, "SWAPSPACE2", 10);
	put_le32(device + 1024, 1);
	put_le32(device + 1028, 8191);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_FOREIGN, "a swap area"));
	memset(device, 0, 8192);
	memcpy(device, "LUKS\xba\xbe\0\1", 8);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_FOREIGN, "a LUKS volume"));
	memset(device, 0, 8192);
	device[510] = 0x55;
	device[511] = 0xaa;
	device[450] = 0x83;
	put_le32(device + 454, 2048);
	put_le32(device + 458, 2048);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_FOREIGN, "a partition table (dos)"));
	free(device);
}

/* libblkid 2.38 reads as many bytes of its stack as the mount point's length says. */
static void stands_what_libblkid_does_not(void **state)
{
	uint8_t *device = calloc(1, PV_BYTES);

	(void)state;
	memcpy(device + 8192, "OracleCFS", 9);
	memset(device + 8192 + 264, 0xff, 2);
	assert_int_equal(locate(device, PV_BYTES, NULL), COPY_FOREIGN);
	assert_true(has_finding(REASON_FOREIGN, "not recognised"));
	free(device);
}

/* What mke2fs makes; false where it is not there. */
static uint8_t *bare_ext4(uint64_t size)
{
	char path[] = "/tmp/locate_test.XXXXXX", command[300];
	uint8_t *device = calloc(1, size);
	int fd = mkstemp(path);

	assert_non_null(device);
	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 -b 1024 %s %lluk 2>&1", path,
	         (unsigned long long)size / 1024);
	if (system(command) || pread(fd, device, size, 0) < 0) {
		free(device);
		device = NULL;
	}
	close(fd);
	unlink(path);
	return device;
}

static void takes_a_bare_ext4_for_a_leg(void **state)
{
	const uint64_t size = 24 * TEST_MIB;
	uint8_t *device = bare_ext4(size);

	(void)state;
	if (!device)
		skip();
	assert_int_equal(locate(device, size, NULL), COPY_USABLE);
	assert_false(copy.evidence.lvm.present);
	assert_int_equal(copy.evidence.lvm.type, MIRROR_NONE);
	assert_int_equal(copy.leg_bytes, size);
	assert_int_equal(opened.leg->size_bytes, size);
	/* A superblock whose checksum is wrong is for the file system's evidence to judge. */
	device[1024 + 120] ^= 1;
	assert_int_equal(locate(device, size, NULL), COPY_USABLE);
	/* Without its magic, the backup in group 1 tells that it was one. */
	memset(device + 1024, 0, 1024);
	assert_int_equal(locate(device, size, NULL), COPY_DAMAGED);
	assert_true(has_finding(REASON_FS_DAMAGED, "8389632"));
	/* A superblock of another group is none of this file system's first backup. */
	device[8389632 + 90] = 5;
	assert_int_equal(locate(device, size, NULL), COPY_FOREIGN);
	free(device);
}

/* Each read in turn fails: never a crash, never a usable copy that was not read. */
static void reports_reads_that_fail(void **state)
{
	uint8_t *device = test_image_device("svc-b", PV_BYTES);
	uint8_t *blank = calloc(1, PV_BYTES);
	struct dev *memory;

	(void)state;
	for (int which = 0; which < 2; which++) {
		assert_int_equal(dev_open_memory(which ? blank : device, PV_BYTES, true, &memory), 0);
		for (uint64_t nth = 1;; nth++) {
			struct fault_plan plan = { .fail[FAULT_READ] = { .nth = nth, .code = -EIO } };

			access_close(&opened);
			memset(&copy, 0, sizeof(copy));
			assert_int_equal(dev_open_fault(memory, &plan, &opened.device), 0);
			assert_int_equal(locate_leg(&copy, NULL, &opened, &error), 0);
			if (!fault_counted(opened.device).failed) {
				assert_int_equal(copy.condition, which ? COPY_BLANK : COPY_USABLE);
				assert_true(nth > 2);
				break;
			}
			assert_int_equal(copy.condition, COPY_UNREADABLE);
			assert_int_equal(copy.evidence.errors.count, 1);
			assert_true(copy.evidence.errors.listed[0].length > 0);
			assert_true(has_finding(REASON_READ_ERROR, "Input/output error at byte "));
		}
		access_close(&opened);
		dev_close(memory);
	}
	free(blank);
	free(device);
}

static void goes_on_with_the_area_that_can_be_read(void **state)
{
	uint8_t *device = two_areas();
	struct fault_plan plan = { .bad = { TEST_AREA, PV_SECTOR_BYTES } };
	struct dev *memory;

	(void)state;
	access_close(&opened);
	memset(&copy, 0, sizeof(copy));
	assert_int_equal(dev_open_memory(device, PV_BYTES, true, &memory), 0);
	assert_int_equal(dev_open_fault(memory, &plan, &opened.device), 0);
	assert_int_equal(locate_leg(&copy, "data", &opened, &error), 0);
	assert_int_equal(copy.condition, COPY_USABLE);
	assert_int_equal(copy.evidence.errors.listed[0].offset, TEST_AREA);
	assert_true(has_finding(REASON_READ_ERROR, "byte 4096"));
	access_close(&opened);
	dev_close(memory);
	free(device);
}

static int locate_path(const char *path)
{
	const struct locate_options options = { .dev = { .access = DEV_READ } };

	access_close(&opened);
	assert_int_equal(locate_parse(path, &copy, &error), 0);
	return locate_copy(&copy, &options, &opened, &error);
}

static void opens_what_a_locator_names(void **state)
{
	const struct locate_options malformed = { .dev = { .access = DEV_READ }, .lv = "a/b/c" };
	char path[] = "/tmp/locate_test.XXXXXX";
	uint8_t *device = test_image_device("svc-b", PV_BYTES);
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, device, TEST_MIB), TEST_MIB);
	assert_int_equal(ftruncate(fd, PV_BYTES), 0);
	assert_int_equal(locate_path(path), 0);
	assert_int_equal(copy.condition, COPY_USABLE);
	assert_int_equal(copy.leg_bytes, 6 * TEST_MIB);
	access_close(&opened);
	assert_int_equal(locate_copy(&copy, &malformed, &opened, &error), -EINVAL);
	close(fd);
	unlink(path);
	assert_int_equal(locate_path(path), 0);
	assert_int_equal(copy.condition, COPY_UNREADABLE);
	assert_true(has_finding(REASON_OPEN, path));
	assert_int_equal(locate_path("/tmp"), -EISDIR);
	assert_int_equal(locate_path("/dev/null"), -ENODEV);
	free(device);
}

static void takes_arguments_apart(void **state)
{
	static const struct {
		const char *argument, *name, *locator;
	} cases[] = {
		{ "flash-a=/dev/sda2", "flash-a", "/dev/sda2" },
		{ "shared=nbd://host:10809/svc?x=y", "shared", "nbd://host:10809/svc?x=y" },
		{ "shared@nbd=nbd+unix:///svc?socket=/run/s", "shared@nbd", "nbd+unix:///svc?socket=/run/s" },
		{ "flash-b=a=b", "flash-b", "a=b" },
		{ "/dev/mapper/x=y", "x=y", "/dev/mapper/x=y" },
		{ "./a=b", "a=b", "./a=b" },
		{ "disk.img", "disk.img", "disk.img" },
		{ "disk.a=b", "disk.a=b", "disk.a=b" },
		{ "/a/b/disk/", "disk", "/a/b/disk/" },
		{ "/", "/", "/" },
		{ "nbd://host/export", "export", "nbd://host/export" },
		{ "nbd://host/dir/export?a=/b", "export", "nbd://host/dir/export?a=/b" },
		{ "nbd://host", "host", "nbd://host" },
		{ "nbd://host/", "host", "nbd://host/" },
		{ "nbd+unix:///vol?socket=/run/s.sock", "vol", "nbd+unix:///vol?socket=/run/s.sock" },
		{ "nbd+unix:///?socket=/run/s.sock", "s.sock", "nbd+unix:///?socket=/run/s.sock" },
		{ "nbd+unix://?socket=/run/s.sock&x=/y", "s.sock", "nbd+unix://?socket=/run/s.sock&x=/y" },
		{ "nbd+unix:///?socket=", "nbd+unix:///?socket=", "nbd+unix:///?socket=" },
		{ "/a/what?socket=/b", "b", "/a/what?socket=/b" },
	};
	char longest[SVC_LOCATOR_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(locate_parse(cases[i].argument, &copy, &error), 0);
		assert_string_equal(copy.name, cases[i].name);
		assert_string_equal(copy.locator, cases[i].locator);
	}
	assert_int_equal(locate_parse("shared@nbd=/x", &copy, &error), 0);
	assert_string_equal(copy.group, "shared");
	assert_int_equal(locate_parse("flash-c=/x", &copy, &error), -EINVAL);
	assert_non_null(strstr(error.text, "flash-c"));
	assert_int_equal(locate_parse("=/x", &copy, &error), -EINVAL);
	assert_int_equal(locate_parse("flash-a@nbd=/x", &copy, &error), -EINVAL);
	assert_int_equal(locate_parse("flash-a=", &copy, &error), -EINVAL);
	assert_int_equal(locate_parse("", &copy, &error), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[SVC_LOCATOR_SIZE] = '\0';
	assert_int_equal(locate_parse(longest, &copy, &error), -EINVAL);
	longest[SVC_LOCATOR_SIZE - 1] = '\0';
	assert_int_equal(locate_parse(longest, &copy, &error), 0);
	assert_int_equal(strlen(copy.name), SVC_NAME_SIZE - 1);
}

/* The names that up to three arguments end up with, joined; "" where they are refused. */
static const char *name_all(const char *a, const char *b, const char *c)
{
	static char joined[3 * (2 * SVC_NAME_SIZE + 4)];
	static struct copy all[3];
	const char *argument[] = { a, b, c };
	int n = 0;

	joined[0] = '\0';
	for (; n < 3 && argument[n]; n++)
		assert_int_equal(locate_parse(argument[n], &all[n], &error), 0);
	if (locate_name_all(all, n, &error))
		return "";
	for (int i = 0; i < n; i++)
		snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%.*s(%.*s)", i ? " " : "",
		         SVC_NAME_SIZE, all[i].name, SVC_NAME_SIZE, all[i].group);
	return joined;
}

static void makes_names_unique(void **state)
{
	(void)state;
	assert_string_equal(name_all("/a/x.img", "/a/y.img", NULL), "x.img(x.img) y.img(y.img)");
	assert_string_equal(name_all("/a/x.img", "/b/x.img", "/a/z"), "/a/x.img(/a/x.img) /b/x.img(/b/x.img) z(z)");
	assert_string_equal(name_all("flash-a=/a/x", "/b/flash-a", NULL), "flash-a(flash-a) /b/flash-a(/b/flash-a)");
	assert_string_equal(name_all("/b/shared", "shared@direct=/x", NULL),
	                    "/b/shared(/b/shared) shared@direct(shared)");
	assert_string_equal(name_all("shared=/a", "shared@nbd=shared", "flash-b=/b"),
	                    "shared(shared) shared@nbd(shared) flash-b(flash-b)");
	assert_string_equal(name_all("flash-a=/a", "flash-a=/b", NULL), "");
	assert_non_null(strstr(error.text, "flash-a is given twice"));
	assert_string_equal(name_all("shared=/a", "shared@direct=/b", NULL), "");
	assert_string_equal(name_all("/a/x", "/a/x", NULL), "");
}

static int close_all(void **state)
{
	(void)state;
	access_close(&opened);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_all_parts_of_a_leg),
		cmocka_unit_test(lists_the_mirrors_where_several_fit),
		cmocka_unit_test(reads_the_text_around_the_ring),
		cmocka_unit_test(uses_the_newest_valid_metadata),
		cmocka_unit_test(uses_the_first_area_of_a_device_cut_off_before_the_second),
		cmocka_unit_test(judges_a_pv_without_text),
		cmocka_unit_test(says_where_a_truncated_device_ends),
		cmocka_unit_test(knows_what_else_is_there),
		cmocka_unit_test(stands_what_libblkid_does_not),
		cmocka_unit_test(takes_a_bare_ext4_for_a_leg),
		cmocka_unit_test(reports_reads_that_fail),
		cmocka_unit_test(goes_on_with_the_area_that_can_be_read),
		cmocka_unit_test(opens_what_a_locator_names),
		cmocka_unit_test(takes_arguments_apart),
		cmocka_unit_test(makes_names_unique),
	};

	return cmocka_run_group_tests(tests, NULL, close_all);
}
