/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The probe slot, and coherence over memory, and over servers that are and are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/fault.h"
#include "dev/nbd_test_server.h"
#include "evidence/record.h"
#include "path/coherence.h"
#include "path/slot.h"

enum { AREA_OFFSET = 1 << 20, IMAGE_BYTES = 4 << 20 };

static uint8_t memory[2][RECORD_AREA_BYTES];
static struct dev *area[PATHS];
static enum path_coherence found[PATHS];
static struct svc_error why[PATHS];
static enum path_kind at;

static void slot_survives_and_is_checked(void **state)
{
	struct probe_slot slot = { .controller = 'b', .sequence = 1ULL << 40, .time = -5, .path = "direct" }, again;
	uint8_t bytes[PROBE_SLOT_BYTES];

	(void)state;
	memset(slot.nonce, 0xa5, sizeof(slot.nonce));
	probe_slot_format(&slot, bytes);
	assert_true(probe_slot_parse(bytes, &again));
	assert_memory_equal(&slot, &again, sizeof(slot));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		assert_false(probe_slot_parse(bytes, &again));
		bytes[i] ^= 1;
	}
	memset(bytes, 0, sizeof(bytes));
	assert_false(probe_slot_parse(bytes, &again));
	assert_int_equal(probe_slot_offset('a') + PROBE_SLOT_BYTES, probe_slot_offset('b'));
	assert_true(probe_slot_offset('b') + PROBE_SLOT_BYTES <= RECORD_AREA_BYTES);
}

static uint64_t sequence_of(const uint8_t *bytes, char controller)
{
	struct probe_slot slot;

	return probe_slot_parse(bytes + probe_slot_offset(controller), &slot) && slot.controller == controller
	               ? slot.sequence
	               : 0;
}

static void one_memory_is_coherent(void **state)
{
	(void)state;
	memset(memory, 0xee, sizeof(memory));
	memset(memory[0] + probe_slot_offset('a'), 0, (size_t)2 * PROBE_SLOT_BYTES);
	for (int i = 0; i < PATHS; i++)
		assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &area[i]), 0);
	coherence_test(area, 'a', found, why, &at);
	assert_int_equal(found[PATH_DIRECT], COHERENCE_PROVEN);
	assert_int_equal(found[PATH_NBD], COHERENCE_PROVEN);
	assert_int_equal(sequence_of(memory[0], 'a'), 2);
	/* The other controller's slot, and all else, is left alone. */
	coherence_test(area, 'b', found, why, &at);
	assert_int_equal(sequence_of(memory[0], 'a'), 2);
	assert_int_equal(sequence_of(memory[0], 'b'), 2);
	for (size_t i = 0; i < sizeof(memory[0]); i++)
		if (i < probe_slot_offset('a') || i >= probe_slot_offset('b') + PROBE_SLOT_BYTES)
			assert_int_equal(memory[0][i], 0xee);
	assert_int_equal(coherence_beat(area[0], 'a', "direct"), 0);
	assert_int_equal(sequence_of(memory[0], 'a'), 3);
	for (int i = 0; i < PATHS; i++)
		dev_close(area[i]);
}

static void two_memories_are_not(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	for (int i = 0; i < PATHS; i++)
		assert_int_equal(dev_open_memory(memory[i], sizeof(memory[i]), false, &area[i]), 0);
	coherence_test(area, 'a', found, why, &at);
	assert_int_equal(found[PATH_NBD], COHERENCE_STALE);
	assert_int_equal(found[PATH_DIRECT], COHERENCE_UNTESTED);
	for (int i = 0; i < PATHS; i++)
		dev_close(area[i]);
}

/* Somebody else keeps something in the bootloader area, by both paths or by one: not a byte of it changes. */
static void what_is_not_ours_is_not_overwritten(void **state)
{
	static uint8_t before[2][RECORD_AREA_BYTES];

	(void)state;
	for (size_t byte = 0; byte < PROBE_SLOT_BYTES; byte += 409) /* of the slot, which one is theirs */
		for (int theirs = 1; theirs < 4; theirs++) {        /* bits by path */
			memset(memory, 0, sizeof(memory));
			for (int i = 0; i < PATHS; i++) {
				if (theirs >> i & 1)
					memory[i][probe_slot_offset('b') + byte] = 'G';
				assert_int_equal(dev_open_memory(memory[i], sizeof(memory[i]), false, &area[i]), 0);
			}
			memcpy(before, memory, sizeof(memory));
			coherence_test(area, 'b', found, why, &at);
			for (int i = 0; i < PATHS; i++) {
				assert_int_not_equal(found[i], COHERENCE_PROVEN);
				if (found[i] != COHERENCE_UNTESTED)
					assert_non_null(strstr(why[i].text, "somebody else"));
				if (theirs >> i & 1)
					assert_int_equal(coherence_beat(area[i], 'b', "direct"), -EEXIST);
			}
			/* By one of the paths alone it is not the same volume that both show. */
			assert_int_equal(found[PATH_NBD], theirs == 3 ? COHERENCE_FAILED : COHERENCE_STALE);
			assert_int_equal(found[PATH_DIRECT], theirs == 3 ? COHERENCE_FAILED : COHERENCE_UNTESTED);
			assert_memory_equal(before, memory, sizeof(memory));
			for (int i = 0; i < PATHS; i++)
				dev_close(area[i]);
		}
}

/* Cut off while it was written: it begins with our magic, and is written anew. */
static void a_torn_slot_is_written_anew(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	for (int i = 0; i < PATHS; i++)
		assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &area[i]), 0);
	assert_int_equal(coherence_beat(area[0], 'a', "direct"), 0);
	memory[0][probe_slot_offset('a') + PROBE_SLOT_BYTES - 1] ^= 1;
	assert_int_equal(sequence_of(memory[0], 'a'), 0);
	assert_int_equal(coherence_beat(area[0], 'a', "direct"), 0);
	assert_int_equal(sequence_of(memory[0], 'a'), 1);
	for (int i = 0; i < PATHS; i++)
		dev_close(area[i]);
}

/* A path that acknowledges writes and forgets them shows its own, and the volume does not. */
static int forget(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	(void)dev, (void)buffer, (void)length, (void)offset;
	return 0;
}

static void swallowed_writes_show(void **state)
{
	struct dev_ops ops;

	(void)state;
	memset(memory, 0, sizeof(memory));
	for (int i = 0; i < PATHS; i++)
		assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &area[i]), 0);
	ops = *area[PATH_NBD]->ops;
	ops.pwrite = forget;
	area[PATH_NBD]->ops = &ops;
	coherence_test(area, 'a', found, why, &at);
	assert_int_equal(found[PATH_NBD], COHERENCE_STALE);
	assert_non_null(strstr(why[PATH_NBD].text, "not on the volume"));
	for (int i = 0; i < PATHS; i++)
		dev_close(area[i]);
}

static void an_error_is_no_proof(void **state)
{
	struct fault_plan plan = { 0 };
	struct dev *base;

	(void)state;
	memset(memory, 0, sizeof(memory));
	for (int op = 0; op < FAULT_OPERATIONS; op++)
		for (unsigned n = 1; n < 10; n++) {
			bool is_proven;

			plan = (struct fault_plan){ 0 };
			plan.fail[op].nth = n;
			plan.fail[op].code = -EIO;
			assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &base), 0);
			assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &area[PATH_DIRECT]), 0);
			assert_int_equal(dev_open_fault(base, &plan, &area[PATH_NBD]), 0);
			coherence_test(area, 'a', found, why, &at);
			is_proven = found[PATH_NBD] == COHERENCE_PROVEN && found[PATH_DIRECT] == COHERENCE_PROVEN;
			/* Three reads, one write and one flush go through this path. */
			assert_int_equal(is_proven, n > (op == FAULT_READ ? 3U : 1U));
			assert_int_equal(found[PATH_DIRECT], is_proven ? COHERENCE_PROVEN : COHERENCE_UNTESTED);
			if (!is_proven)
				assert_int_equal(found[PATH_NBD], COHERENCE_BROKEN);
			if (!is_proven)
				assert_int_equal(at, PATH_NBD);
			dev_close(area[PATH_NBD]);
			dev_close(base);
			dev_close(area[PATH_DIRECT]);
		}
}

/* A reservation conflict is called by its name. */
static void the_array_refuses(void **state)
{
	struct fault_plan plan = { 0 };
	struct dev *base;

	(void)state;
	memset(memory, 0, sizeof(memory));
	plan.fail[FAULT_WRITE].nth = 1;
	plan.fail[FAULT_WRITE].code = -EBADE;
	assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &base), 0);
	assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &area[PATH_NBD]), 0);
	assert_int_equal(dev_open_fault(base, &plan, &area[PATH_DIRECT]), 0);
	coherence_test(area, 'a', found, why, &at);
	assert_int_equal(found[PATH_DIRECT], COHERENCE_REFUSED);
	assert_string_equal(
		why[PATH_DIRECT].text,
		"its probe slot cannot be written: the drive array refuses it: another controller holds the "
		"reservation");
	dev_close(area[PATH_DIRECT]);
	dev_close(area[PATH_NBD]);
	dev_close(base);
}

/* Somebody of the same controller writes the slot between our write and our reading it back, so many times. */
static struct {
	unsigned times, writes;
	int (*pwrite)(struct dev *dev, const void *buffer, size_t length, uint64_t offset);
} rival;

static int write_and_be_overtaken(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct probe_slot slot = { .controller = 'a', .sequence = 7, .path = "direct" };
	int r = rival.pwrite(dev, buffer, length, offset);

	if (!r && rival.times) {
		rival.times--;
		slot.nonce[0] = (uint8_t)rival.writes;
		probe_slot_format(&slot, memory[0] + probe_slot_offset('a'));
	}
	rival.writes++;
	return r;
}

static void another_test_at_once_is_no_staleness(void **state)
{
	struct dev_ops ops;

	(void)state;
	for (unsigned times = 0; times < 11; times++) {
		memset(memory, 0, sizeof(memory));
		for (int i = 0; i < PATHS; i++)
			assert_int_equal(dev_open_memory(memory[0], sizeof(memory[0]), false, &area[i]), 0);
		ops = *area[PATH_DIRECT]->ops;
		rival.pwrite = ops.pwrite;
		rival.times = times;
		rival.writes = 0;
		ops.pwrite = write_and_be_overtaken;
		area[PATH_DIRECT]->ops = &ops;
		coherence_test(area, 'a', found, why, &at);
		/* Whoever is disturbed every time cannot tell, and does not. */
		assert_int_equal(found[PATH_NBD], times < 8 ? COHERENCE_PROVEN : COHERENCE_FAILED);
		if (times >= 8)
			assert_non_null(strstr(why[PATH_NBD].text, "again and again"));
		for (int i = 0; i < PATHS; i++)
			dev_close(area[i]);
	}
}

static int setup(void **state)
{
	(void)state;
	return server_folder_make();
}

static int teardown(void **state)
{
	(void)state;
	server_stop_all();
	return server_folder_remove();
}

static void fill_facts(struct path_facts facts[PATHS], const char *direct, const char *nbd)
{
	memset(facts, 0, PATHS * sizeof(facts[0]));
	snprintf(facts[PATH_DIRECT].device, SVC_LOCATOR_SIZE, "%s", direct);
	snprintf(facts[PATH_NBD].device, SVC_LOCATOR_SIZE, "%s", nbd);
	for (int i = 0; i < PATHS; i++) {
		facts[i].is_configured = facts[i].record.has_area = true;
		facts[i].lvm.bootloader_area = (struct extent){ AREA_OFFSET, RECORD_AREA_BYTES };
	}
}

static const struct dev_options quick = { .timeout_seconds = 2 }, patient = { .timeout_seconds = 30 };

static void make_image(const char *name)
{
	int fd = open(in_folder(name), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && !ftruncate(fd, IMAGE_BYTES));
	close(fd);
}

static void real_servers(void **state)
{
	struct path_facts facts[PATHS];
	struct svc_error error;
	const char *uri;

	(void)state;
	make_image("image");
	make_image("other");
	uri = server_unix("qemu-nbd -t -e 4 -f raw -k %s %s/image");
	fill_facts(facts, in_folder("image"), uri);
	assert_int_equal(coherence_run(facts, 0, &quick, &error), -EINVAL);
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_int_equal(facts[PATH_NBD].coherence, COHERENCE_PROVEN);
	server_stop_all();

	uri = server_unix("qemu-nbd -t -e 4 -f raw -k %s %s/other");
	fill_facts(facts, in_folder("image"), uri);
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_int_equal(facts[PATH_NBD].coherence, COHERENCE_STALE);
	server_stop_all();

	/* A cache that keeps what it read once. */
	uri = server_unix("nbdkit -f -U %s --filter=cow file %s/image cow-on-read=true");
	fill_facts(facts, in_folder("image"), uri);
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_int_equal(facts[PATH_NBD].coherence, COHERENCE_STALE);
	server_stop_all();

	uri = server_unix("qemu-nbd -r -t -e 4 -f raw -k %s %s/image");
	fill_facts(facts, in_folder("image"), uri);
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_int_equal(facts[PATH_NBD].coherence, COHERENCE_REFUSED);
	server_stop_all();

	/* One that never answers costs the time given and no more. */
	uri = server_unix("nbdkit -f -U %s --filter=delay file %s/image rdelay=60");
	fill_facts(facts, in_folder("image"), uri);
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_int_equal(facts[PATH_NBD].coherence, COHERENCE_BROKEN);
	assert_int_equal(facts[PATH_DIRECT].coherence, COHERENCE_UNTESTED);
	facts[PATH_DIRECT].record.has_area = false;
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_int_equal(facts[PATH_DIRECT].coherence, COHERENCE_FAILED);
	assert_non_null(strstr(facts[PATH_DIRECT].coherence_why.text, "somebody else's"));
	facts[PATH_DIRECT].record.has_area = true;
	facts[PATH_NBD].lvm.bootloader_area.length = 65536;
	assert_int_equal(coherence_run(facts, 'a', &quick, &error), 0);
	assert_non_null(strstr(facts[PATH_NBD].coherence_why.text, "no place for records"));
}

/* The monitor, and a call by hand, beside each other over a server that is right: neither calls it anything else. */
static void two_processes_share_the_slot(void **state)
{
	enum { RUNS = 60 };
	struct path_facts facts[PATHS];
	struct svc_error error;
	const char *uri;
	int status, bad = 0;
	pid_t other;

	(void)state;
	make_image("image");
	/* One cache for both: the host's file system by itself mixes them up with O_DIRECT. */
	uri = server_unix("qemu-nbd -t -e 8 -f raw -k %s %s/image");
	other = fork();
	for (int i = 0; i < RUNS; i++) {
		fill_facts(facts, uri, uri);
		if (coherence_run(facts, 'a', &patient, &error))
			bad++;
		for (int k = 0; k < PATHS; k++)
			if (facts[k].coherence != COHERENCE_PROVEN) {
				print_message("%s: %s\n", path_name(k), facts[k].coherence_why.text);
				bad++;
			}
	}
	if (!other)
		_exit(bad);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(bad, 0);
	assert_int_equal(status, 0);
	server_stop_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_survives_and_is_checked),
		cmocka_unit_test(one_memory_is_coherent),
		cmocka_unit_test(what_is_not_ours_is_not_overwritten),
		cmocka_unit_test(a_torn_slot_is_written_anew),
		cmocka_unit_test(two_memories_are_not),
		cmocka_unit_test(swallowed_writes_show),
		cmocka_unit_test(an_error_is_no_proof),
		cmocka_unit_test(the_array_refuses),
		cmocka_unit_test(another_test_at_once_is_no_staleness),
		cmocka_unit_test(two_processes_share_the_slot),
		cmocka_unit_test(real_servers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
