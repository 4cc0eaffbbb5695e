/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <time.h>

#include "locate/test_image.h"
#include "locate/vg.h"

enum { KIB64 = 64 << 10 };

static struct lvm_evidence evidence;
static struct vg_leg leg;
static const char *why;

/* Looks for the leg on the PV that the text calls `pv`. */
static enum vg_result find_in(const char *text, const char *pv, const char *lv)
{
	struct vg_wanted wanted;
	enum vg_result result;
	struct vg *vg;

	memset(&evidence, 0, sizeof(evidence));
	assert_int_equal(vg_parse(text, strlen(text) + 1, &vg, &why), 0);
	assert_non_null(vg_pv_by_key(vg, pv));
	if (lv)
		assert_true(vg_parse_wanted(lv, &wanted));
	vg_leg_free(&leg);
	assert_int_equal(vg_find_leg(vg, vg_pv_by_key(vg, pv)->uuid, lv ? &wanted : NULL, &result, &evidence, &leg), 0);
	vg_free(vg);
	return result;
}

static char *text_of(const char *image)
{
	uint8_t *device = test_image_device(image, TEST_MIB);
	char *text = test_get_text(device, TEST_AREA);

	free(device);
	return text;
}

/* `text` with one edit, and what then becomes of the leg; the text is freed. */
static enum vg_result find_edited(const char *text, const char *after, const char *from, const char *to, const char *pv,
                                  const char *lv)
{
	char *edited = test_edit(text, after, from, to);
	enum vg_result result = find_in(edited, pv, lv);

	free(edited);
	return result;
}

static void assert_extent(struct extent extent, uint64_t offset, uint64_t length)
{
	assert_int_equal(extent.offset, offset);
	assert_int_equal(extent.length, length);
}

static void finds_a_leg_in_several_segments(void **state)
{
	char *text = text_of("svc-a");

	(void)state;
	assert_int_equal(find_in(text, "pv0", "svc/data"), VG_FOUND);
	assert_int_equal(evidence.type, MIRROR_RAID1);
	assert_string_equal(evidence.vg_name, "svc");
	assert_string_equal(evidence.lv_name, "data");
	assert_int_equal(evidence.leg_count, 3);
	assert_int_equal(evidence.leg_index, 0);
	assert_int_equal(evidence.leg_bytes, 6 * TEST_MIB);
	assert_int_equal(evidence.extent_bytes, KIB64);
	assert_int_equal(evidence.pe_start_bytes, 2 * TEST_MIB);
	assert_int_equal(evidence.region_bytes, 512 << 10);
	assert_int_equal(evidence.missing_legs, 0);
	assert_true(evidence.seqno > 5);
	/* As `lvs -o devices` said when the images were made: PE 66 and 138, rmeta at 65. */
	assert_int_equal(leg.images, 2);
	assert_extent(leg.image[0], 2 * TEST_MIB + 66 * KIB64, 4 * TEST_MIB);
	assert_extent(leg.image[1], 2 * TEST_MIB + 138 * KIB64, 2 * TEST_MIB);
	assert_int_equal(leg.metas, 1);
	assert_extent(leg.meta[0], 2 * TEST_MIB + 65 * KIB64, KIB64);
	/* Neighbouring segments become one run. */
	assert_int_equal(find_edited(text, "data_rimage_0 {", "\"pv0\", 138", "\"pv0\", 130", "pv0", "data"), VG_FOUND);
	assert_int_equal(leg.images, 1);
	assert_extent(leg.image[0], 2 * TEST_MIB + 66 * KIB64, 6 * TEST_MIB);
	free(text);
}

static void finds_each_leg_of_the_mirror(void **state)
{
	char *text = text_of("svc-b");
	char pv[4] = "pv0";

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		pv[2] = (char)('0' + i);
		assert_int_equal(find_in(text, pv, "data"), VG_FOUND);
		assert_int_equal(evidence.leg_index, i);
		assert_int_equal(evidence.leg_bytes, 6 * TEST_MIB);
		for (unsigned j = 0; j < 3; j++) /* pe_start, and pe_count extents of 64 KiB */
			assert_int_equal(evidence.leg_pv_bytes[j], 2 * TEST_MIB + (j == 2 ? 464 : 480) * KIB64);
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(strlen(evidence.leg_pv_uuid[j]), LVM_UUID_SIZE - 1);
	}
	/* On the third PV the extension followed the first segment directly: one run. */
	assert_int_equal(leg.images, 1);
	assert_extent(leg.image[0], 2 * TEST_MIB + 82 * KIB64, 6 * TEST_MIB);
	free(text);
}

/* Every leg's place is a number, the same whichever copy's text it is in, and another one as soon as anything moves. */
static void numbers_the_places_of_legs(void **state)
{
	static const struct {
		const char *after, *from, *to;
		unsigned moved, has_meta; /* bits per leg */
	} row[] = {
		{ "data_rimage_0 {", "\"pv0\", 138", "\"pv0\", 130", 1, 7 }, /* as if it were extended in place */
		{ "data_rimage_0 {", "\"pv0\", 138", "\"pv0\", 139", 1, 7 }, /* its second segment */
		{ "data_rimage_1 {", "\"pv1\", 1", "\"pv1\", 2", 2, 7 },
		{ "data_rmeta_2 {", "\"pv2\", ", "\"pv2\", 1", 4, 7 },
		{ "data_rmeta_0 {", "\"pv0\", ", "\"pv1\", ", 1, 6 },  /* rmeta by itself */
		{ "data_rimage_1 {", "\"pv1\", ", "\"pv2\", ", 2, 5 }, /* ... and the leg by itself */
		{ "pv1 {", "pe_start = ", "pe_start = 1", 2, 7 },
	};
	char *text = text_of("svc-a"), *other = text_of("svc-b");
	uint64_t place[3];

	(void)state;
	assert_int_equal(find_in(text, "pv0", "data"), VG_FOUND);
	memcpy(place, evidence.leg_place, sizeof(place));
	assert_true(place[0] && place[1] && place[2]);
	assert_int_equal(evidence.legs_with_meta, 7);
	assert_int_equal(find_in(other, "pv2", "data"), VG_FOUND);
	assert_memory_equal(evidence.leg_place, place, sizeof(place));
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		find_edited(text, row[i].after, row[i].from, row[i].to, "pv0", "data");
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(evidence.leg_place[k] != place[k], row[i].moved >> k & 1);
		assert_int_equal(evidence.legs_with_meta, row[i].has_meta);
	}
	free(text);
	free(other);
}

static void wants_a_name_where_there_are_two(void **state)
{
	char *text = text_of("svc-a");

	(void)state;
	assert_int_equal(find_in(text, "pv0", NULL), VG_AMBIGUOUS);
	assert_non_null(strstr(leg.text, "svc/data"));
	assert_non_null(strstr(leg.text, "svc/other"));
	assert_int_equal(find_in(text, "pv1", NULL), VG_FOUND);
	assert_string_equal(evidence.lv_name, "data");
	assert_int_equal(find_in(text, "pv0", "/dev/svc/other"), VG_FOUND);
	assert_int_equal(evidence.leg_count, 2);
	assert_int_equal(find_in(text, "pv2", "other"), VG_FOUND);
	assert_int_equal(evidence.leg_index, 1);
	/* An LV may have the name that the text gives a PV; it is not a part of what lies on that PV. */
	assert_int_equal(find_edited(text, "logical_volumes", "other {", "pv1 {", "pv0", NULL), VG_AMBIGUOUS);
	assert_non_null(strstr(leg.text, "svc/pv1"));
	free(text);
}

static void tells_the_wrong_names_apart(void **state)
{
	char *text = text_of("svc-a");

	(void)state;
	assert_int_equal(find_in(text, "pv0", "elsewhere/data"), VG_OTHER);
	assert_int_equal(find_in(text, "pv0", "svc/nothing"), VG_NO_MIRROR);
	assert_non_null(strstr(leg.text, "no logical volume nothing"));
	assert_int_equal(find_in(text, "pv0", "svc/wedge"), VG_NO_MIRROR);
	assert_non_null(strstr(leg.text, "not a mirror"));
	assert_int_equal(find_in(text, "pv1", "svc/other"), VG_NO_MIRROR);
	assert_non_null(strstr(leg.text, "no leg of svc/other"));
	free(text);
}

static void counts_by_position_in_the_list_and_not_by_name(void **state)
{
	char *text = text_of("swapped-c"), *first, *second;

	(void)state;
	/* pv0 is d_C, which carries leg 2. */
	assert_int_equal(find_in(text, "pv0", NULL), VG_FOUND);
	assert_int_equal(evidence.leg_index, 2);
	assert_int_equal(find_in(text, "pv2", NULL), VG_FOUND);
	assert_int_equal(evidence.leg_index, 0);
	first = test_edit(text, "raids", "\"vol_rmeta_0\", \"vol_rimage_0\"", "\"vol_rmeta_X\", \"vol_rimage_X\"");
	second = test_edit(first, "raids", "\"vol_rmeta_2\", \"vol_rimage_2\"", "\"vol_rmeta_0\", \"vol_rimage_0\"");
	free(first);
	first = test_edit(second, "raids", "\"vol_rmeta_X\", \"vol_rimage_X\"", "\"vol_rmeta_2\", \"vol_rimage_2\"");
	assert_int_equal(find_in(first, "pv0", NULL), VG_FOUND);
	assert_int_equal(evidence.leg_index, 0);
	assert_int_equal(leg.metas, 1);
	free(first);
	free(second);
	free(text);
}

static void finds_the_legs_and_logs_of_old_mirrors(void **state)
{
	static const char mirrored_log[] =
		"disklog_mlog {\nid = \"aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa\"\nstatus = [\"READ\"]\n"
		"segment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = 1\ntype = \"mirror\"\n"
		"mirror_count = 2\nmirrors = [\n\"log_0\", 0,\n\"log_1\", 0\n]\n}\n}\n"
		"log_0 {\nid = \"aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaab\"\nsegment_count = 1\nsegment1 {\n"
		"start_extent = 0\nextent_count = 1\ntype = \"striped\"\nstripe_count = 1\nstripes = [\n\"pv0\", "
		"40\n]\n}\n}\n"
		"log_1 {\nid = \"aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaac\"\nsegment_count = 1\nsegment1 {\n"
		"start_extent = 0\nextent_count = 1\ntype = \"striped\"\nstripe_count = 1\nstripes = [\n\"pv2\", "
		"40\n]\n}\n}\n"
		"was_mlog {";
	char *text = text_of("old-f");

	(void)state;
	assert_int_equal(find_in(text, "pv0", "disklog"), VG_FOUND);
	assert_int_equal(evidence.type, MIRROR_OLD);
	assert_int_equal(evidence.leg_count, 2);
	assert_int_equal(evidence.leg_bytes, 4 * TEST_MIB);
	assert_true(evidence.region_bytes > 0);
	assert_int_equal(leg.metas, 0); /* the log is on pv2 */
	assert_int_equal(find_in(text, "pv1", "corelog"), VG_FOUND);
	assert_int_equal(evidence.leg_index, 1);
	assert_int_equal(leg.metas, 0);
	/* The PV of the log alone has no leg. */
	assert_int_equal(find_in(text, "pv2", NULL), VG_NO_MIRROR);
	/* A log on a leg's own PV is found, and so is one image of a mirrored log; neither is a mirror to choose. */
	assert_int_equal(find_edited(text, "disklog_mlog {", "\"pv2\", 0", "\"pv0\", 40", "pv0", "disklog"), VG_FOUND);
	assert_int_equal(leg.metas, 1);
	assert_extent(leg.meta[0], evidence.pe_start_bytes + 40 * evidence.extent_bytes, evidence.extent_bytes);
	assert_int_equal(find_edited(text, "logical_volumes", "disklog_mlog {", mirrored_log, "pv0", "disklog"),
	                 VG_FOUND);
	assert_int_equal(leg.metas, 1);
	assert_int_equal(find_edited(text, "logical_volumes", "disklog_mlog {", mirrored_log, "pv2", NULL),
	                 VG_NO_MIRROR);
	assert_int_equal(find_edited(text, "logical_volumes", "disklog_mlog {", mirrored_log, "pv0", NULL),
	                 VG_AMBIGUOUS);
	assert_null(strstr(leg.text, "mlog"));
	free(text);
}

static void reports_missing_pvs(void **state)
{
	char *text = text_of("svc-a");

	(void)state;
	assert_int_equal(find_edited(text, "pv1 {", "flags = []", "flags = [\"MISSING\"]", "pv0", "data"), VG_FOUND);
	assert_int_equal(evidence.missing_legs, 2);
	assert_int_equal(find_edited(text, "pv2 {", "status = [\"ALLOCATABLE\"]",
	                             "status = [\"ALLOCATABLE\", \"MISSING\"]", "pv0", "data"),
	                 VG_FOUND);
	assert_int_equal(evidence.missing_legs, 4);
	free(text);
}

static void refuses_legs_it_cannot_read(void **state)
{
	static const struct {
		const char *after, *from, *to;
		enum vg_result result;
		const char *text;
	} cases[] = {
		{ "data_rimage_0 {", "\"pv0\", 138", "\"pv1\", 138", VG_SCATTERED, "another physical volume" },
		{ "data_rimage_0 {", "type = \"striped\"", "type = \"error\"", VG_SCATTERED, "type error" },
		{ "data_rimage_0 {", "stripe_count = 1", "stripe_count = 2", VG_SCATTERED, "type striped" },
		{ "data_rimage_0 {", "\"pv0\", 138", "\"wedge\", 0", VG_SCATTERED, "not laid directly" },
		{ "data_rimage_1 {", "\"pv1\", 1", "\"pv0\", 1", VG_SCATTERED, "2 legs" },
		{ "data_rimage_0 {", "start_extent = 64", "start_extent = 63", VG_BROKEN, "a gap or an overlap" },
		{ "data_rimage_0 {", "extent_count = 32", "extent_count = 31", VG_BROKEN, "the size" },
		{ "data_rimage_0 {", "\"pv0\", 138", "\"pv0\", 9223372036854775807", VG_BROKEN, "absurd" },
		{ "data_rimage_0 {", "\"pv0\", 138", "\"pv0\", 140737488355327", VG_BROKEN, "absurd" },
		{ "raids", "\"data_rimage_1\"", "\"nothing\"", VG_BROKEN, "does not exist" },
		{ "raids", "\"data_rimage_1\"", "\"data\"", VG_BROKEN, "does not exist" },
	};
	char *text = text_of("svc-a");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* The second `raids` of the text may be the first mirror's: begin at data's own section. */
		const char *after = strcmp(cases[i].after, "raids") ? cases[i].after : "\ndata {";

		assert_int_equal(find_edited(text, after, cases[i].from, cases[i].to, "pv0", "data"), cases[i].result);
		assert_non_null(strstr(leg.text, cases[i].text));
	}
	/* An rmeta that was moved away is no reason to lose the leg. */
	assert_int_equal(find_edited(text, "data_rmeta_0 {", "\"pv0\", 65", "\"pv1\", 165", "pv0", "data"), VG_FOUND);
	assert_int_equal(leg.metas, 0);
	free(text);
}

static void refuses_damaged_texts(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "seqno = ", "seqno = -" },
		{ "seqno = ", "seq = " },
		{ "extent_size = 128", "extent_size = 0" },
		{ "id = \"", "id = \"x" },
		{ "physical_volumes", "pvs" },
		{ "pe_start = ", "pe_start = \"x\" #" },
		{ "svc {", "s/c {" },
		{ "svc {", "\"svc\" {" },
		{ "svc {", "svc { {" },
		{ "= [", "= [ [" },
		{ "data {", "data { }" },
		{ "= 128", "= 128 }" },
		{ "= 128", "= bare" },
		{ "= 128", "= 99999999999999999999" },
		{ "\ndata {", "\n-data {" },
		{ "start_extent = 0", "start_extent = \"0\"" },
		{ "\"pv0\", 1", "1, \"pv0\"" },
		{ "svc {", "sv\001 {" },
	};
	char *text = text_of("svc-a");
	struct vg *vg;

	(void)state;
	assert_int_equal(vg_parse(text, strlen(text), &vg, &why), 0);
	vg_free(vg);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *edited = test_edit(text, "", cases[i].from, cases[i].to);

		assert_int_equal(vg_parse(edited, strlen(edited), &vg, &why), -EBADMSG);
		assert_non_null(why);
		free(edited);
	}
	/* Cut off anywhere within the section. */
	for (size_t length = 0; length < (size_t)(strstr(text, "# Generated") - text) - 3; length += 7)
		assert_int_equal(vg_parse(text, length, &vg, &why), -EBADMSG);
	assert_int_equal(vg_parse("a/b = 1", 7, &vg, &why), -EBADMSG);
	assert_string_equal(why, "bytes that LVM never writes");
	text[100] = '\0';
	assert_int_equal(vg_parse(text, 2000, &vg, &why), -EBADMSG);
	assert_string_equal(why, "a NUL byte");
	free(text);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* `length` bytes made of `unit` over and over; what is not refused must be dealt with quickly. */
static void assert_quick(const char *head, const char *unit, size_t length)
{
	char *text = malloc(length);
	size_t at = strlen(head), step = strlen(unit);
	double start = seconds();
	struct vg *vg = NULL;

	assert_non_null(text);
	memcpy(text, head, at);
	for (; at + step <= length; at += step)
		memcpy(text + at, unit, step);
	assert_int_equal(vg_parse(text, at, &vg, &why), -EBADMSG);
	assert_true(seconds() - start < 5);
	free(text);
}

static void stands_megabytes_of_garbage(void **state)
{
	const size_t length = 10 << 20;

	(void)state;
	assert_quick("", "{", length);
	assert_quick("", "a{", length);
	assert_quick("", "a/", length);
	assert_quick("", "a/b = 1\n", length);
	assert_quick("", "[", length);
	assert_quick("", "#", length);
	assert_quick("", "\"", length);
	assert_quick("", "\\\"", length);
	assert_quick("", "a=1\n", length);
	assert_string_equal(why, "more entries than a volume group can have");
	assert_quick("", "a {}\n", length);
	assert_quick("a = [", "1,", length);
	assert_quick("a = [", "\"\"", length);
	assert_quick("a = ", "9", length);
	assert_quick("", "\377\376", length);
	assert_quick("", " ", length);
}

/* Closed properly, so that only the count of levels keeps it from libdevmapper's recursion. */
static void stands_deep_nesting(void **state)
{
	enum { LEVELS = 100000 };
	char *text = malloc(3 * LEVELS);
	struct vg *vg;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < LEVELS; i++) {
		memcpy(text + 2 * i, "a{", 2);
		text[2 * LEVELS + i] = '}';
	}
	assert_int_equal(vg_parse(text, 3 * LEVELS, &vg, &why), -EBADMSG);
	free(text);
}

/* Many mirrors that all name one LV of many segments: quadratic, were it looked through for each. */
static void stands_many_mirrors_on_one_image(void **state)
{
	enum { EACH = 4000 };
	static const char id[] = "id = \"aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa\"\n";
	char *text = malloc(4 << 20), *at = text;
	double start;

	(void)state;
	assert_non_null(text);
	at += sprintf(at, "v {\n%sseqno = 1\nextent_size = 8\nphysical_volumes {\npv0 {\n%spe_start = 8\n}\n}\n", id,
	              id);
	at += sprintf(at, "logical_volumes {\nimage {\n%s", id);
	for (int i = 0; i < EACH; i++)
		at += sprintf(at,
		              "segment%d "
		              "{\nstart_extent=%d\nextent_count=1\ntype=\"striped\"\nstripe_count=1\nstripes=[\"pv1\","
		              "0]\n}\n",
		              i, i);
	at += sprintf(at, "}\n");
	for (int i = 0; i < EACH; i++)
		at += sprintf(
			at,
			"m%d {\n%ss {\nstart_extent=0\nextent_count=1\ntype=\"mirror\"\nmirrors=[\"image\",0]\n}\n}\n",
			i, id);
	strcpy(at, "}\n}\n");
	start = seconds();
	assert_int_equal(find_in(text, "pv0", NULL), VG_NO_MIRROR);
	assert_true(seconds() - start < 5);
	free(text);
}

static void takes_names_apart(void **state)
{
	static const struct {
		const char *name, *vg, *lv;
	} good[] = {
		{ "svc/data", "svc", "data" },
		{ "data", "", "data" },
		{ "/dev/svc/data", "svc", "data" },
		{ "a.b+c_d-e", "", "a.b+c_d-e" },
	};
	static const char *const bad[] = {
		"",   "/", "svc/", "/data", "a/b/c",  "/dev/data",       "/dev//data",
		"-x", ".", "..",   "a b",   "svc/..", "/dev/mapper/a/b",
	};
	struct vg_wanted wanted;
	char longest[400];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(vg_parse_wanted(good[i].name, &wanted));
		assert_string_equal(wanted.vg, good[i].vg);
		assert_string_equal(wanted.lv, good[i].lv);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(vg_parse_wanted(bad[i], &wanted));
	memset(longest, 'x', sizeof(longest));
	longest[128] = '/';
	longest[257] = '\0';
	assert_true(vg_parse_wanted(longest, &wanted));
	longest[257] = 'x';
	longest[258] = '\0';
	assert_false(vg_parse_wanted(longest, &wanted));
}

static int forget(void **state)
{
	(void)state;
	vg_leg_free(&leg);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_leg_in_several_segments),
		cmocka_unit_test(finds_each_leg_of_the_mirror),
		cmocka_unit_test(numbers_the_places_of_legs),
		cmocka_unit_test(wants_a_name_where_there_are_two),
		cmocka_unit_test(tells_the_wrong_names_apart),
		cmocka_unit_test(counts_by_position_in_the_list_and_not_by_name),
		cmocka_unit_test(finds_the_legs_and_logs_of_old_mirrors),
		cmocka_unit_test(reports_missing_pvs),
		cmocka_unit_test(refuses_legs_it_cannot_read),
		cmocka_unit_test(refuses_damaged_texts),
		cmocka_unit_test(stands_megabytes_of_garbage),
		cmocka_unit_test(stands_deep_nesting),
		cmocka_unit_test(stands_many_mirrors_on_one_image),
		cmocka_unit_test(takes_names_apart),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
