/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of synthetic findings: the screen to the letter, the JSON's shape, and hostile names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitset.h"
#include "report/progress.h"
#include "report/report.h"
#include "verdict/verdict.h"

enum { LEG = 1 << 20, LABEL_COLUMNS = 10 };

/* A stale flash beside shared, three files differing. */
static struct file_difference file[8];
static struct copy copy[3];
static struct comparison comparison;
static struct verdict verdict;
static struct report report;
static char *output;
static size_t output_size;

static void set_copy(struct copy *c, const char *name, uint64_t events)
{
	memset(c, 0, sizeof(*c));
	strcpy(c->name, name);
	strcpy(c->group, name);
	snprintf(c->locator, sizeof(c->locator), "/dev/%s", name);
	c->condition = COPY_USABLE;
	c->device_bytes = 2 * LEG;
	c->leg_bytes = LEG;
	c->evidence.raid = (struct raid_evidence){ .present = true,
		                                   .num_devices = 2,
		                                   .events = events,
		                                   .level = 1,
		                                   .recovery_offset = UINT64_MAX,
		                                   .resync_offset = UINT64_MAX };
	c->evidence.fs = (struct fs_evidence){ .present = true,
		                               .is_clean = true,
		                               .write_time = 1772352007,
		                               .bytes = LEG,
		                               .block_bytes = 4096,
		                               .has_checksums = true,
		                               .is_checksum_valid = true };
}

static int set_up(void **state)
{
	(void)state;
	set_copy(&copy[0], "flash-a", 21);
	set_copy(&copy[1], "shared", 22);
	set_copy(&copy[2], "flash-b", 22);
	copy[1].evidence.raid.array_position = 1;
	copy[1].evidence.raid.failed_devices = 1;
	file[0] =
		(struct file_difference){ .path = (char *)"/cfg/table.db", .inode = 13, .bytes = 16384, .only_on = -1 };
	file[1] = (struct file_difference){ .path = (char *)"/log/later", .inode = 14, .bytes = 4096, .only_on = 1 };
	file[2] = (struct file_difference){
		.path = (char *)"/log", .inode = 12, .bytes = 4096, .only_on = -1, .kind = OWNER_DIRECTORY
	};
	comparison = (struct comparison){ .done = true,
		                          .mode = COMPARE_ALLOCATED,
		                          .reference = 1,
		                          .block_bytes = 4096,
		                          .bytes = 524288,
		                          .read_bytes = 1048576,
		                          .used_bytes = 36864 };
	comparison.copy[0] =
		(struct content_difference){ .compared = true, .used_bytes = 36864, .settled_bytes = 36864 };
	comparison.copy[1].compared = true;
	comparison.owners = (struct attribution){
		.done = true, .file = file, .files = 3, .file_bytes = 24576, .journal_bytes = 4096
	};
	comparison.owners.metadata_bytes[METADATA_INODE_TABLE] = 8192;
	comparison.differing = bitset_new(LEG / 4096);
	bitset_set_range(comparison.differing, 3, 4);
	bitset_set_range(comparison.differing, 251, 5);
	verdict = (struct verdict){ .kind = VERDICT_STALE,
		                    .authority = 1,
		                    .exit = SVC_EXIT_DIFFER,
		                    .state = { STATE_STALE, STATE_AUTHORITY } };
	reason_add(&verdict.reasons, REASON_ACCUSED, 0,
	           "shared went on without flash-a: it names flash-a's leg failed, and "
	           "flash-a does not name shared's");
	report = (struct report){ .command = "compare",
		                  .copy = copy,
		                  .copies = 2,
		                  .mode = COMPARE_ALLOCATED,
		                  .comparison = &comparison,
		                  .verdict = &verdict,
		                  .width = 80,
		                  .exit = SVC_EXIT_DIFFER,
		                  .arguments = " flash-a=/dev/flash-a shared=/dev/shared" };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bitset_free(comparison.differing);
	free(output);
	output = NULL;
	return 0;
}

static const char *print(int (*printer)(const struct report *, FILE *))
{
	FILE *out;

	free(output);
	out = open_memstream(&output, &output_size);
	assert_non_null(out);
	assert_int_equal(printer(&report, out), 0);
	fclose(out);
	return output;
}

static void test_screen(void **state)
{
	static const char expected[] = "COPY    STATE     LEG BYTES EVENTS FILE SYSTEM LAST WRITE (UTC)\n"
				       "flash-a stale       1048576     21 clean       2026-03-01 08:00:07Z\n"
				       "shared  authority   1048576     22 clean       2026-03-01 08:00:07Z\n"
				       "\n"
				       " verdict: stale\n"
				       "  status: shared is the authority; flash-a is an older version of it\n"
				       "  reason: SVC-ACCUSED: shared went on without flash-a: it names flash-a's leg\n"
				       "          failed, and flash-a does not name shared's\n"
				       "compared: every block in use, 524288 bytes in each of 2\n"
				       " differs: 36864 bytes in 2 extents: 24576 in 3 files, 8192 metadata, 4096\n"
				       "          journal\n"
				       "                   16384  /cfg/table.db\n"
				       "                    4096  /log/later  (only on shared)\n"
				       "                    4096  /log  [directory]\n"
				       "  action: rebuild the older copy: svc-resync\n"
				       "          svc-resync flash-a=/dev/flash-a shared=/dev/shared\n";

	(void)state;
	assert_string_equal(print(report_text), expected);
}

/* A clean pair fits a glance, and nothing is to be done. */
static void test_screen_in_sync(void **state)
{
	(void)state;
	verdict =
		(struct verdict){ .kind = VERDICT_IN_SYNC, .authority = -1, .state = { STATE_IN_SYNC, STATE_IN_SYNC } };
	reason_add(&verdict.reasons, REASON_EQUAL, -1, "all 524288 bytes that were compared are equal");
	comparison.used_bytes = comparison.owners.files = 0;
	memset(comparison.differing->word, 0, LEG / 4096 / 8);
	report.exit = 0;
	print(report_text);
	assert_non_null(strstr(output, "  status: the copies agree\n"));
	assert_null(strstr(output, "action"));
	assert_null(strstr(output, "differs"));
}

static void assert_plain(const char *text, size_t width)
{
	size_t column = 0;

	for (; *text; text++) {
		if (*text != '\n' && ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e))
			fail_msg("byte %02x is printed", (unsigned char)*text);
		column = *text == '\n' ? 0 : column + 1;
		if (column > width)
			fail_msg("a line is longer than %zu columns", width);
	}
}

/* Names from disks and users never reach the terminal raw, neither on the screen nor in the JSON. */
static void test_hostile_names(void **state)
{
	static const char evil[] = "\033]0;x\a\xff\n\r \"\\'</";

	(void)state;
	strcpy(copy[1].name, evil);
	strcpy(copy[1].locator, evil);
	strcpy(copy[1].evidence.fs.label, evil);
	strcpy(copy[1].evidence.fs.mmp_node, evil);
	strcpy(copy[1].evidence.lvm.vg_name, evil);
	strcpy(copy[1].evidence.lvm.lv_name, evil);
	copy[1].evidence.fs.has_mmp = copy[1].evidence.lvm.present = true;
	copy[1].evidence.lvm.type = MIRROR_RAID1;
	file[0].path = (char *)evil;
	verdict.reasons.count = 0;
	reason_add(&verdict.reasons, REASON_ACCUSED, 1, "%s and %s", evil, evil);
	assert_plain(print(report_text), 200);
	report.is_verbose = true;
	assert_plain(print(report_text), 400);
	assert_non_null(strstr(output, "\\x1b]0;x\\x07\\xff\\x0a\\x0d \"\\\\'</"));
	assert_null(strstr(output, "\\x5c")); /* escaped once, in the table too */
	assert_plain(print(report_json), 100000);
}

/* Sentences are wrapped at words; only a path, to be copied, may be longer than the screen. */
static void test_width(void **state)
{
	char many[sizeof(verdict.reasons.item[0].text)];

	(void)state;
	for (size_t i = 0; i < sizeof(many) - 1; i++)
		many[i] = i % 7 == 6 ? ' ' : 'x';
	many[sizeof(many) - 1] = '\0';
	for (int i = 0; i < 6; i++)
		reason_add(&verdict.reasons, REASON_UNSETTLED, -1, "%s", many);
	for (report.width = 48; report.width <= 132; report.width += 7) {
		const char *end;

		report.arguments = "";
		print(report_text);
		for (const char *line = strstr(output, "  status"); *line; line = end + 1) {
			end = strchr(line, '\n');
			assert_non_null(end);
			if (end - line > report.width && line[LABEL_COLUMNS] != ' ')
				fail_msg("%d columns: %.*s", report.width, (int)(end - line), line);
			assert_true(end == line || end[-1] != ' ');
		}
	}
	report.width = 80;
	assert_non_null(strstr(print(report_text), "and 3 more (-v lists them)\n"));
	report.is_verbose = true;
	assert_null(strstr(print(report_text), "-v lists them"));
}

static void test_long_word(void **state)
{
	char path[200];

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	verdict.reasons.count = 0;
	reason_add(&verdict.reasons, REASON_OPEN, 0, "the path %s is long", path);
	print(report_text);
	assert_non_null(strstr(output, path));
}

static void test_more_files(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		file[i] = (struct file_difference){ .path = (char *)"/f",
			                            .inode = 99,
			                            .bytes = 4096,
			                            .only_on = -1,
			                            .is_deleted = i == 1,
			                            .kind = i == 2   ? OWNER_XATTR
			                                    : i == 3 ? OWNER_MAPPING
			                                             : OWNER_FILE };
	comparison.owners.files = 8;
	print(report_text);
	assert_non_null(strstr(output, "/f  (inode 99, deleted while open)\n"));
	assert_non_null(strstr(output, "/f  [attributes]\n"));
	assert_non_null(strstr(output, "/f  [block map]\n"));
	assert_non_null(strstr(output, "and 3 more (-v lists them)\n"));
}

static void test_one_of_each(void **state)
{
	(void)state;
	memset(comparison.differing->word, 0, LEG / 4096 / 8);
	bitset_set(comparison.differing, 3);
	comparison.owners.files = 1;
	comparison.owners.file_bytes = 16384;
	print(report_text);
	assert_non_null(strstr(output, "36864 bytes in 1 extent: 16384 in 1 file, "));
}

/* What device-mapper said of an active mirror is shown, and nothing where there is none. */
static void test_online(void **state)
{
	json_t *root, *online;
	const char *health, *action;
	json_int_t done;
	int is_under;

	(void)state;
	report.is_verbose = true;
	assert_null(strstr(print(report_text), "active"));
	copy[0].evidence.online = (struct online_evidence){ .is_active = true,
		                                            .legs = 2,
		                                            .health = "aA",
		                                            .done_sectors = 100,
		                                            .total_sectors = 2048,
		                                            .action = "recover" };
	copy[0].evidence.online.mismatch_sectors = 8;
	print(report_text);
	assert_non_null(strstr(output,
	                       "  active      on this host, legs aA, recover, 100 of 2048 sectors, without this "
	                       "copy\n              its last check found 8 sectors that differ\n"));
	root = json_loads(print(report_json), 0, NULL);
	online = json_object_get(json_object_get(json_array_get(json_object_get(root, "copies"), 0), "evidence"),
	                         "online");
	assert_int_equal(json_unpack(online, "{s:s, s:s, s:I, s:b}", "health", &health, "action", &action,
	                             "done_sectors", &done, "under_it", &is_under),
	                 0);
	assert_string_equal(health, "aA");
	assert_string_equal(action, "recover");
	assert_true(done == 100 && !is_under);
	online = json_object_get(json_object_get(json_array_get(json_object_get(root, "copies"), 1), "evidence"),
	                         "online");
	assert_true(json_is_null(online));
	json_decref(root);
}

static void test_colour(void **state)
{
	(void)state;
	assert_null(strchr(print(report_text), '\033'));
	report.has_colour = true;
	assert_non_null(strstr(print(report_text), "\033[33mstale\033[0m"));
}

/* Each verdict has one sentence, and the words of the contract. */
static void test_status(void **state)
{
	static const struct {
		enum verdict_kind kind;
		bool is_compared;
		enum copy_state state[3];
		const char *name, *status;
	} row[] = {
		{ VERDICT_IN_SYNC,
		  true,
		  { STATE_IN_SYNC, STATE_IN_SYNC, STATE_IN_SYNC },
		  "in-sync",
		  "the copies agree" },
		{ VERDICT_IN_SYNC,
		  false,
		  { STATE_IN_SYNC, STATE_IN_SYNC, STATE_IN_SYNC },
		  "in-sync",
		  "the copies have one history; their content was not compared" },
		{ VERDICT_STALE,
		  true,
		  { STATE_STALE, STATE_AUTHORITY, STATE_STALE },
		  "stale",
		  "shared is the authority; flash-a and flash-b are older versions of it" },
		{ VERDICT_STALE,
		  true,
		  { STATE_STALE, STATE_AUTHORITY, STATE_IN_SYNC },
		  "stale",
		  "shared is the authority; flash-b is equal to it; flash-a is an older version of it" },
		{ VERDICT_DIRTY,
		  true,
		  { STATE_STALE, STATE_AUTHORITY, STATE_IN_SYNC },
		  "dirty",
		  "shared is the authority; flash-b is equal to it; flash-a differs from it in unsettled regions "
		  "only" },
		{ VERDICT_SINGLE,
		  true,
		  { STATE_BLANK, STATE_AUTHORITY, STATE_DAMAGED },
		  "single",
		  "shared is the authority; flash-a is blank; flash-b is damaged" },
		{ VERDICT_SINGLE,
		  true,
		  { STATE_UNREADABLE, STATE_AUTHORITY, STATE_UNREADABLE },
		  "single",
		  "shared is the authority; flash-a and flash-b cannot be read" },
		{ VERDICT_SPLIT_BRAIN,
		  true,
		  { STATE_DIVERGED, STATE_DIVERGED, STATE_DIVERGED },
		  "split-brain",
		  "the copies were written apart from each other and none contains the others; an operator must "
		  "choose" },
		{ VERDICT_UNRELATED,
		  true,
		  { STATE_FOREIGN, STATE_FOREIGN, STATE_FOREIGN },
		  "unrelated",
		  "these are not all copies of one mirror; nothing was compared" },
		{ VERDICT_MISMATCH,
		  true,
		  { STATE_DIVERGED, STATE_DIVERGED, STATE_DIVERGED },
		  "mismatch",
		  "the copies should be equal and are not, and nothing tells which is right; an operator must choose" },
		{ VERDICT_NONE,
		  true,
		  { STATE_BLANK, STATE_BLANK, STATE_BLANK },
		  "none",
		  "there is no whole and usable copy" },
		{ VERDICT_UNKNOWN,
		  true,
		  { STATE_DIVERGED, STATE_DIVERGED, STATE_DIVERGED },
		  "unknown",
		  "the evidence does not tell which copy is right; an operator must choose" },
	};
	char text[1200];
	bool seen[VERDICT_UNKNOWN + 1] = { false };

	(void)state;
	report.copies = 3;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		seen[row[i].kind] = true;
		comparison.done = row[i].is_compared;
		verdict.kind = row[i].kind;
		verdict.authority = row[i].state[1] == STATE_AUTHORITY ? 1 : -1;
		memcpy(verdict.state, row[i].state, sizeof(row[i].state));
		report_status(&report, text, sizeof(text));
		assert_string_equal(text, row[i].status);
		assert_string_equal(verdict_name(row[i].kind), row[i].name);
		report_status(&report, text, 10);
		assert_true(strlen(text) < 10);
	}
	for (int k = 0; k <= VERDICT_UNKNOWN; k++)
		assert_true(seen[k]);
}

/* ---- JSON ---- */

static json_t *parse_json(void)
{
	json_error_t error;
	json_t *root = json_loads(print(report_json), 0, &error);

	if (!root)
		fail_msg("not JSON: %s in %s", error.text, output);
	assert_int_equal(output[output_size - 1], '\n');
	assert_null(memchr(output, '\n', output_size - 1)); /* one line: one object */
	return root;
}

static void test_json(void **state)
{
	json_t *root = parse_json();
	const char *schema, *command, *name, *authority, *id, *about, *text, *next, *mode, *copy_name, *locator,
		*copy_state, *path;
	json_int_t size, bytes, read_bytes, differing, offset, length, free_bytes, file_bytes, metadata, journal, code;
	json_t *evidence;

	(void)state;
	assert_int_equal(
		json_unpack(
			root,
			"{s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s}], s:[{s:s, s:s, s:s, s:I, s:o}, {}],"
			" s:{s:s, s:I, s:I}, s:{s:I, s:[{s:I, s:I}, {}], s:I, s:[{s:s, s:I}, {}, {}], s:I, s:I}, s:I}",
			"schema", &schema, "command", &command, "verdict", &name, "authority", &authority, "reasons",
			"id", &id, "copy", &about, "text", &text, "next", &next, "copies", "name", &copy_name,
			"locator", &locator, "state", &copy_state, "size", &size, "evidence", &evidence, "compared",
			"mode", &mode, "bytes", &bytes, "read_bytes", &read_bytes, "differences", "bytes", &differing,
			"extents", "offset", &offset, "length", &length, "free_bytes", &free_bytes, "files", "path",
			&path, "bytes", &file_bytes, "metadata_bytes", &metadata, "journal_bytes", &journal, "exit",
			&code),
		0);
	assert_string_equal(schema, "svc/1");
	assert_string_equal(command, "compare");
	assert_string_equal(name, "stale");
	assert_string_equal(authority, "shared");
	assert_string_equal(id, "SVC-ACCUSED");
	assert_string_equal(about, "flash-a");
	assert_string_equal(text, verdict.reasons.item[0].text);
	assert_string_equal(next, reason_row(REASON_ACCUSED)->next);
	assert_string_equal(copy_name, "flash-a");
	assert_string_equal(locator, "/dev/flash-a");
	assert_string_equal(copy_state, "stale");
	assert_int_equal(size, LEG);
	assert_true(json_is_object(evidence));
	assert_string_equal(mode, "allocated");
	assert_true(bytes == 524288 && read_bytes == 1048576 && differing == 36864);
	assert_true(offset == 3 * 4096 && length == 4 * 4096);
	assert_true(free_bytes == 0 && metadata == 8192 && journal == 4096 && file_bytes == 16384 && code == 1);
	assert_string_equal(path, "/cfg/table.db");
	json_decref(root);
}

static void test_json_nulls(void **state)
{
	json_t *root, *extents;

	(void)state;
	verdict = (struct verdict){ .kind = VERDICT_UNKNOWN, .authority = -1, .exit = SVC_EXIT_OPERATOR };
	reason_add(&verdict.reasons, REASON_UNRELATED, -1, "x");
	report.exit = SVC_EXIT_OPERATOR;
	bitset_free(comparison.differing);
	comparison = (struct comparison){ .reference = -1 };
	memset(&copy[0].evidence, 0, sizeof(copy[0].evidence));
	root = parse_json();
	assert_true(json_is_null(json_object_get(root, "authority")));
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(root, "reasons"), 0), "copy")));
	extents = json_object_get(json_object_get(root, "differences"), "extents");
	assert_true(json_is_array(extents) && json_array_size(extents) == 0);
	assert_int_equal(json_integer_value(json_object_get(root, "exit")), 2);
	json_decref(root);
}

/* The last extent ends with the leg where the leg ends within a block. */
static void test_json_last_extent(void **state)
{
	json_t *root, *extents, *last;

	(void)state;
	copy[0].leg_bytes = copy[1].leg_bytes = LEG - 1000;
	root = parse_json();
	extents = json_object_get(json_object_get(root, "differences"), "extents");
	last = json_array_get(extents, 1);
	assert_int_equal(json_integer_value(json_object_get(last, "offset")), 251 * 4096);
	assert_int_equal(json_integer_value(json_object_get(last, "length")), LEG - 1000 - 251 * 4096);
	json_decref(root);
}

/* For who shows it on a small machine: what grows with the volume is left out, and how much there was is said. */
static void test_json_brief(void **state)
{
	static struct file_difference many[REPORT_BRIEF_FILES + 10];
	json_t *root, *differences;

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = file[0];
	comparison.owners.file = many;
	comparison.owners.files = sizeof(many) / sizeof(many[0]);
	report.is_brief = true;
	root = parse_json();
	differences = json_object_get(root, "differences");
	assert_true(json_is_null(json_object_get(differences, "extents")));
	assert_int_equal(json_array_size(json_object_get(differences, "files")), REPORT_BRIEF_FILES);
	assert_int_equal(json_integer_value(json_object_get(differences, "file_count")), REPORT_BRIEF_FILES + 10);
	json_decref(root);
}

/* Absurd figures from a disk are still numbers, and not negative ones. */
static void test_json_huge(void **state)
{
	json_t *root, *raid, *events;

	(void)state;
	copy[0].evidence.raid.events = UINT64_MAX;
	root = parse_json();
	raid = json_object_get(json_object_get(json_array_get(json_object_get(root, "copies"), 0), "evidence"), "raid");
	events = json_object_get(raid, "events");
	assert_true(json_is_number(events));
	assert_true(json_number_value(events) > 1.8e19);
	json_decref(root);
}

static void test_json_read_errors(void **state)
{
	json_t *root, *errors;
	json_int_t count, bytes, offset, length;

	(void)state;
	comparison.copy[0].errors =
		(struct read_errors){ .count = 20, .bytes = 99 * 4096, .listed = { { 8192, 4096 } } };
	root = parse_json();
	errors = json_object_get(json_object_get(json_array_get(json_object_get(root, "copies"), 0), "content"),
	                         "read_errors");
	assert_int_equal(json_unpack(errors, "{s:I, s:I, s:[{s:I, s:I}]}", "count", &count, "bytes", &bytes, "extents",
	                             "offset", &offset, "length", &length),
	                 0);
	assert_true(count == 20 && bytes == 99 * 4096 && offset == 8192 && length == 4096);
	assert_int_equal(json_array_size(json_object_get(errors, "extents")), SVC_ERRORS_LISTED);
	json_decref(root);
}

static ssize_t refuse(void *cookie, const char *bytes, size_t size)
{
	(void)cookie;
	(void)bytes;
	(void)size;
	return -1;
}

/* A report that cannot be written (a full disk) is an error, never silence. */
static void test_write_fails(void **state)
{
	static const cookie_io_functions_t full = { .write = refuse };

	(void)state;
	for (int is_json = 0; is_json < 2; is_json++) {
		FILE *out = fopencookie(NULL, "w", full);

		assert_non_null(out);
		assert_true((is_json ? report_json : report_text)(&report, out) < 0);
		fclose(out);
	}
}

/* What was wrong, where there is nothing to report. */
static void test_error_json(void **state)
{
	struct svc_error error = { .text = "svc.conf: no such key: \x1b[2J\"\xff", .next = "see svc.conf(5)" };
	FILE *out = open_memstream(&output, &output_size);
	json_t *root;

	(void)state;
	assert_int_equal(report_error_json("promote", &error, SVC_EXIT_CONFIG, out), 0);
	fclose(out);
	root = json_loads(output, 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "schema")), "svc/1");
	assert_string_equal(json_string_value(json_object_get(root, "command")), "promote");
	assert_int_equal(json_integer_value(json_object_get(root, "exit")), 78);
	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "error"), "text")),
	                    "svc.conf: no such key: \\x1b[2J\"\\xff");
	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "error"), "next")), error.next);
	json_decref(root);
}

static void test_explain(void **state)
{
	FILE *out = open_memstream(&output, &output_size);

	(void)state;
	for (int i = 0; i < REASON_COUNT; i++)
		report_explain(i, out);
	fclose(out);
	assert_plain(output, 80);
	assert_non_null(strstr(output, "SVC-SILENT\n"));
}

/* ---- progress ---- */

static void test_progress(void **state)
{
	static const struct {
		uint64_t done, total, elapsed_ms;
		const char *line;
	} row[] = {
		{ 0, 100 << 20, 0, "comparing   0 %  [........................]" },
		{ 0, 100 << 20, 5000, "comparing   0 %  [........................]" },
		{ 50 << 20, 100 << 20, 299, "comparing  50 %  [############............]" },
		{ 50 << 20, 100 << 20, 500, "comparing  50 %  [############............]  100 MiB/s  ETA 0:01" },
		{ 25 << 20, 100 << 20, 25000, "comparing  25 %  [######..................]  1 MiB/s  ETA 1:15" },
		{ 100 << 20, 100 << 20, 1000, "comparing 100 %  [########################]  100 MiB/s  ETA 0:00" },
		{ 0, 0, 1000, "comparing 100 %  [########################]" },
		{ 1, 1ULL << 62, 1000,
		  "comparing   0 %  [........................]  0 KiB/s  ETA 76861433640456465:02" },
		{ 1 << 20, 4 << 20, 4000, "comparing  25 %  [######..................]  256 KiB/s  ETA 0:12" },
		{ 200 << 20, 100 << 20, 1000, "comparing 100 %  [########################]  100 MiB/s  ETA 0:00" },
	};
	char text[120];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		progress_format("comparing", row[i].done, row[i].total, row[i].elapsed_ms, text, sizeof(text));
		if (strncmp(text, row[i].line, strstr(row[i].line, "7686") ? 60 : sizeof(text)))
			fail_msg("row %zu: %s", i, text);
	}
	progress_format("comparing", 1, 2, 1000, text, 12);
	assert_string_equal(text, "comparing  ");
}

/* The first update comes when something is done already: that took time which no clock has seen. */
static void test_progress_from_the_middle(void **state)
{
	static volatile sig_atomic_t requested = 1;
	struct progress progress = { .what = "rebuilding",
		                     .requested = &requested,
		                     .is_started = true,
		                     .is_warm = true,
		                     .start_bytes = 20 << 20 };

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &progress.start);
	progress.start.tv_sec -= 20;
	progress.out = open_memstream(&output, &output_size);
	progress_update(&progress, 40 << 20, 80 << 20);
	assert_string_equal(output, "rebuilding  50 %  [############............]  1 MiB/s  ETA 0:40\n");
	fclose(progress.out);
	free(output);
	output = NULL;
}

static void test_progress_on_demand(void **state)
{
	static volatile sig_atomic_t requested;
	struct progress progress = { .what = "comparing", .requested = &requested };

	(void)state;
	progress.out = open_memstream(&output, &output_size);
	progress_update(&progress, 1, 4);
	assert_int_equal(output_size, 0);
	requested = 1;
	progress_update(&progress, 2, 4);
	assert_int_equal(requested, 0);
	assert_string_equal(output, "comparing  50 %  [############............]\n");
	progress_update(&progress, 3, 4);
	progress_end(&progress);
	assert_int_equal(strlen(output), strlen("comparing  50 %  [############............]\n"));
	progress.is_shown = true;
	progress_update(&progress, 4, 4);
	progress_end(&progress);
	assert_non_null(strstr(output, "\rcomparing 100 %"));
	assert_int_equal(output[output_size - 1], '\r');
	fclose(progress.out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_screen),
		TEST(test_screen_in_sync),
		TEST(test_hostile_names),
		TEST(test_width),
		TEST(test_long_word),
		TEST(test_more_files),
		TEST(test_one_of_each),
		TEST(test_online),
		TEST(test_colour),
		TEST(test_status),
		TEST(test_json),
		TEST(test_json_nulls),
		TEST(test_json_last_extent),
		TEST(test_json_brief),
		TEST(test_json_huge),
		TEST(test_json_read_errors),
		TEST(test_write_fails),
		TEST(test_error_json),
		TEST(test_explain),
		TEST(test_progress),
		TEST(test_progress_from_the_middle),
		TEST(test_progress_on_demand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
