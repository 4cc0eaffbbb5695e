// SPDX-License-Identifier: GPL-2.0-or-later
/* Which copies a console is about. */
#include "console/whose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64], before[1024];

static void make(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fclose(file);
}

/* e1 and e2, each with a file of the same name. */
static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/svc-whose-XXXXXX");
	if (!getcwd(before, sizeof(before)) || !mkdtemp(directory) || chdir(directory) || mkdir("e1", 0700) ||
	    mkdir("e2", 0700))
		return -1;
	make("e1/a.img");
	make("e2/a.img");
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return chdir(before) || system(command);
}

static void find(struct whose *whose, const char *first, const char *second, const char *lv)
{
	const char *argument[] = { first, second };

	whose_find(whose, argument, second ? 2 : 1, lv);
}

static bool is_of(const struct whose *whose, const struct whose *other)
{
	json_t *note = whose_note(other);
	bool is = whose_is(whose, note);

	json_decref(note);
	return is;
}

static void test_directories(void **state)
{
	static struct whose here, there, same;
	char path[100];

	(void)state;
	assert_int_equal(chdir("e1"), 0);
	find(&here, "flash-a=a.img", NULL, NULL);
	assert_int_equal(chdir("../e2"), 0);
	find(&there, "flash-a=a.img", NULL, NULL);
	assert_false(is_of(&here, &there));
	assert_int_not_equal(whose_number(&here), whose_number(&there));
	assert_true(is_of(&there, &there));
	/* by another path it is the same file; by another name it is no such copy */
	find(&same, "flash-a=../e1/a.img", NULL, NULL);
	assert_true(is_of(&here, &same));
	find(&same, "flash-b=../e1/a.img", NULL, NULL);
	assert_false(is_of(&here, &same));
	/* another file in its place is another one */
	snprintf(path, sizeof(path), "%s/e2/b.img", directory);
	make(path);
	assert_int_equal(rename(path, "a.img"), 0);
	find(&same, "flash-a=a.img", NULL, NULL);
	assert_false(is_of(&there, &same));
	assert_int_equal(whose_number(&there), whose_number(&same));
}

static void test_sets(void **state)
{
	static struct whose one, other, none;

	(void)state;
	find(&one, "flash-a=e1/a.img", "shared=nbd://peer/shared", "vg/one");
	find(&other, "shared=nbd://peer/shared", "flash-a=e1/a.img", NULL);
	assert_true(is_of(&one, &other));
	find(&other, "flash-a=e1/a.img", "shared=nbd://peer/shared", "vg/two");
	assert_false(is_of(&one, &other));
	find(&other, "flash-a=e1/a.img", "shared=nbd://peer/else", NULL);
	assert_false(is_of(&one, &other));
	find(&other, "flash-a=e1/a.img", NULL, NULL);
	assert_false(is_of(&one, &other));
	assert_false(is_of(&other, &one));
	assert_false(whose_is(&one, NULL));
	assert_true(whose_is(&none, NULL)); /* who asks for no copies sees everything */
	assert_null(whose_note(&none));
}

/* A device that was not there yet, and one whose number is another one now. */
static void test_devices(void **state)
{
	static struct whose absent, present;

	(void)state;
	find(&absent, "flash-a=/dev/nowhere", NULL, NULL);
	present = absent;
	strcpy(present.copy[0].id, "device 8:16");
	assert_true(is_of(&absent, &present));
	absent = present;
	strcpy(absent.copy[0].id, "device 8:32");
	assert_true(is_of(&absent, &present));
	strcpy(absent.copy[0].path, "/dev/else");
	assert_false(is_of(&absent, &present));
	strcpy(absent.copy[0].id, "device 8:16");
	assert_true(is_of(&absent, &present));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
