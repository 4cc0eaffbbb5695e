/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which copies the gate looks at where the direct path is dead: what an NBD server shows is asked for first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test_image.h"
#include "gate/devices.h"
#include "path/stale.h"

static char folder[] = "/tmp/devices_test.XXXXXX";
static struct svc_conf conf;

static const char *in_folder(const char *name)
{
	static char path[4][100];
	static int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", folder, name);
	return path[n];
}

static void put_image(const char *scenario, const char *name, const char *to)
{
	size_t size;
	uint8_t *bytes = test_image_load(scenario, name, &size);
	FILE *f = fopen(in_folder(to), "w");

	assert_non_null(bytes);
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	free(bytes);
}

/* "NAME=FILE ..." of what is looked at. */
static void expect(const char *by_direct, const char *by_nbd, const char *wanted)
{
	static struct watch watch;
	static struct gate_log log;
	struct gate_options options = { .conf = &conf, .is_dry_run = true, .policy.device_seconds = 0 };
	struct gate_devices devices;
	char found[1000] = "";

	snprintf(conf.flash_a, sizeof(conf.flash_a), "%s", in_folder("flash-a"));
	snprintf(conf.shared_direct, sizeof(conf.shared_direct), "%s", by_direct ? in_folder(by_direct) : "");
	snprintf(conf.shared_nbd, sizeof(conf.shared_nbd), "%s", by_nbd ? in_folder(by_nbd) : "");
	devices_bring_up(&options, &watch, &log, &devices);
	for (int i = 0; i < devices.count; i++) {
		const char *equals = strchr(devices.pointer[i], '=');

		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%.*s%s", i ? " " : "",
		         (int)(equals - devices.pointer[i]), devices.pointer[i], strrchr(equals, '/'));
	}
	assert_string_equal(found, wanted);
}

static void test_paths(void **state)
{
	(void)state;
	expect("direct", "nbd", "flash-a/flash-a shared@direct/direct");
	expect("none", "nbd", "flash-a/flash-a shared@nbd/nbd");
	expect(NULL, "nbd", "flash-a/flash-a shared@nbd/nbd");
	expect("none", "none-either", "flash-a/flash-a shared@direct/none");
}

static void test_other_volume(void **state)
{
	(void)state;
	expect("none", "other", "flash-a/flash-a shared@direct/none");
	/* Alone it is read, for the verdict to name it. */
	expect(NULL, "other", "flash-a/flash-a shared@nbd/other");
}

static void test_stale(void **state)
{
	struct path_stale stale = { 0 };
	struct svc_error why;

	(void)state;
	if (geteuid())
		skip();
	error_set(&why, -ESTALE, "it shows what was there before");
	assert_int_equal(stale_remember(&stale, STALE_DIRECTORY, in_folder("nbd"), &why), 0);
	expect("none", "nbd", "flash-a/flash-a shared@direct/none");
	expect(NULL, "nbd", "flash-a/flash-a");
	assert_int_equal(stale_forget(&stale, STALE_DIRECTORY, in_folder("nbd")), 0);
	expect(NULL, "nbd", "flash-a/flash-a shared@nbd/nbd");
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	put_image("in-sync", "shared", "direct");
	put_image("in-sync", "shared", "nbd");
	put_image("in-sync", "flash-a", "flash-a");
	put_image("foreign-vg", "shared", "other");
	return 0;
}

static int remove_folder(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_other_volume),
		cmocka_unit_test(test_stale),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
