/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written as a physical volume is read again by our own parser and by LVM's pvck, also after a power cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "dev/recorder.h"
#include "locate/pv_write.h"
#include "locate/test_image.h"

enum { DEVICE_BYTES = 32 * TEST_MIB, ROUNDS = 900, CUTS = 12 };

struct bed {
	uint8_t *bytes;
	struct dev *dev;
	struct pv_metadata metadata;
};

static void open_bed(struct bed *bed, const char *image)
{
	bed->bytes = test_image_device(image, DEVICE_BYTES);
	assert_int_equal(dev_open_memory(bed->bytes, DEVICE_BYTES, false, &bed->dev), 0);
	assert_int_equal(pv_read_metadata(bed->dev, &bed->metadata), 0);
}

static void close_bed(struct bed *bed)
{
	pv_metadata_free(&bed->metadata);
	dev_close(bed->dev);
	free(bed->bytes);
}

/* The text with another seqno and a comment of `more` bytes: texts of many lengths. */
static char *make_text(const struct bed *bed, unsigned seqno, size_t more, size_t *bytes)
{
	char *old = strndup(bed->metadata.text, bed->metadata.bytes), *text, *at;
	char number[40];

	snprintf(number, sizeof(number), "seqno = %u\n", seqno);
	at = strstr(old, "seqno = ");
	assert_non_null(at);
	text = calloc(1, strlen(old) + more + sizeof(number) + 4);
	assert_non_null(text);
	memcpy(text, old, (size_t)(at - old));
	strcat(text, number);
	strcat(text, strchr(at, '\n') + 1);
	strcat(text, "#");
	memset(text + strlen(text), 'x', more);
	strcat(text, "\n");
	*bytes = strlen(text) + 1;
	free(old);
	return text;
}

/* Only with the whole text right: the area's header has its checksum. */
static uint64_t seqno_now(struct dev *dev)
{
	struct pv_metadata now;
	uint64_t seqno;

	if (pv_read_metadata(dev, &now))
		return 0;
	seqno = now.vg->seqno;
	pv_metadata_free(&now);
	return seqno;
}

/* Round and round the ring of each area, with every length of text wrapping at its end. */
static void wrap(const char *image)
{
	unsigned wrapped = 0;
	struct bed bed;

	open_bed(&bed, image);
	for (unsigned n = 0; n < ROUNDS; n++) {
		size_t bytes;
		char *text = make_text(&bed, 1000 + n, (n * 977) % 5000, &bytes);
		struct pv_metadata now;

		assert_int_equal(pv_write_text(bed.dev, &bed.metadata.label, text, bytes), 0);
		assert_int_equal(pv_read_metadata(bed.dev, &now), 0);
		assert_int_equal(now.vg->seqno, 1000 + n);
		assert_int_equal(now.bytes, bytes);
		assert_memory_equal(now.text, text, bytes);
		for (unsigned a = 0; a < bed.metadata.label.areas; a++) {
			struct pv_text where;

			assert_int_equal(pv_parse_area(bed.bytes + bed.metadata.label.area[a].offset,
			                               bed.metadata.label.area[a], &where),
			                 PV_AREA_TEXT);
			wrapped += where.piece[1].length != 0;
		}
		pv_metadata_free(&now);
		free(text);
	}
	assert_true(wrapped > 0);
	close_bed(&bed);
}

static void test_ring(void **state)
{
	(void)state;
	wrap("svc-a");
	wrap("ring-w");
}

/* Whenever the power goes, the old text or the new one is there, whole. */
static void test_power_cuts(void **state)
{
	uint8_t *before = malloc(2 * TEST_MIB);
	uint64_t seed = 5;
	struct bed bed;

	(void)state;
	assert_non_null(before);
	open_bed(&bed, "ring-w");
	for (unsigned n = 0; n < 300; n++) {
		struct recording recording = { 0 };
		struct dev *noting;
		size_t bytes;
		char *text = make_text(&bed, 1000 + n, (n * 977) % 5000, &bytes);
		uint64_t old = seqno_now(bed.dev);

		memcpy(before, bed.bytes, 2 * TEST_MIB);
		assert_int_equal(dev_open_recorder(bed.dev, &recording, 0, &noting), 0);
		assert_int_equal(pv_write_text(noting, &bed.metadata.label, text, bytes), 0);
		dev_close(noting);
		for (unsigned cut = 0; cut < CUTS; cut++) {
			size_t prefix = recorder_random(&seed) % (recording.items + 1);
			uint64_t now;

			memcpy(bed.bytes, before, 2 * TEST_MIB);
			assert_int_equal(recording_replay(&recording, 0, prefix, (enum survival)(cut % SURVIVALS),
			                                  &seed, &bed.dev),
			                 0);
			now = seqno_now(bed.dev);
			assert_true(now == old || now == 1000 + n);
		}
		memcpy(bed.bytes, before, 2 * TEST_MIB);
		assert_int_equal(recording_replay(&recording, 0, recording.items, SURVIVE_NONE, &seed, &bed.dev), 0);
		assert_int_equal(seqno_now(bed.dev), 1000 + n); /* what returned is durable */
		recording_free(&recording);
		free(text);
	}
	close_bed(&bed);
	free(before);
}

/* The new text has to fit beside the one that counts. */
static void test_no_space(void **state)
{
	struct bed bed;
	size_t bytes;
	char *text;

	(void)state;
	open_bed(&bed, "svc-a");
	text = make_text(&bed, 1000, bed.metadata.label.area[0].length, &bytes);
	assert_int_equal(pv_write_text(bed.dev, &bed.metadata.label, text, bytes), -ENOSPC);
	free(text);
	text = make_text(&bed, 1000, bed.metadata.label.area[0].length * 3 / 5, &bytes);
	assert_int_equal(pv_write_text(bed.dev, &bed.metadata.label, text, bytes), 0);
	assert_int_equal(seqno_now(bed.dev), 1000);
	free(text);
	text = make_text(&bed, 1001, bed.metadata.label.area[0].length * 3 / 5, &bytes);
	assert_int_equal(pv_write_text(bed.dev, &bed.metadata.label, text, bytes), -ENOSPC);
	assert_int_equal(seqno_now(bed.dev), 1000);
	free(text);
	close_bed(&bed);
}

static enum pv_state label_now(const uint8_t *bytes, struct pv_label *label)
{
	const char *why;

	return pv_parse_label(bytes, PV_SCAN_BYTES, label, &why);
}

/* pvck prints "CHECK:" with whatever it does not like. */
static void assert_lvm_agrees(const uint8_t *bytes)
{
	char path[] = "/tmp/svc-pv-XXXXXX", command[200], line[300];
	int fd = mkstemp(path), lines = 0;
	FILE *out;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, 2 * TEST_MIB), 2 * TEST_MIB);
	assert_int_equal(ftruncate(fd, DEVICE_BYTES), 0);
	close(fd);
	snprintf(command, sizeof(command), "LVM_SUPPRESS_FD_WARNINGS=1 pvck --dump headers %s 2>&1", path);
	out = popen(command, "r");
	assert_non_null(out);
	while (fgets(line, sizeof(line), out)) {
		if (strstr(line, "CHECK") || strstr(line, "rror") || strstr(line, "arning"))
			fail_msg("pvck: %s", line);
		lines += strstr(line, "pv_header.pv_uuid") || strstr(line, "metadata text at");
	}
	assert_int_equal(pclose(out), 0);
	assert_int_equal(lines, 2);
	unlink(path);
}

/* A blank device becomes the PV that the volume group expects: LVM's own label, but for what LVM leaves open. */
static void test_layout(void **state)
{
	bool has_pvck = !system("command -v pvck > /dev/null") && !geteuid();
	uint8_t *blank = calloc(1, DEVICE_BYTES);
	struct pv_label wanted, began, done;
	struct dev *dev;
	struct bed bed;

	(void)state;
	assert_non_null(blank);
	memset(blank, 'D', DEVICE_BYTES); /* md's, btrfs', the second GPT and others' signatures: anything */
	open_bed(&bed, "svc-a");
	assert_int_equal(dev_open_memory(blank, DEVICE_BYTES, false, &dev), 0);
	assert_int_equal(pv_plan_label(&bed.metadata, bed.metadata.label.uuid, DEVICE_BYTES, &wanted), 0);
	assert_int_equal(pv_begin_layout(dev, &wanted), 0);
	assert_int_equal(label_now(blank, &began), PV_BEGUN);
	for (unsigned i = 4086; i < wanted.data_offset_bytes; i++)
		assert_int_equal(blank[i], 0);
	for (unsigned i = wanted.data_offset_bytes; i < DEVICE_BYTES; i++)
		assert_int_equal(blank[i], 'D'); /* the leg may be there: not before its mark */
	assert_int_equal(pv_write_layout(dev, &wanted, bed.metadata.text, bed.metadata.bytes), 0);
	assert_int_equal(pv_end_layout(dev, &wanted), 0);
	for (unsigned i = wanted.data_offset_bytes; i < DEVICE_BYTES; i++)
		assert_int_equal(blank[i], i < DEVICE_BYTES - PV_TAIL_BYTES ? 'D' : 0);
	assert_int_equal(label_now(blank, &done), PV_VALID);
	assert_string_equal(done.uuid, bed.metadata.label.uuid);
	assert_int_equal(done.size_bytes, DEVICE_BYTES);
	assert_int_equal(done.data_offset_bytes, bed.metadata.label.data_offset_bytes);
	assert_int_equal(done.areas, 1);
	assert_memory_equal(&done.area[0], &bed.metadata.label.area[0], sizeof(done.area[0]));
	assert_memory_equal(&done.bootloader_area, &bed.metadata.label.bootloader_area, sizeof(struct extent));
	assert_int_equal(seqno_now(dev), bed.metadata.vg->seqno);
	if (has_pvck)
		assert_lvm_agrees(blank);
	dev_close(dev);
	close_bed(&bed);
	free(blank);
	if (!has_pvck)
		skip(); /* LVM was not asked */
}

static void test_plan_label(void **state)
{
	struct pv_label label;
	struct bed bed;

	(void)state;
	open_bed(&bed, "svc-a");
	assert_int_equal(pv_plan_label(&bed.metadata, "nobody", DEVICE_BYTES, &label), -ENOENT);
	assert_int_equal(pv_plan_label(&bed.metadata, bed.metadata.label.uuid, TEST_MIB, &label), -ENOSPC);
	close_bed(&bed);
}

static void test_damaged_text(void **state)
{
	struct pv_metadata metadata;
	struct bed bed;

	(void)state;
	open_bed(&bed, "svc-a");
	bed.bytes[TEST_AREA] ^= 1;
	assert_int_equal(pv_read_metadata(bed.dev, &metadata), -EBADMSG);
	assert_null(metadata.text);
	close_bed(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring),   cmocka_unit_test(test_power_cuts), cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_layout), cmocka_unit_test(test_plan_label), cmocka_unit_test(test_damaged_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
