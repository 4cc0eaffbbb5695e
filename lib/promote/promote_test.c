/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The call as a whole, where there is nothing to take: what it ends with, and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test_image.h"
#include "path/probe.h"
#include "promote/promote.h"
#include "report/promote.h"

static const char *const nowhere[] = { "flash-b=/nonexistent/flash", "shared=/nonexistent/shared" };

static struct svc_conf conf;
static volatile sig_atomic_t stop;

static struct promote_options make_options(enum promote_verb verb)
{
	return (struct promote_options){ .verb = verb,
		                         .conf = &conf,
		                         .argument = nowhere,
		                         .arguments = 2,
		                         .controller = 'b',
		                         .is_dry_run = true,
		                         .timeout_seconds = 20,
		                         .stop = &stop };
}

/* A server that takes connections and never answers. Returns its socket; `uri` leads to it. */
static int silent_server(char uri[80])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(file >= 0);
	assert_int_equal(bind(file, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(file, 16), 0);
	assert_int_equal(getsockname(file, (struct sockaddr *)&address, &length), 0);
	snprintf(uri, 80, "shared@nbd=nbd://127.0.0.1:%d/x", ntohs(address.sin_port));
	return file;
}

/* The call ends within its time, and says which copy it was that did not answer, and what to do. */
static void check_silent(enum promote_verb verb, const char *flash, const char *text)
{
	char uri[80];
	const char *const copies[] = { flash, uri };
	int file = silent_server(uri);
	struct promote_options options = make_options(verb);
	uint64_t began_ms = path_now_ms();
	struct promote_result *result;

	options.controller = 'a';
	options.argument = copies;
	options.timeout_seconds = 3;
	assert_int_not_equal(promote_run(&options, &result), SVC_EXIT_DONE);
	assert_in_range(path_now_ms() - began_ms, 0, 3000 + 2000);
	if (!strstr(result->error.text, text) || !*result->error.next)
		fail_msg("%s: %s", promote_verb_name(verb), result->error.text);
	promote_free(result);
	close(file);
}

static void test_silent(void **state)
{
	char folder[] = "/tmp/promote_test.XXXXXX", flash[60], command[60];

	(void)state;
	check_silent(PROMOTE_DEMOTE, "flash-a=/nonexistent", "shared: nbd://");
	check_silent(PROMOTE_STATUS, "flash-a=/nonexistent", "shared: nbd://");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(test_image_put(folder, "in-sync", "flash-a"), 0);
	snprintf(flash, sizeof(flash), "flash-a=%s/flash-a.img", folder);
	check_silent(PROMOTE_TAKEOVER, flash, "shared holds nothing");
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static bool has_reason(const struct promote_result *result, enum reason_id id)
{
	for (size_t i = 0; i < result->reasons.count; i++)
		if (result->reasons.item[i].id == id)
			return true;
	return false;
}

static void test_no_copy(void **state)
{
	struct promote_options options = make_options(PROMOTE_TAKEOVER);
	struct promote_result *result;

	(void)state;
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_IO);
	assert_int_equal(result->steps.failed, STEP_PREFLIGHT);
	assert_int_equal(result->steps.step[STEP_FENCE].state, STAGE_TODO);
	assert_true(has_reason(result, REASON_OPEN));
	assert_int_equal(result->role, ROLE_UNKNOWN);
	assert_true(*result->error.text && *result->error.next);
	promote_free(result);
}

/* Who only looks, or hands over, learns which copies could not be read, and why. */
static void test_nothing_to_look_at(void **state)
{
	static const struct {
		enum promote_verb verb;
		enum svc_exit exit;
	} rows[] = { { PROMOTE_STATUS, SVC_EXIT_IO }, { PROMOTE_DEMOTE, SVC_EXIT_NO_COPY } };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct promote_options options = make_options(rows[i].verb);
		struct promote_result *result;

		assert_int_equal(promote_run(&options, &result), rows[i].exit);
		assert_non_null(strstr(result->error.text, "flash-b: /nonexistent/flash"));
		assert_non_null(strstr(result->error.text, "shared: /nonexistent/shared"));
		assert_string_equal(result->error.next, reason_row(REASON_OPEN)->next);
		promote_free(result);
	}
}

static void test_no_controller(void **state)
{
	struct promote_options options = make_options(PROMOTE_TAKEOVER);
	struct promote_result *result;

	(void)state;
	options.controller = 0;
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_CONFIG);
	assert_true(has_reason(result, REASON_NO_CONTROLLER));
	promote_free(result);
}

/* Whoever has flash-b is not controller a, whatever is said: it would take a's key for its own. */
static void test_wrong_controller(void **state)
{
	static const enum promote_verb verb[] = { PROMOTE_TAKEOVER, PROMOTE_DEMOTE, PROMOTE_STATUS };
	struct promote_result *result;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct promote_options options = make_options(verb[i]);

		options.controller = 'a';
		assert_int_equal(promote_run(&options, &result), SVC_EXIT_CONFIG);
		assert_non_null(strstr(result->error.text, "flash-b"));
		promote_free(result);
	}
}

static void test_bad_names(void **state)
{
	static const char *const no_path[] = { "flash-b=/nonexistent/flash" };
	struct promote_options options = make_options(PROMOTE_TAKEOVER);
	struct promote_result *result;

	(void)state;
	options.from = "flash-x";
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_USAGE);
	assert_non_null(strstr(result->error.text, "flash-x"));
	assert_string_equal(result->error.next, "see svc-promote --help"); /* which the JSON has too */
	promote_free(result);
	options.from = NULL;
	options.argument = no_path;
	options.arguments = 1;
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_CONFIG);
	promote_free(result);
}

/* The mistake is the command line's where the copies were typed, and else svc.conf's; the next step fits it. */
static void test_whose_mistake(void **state)
{
	static const struct {
		const char *copy[2], *next;
	} rows[] = {
		{ { "flash-b=/nonexistent/x", "flash-b=/nonexistent/y" }, "name each copy once" },
		{ { "flash-b=/nonexistent/x", "shared=/nonexistent/x" }, "give each copy once" },
		{ { "x=/nonexistent/x", "y=/nonexistent/y" }, "the names are" },
		{ { "shared=/nonexistent/x", "other.img" }, "name the paths" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct promote_options options = make_options(i % 2 ? PROMOTE_STATUS : PROMOTE_TAKEOVER);
		struct promote_result *result;

		options.argument = rows[i / 2].copy;
		options.is_typed = i % 2 == 0;
		assert_int_equal(promote_run(&options, &result), options.is_typed ? SVC_EXIT_USAGE : SVC_EXIT_CONFIG);
		if (!strstr(result->error.next, rows[i / 2].next))
			fail_msg("%s: %s: %s", rows[i / 2].copy[0], result->error.text, result->error.next);
		promote_free(result);
	}
}

static void test_stopped(void **state)
{
	struct promote_options options = make_options(PROMOTE_TAKEOVER);
	struct promote_result *result;

	(void)state;
	stop = 1;
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_INTERRUPTED);
	stop = 0;
	promote_free(result);
}

static void test_demote_and_status(void **state)
{
	struct promote_options options = make_options(PROMOTE_DEMOTE);
	struct promote_result *result;

	(void)state;
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_NO_COPY);
	assert_string_equal(result->row[0].id, "preflight");
	assert_int_equal(result->steps.step[0].state, STAGE_FAILED);
	assert_int_equal(result->count, 8);
	promote_free(result);
	options = make_options(PROMOTE_STATUS);
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_IO);
	assert_int_equal(result->role, ROLE_UNKNOWN);
	assert_int_equal(result->count, 0);
	promote_free(result);
}

/* Nothing was active and nothing closed: that the flash is ahead is said, and no deed that was none. */
static void test_demote_of_nothing(void **state)
{
	char folder[] = "/tmp/promote_test.XXXXXX", flash[60], shared[60], command[60];
	const char *const copies[] = { flash, shared };
	struct promote_options options = make_options(PROMOTE_DEMOTE);
	struct promote_result *result;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(test_image_put(folder, "stale-shared", "flash-a"), 0);
	assert_int_equal(test_image_put(folder, "stale-shared", "shared"), 0);
	snprintf(flash, sizeof(flash), "flash-a=%s/flash-a.img", folder);
	snprintf(shared, sizeof(shared), "shared=%s/shared.img", folder);
	options.controller = 'a';
	options.argument = copies;
	assert_int_equal(promote_run(&options, &result), SVC_EXIT_IO);
	assert_true(has_reason(result, REASON_LEFT_ON_FLASH));
	assert_string_equal(result->error.text, "this controller's flash is ahead: shared is older");
	promote_free(result);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

/* ---- the report ---- */

static json_t *report_of(const struct promote_result *result)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *root;

	assert_int_equal(report_promote_json(result, out), 0);
	fclose(out);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static void test_json(void **state)
{
	struct promote_result *result = calloc(1, sizeof(*result));
	json_t *root, *step, *peer;

	(void)state;
	*result = (struct promote_result){ .verb = PROMOTE_TAKEOVER,
		                           .controller = 'b',
		                           .role = ROLE_PRIMARY,
		                           .device = "/dev/svc/da\033ta",
		                           .is_judged = true,
		                           .verdict = VERDICT_STALE,
		                           .authority = "shared",
		                           .proof = PROOF_RESERVATION,
		                           .has_peer_crashed = true,
		                           .unseen = UNSEEN_OPEN,
		                           .beat_age_seconds = 7,
		                           .copies = 2,
		                           .name = { "flash-b", "shared" },
		                           .is_refreshed = { true },
		                           .row = steps_takeover,
		                           .count = STEPS };
	result->steps.step[STEP_CLAIM].state = STAGE_DONE;
	result->steps.step[STEP_CLAIM].began_ms = 100;
	result->steps.step[STEP_CLAIM].ended_ms = 142;
	reason_add(&result->reasons, REASON_UNSEEN, 1, "shared was not closed");
	root = report_of(result);
	assert_string_equal(string_of(root, "schema"), "svc/1");
	assert_string_equal(string_of(root, "action"), "promote");
	assert_string_equal(string_of(root, "role"), "primary");
	assert_string_equal(string_of(root, "device"), "/dev/svc/da\\x1bta");
	assert_true(json_is_null(json_object_get(root, "mountpoint")));
	assert_true(json_is_null(json_object_get(root, "error")));
	assert_string_equal(string_of(root, "verdict"), "stale");
	assert_string_equal(string_of(root, "fenced_by"), "reservation");
	peer = json_object_get(root, "peer");
	assert_true(json_is_true(json_object_get(peer, "crashed")));
	assert_true(json_is_true(json_object_get(peer, "may_hold_newer")));
	assert_int_equal(json_integer_value(json_object_get(peer, "beat_age_seconds")), 7);
	assert_int_equal(json_array_size(json_object_get(root, "steps")), STEPS);
	step = json_array_get(json_object_get(root, "steps"), STEP_CLAIM);
	assert_string_equal(string_of(step, "id"), "claim");
	assert_string_equal(string_of(step, "state"), "done");
	assert_int_equal(json_integer_value(json_object_get(step, "milliseconds")), 42);
	assert_string_equal(json_string_value(json_array_get(json_object_get(root, "refresh"), 0)), "flash-b");
	assert_string_equal(string_of(json_array_get(json_object_get(root, "reasons"), 0), "copy"), "shared");
	json_decref(root);
	error_set(&result->error, -1, "no");
	result->beat_age_seconds = -1;
	root = report_of(result);
	assert_string_equal(string_of(json_object_get(root, "error"), "text"), "no");
	assert_true(json_is_null(json_object_get(json_object_get(root, "peer"), "beat_age_seconds")));
	json_decref(root);
	free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_look_at),
		cmocka_unit_test(test_no_copy),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_no_controller),
		cmocka_unit_test(test_wrong_controller),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_whose_mistake),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_demote_and_status),
		cmocka_unit_test(test_demote_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
