/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence of real copies (test-images), whole, changed in one place, and with reads that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/test_image.h"
#include "dev/fault.h"
#include "evidence/evidence.h"
#include "evidence/raid.h"
#include "evidence/record.h"
#include "locate/foreign.h"
#include "rebuild/mark.h"

enum { EXT4_SUPER = 1024, EXT4_INCOMPAT = 0x60, EXT4_RECOVER = 4, EXT4_CHECKSUM = 0x3fc };

static struct test_copy test_copy;

/* Opens a copy for the test, or skips it. */
static void open_copy(const char *scenario, const char *name)
{
	if (test_copy_open(&test_copy, scenario, name))
		skip();
}

static int close_copy(void **state)
{
	(void)state;
	test_copy_close(&test_copy);
	return 0;
}

static size_t count_findings(const struct copy *copy, enum reason_id id)
{
	size_t n = 0;

	for (size_t i = 0; i < copy->findings.count; i++)
		n += copy->findings.item[i].id == id;
	return n;
}

static const char *finding_text(const struct copy *copy, enum reason_id id)
{
	for (size_t i = 0; i < copy->findings.count; i++)
		if (copy->findings.item[i].id == id)
			return copy->findings.item[i].text;
	return "no such finding";
}

static void put(struct dev *dev, uint64_t offset, uint32_t value)
{
	uint8_t bytes[4];

	put_le32(bytes, value);
	assert_int_equal(dev_write(dev, bytes, sizeof(bytes), offset), 0);
}

static void put_record(unsigned slot, uint64_t sequence, const char *pv_uuid)
{
	struct record record = { .sequence = sequence, .epoch = sequence * 10 };
	uint8_t bytes[RECORD_SLOT_BYTES];

	snprintf(record.pv_uuid, sizeof(record.pv_uuid), "%s", pv_uuid);
	assert_int_equal(record_format(&record, bytes), 0);
	assert_int_equal(dev_write(test_copy.access.record, bytes, sizeof(bytes), (uint64_t)slot * RECORD_SLOT_BYTES),
	                 0);
}

static struct copy *read_evidence(void)
{
	evidence_read(&test_copy.copy, 3, &test_copy.access);
	return &test_copy.copy;
}

static void test_clean(void **state)
{
	const struct copy *copy;
	const struct evidence *e;

	(void)state;
	open_copy("in-sync", "flash-a");
	copy = read_evidence();
	e = &copy->evidence;
	assert_int_equal(copy->condition, COPY_USABLE);
	assert_int_equal(copy->findings.count, 0);
	assert_true(e->raid.present && e->raid.num_devices == 2 && e->raid.array_position == 0 &&
	            !e->raid.failed_devices);
	assert_true(e->unsettled.present && !e->unsettled.is_stale && e->unsettled.regions == 6);
	assert_int_equal(e->unsettled.dirty_regions, 0);
	assert_true(e->fs.present && e->fs.is_clean && !e->fs.needs_recovery && !e->fs.has_errors);
	assert_true(e->fs.has_checksums && e->fs.is_checksum_valid);
	assert_int_equal(e->fs.bytes, copy->leg_bytes);
	assert_string_equal(e->fs.label, "persistent");
	assert_true(e->record.has_area && !e->record.present && !e->record.slots_valid);
	assert_int_equal(e->errors.count, 0);
}

static void test_accusing(void **state)
{
	const struct evidence *e = &test_copy.copy.evidence;
	struct svc_error error;
	struct bitset *regions;

	(void)state;
	open_copy("stale-flash", "shared");
	read_evidence();
	assert_int_equal(e->raid.failed_devices, 1);
	assert_int_equal(e->raid.array_position, 1);
	assert_true(e->unsettled.dirty_regions > 0);
	assert_true(e->unsettled.dirty_bytes == e->unsettled.dirty_regions * e->unsettled.region_bytes);
	assert_int_equal(evidence_unsettled_map(&test_copy.copy, &test_copy.access, &regions, &error), 0);
	assert_non_null(regions);
	assert_int_equal(regions->bits, e->unsettled.regions);
	assert_int_equal(bitset_count(regions), e->unsettled.dirty_regions);
	bitset_free(regions);
}

/* The map is read again: the medium may have gone bad, and a stale map is none. */
static void test_map_again(void **state)
{
	const struct fault_plan bad = { .bad = { RAID_BITMAP_OFFSET, 512 } };
	struct svc_error error = { .text = "" };
	struct bitset *regions = (struct bitset *)&error;
	struct access access;

	(void)state;
	open_copy("stale-flash", "shared");
	read_evidence();
	access = test_copy.access;
	assert_int_equal(dev_open_fault(access.meta, &bad, &access.meta), 0);
	assert_int_equal(evidence_unsettled_map(&test_copy.copy, &access, &regions, &error), -EIO);
	assert_null(regions);
	assert_non_null(strstr(error.text, "shared: its map of unsettled regions"));
	dev_close(access.meta);
	test_copy.copy.evidence.unsettled.is_stale = true;
	assert_int_equal(evidence_unsettled_map(&test_copy.copy, &test_copy.access, &regions, &error), 0);
	assert_null(regions);
}

static void test_superblock_damaged(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
		const char *why;
	} row[] = {
		{ 0, 0, "its dm-raid superblock has no dm-raid magic" },
		{ 4, 2, "its dm-raid superblock has feature flags that this version does not know" },
		{ 144, 1, "its dm-raid superblock has incompatible feature flags that this version does not know" },
		{ 48, 5, "its dm-raid superblock is not a raid1's" },
		{ 8, 1000, "its dm-raid superblock names an absurd number of legs" },
		{ 12, 9, "its dm-raid superblock has an array position beyond its number of legs" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		open_copy("in-sync", "flash-a");
		put(test_copy.access.meta, row[i].offset, row[i].value);
		read_evidence();
		assert_int_equal(test_copy.copy.condition, COPY_DAMAGED);
		assert_int_equal(test_copy.copy.findings.count, 1);
		assert_int_equal(test_copy.copy.findings.item[0].copy, 3);
		assert_string_equal(finding_text(&test_copy.copy, REASON_SUPERBLOCK_DAMAGED), row[i].why);
		test_copy_close(&test_copy);
	}
}

static void test_superblock_wiped(void **state)
{
	static const uint8_t zeros[RAID_SUPERBLOCK_BYTES];

	(void)state;
	open_copy("in-sync", "flash-a");
	assert_int_equal(dev_write(test_copy.access.meta, zeros, sizeof(zeros), 0), 0);
	read_evidence();
	assert_int_equal(test_copy.copy.condition, COPY_DAMAGED);
	assert_string_equal(finding_text(&test_copy.copy, REASON_SUPERBLOCK_DAMAGED),
	                    "its dm-raid superblock is all zeros");
}

static void test_superblock_elsewhere(void **state)
{
	struct access access;

	(void)state;
	open_copy("in-sync", "flash-a");
	access = test_copy.access;
	access.meta = NULL;
	evidence_read(&test_copy.copy, 0, &access);
	assert_int_equal(test_copy.copy.condition, COPY_DAMAGED);
	assert_string_equal(finding_text(&test_copy.copy, REASON_SUPERBLOCK_DAMAGED),
	                    "its dm-raid superblock lies on another device");
}

/* A map that is no good is no reason to give the copy up. */
static void test_bitmap_stale(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
		const char *why;
	} row[] = {
		{ 0, 0, "its map of unsettled regions has no md bitmap magic" },
		{ 4, 9, "its map of unsettled regions is of a version that is not known" },
		{ 52, 3, "its map of unsettled regions has an absurd chunk size" },
		{ 40, 0x7fffffff, "its map of unsettled regions covers more than the leg" },
		{ 24, 1, "its map of unsettled regions is older than its superblock or marked stale" },
		{ 48, 2, "its map of unsettled regions is older than its superblock or marked stale" },
		{ 52, 512, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		open_copy("in-sync", "flash-a");
		put(test_copy.access.meta, RAID_BITMAP_OFFSET + row[i].offset, row[i].value);
		read_evidence();
		assert_int_equal(test_copy.copy.condition, COPY_USABLE);
		assert_int_equal(test_copy.copy.findings.count, row[i].why != NULL);
		if (row[i].why)
			assert_string_equal(finding_text(&test_copy.copy, REASON_BITMAP_STALE), row[i].why);
		test_copy_close(&test_copy);
	}
}

/* The metadata sub-LV ends before the bits do. */
static void test_bitmap_cut_off(void **state)
{
	struct access access;
	struct extent head = { 0, RAID_BITMAP_OFFSET + RAID_BITMAP_HEADER_BYTES };

	(void)state;
	open_copy("in-sync", "flash-a");
	access = test_copy.access;
	assert_int_equal(dev_open_slice(test_copy.access.meta, &head, 1, &access.meta), 0);
	evidence_read(&test_copy.copy, 0, &access);
	dev_close(access.meta);
	assert_int_equal(test_copy.copy.condition, COPY_USABLE);
	assert_false(test_copy.copy.evidence.unsettled.present);
	assert_string_equal(finding_text(&test_copy.copy, REASON_BITMAP_STALE),
	                    "its map of unsettled regions is cut off");
}

static void test_old_mirror(void **state)
{
	(void)state;
	open_copy("old-mirror", "shared");
	read_evidence();
	assert_int_equal(test_copy.copy.condition, COPY_USABLE);
	assert_int_equal(test_copy.copy.evidence.lvm.type, MIRROR_OLD);
	assert_false(test_copy.copy.evidence.raid.present);
	assert_int_equal(count_findings(&test_copy.copy, REASON_SUPERBLOCK_DAMAGED), 0);
	if (!test_copy.access.meta)
		return; /* the log is on the other device */
	assert_true(test_copy.copy.evidence.unsettled.present);
	assert_int_equal(test_copy.copy.evidence.unsettled.dirty_regions, 0);
}

static void test_file_system(void **state)
{
	(void)state;
	open_copy("in-sync", "flash-a");
	put(test_copy.access.leg, EXT4_SUPER + EXT4_CHECKSUM, 0x12345678);
	read_evidence();
	assert_int_equal(test_copy.copy.condition, COPY_USABLE);
	assert_int_equal(test_copy.copy.findings.count, 1);
	assert_int_equal(count_findings(&test_copy.copy, REASON_FS_CHECKSUM), 1);
	assert_false(test_copy.copy.evidence.fs.is_checksum_valid);
	test_copy_close(&test_copy);

	open_copy("in-sync", "flash-a");
	put(test_copy.access.leg, EXT4_SUPER + 0x38, 0); /* s_magic */
	read_evidence();
	assert_int_equal(test_copy.copy.condition, COPY_USABLE); /* the verdict decides, for it sees the others */
	assert_false(test_copy.copy.evidence.fs.present);
	assert_int_equal(test_copy.copy.findings.count, 0);
}

/* The mark of a rebuild, where a leg has no other place for it: seen on the copy alone, whatever it held. */
static void test_rebuild_mark(void **state)
{
	struct copy *copy;

	(void)state;
	open_copy("old-mirror-dirty", "shared");
	assert_int_equal(dev_write(test_copy.access.leg, foreign_rebuild_mark, FOREIGN_MARK_BYTES, FOREIGN_MARK_OFFSET),
	                 0);
	copy = read_evidence();
	assert_int_equal(copy->condition, COPY_DAMAGED);
	assert_int_equal(count_findings(copy, REASON_REBUILD_TARGET), 1);
	close_copy(state);

	open_copy("old-mirror-dirty", "shared");
	assert_int_equal(
		dev_write(test_copy.access.leg, foreign_rebuild_mark, FOREIGN_MARK_BYTES - 2, FOREIGN_MARK_OFFSET), 0);
	copy = read_evidence();
	assert_int_equal(copy->condition, COPY_USABLE);
	assert_int_equal(count_findings(copy, REASON_REBUILD_TARGET), 0);
}

static void test_journal_and_live(void **state)
{
	uint8_t flags[4];

	(void)state;
	for (int is_live = 0; is_live < 2; is_live++) {
		open_copy("in-sync", "flash-a");
		assert_int_equal(dev_read(test_copy.access.leg, flags, 4, EXT4_SUPER + EXT4_INCOMPAT), 0);
		put(test_copy.access.leg, EXT4_SUPER + EXT4_INCOMPAT, get_le32(flags) | EXT4_RECOVER);
		test_copy.copy.is_live = is_live;
		read_evidence();
		assert_true(test_copy.copy.evidence.fs.needs_recovery);
		/* A mounted file system always looks so: nothing to say of it. */
		assert_int_equal(count_findings(&test_copy.copy, REASON_JOURNAL_REPLAY), !is_live);
		assert_int_equal(count_findings(&test_copy.copy, REASON_LIVE), is_live);
		test_copy_close(&test_copy);
	}
}

static void test_mmp(void **state)
{
	struct test_copy *c = &test_copy;
	uint64_t at = 0;
	uint8_t word[8];

	(void)state;
	open_copy("ext4-mmp", "shared");
	read_evidence();
	assert_true(c->copy.evidence.fs.has_mmp);
	assert_int_equal(dev_read(c->access.leg, word, 8, EXT4_SUPER + 0x168), 0); /* s_mmp_block */
	at = get_le64(word) * c->copy.evidence.fs.block_bytes;
	c->copy.findings.count = 0;
	c->copy.condition = COPY_USABLE;
	put(c->access.leg, at + 4, 0xFF4D4D50);
	read_evidence();
	assert_int_equal(count_findings(&c->copy, REASON_MMP_ACTIVE), 0);
	c->copy.findings.count = 0;
	put(c->access.leg, at + 4, 0x1234);
	read_evidence();
	assert_int_equal(count_findings(&c->copy, REASON_MMP_ACTIVE), 1);
	assert_int_equal(c->copy.evidence.fs.mmp_sequence, 0x1234);
	c->copy.findings.count = 0;
	c->copy.is_live = true;
	read_evidence();
	assert_int_equal(count_findings(&c->copy, REASON_MMP_ACTIVE), 0);
}

/* The slot with the higher sequence counts, whichever it is; a damaged one counts for nothing. */
static void test_record_slots(void **state)
{
	static const struct {
		uint64_t sequence[2]; /* 0: empty, 1: damaged */
		uint64_t expected;    /* 0: none */
	} row[] = {
		{ { 5, 6 }, 6 }, { { 7, 6 }, 7 }, { { 5, 0 }, 5 }, { { 0, 5 }, 5 }, { { 5, 1 }, 5 },
		{ { 1, 5 }, 5 }, { { 1, 1 }, 0 }, { { 1, 0 }, 0 }, { { 0, 1 }, 0 }, { { 0, 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct record_evidence *evidence = &test_copy.copy.evidence.record;
		bool has_damage = false;

		open_copy("in-sync", "flash-a");
		for (unsigned s = 0; s < 2; s++) {
			has_damage |= row[i].sequence[s] == 1;
			if (row[i].sequence[s])
				put_record(s, row[i].sequence[s], test_copy.copy.evidence.lvm.pv_uuid);
			if (row[i].sequence[s] == 1) /* torn: its checksum was never written */
				put(test_copy.access.record, (s + 1) * RECORD_SLOT_BYTES - 4, 0);
		}
		read_evidence();
		assert_int_equal(test_copy.copy.condition, COPY_USABLE);
		assert_int_equal(evidence->present, row[i].expected != 0);
		assert_int_equal(evidence->record.sequence, row[i].expected);
		assert_int_equal(evidence->record.epoch, row[i].expected * 10);
		assert_int_equal(evidence->slots_valid, (row[i].sequence[0] > 1) + (row[i].sequence[1] > 1));
		assert_int_equal(count_findings(&test_copy.copy, REASON_RECORD_DAMAGED),
		                 has_damage && !row[i].expected);
		test_copy_close(&test_copy);
	}
}

static void test_record_newer_and_foreign(void **state)
{
	uint8_t slot[RECORD_SLOT_BYTES];

	(void)state;
	open_copy("in-sync", "flash-a");
	put_record(0, 4, "somebody-else");
	read_evidence();
	assert_string_equal(test_copy.copy.evidence.record.record.pv_uuid, "somebody-else"); /* the verdict tells */
	assert_int_equal(test_copy.copy.findings.count, 0);
	/* A newer version in the other slot: RECORD_DAMAGED would send someone to overwrite it. */
	assert_int_equal(dev_read(test_copy.access.record, slot, sizeof(slot), 0), 0);
	put_le32(slot + 8, 99);
	put_le32(slot + sizeof(slot) - 4, (uint32_t)crc32(crc32(0, NULL, 0), slot, sizeof(slot) - 4));
	assert_int_equal(dev_write(test_copy.access.record, slot, sizeof(slot), RECORD_SLOT_BYTES), 0);
	put(test_copy.access.record, 100, 0xffffffff);
	memset(&test_copy.copy.evidence.record, 0, sizeof(test_copy.copy.evidence.record));
	read_evidence();
	assert_true(test_copy.copy.evidence.record.is_newer);
	assert_false(test_copy.copy.evidence.record.present);
	assert_int_equal(test_copy.copy.findings.count, 0);
}

static void test_record_area(void **state)
{
	struct extent small = { 0, RECORD_AREA_BYTES - 512 };
	struct access access;

	(void)state;
	open_copy("in-sync", "flash-a");
	put_record(0, 4, "x");
	access = test_copy.access;
	assert_int_equal(dev_open_slice(test_copy.access.record, &small, 1, &access.record), 0);
	evidence_read(&test_copy.copy, 0, &access);
	dev_close(access.record);
	assert_false(test_copy.copy.evidence.record.has_area || test_copy.copy.evidence.record.present);
	assert_int_equal(test_copy.copy.condition, COPY_USABLE);
}

/* Somebody keeps something else there: no place for a record, and no record is ever written there. */
static void test_record_area_of_others(void **state)
{
	struct record record = { .epoch = 1 };
	uint8_t area[2 * RECORD_SLOT_BYTES], after[sizeof(area)];

	(void)state;
	for (int row = 0; row < 5; row++) {
		bool is_taken = row < 3;

		open_copy("in-sync", "flash-a");
		memset(area, 0, sizeof(area));
		if (row != 1)
			memcpy(area, "boot loader", 11);
		if (row != 0)
			memcpy(area + RECORD_SLOT_BYTES + 511, "boot loader", 11);
		assert_int_equal(dev_write(test_copy.access.record, area, sizeof(area), 0), 0);
		if (row >= 3) /* one slot of ours: the other one is damaged */
			put_record(row - 3, 4, test_copy.copy.evidence.lvm.pv_uuid);
		read_evidence();
		assert_int_equal(test_copy.copy.evidence.record.has_area, !is_taken);
		assert_int_equal(test_copy.copy.evidence.record.present, !is_taken);
		assert_int_equal(count_findings(&test_copy.copy, REASON_RECORD_AREA), is_taken);
		assert_int_equal(count_findings(&test_copy.copy, REASON_RECORD_DAMAGED), 0);
		assert_int_equal(test_copy.copy.condition, COPY_USABLE);
		assert_int_equal(record_store(test_copy.access.record, &record), is_taken ? -EEXIST : 0);
		assert_int_equal(dev_read(test_copy.access.record, after, sizeof(after), 0), 0);
		assert_int_equal(!memcmp(area, after, sizeof(area)), is_taken);
		test_copy_close(&test_copy);
	}
}

/* Each read of locate and evidence fails once: never is the copy taken for a usable one. */
static void test_each_read_fails(void **state)
{
	struct evidence whole = { .lvm = { .present = false } };
	uint64_t reads = 0, failed = 0, retried = 0;

	(void)state;
	open_copy("in-sync", "flash-a");
	for (uint64_t nth = 0; nth <= reads; nth++) {
		struct fault_plan plan = { .fail = { [FAULT_READ] = { nth, -EIO } } };
		struct access access = { .device = NULL };
		struct fault_count count;
		struct svc_error error;
		struct copy copy = { .name = "flash-a", .group = "flash-a" };

		assert_int_equal(dev_open_fault(test_copy.access.device, &plan, &access.device), 0);
		assert_int_equal(locate_leg(&copy, NULL, &access, &error), 0);
		evidence_read(&copy, 0, &access);
		count = fault_counted(access.device);
		access_close(&access);
		if (!nth) { /* nothing failed: that is how many there are */
			assert_int_equal(copy.condition, COPY_USABLE);
			reads = count.operations[FAULT_READ];
			assert_true(reads > 8);
			whole = copy.evidence;
			continue;
		}
		assert_int_equal(count.failed, 1);
		/* A failed read of more than was wanted is tried again for less: then nothing is missing. */
		if (copy.condition == COPY_USABLE && !copy.findings.count &&
		    !memcmp(&copy.evidence, &whole, sizeof(whole))) {
			retried++;
			continue;
		}
		if (copy.condition != COPY_UNREADABLE || count_findings(&copy, REASON_READ_ERROR) != 1)
			fail_msg("read %u of %u fails, and the condition is %d with %zu findings", (unsigned)nth,
			         (unsigned)reads, copy.condition, copy.findings.count);
		failed++;
	}
	assert_int_equal(failed + retried, reads);
	assert_true(retried <= 2);
}

/* A bad sector anywhere in what evidence lies on: it is named, with its offset. */
static void test_each_sector_bad(void **state)
{
	static const struct {
		size_t member;
		uint64_t offset;
		const char *what;
	} row[] = {
		{ offsetof(struct access, record), 0, "its recovery record cannot be read" },
		{ offsetof(struct access, record), 4096, "its recovery record cannot be read" },
		{ offsetof(struct access, record), 8191, "its recovery record cannot be read" },
		{ offsetof(struct access, meta), 0, "its dm-raid superblock cannot be read" },
		{ offsetof(struct access, meta), 511, "its dm-raid superblock cannot be read" },
		{ offsetof(struct access, meta), RAID_BITMAP_OFFSET, "its map of unsettled regions cannot be read" },
		{ offsetof(struct access, meta), RAID_BITMAP_OFFSET + 256,
		  "its map of unsettled regions cannot be read" },
		{ offsetof(struct access, leg), EXT4_SUPER, "its file system cannot be read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct fault_plan bad = { .bad = { row[i].offset, 1 } };
		struct access access = { NULL };
		struct dev **dev = (struct dev **)((char *)&access + row[i].member);

		open_copy("in-sync", "flash-a");
		access = test_copy.access;
		assert_int_equal(dev_open_fault(*dev, &bad, dev), 0);
		evidence_read(&test_copy.copy, 0, &access);
		dev_close(*dev);
		assert_int_equal(test_copy.copy.condition, COPY_UNREADABLE);
		assert_int_equal(test_copy.copy.findings.count, 1);
		assert_non_null(strstr(finding_text(&test_copy.copy, REASON_READ_ERROR), row[i].what));
		if (strcmp(row[i].what, "its file system cannot be read"))
			assert_int_equal(test_copy.copy.evidence.errors.count, 1);
		test_copy_close(&test_copy);
	}
}

/* What locate found unusable is left as it is. */
static void test_unusable(void **state)
{
	struct copy copy = { .condition = COPY_FOREIGN, .is_live = true };
	struct access access = { .device = NULL };

	(void)state;
	evidence_read(&copy, 0, &access);
	assert_int_equal(copy.condition, COPY_FOREIGN);
	assert_int_equal(copy.findings.count, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_copy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clean),
		TEST(test_accusing),
		TEST(test_map_again),
		TEST(test_superblock_damaged),
		TEST(test_superblock_wiped),
		TEST(test_superblock_elsewhere),
		TEST(test_bitmap_stale),
		TEST(test_bitmap_cut_off),
		TEST(test_old_mirror),
		TEST(test_file_system),
		TEST(test_rebuild_mark),
		TEST(test_journal_and_live),
		TEST(test_mmp),
		TEST(test_record_slots),
		TEST(test_record_newer_and_foreign),
		TEST(test_record_area),
		TEST(test_record_area_of_others),
		TEST(test_each_read_fails),
		TEST(test_each_sector_bad),
		TEST(test_unusable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
