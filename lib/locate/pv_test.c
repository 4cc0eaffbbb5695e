/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "locate/pv.h"
#include "locate/test_image.h"

static uint8_t device[TEST_MIB];
static struct pv_label label;
static const char *why;

static enum pv_state parse(void)
{
	why = NULL;
	return pv_parse_label(device, PV_SCAN_BYTES, &label, &why);
}

static int load(void **state)
{
	(void)state;
	test_image_read("svc-s", device, sizeof(device));
	return 0;
}

static void reads_what_lvm_wrote(void **state)
{
	(void)state;
	assert_int_equal(parse(), PV_VALID);
	assert_int_equal(label.sector, 1);
	assert_int_equal(strlen(label.uuid), LVM_UUID_SIZE - 1);
	assert_int_equal(label.uuid[6], '-');
	assert_int_equal(label.uuid[31], '-');
	assert_int_equal(label.size_bytes, 32 * TEST_MIB);
	assert_int_equal(label.data_offset_bytes, 2 * TEST_MIB);
	assert_int_equal(label.areas, 2);
	assert_int_equal(label.area[0].offset, TEST_AREA);
	assert_int_equal(label.area[1].offset, 31 * TEST_MIB);
	assert_int_equal(label.bootloader_area.offset, TEST_MIB);
	assert_int_equal(label.bootloader_area.length, TEST_MIB);
}

static void has_no_bootloader_area_where_none_was_made(void **state)
{
	(void)state;
	test_image_read("swapped-c", device, sizeof(device));
	assert_int_equal(parse(), PV_VALID);
	assert_int_equal(label.bootloader_area.length, 0);
	assert_int_equal(label.areas, 1);
}

static void finds_the_label_in_each_of_four_sectors(void **state)
{
	uint8_t sector[PV_SECTOR_BYTES];

	(void)state;
	memcpy(sector, device + PV_SECTOR_BYTES, sizeof(sector));
	for (unsigned i = 0; i < 5; i++) {
		memset(device, 0, 5 * PV_SECTOR_BYTES);
		put_le64(sector + 8, i);
		test_sign_label(sector);
		memcpy(device + (size_t)i * PV_SECTOR_BYTES, sector, sizeof(sector));
		assert_int_equal(parse(), i < 4 ? PV_VALID : PV_NONE);
		if (i < 4)
			assert_int_equal(label.sector, i);
	}
}

static void refuses_every_flipped_bit_of_the_label(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * PV_SECTOR_BYTES; bit++) {
		device[PV_SECTOR_BYTES + bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* Without its name a label is none; anything else makes it a damaged one. */
		assert_int_equal(parse(), bit < 64 ? PV_NONE : PV_DAMAGED);
		device[PV_SECTOR_BYTES + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(parse(), PV_VALID);
}

static void prefers_a_valid_label_to_a_damaged_one(void **state)
{
	(void)state;
	memcpy(device, "LABELONE", 8);
	assert_int_equal(parse(), PV_VALID);
	assert_int_equal(label.sector, 1);
}

static void says_what_is_wrong_with_a_signed_label(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		const char *why;
	} cases[] = {
		{ 8, 3, "another sector" },
		{ 20, 0, "outside the label sector" },
		{ 20, 505, "outside the label sector" },
		{ 20, 0xffffffff, "outside the label sector" },
		{ 32, 0, "UUID" },
	};
	uint8_t *sector = device + PV_SECTOR_BYTES;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load(NULL);
		put_le32(sector + cases[i].at, (uint32_t)cases[i].value);
		test_sign_label(sector);
		assert_int_equal(parse(), PV_DAMAGED);
		assert_non_null(strstr(why, cases[i].why));
	}
	load(NULL);
	memset(sector + 72, 1, PV_SECTOR_BYTES - 72);
	test_sign_label(sector);
	assert_int_equal(parse(), PV_DAMAGED);
	assert_non_null(strstr(why, "no end"));
	load(NULL);
	memset(sector + 72 + 32, 0, PV_SECTOR_BYTES - 104);
	for (size_t i = 0; i < PV_AREAS_MAX + 1; i++)
		put_le64(sector + 72 + 32 + 16 * i, TEST_AREA);
	test_sign_label(sector);
	assert_int_equal(parse(), PV_DAMAGED);
	assert_non_null(strstr(why, "more metadata areas"));
}

static void stands_a_device_shorter_than_the_scan(void **state)
{
	(void)state;
	assert_int_equal(pv_parse_label(device, 1023, &label, &why), PV_NONE);
	assert_int_equal(pv_parse_label(device, 1024, &label, &why), PV_VALID);
}

static void reads_the_text_of_an_area(void **state)
{
	struct pv_text text;

	(void)state;
	parse();
	assert_int_equal(pv_parse_area(device + TEST_AREA, label.area[0], &text), PV_AREA_TEXT);
	assert_int_equal(text.piece[1].length, 0);
	assert_int_equal(text.piece[0].length, text.bytes);
	assert_int_equal(pv_checksum(device + text.piece[0].offset, text.bytes), text.checksum);
}

static void follows_a_text_around_the_end_of_its_area(void **state)
{
	struct pv_text text;
	uint8_t joined[8192];

	(void)state;
	test_image_read("ring-w", device, sizeof(device));
	assert_int_equal(parse(), PV_VALID);
	assert_int_equal(pv_parse_area(device + TEST_AREA, label.area[0], &text), PV_AREA_TEXT);
	assert_int_equal(text.piece[0].offset + text.piece[0].length, label.area[0].offset + label.area[0].length);
	assert_int_equal(text.piece[1].offset, TEST_AREA + PV_SECTOR_BYTES);
	assert_true(text.piece[1].length > 0);
	assert_true(text.bytes < sizeof(joined));
	memcpy(joined, device + text.piece[0].offset, text.piece[0].length);
	memcpy(joined + text.piece[0].length, device + text.piece[1].offset, text.piece[1].length);
	assert_int_equal(pv_checksum(joined, text.bytes), text.checksum);
}

static void refuses_absurd_areas(void **state)
{
	static const struct {
		size_t at; /* of a 64-bit field */
		uint64_t value;
		enum pv_area_state state;
	} cases[] = {
		{ 20, 2, PV_AREA_BAD },    /* version, and low half of start */
		{ 24, 8192, PV_AREA_BAD }, /* start */
		{ 32, 512, PV_AREA_BAD },  /* size: no room for a text */
		{ 32, UINT64_MAX, PV_AREA_BAD },
		{ 40, 511, PV_AREA_BAD },                  /* text offset: within the header */
		{ 40, TEST_MIB - TEST_AREA, PV_AREA_BAD }, /* at the end of the area */
		{ 40, UINT64_MAX, PV_AREA_BAD },
		{ 48, 0, PV_AREA_BAD },                    /* text size */
		{ 48, TEST_MIB - TEST_AREA, PV_AREA_BAD }, /* around the ring into itself */
		{ 48, UINT64_MAX, PV_AREA_BAD },
	};
	struct pv_text text;
	uint8_t sector[PV_SECTOR_BYTES];

	(void)state;
	parse();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(sector, device + TEST_AREA, sizeof(sector));
		put_le64(sector + cases[i].at, cases[i].value);
		test_sign_area(sector);
		assert_int_equal(pv_parse_area(sector, label.area[0], &text), cases[i].state);
	}
	/* A text longer than any LVM writes, in an area that has room for it. */
	memcpy(sector, device + TEST_AREA, sizeof(sector));
	put_le64(sector + 32, (uint64_t)1 << 30);
	put_le64(sector + 48, PV_TEXT_BYTES_MAX);
	test_sign_area(sector);
	assert_int_equal(pv_parse_area(sector, label.area[0], &text), PV_AREA_TEXT);
	put_le64(sector + 48, PV_TEXT_BYTES_MAX + 1);
	test_sign_area(sector);
	assert_int_equal(pv_parse_area(sector, label.area[0], &text), PV_AREA_BAD);
}

static void heeds_the_slots_and_flags_of_an_area(void **state)
{
	struct pv_text text = { 0 }, again = { 0 };
	uint8_t *sector = device + TEST_AREA;

	(void)state;
	parse();
	assert_int_equal(pv_parse_area(sector, label.area[0], &text), PV_AREA_TEXT);
	/* A precommitted text in slot 1 changes nothing. */
	put_le64(sector + 64, 1024);
	put_le64(sector + 72, 100);
	test_sign_area(sector);
	assert_int_equal(pv_parse_area(sector, label.area[0], &again), PV_AREA_TEXT);
	assert_memory_equal(&again, &text, sizeof(text));
	put_le32(sector + 60, 1);
	test_sign_area(sector);
	assert_int_equal(pv_parse_area(sector, label.area[0], &text), PV_AREA_IGNORED);
	memset(sector + 40, 0, 24);
	test_sign_area(sector);
	assert_int_equal(pv_parse_area(sector, label.area[0], &text), PV_AREA_EMPTY);
	sector[100] ^= 1;
	assert_int_equal(pv_parse_area(sector, label.area[0], &text), PV_AREA_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_what_lvm_wrote, load),
		cmocka_unit_test_setup(has_no_bootloader_area_where_none_was_made, load),
		cmocka_unit_test_setup(finds_the_label_in_each_of_four_sectors, load),
		cmocka_unit_test_setup(refuses_every_flipped_bit_of_the_label, load),
		cmocka_unit_test_setup(prefers_a_valid_label_to_a_damaged_one, load),
		cmocka_unit_test_setup(says_what_is_wrong_with_a_signed_label, load),
		cmocka_unit_test_setup(stands_a_device_shorter_than_the_scan, load),
		cmocka_unit_test_setup(reads_the_text_of_an_area, load),
		cmocka_unit_test_setup(follows_a_text_around_the_end_of_its_area, load),
		cmocka_unit_test_setup(refuses_absurd_areas, load),
		cmocka_unit_test_setup(heeds_the_slots_and_flags_of_an_area, load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
