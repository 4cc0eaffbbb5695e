/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One slot of the record: there and back, and every way in which it can be no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "evidence/record.h"

static const struct record full = {
	.sequence = 0x1122334455667788,
	.pv_uuid = "oxvfBT-nVfF-zo7U-m4Y1-NmCy-jlPz-9sqHYQ",
	.lv_uuid = "Czu4ri-Z9gm-3i14-FUcS-kDRS-9XB0-zOjqAu",
	.copy_name = "flash-a",
	.epoch = 7,
	.generation = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.history = { { 0xaa }, { 0xbb }, [7] = { 0xcc }, { 0xdd }, [31] = { 0xee } },
	.owner = 'b',
	.is_open = true,
	.changed_time = 1772352006,
	.rebuild = REBUILD_METADATA,
	.rebuild_source = "shared",
	.rebuild_generation = { 9 },
	.rebuild_done_bytes = 4096,
	.rebuild_total_bytes = 1ULL << 40,
	.previous_authority = "flash-b",
	.legs = 5,
	.unseen = 2,
	.is_after_crash = true,
};

/* Makes the checksum right again after a change. */
static void seal(uint8_t *slot)
{
	put_le32(&slot[RECORD_SLOT_BYTES - 4], (uint32_t)crc32(crc32(0, NULL, 0), slot, RECORD_SLOT_BYTES - 4));
}

static void assert_same(const struct record *x, const struct record *y)
{
	uint8_t sx[RECORD_SLOT_BYTES], sy[RECORD_SLOT_BYTES];

	assert_int_equal(record_format(x, sx), 0);
	assert_int_equal(record_format(y, sy), 0);
	assert_memory_equal(sx, sy, sizeof(sx));
}

static void test_there_and_back(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record back;

	(void)state;
	assert_int_equal(record_format(&full, slot), 0);
	assert_int_equal(record_parse(slot, &back), RECORD_VALID);
	assert_same(&back, &full);
	assert_true(back.sequence == full.sequence && back.epoch == 7 && back.owner == 'b' && back.is_open);
	assert_string_equal(back.pv_uuid, full.pv_uuid);
	assert_string_equal(back.lv_uuid, full.lv_uuid);
	assert_string_equal(back.copy_name, "flash-a");
	assert_string_equal(back.rebuild_source, "shared");
	assert_string_equal(back.previous_authority, "flash-b");
	assert_memory_equal(back.generation, full.generation, 16);
	assert_memory_equal(back.history, full.history, sizeof(full.history));
	assert_memory_equal(back.rebuild_generation, full.rebuild_generation, 16);
	assert_int_equal(back.rebuild, REBUILD_METADATA);
	assert_int_equal(back.changed_time, full.changed_time);
	assert_int_equal(back.legs, 5);
	assert_true(back.rebuild_done_bytes == 4096 && back.rebuild_total_bytes == 1ULL << 40);
}

/* The place of each field is on disks from now on. */
static void test_layout(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES];

	(void)state;
	assert_int_equal(record_format(&full, slot), 0);
	assert_memory_equal(slot, "SVC-REC", 8);
	assert_int_equal(get_le32(slot + 8), 1);
	assert_int_equal(get_le32(slot + 12), 1 | 8);
	assert_true(get_le64(slot + 16) == full.sequence);
	assert_string_equal((char *)slot + 24, full.pv_uuid);
	assert_string_equal((char *)slot + 64, full.lv_uuid);
	assert_string_equal((char *)slot + 104, "flash-a");
	assert_int_equal(get_le64(slot + 120), 7);
	assert_int_equal(slot[128], 1);
	assert_int_equal(slot[144], 0xaa);
	assert_int_equal(slot[160], 0xbb);
	assert_int_equal(get_le32(slot + 272), 'b');
	assert_int_equal(get_le32(slot + 276), REBUILD_METADATA);
	assert_int_equal(get_le64(slot + 280), full.changed_time);
	assert_string_equal((char *)slot + 288, "shared");
	assert_int_equal(slot[304], 9);
	assert_int_equal(get_le64(slot + 320), 4096);
	assert_true(get_le64(slot + 328) == 1ULL << 40);
	assert_int_equal(get_le64(slot + 744), 2);
	assert_string_equal((char *)slot + 336, "flash-b");
	assert_true(get_le64(slot + 352) == 5);
	assert_int_equal(slot[256], 0xcc);
	assert_int_equal(slot[360], 0xdd);
	assert_int_equal(slot[728], 0xee);
	assert_int_equal(slot[752], 0);
}

static void test_empty(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES] = { 0 };
	struct record untouched = full;

	(void)state;
	assert_int_equal(record_parse(slot, &untouched), RECORD_EMPTY);
	assert_same(&untouched, &full);
	memset(slot, 0xff, sizeof(slot));
	assert_int_equal(record_parse(slot, &untouched), RECORD_DAMAGED);
	assert_same(&untouched, &full);
}

/* A torn write: any part of the new slot over the old one. */
static void test_torn(void **state)
{
	uint8_t old[RECORD_SLOT_BYTES], new[RECORD_SLOT_BYTES], torn[RECORD_SLOT_BYTES];
	struct record next = full, record;

	(void)state;
	next.sequence++;
	next.epoch++;
	next.previous_authority[0] = 'x';
	assert_int_equal(record_format(&full, old), 0);
	assert_int_equal(record_format(&next, new), 0);
	for (size_t sectors = 0; sectors <= RECORD_SLOT_BYTES / 512; sectors++) {
		bool is_whole = sectors == 0 || sectors == RECORD_SLOT_BYTES / 512;

		memcpy(torn, old, sizeof(torn));
		memcpy(torn, new, sectors * 512);
		assert_int_equal(record_parse(torn, &record), is_whole ? RECORD_VALID : RECORD_DAMAGED);
	}
}

static void test_every_bit(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record;

	(void)state;
	assert_int_equal(record_format(&full, slot), 0);
	for (size_t bit = 0; bit < 8 * sizeof(slot); bit++) {
		slot[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(record_parse(slot, &record), RECORD_DAMAGED);
		slot[bit / 8] ^= 1 << bit % 8;
	}
}

static void test_newer(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record;

	(void)state;
	assert_int_equal(record_format(&full, slot), 0);
	put_le32(slot + 8, 2);
	assert_int_equal(record_parse(slot, &record), RECORD_DAMAGED);
	seal(slot);
	assert_int_equal(record_parse(slot, &record), RECORD_NEWER);
	/* What a newer version keeps in the fields is its own affair. */
	memset(slot + 16, 0xff, 1000);
	seal(slot);
	assert_int_equal(record_parse(slot, &record), RECORD_NEWER);
}

/* The checksum is right, and yet no such record was ever written. */
static void test_nonsense(void **state)
{
	static const struct {
		unsigned offset, length;
		int byte;
	} row[] = {
		{ 24, 40, 'x' }, { 64, 40, 'x' },  { 104, 16, 'x' }, { 288, 16, 'x' }, { 336, 16, 'x' }, /* no end */
		{ 24, 1, '\n' }, { 104, 1, 0x1b }, { 288, 1, 0xc3 }, { 336, 1, ' ' },                    /* not text */
		{ 272, 1, 'c' }, { 275, 1, 1 },    { 276, 1, 3 },    { 279, 1, 0x80 },
	};
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(record_format(&full, slot), 0);
		memset(slot + row[i].offset, row[i].byte, row[i].length);
		seal(slot);
		assert_int_equal(record_parse(slot, &record), RECORD_DAMAGED);
	}
}

/* A copy is named after its file, and that may be called anything. */
static void test_names(void **state)
{
	static const struct {
		const char *name, *noted;
	} row[] = {
		{ "flash-a", "flash-a" },
		{ "", "" },
		{ "my shared.img", "my%20shared.img" },
		{ "my flash-a.img", "my%20flash-a.im" },
		{ "fl\xc3\xa4sh", "fl%C3%A4sh" },
		{ "\x1b[2J", "%1B[2J" },
		{ "wwn-0x5000c500a1b2c3d4", "wwn-0x5000c500a" },
		{ "0123456789abcd e", "0123456789abcd" }, /* no piece of an escape */
		{ "50%25", "50%25" },
	};
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record = full, back;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		record_set_name(record.rebuild_source, row[i].name);
		assert_string_equal(record.rebuild_source, row[i].noted);
		record_set_name(record.copy_name, record.rebuild_source);
		assert_string_equal(record.copy_name, row[i].noted);
		assert_int_equal(record_format(&record, slot), 0);
		assert_int_equal(record_parse(slot, &back), RECORD_VALID);
		assert_string_equal(back.rebuild_source, row[i].noted);
	}
	for (unsigned n = 0; n < 20000; n++) {
		char name[SVC_NAME_SIZE] = "";

		for (unsigned at = 0, seed = n; at < 1 + n % 20; at++) {
			seed = seed * 1103515245 + 12345;
			name[at] = (char)(1 + (seed >> 16) % 255);
		}
		record_set_name(record.previous_authority, name);
		assert_true(record.previous_authority[0]);
		assert_int_equal(record_format(&record, slot), 0);
		assert_int_equal(record_parse(slot, &back), RECORD_VALID);
		assert_string_equal(back.previous_authority, record.previous_authority);
	}
}

/* What could not be read again is never given out to be written. */
static void test_unreadable(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record;

	(void)state;
	for (int what = 0; what < 7; what++) {
		record = full;
		switch (what) {
		case 0:
			strcpy(record.rebuild_source, "my shared.img");
			break;
		case 1:
			strcpy(record.copy_name, "\xff");
			break;
		case 2:
			memset(record.previous_authority, 'x', sizeof(record.previous_authority));
			break;
		case 3:
			memset(record.pv_uuid, 'x', sizeof(record.pv_uuid));
			break;
		case 4:
			strcpy(record.lv_uuid, "\n");
			break;
		case 5:
			record.owner = 'c';
			break;
		case 6:
			record.rebuild = 3;
			break;
		}
		assert_int_equal(record_format(&record, slot), -EINVAL);
	}
}

static void test_generation(void **state)
{
	uint8_t generation[16] = { 0 };

	(void)state;
	assert_false(record_has_generation(generation));
	generation[15] = 1;
	assert_true(record_has_generation(generation));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_layout),     cmocka_unit_test(test_empty),
		cmocka_unit_test(test_torn),           cmocka_unit_test(test_every_bit),  cmocka_unit_test(test_newer),
		cmocka_unit_test(test_nonsense),       cmocka_unit_test(test_generation), cmocka_unit_test(test_names),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
