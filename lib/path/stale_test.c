/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found stale once is stale for everybody, until the opposite is proven. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/nbd_test_server.h"
#include "path/stale.h"

#define URI "nbd://10.9.0.2/shared"

static const struct svc_error why = { .text = "what was written through the direct path is not what it shows" };

static struct path_stale fresh(void)
{
	return (struct path_stale){ 0 };
}

static void another_process_knows(void **state)
{
	struct path_stale mine = fresh(), theirs = fresh();
	const char *directory = in_folder("run");
	struct svc_error told;

	(void)state;
	assert_false(stale_recall(&theirs, directory, URI, &told));
	assert_int_equal(stale_remember(&mine, directory, URI, &why), 0);
	assert_true(stale_recall(&theirs, directory, URI, &told));
	assert_non_null(strstr(told.text, why.text));
	assert_non_null(strstr(told.text, "found stale (20"));
	/* Another export is another path. */
	assert_false(stale_recall(&theirs, directory, URI "2", &told));
	assert_int_equal(stale_forget(&theirs, directory, URI "2"), 0);
	assert_true(stale_recall(&mine, directory, URI, &told));
	/* Whoever proves it proves it for all. */
	assert_int_equal(stale_forget(&theirs, directory, URI), 0);
	assert_false(stale_recall(&mine, directory, URI, &told));
	assert_false(stale_recall(&theirs, directory, URI, &told));
	assert_int_equal(stale_forget(&theirs, directory, URI), 0);
}

/* Whatever the file holds, or hides: that it is there is what counts. */
static void what_cannot_be_read_counts(void **state)
{
	struct path_stale stale = fresh();
	const char *directory = in_folder("torn");
	struct svc_error told;
	char file[600];
	glob_t found;
	int fd;

	(void)state;
	assert_int_equal(stale_remember(&stale, directory, URI, &why), 0);
	snprintf(file, sizeof(file), "%s/stale-*", directory);
	assert_int_equal(glob(file, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	for (int i = 0; i < 3; i++) {
		static const char *const text[] = { "", "-7\n", "99999999999999999999999\n\n\xff\n" };

		fd = open(found.gl_pathv[0], O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, text[i], strlen(text[i])), strlen(text[i]));
		close(fd);
		assert_true(stale_recall(&stale, directory, URI, &told));
	}
	assert_int_equal(unlink(found.gl_pathv[0]), 0);
	assert_int_equal(mkdir(found.gl_pathv[0], 0700), 0);
	assert_true(stale_recall(&stale, directory, URI, &told));
	assert_int_not_equal(stale_forget(&stale, directory, URI), 0);
	assert_int_equal(rmdir(found.gl_pathv[0]), 0);
	globfree(&found);
}

/* Where nothing can be written this process knows at least. */
static void memory_takes_its_place(void **state)
{
	struct path_stale stale = fresh(), other = fresh();
	const char *directory = in_folder("file");
	struct svc_error told;
	int fd = open(directory, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_not_equal(stale_remember(&stale, directory, URI, &why), 0);
	assert_true(stale_recall(&stale, directory, URI, &told));
	assert_non_null(strstr(told.text, why.text));
	assert_false(stale_recall(&stale, directory, URI "2", &told));
	assert_false(stale_recall(&other, directory, URI, &told));
	stale_forget(&stale, directory, URI);
	assert_false(stale_recall(&stale, directory, URI, &told));
}

static int set_up(void **state)
{
	(void)state;
	return server_folder_make();
}

static int tear_down(void **state)
{
	(void)state;
	return server_folder_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_process_knows),
		cmocka_unit_test(what_cannot_be_read_counts),
		cmocka_unit_test(memory_takes_its_place),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
