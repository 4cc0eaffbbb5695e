/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both paths of a real copy looked at, one of them through a server that caches: what one call finds the next one knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/nbd_test_server.h"
#include "path/check.h"

static struct path_places places;
static struct path_check_options options = { .locate.dev.timeout_seconds = 10, .controller = 'a' };

/* A look of a process that knows nothing yet. */
static enum path_state look(enum path_wish wish, struct path_check *check)
{
	struct svc_error error;

	memset(check, 0, sizeof(*check));
	options.coherence = wish;
	assert_int_equal(path_check(&places, &options, check, &error), 0);
	for (int i = 0; i < PATHS; i++)
		path_memory_free(check->probe[i].shared, sizeof(*check->probe[i].shared));
	return check->verdict.state[PATH_NBD];
}

static void serve(const char *command)
{
	strcpy(places.path[PATH_NBD], server_unix(command));
}

static void once_stale_is_stale_until_the_opposite_is_proven(void **state)
{
	static const char cached[] = "nbdkit -f -U %s --filter=cow file %s/image cow-on-read=true";
	struct path_check check;

	(void)state;
	/* Another process gets to know it by a file in /run. */
	if (geteuid())
		skip();
	strcpy(places.path[PATH_DIRECT], in_folder("image"));
	serve(cached);
	assert_int_equal(look(COHERENCE_NOT_WANTED, &check), PATH_GOOD);
	assert_int_equal(look(COHERENCE_ASKED, &check), PATH_STALE);
	assert_int_equal(check.verdict.exit, SVC_EXIT_OPERATOR);
	assert_int_equal(look(COHERENCE_NOT_WANTED, &check), PATH_STALE);
	assert_int_equal(check.verdict.exit, SVC_EXIT_OPERATOR);
	assert_non_null(strstr(check.facts[PATH_NBD].coherence_why.text, "has not been proven since"));
	/* Nothing can be proven while the direct path is dead, and nothing is. */
	strcpy(places.path[PATH_DIRECT], in_folder("none"));
	assert_int_equal(look(COHERENCE_IF_POSSIBLE, &check), PATH_STALE);
	assert_int_equal(look(COHERENCE_ASKED, &check), PATH_STALE);
	server_stop_all();
	/* A server that is right proves nothing by being there. */
	serve("qemu-nbd -t -e 4 -f raw -k %s %s/image");
	strcpy(places.path[PATH_DIRECT], in_folder("image"));
	assert_int_equal(look(COHERENCE_NOT_WANTED, &check), PATH_STALE);
	assert_int_equal(look(COHERENCE_ASKED, &check), PATH_GOOD);
	assert_int_equal(look(COHERENCE_NOT_WANTED, &check), PATH_GOOD);
	assert_int_equal(check.verdict.exit, 0);
}

static int set_up(void **state)
{
	const char *top = getenv("SVC_TOP");
	char command[512];

	(void)state;
	if (server_folder_make())
		return -1;
	snprintf(command, sizeof(command), "zstd -qd '%s/test-images/images/in-sync/shared.img.zst' -o %s",
	         top ? top : ".", in_folder("image"));
	return system(command);
}

static int tear_down(void **state)
{
	struct path_stale stale = { 0 };

	(void)state;
	server_stop_all();
	stale_forget(&stale, STALE_DIRECTORY, places.path[PATH_NBD]);
	return server_folder_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(once_stale_is_stale_until_the_opposite_is_proven) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
