// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose file is looked at: two copies on which one inode number is two files. */
#include "fs/test_image.h"

#include <jansson.h>

#include "console/answers.h"

static struct survey survey;

static void open_copies(bool has_generations)
{
	char left[512], right[512];
	const char *const argument[] = { left, right };
	struct locate_options options = { 0 };
	struct svc_error error;

	run("rm -f image && mke2fs -qF -t ext4 -b 1024 -d tree image 24M && cp image other && echo ours >a && echo "
	    "theirs >b");
	run("export E2FSPROGS_FAKE_TIME=1700000000 && debugfs -w -R 'write a journal-of-a' image &&"
	    " debugfs -w -R 'write b orders-of-b' other");
	if (has_generations) {
		debugfs("image", "sif journal-of-a generation 7\n");
		debugfs("other", "sif orders-of-b generation 8\n");
	}
	snprintf(left, sizeof(left), "flash-a=%s", path_of("image"));
	snprintf(right, sizeof(right), "shared=%s", path_of("other"));
	if (survey_open(argument, 2, &options, &survey, &error))
		fail_msg("%s", error.text);
}

/* The number that a name has on an image. */
static uint32_t number_of(const char *image, const char *name)
{
	unsigned number = 0;
	size_t bytes;
	char *text, *at;

	run("debugfs -R 'stat %s' %s", name, image);
	text = read_file("out", &bytes);
	at = strstr(text, "Inode: ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "Inode: %u", &number), 1);
	free(text);
	return number;
}

static json_t *view(int copy, uint32_t inode)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	json_t *root;

	assert_int_equal(answer_view(&survey, copy, inode, out), 0);
	fclose(out);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static const json_t *version(const json_t *root, size_t i)
{
	return json_array_get(json_object_get(root, "versions"), i);
}

static const char *word(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/* Without generations, as debugfs makes them, their names tell the two apart. */
static void check_whose_file(bool has_generations)
{
	static const char *const of[] = { "flash-a", "shared" }, *const texts[] = { "ours\n", "theirs\n" };
	uint32_t inode;

	open_copies(has_generations);
	inode = number_of("image", "/journal-of-a");
	assert_int_equal(number_of("other", "/orders-of-b"), inode);
	for (int copy = 0; copy < 2; copy++) {
		json_t *root = view(copy, inode);
		const json_t *own = version(root, (size_t)copy), *other = version(root, (size_t)!copy);

		assert_string_equal(word(root, "of"), of[copy]);
		assert_true(json_is_true(json_object_get(own, "present")));
		assert_string_equal(word(own, "text"), texts[copy]);
		assert_true(json_is_false(json_object_get(other, "present")));
		assert_true(json_is_null(json_object_get(other, "text")));
		assert_string_equal(word(other, "why"), "its inode is another file's there");
		json_decref(root);
	}
	survey_close(&survey);
}

static void test_whose_file(void **state)
{
	(void)state;
	check_whose_file(true);
	check_whose_file(false);
}

/* A file that both have, and one that the copy meant does not have: then nobody's is shown under its name. */
static void test_both_and_none(void **state)
{
	json_t *root;
	uint32_t inode;

	(void)state;
	open_copies(true);
	root = view(1, number_of("image", "/cfg/tiny"));
	for (size_t i = 0; i < 2; i++)
		assert_true(json_is_true(json_object_get(version(root, i), "present")));
	json_decref(root);
	inode = number_of("image", "/journal-of-a");
	debugfs("other", "rm orders-of-b\n");
	root = view(1, inode);
	for (size_t i = 0; i < 2; i++) {
		assert_true(json_is_false(json_object_get(version(root, i), "present")));
		assert_true(json_is_null(json_object_get(version(root, i), "text")));
	}
	assert_string_equal(word(version(root, 0), "why"), "the copy whose file is meant cannot be read");
	json_decref(root);
	survey_close(&survey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_file),
		cmocka_unit_test(test_both_and_none),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
