/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path/control.h"
#include "path/filter.h"

static const struct {
	const char *text;
	const char *name[3];
	bool is_accepted;
} rows[] = {
	{ "[\"a|.*|\"]", { "/dev/sda" }, true },
	{ "[\"a|^/dev/mapper/svc-shared$|\",\"r|.*|\"]", { "/dev/mapper/svc-shared" }, true },
	{ "[\"a|^/dev/mapper/svc-shared$|\",\"r|.*|\"]", { "/dev/mapper/svc-shared2" }, false },
	{ "[\"a|^/dev/mapper/svc-shared$|\",\"r|.*|\"]", { "/dev/sda" }, false },
	/* One accepted name is enough. */
	{ "[\"a|^/dev/mapper/|\",\"r|.*|\"]", { "/dev/dm-3", "/dev/mapper/x" }, true },
	/* The first pattern decides. */
	{ "[\"r|^/dev/nbd|\",\"a|.*|\"]", { "/dev/nbd0" }, false },
	{ "[\"a|.*|\",\"r|^/dev/nbd|\"]", { "/dev/nbd0" }, true },
	/* What no pattern matches is taken; what any rejects and none accepts is not. */
	{ "[\"r|^/dev/nbd|\"]", { "/dev/sda" }, true },
	{ "[\"r|/by-id/|\"]", { "/dev/sda", "/dev/disk/by-id/x" }, false },
	{ "[ \"a(^/dev/sd[ab]$)\", \"r/.*/\" ]", { "/dev/sdb" }, true },
	{ "[ \"a(^/dev/sd[ab]$)\", \"r/.*/\" ]", { "/dev/sdc" }, false },
};

static void filters(void **state)
{
	struct filter filter;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned names = 0;

		while (names < 3 && rows[i].name[names])
			names++;
		assert_true(filter_parse(rows[i].text, &filter));
		if (filter_accepts(&filter, rows[i].name, names) != rows[i].is_accepted)
			fail_msg("%s %s", rows[i].text, rows[i].name[0]);
	}
	assert_false(filter_parse("", &filter));
	assert_false(filter_parse("[\"a|.*|]", &filter));
	assert_false(filter_parse("[\"a\"]", &filter));
	assert_true(filter_parse("[\"a|\\\\d\\\"|\"]", &filter));
	assert_string_equal(filter.pattern[0], "a|\\d\"|");
}

static void devices_files(void **state)
{
	static const struct {
		const char *line, *name[3], *wwid;
		bool is_listed;
	} row[] = {
		{ "IDTYPE=devname IDNAME=/dev/mapper/svc-shared DEVNAME=/dev/mapper/svc-shared PVID=x\n",
		  { "/dev/dm-0", "/dev/mapper/svc-shared" },
		  "",
		  true },
		{ "IDTYPE=devname IDNAME=/dev/nbd0 DEVNAME=/dev/nbd0 PVID=x\n", { "/dev/nbd0" }, "", true },
		{ "IDTYPE=devname IDNAME=/dev/nbd0 DEVNAME=/dev/nbd0 PVID=x\n", { "/dev/nbd00" }, "", false },
		/* The WWID counts, not what the device was called last. */
		{ "IDTYPE=sys_wwid IDNAME=naa.5000 DEVNAME=/dev/sda PVID=x\n", { "/dev/sdb" }, "naa.5000", true },
		{ "IDTYPE=sys_wwid IDNAME=naa.5000 DEVNAME=/dev/sda PVID=x\n", { "/dev/sda" }, "naa.6000", false },
		{ "IDTYPE=sys_serial IDNAME=123 DEVNAME=/dev/vda PVID=x PART=1\n", { "/dev/vda" }, "", true },
		{ "IDTYPE=sys_serial IDNAME=/dev/vda DEVNAME=. PVID=x\n", { "/dev/vda" }, "", false },
		{ "# LVM uses devices listed in this file.\n", { "/dev/sda" }, "", false },
		{ "VERSION=1.1.2\n", { "/dev/sda" }, "", false },
		{ "IDTYPE=devname", { "/dev/sda" }, "", false },
		{ "", { "/dev/sda" }, "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		unsigned names = 0;

		while (names < 3 && row[i].name[names])
			names++;
		if (filter_lists(row[i].line, row[i].name, names, row[i].wwid) != row[i].is_listed)
			fail_msg("%s %s", row[i].line, row[i].name[0]);
	}
}

/* LVM itself is asked, with a configuration of its own. */
static void what_lvm_is_told(void **state)
{
	static const struct {
		const char *name, *filter, *nbd;
		const char *told[2]; /* the devices, in their order */
	} row[] = {
		{ "as it should be",
		  "\"a|^/dev/mapper/svc-x$|\", \"a|^/etc/passwd$|\", \"r|.*|\"",
		  "/dev/nbd3",
		  { NULL } },
		{ "a path", "\"r|^/dev/sd|\"", "/dev/nbd3", { "LVM sees /dev/nbd3 by itself" } },
		/* It is none yet, and will be one. */
		{ "a path that is not attached", "\"r|^/dev/sd|\"", "nbd://x/y", { "LVM sees /dev/nbd0 by itself" } },
		{ "not the device",
		  "\"a|^/etc/passwd$|\", \"r|.*|\"",
		  "/dev/nbd3",
		  { "LVM does not see /dev/mapper/svc-x" } },
		{ "not the flash",
		  "\"a|^/dev/mapper/svc-x$|\", \"r|.*|\"",
		  "/dev/nbd3",
		  { "LVM does not see /etc/passwd" } },
		{ "nothing",
		  "\"r|.*|\"",
		  "/dev/nbd3",
		  { "LVM does not see /dev/mapper/svc-x", "LVM does not see /etc/passwd" } },
	};
	char folder[] = "/tmp/filter_test.XXXXXX", file[sizeof(folder) + 16];

	(void)state;
	if (system("command -v lvm > /dev/null"))
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/lvm.conf", folder);
	setenv("LVM_SYSTEM_DIR", folder, 1);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		/* The flash may be any file; that of the other controller is not there. */
		struct paths paths = { .control = { .ops = &control_multipath, .name = "svc-x" },
			               .places.flash = { "/etc/passwd", "/none/flash-b" } };
		struct reasons reasons = { 0 };
		struct svc_error error;
		size_t told = 0;
		FILE *out = fopen(file, "we");

		assert_non_null(out);
		fprintf(out, "devices { global_filter = [ %s ] }\n", row[i].filter);
		assert_int_equal(fclose(out), 0);
		paths.check.facts[PATH_DIRECT].is_configured = paths.check.facts[PATH_NBD].is_configured = true;
		strcpy(paths.check.facts[PATH_DIRECT].device, "/dev/sdx");
		strcpy(paths.check.facts[PATH_NBD].device, row[i].nbd);
		assert_int_equal(filter_check(&paths, &reasons, &error), 0);
		while (told < 2 && row[i].told[told])
			told++;
		if (reasons.count != told)
			fail_msg("%s: %zu reasons: %s", row[i].name, reasons.count,
			         reasons.count ? reasons.item[0].text : "");
		for (size_t k = 0; k < told; k++)
			if (strncmp(reasons.item[k].text, row[i].told[k], strlen(row[i].told[k])) != 0)
				fail_msg("%s: %s", row[i].name, reasons.item[k].text);
	}
	unsetenv("LVM_SYSTEM_DIR");
	unlink(file);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(filters), cmocka_unit_test(devices_files),
		                            cmocka_unit_test(what_lvm_is_told) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
