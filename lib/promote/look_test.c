/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By which device shared is looked at where nothing makes one of the paths: never by one that leads elsewhere. */
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
#include "path/stale.h"
#include "promote/takeover.h"

static char folder[] = "/tmp/look_test.XXXXXX", path[4][100];
static const char *const direct = path[0], *const nbd = path[1], *const flash = path[2], *const other = path[3];
static struct svc_conf conf;
static struct promote_options options;
static struct promote_result result;
static struct takeover t;

static void put_image(const char *scenario, const char *name, const char *to)
{
	size_t size;
	uint8_t *bytes = test_image_load(scenario, name, &size);
	FILE *f = fopen(to, "w");

	assert_non_null(bytes);
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	free(bytes);
}

/* The device that is chosen where shared@direct and shared@nbd are these; NULL: there is none. */
static const char *choose(enum promote_verb verb, const char *by_direct, const char *by_nbd)
{
	char argument[3][SVC_NAME_SIZE + SVC_LOCATOR_SIZE];
	const char *pointer[3];
	struct svc_error error;
	int n = 0;

	memset(&t, 0, sizeof(t));
	memset(&result, 0, sizeof(result));
	snprintf(argument[n++], sizeof(argument[0]), "flash-a=%s", flash);
	if (by_direct)
		snprintf(argument[n++], sizeof(argument[0]), "shared@direct=%s", by_direct);
	if (by_nbd)
		snprintf(argument[n++], sizeof(argument[0]), "shared@nbd=%s", by_nbd);
	for (int i = 0; i < n; i++)
		pointer[i] = argument[i];
	options = (struct promote_options){
		.verb = verb, .conf = &conf, .argument = pointer, .arguments = n, .controller = 'a', .is_dry_run = true
	};
	t.options = &options;
	t.result = &result;
	assert_int_equal(look_paths(&t, &error), 0);
	for (int i = 0; i < PATHS; i++)
		path_memory_free(t.paths.check.probe[i].shared, sizeof(*t.paths.check.probe[i].shared));
	return t.device;
}

static void test_paths(void **state)
{
	(void)state;
	assert_string_equal(choose(PROMOTE_TAKEOVER, direct, nbd), direct);
	assert_string_equal(choose(PROMOTE_TAKEOVER, "/nonexistent", nbd), nbd);
	assert_string_equal(choose(PROMOTE_TAKEOVER, NULL, nbd), nbd);
	assert_string_equal(choose(PROMOTE_TAKEOVER, direct, NULL), direct);
}

/* Who has an NBD server at the other end that serves something else does not go on with that. */
static void test_other_volume(void **state)
{
	(void)state;
	assert_string_equal(choose(PROMOTE_TAKEOVER, "/nonexistent", other), "/nonexistent");
	assert_string_equal(choose(PROMOTE_TAKEOVER, "/nonexistent", "/nonexistent/too"), "/nonexistent");
	/* Alone it is read, for the verdict to name it. */
	assert_string_equal(choose(PROMOTE_TAKEOVER, NULL, other), other);
}

/* It was found stale once, and nothing has proven the opposite since. */
static void test_stale(void **state)
{
	struct path_stale stale = { 0 };
	struct svc_error why;

	(void)state;
	if (geteuid())
		skip();
	error_set(&why, -ESTALE, "it shows what was there before");
	assert_int_equal(stale_remember(&stale, STALE_DIRECTORY, nbd, &why), 0);
	assert_string_equal(choose(PROMOTE_TAKEOVER, "/nonexistent", nbd), "/nonexistent");
	assert_string_equal(choose(PROMOTE_TAKEOVER, NULL, nbd), "");
	assert_int_equal(stale_forget(&stale, STALE_DIRECTORY, nbd), 0);
	assert_string_equal(choose(PROMOTE_TAKEOVER, NULL, nbd), nbd);
}

/* Who only looks, or hands over, takes the path that is named first. */
static void test_others(void **state)
{
	(void)state;
	assert_string_equal(choose(PROMOTE_STATUS, "/nonexistent", nbd), "/nonexistent");
	assert_string_equal(choose(PROMOTE_DEMOTE, NULL, nbd), nbd);
}

static int make_folder(void **state)
{
	static const char *const name[] = { "direct", "nbd", "flash-a", "other" };

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name[i]);
	put_image("in-sync", "shared", direct);
	put_image("in-sync", "shared", nbd);
	put_image("in-sync", "flash-a", flash);
	put_image("foreign-vg", "shared", other);
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
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
