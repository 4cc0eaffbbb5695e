/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evidence/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"

static const char magic[8] = "SVC-REC"; /* with its NUL */

enum {
	VERSION = 1,
	FLAG_OPEN = 1,
	FLAG_OUTDATED = 2,
	FLAG_BEYOND = 4,
	FLAG_AFTER_CRASH = 8,
	OFF_FLAGS = 12,
	OFF_SEQUENCE = 16,
	OFF_PV_UUID = 24,
	OFF_LV_UUID = 64,
	OFF_COPY_NAME = 104,
	OFF_EPOCH = 120,
	OFF_GENERATION = 128,
	OFF_HISTORY = 144,
	OFF_OWNER = 272,
	OFF_REBUILD = 276,
	OFF_CHANGED = 280,
	OFF_REBUILD_SOURCE = 288,
	OFF_REBUILD_GENERATION = 304,
	OFF_REBUILD_DONE = 320,
	OFF_REBUILD_TOTAL = 328,
	OFF_PREVIOUS = 336,
	OFF_LEGS = 352,
	OFF_OLDER = 360,
	OFF_UNSEEN = 744,
	NEWEST = 8, /* entries of history at OFF_HISTORY, the rest is at OFF_OLDER */
	OFF_CRC = RECORD_SLOT_BYTES - 4,
};

/* What a string field may hold. */
static bool is_plain(uint8_t c)
{
	return c >= 0x21 && c <= 0x7e;
}

/* A string field: printable ASCII, NUL-terminated within its `size` bytes. */
static bool get_text(const uint8_t *at, size_t size, char *text)
{
	size_t length = strnlen((const char *)at, size);

	if (length == size)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_plain(at[i]))
			return false;
	memcpy(text, at, length + 1);
	return true;
}

static void put_text(uint8_t *at, size_t size, const char *text)
{
	memcpy(at, text, strnlen(text, size));
}

void record_set_name(char to[RECORD_NAME_SIZE], const char *name)
{
	size_t at = 0;

	memset(to, 0, RECORD_NAME_SIZE);
	for (; *name; name++) {
		char piece[4];
		int length = snprintf(piece, sizeof(piece), is_plain((uint8_t)*name) ? "%c" : "%%%02X", (uint8_t)*name);

		if (at + (size_t)length >= RECORD_NAME_SIZE)
			break;
		memcpy(to + at, piece, (size_t)length);
		at += (size_t)length;
	}
}

enum record_slot record_parse(const uint8_t *slot, struct record *record)
{
	static const uint8_t zeros[RECORD_SLOT_BYTES];
	struct record r;
	uint32_t owner = get_le32(slot + OFF_OWNER);
	uint32_t rebuild = get_le32(slot + OFF_REBUILD);

	memset(&r, 0, sizeof(r)); /* the padding too: evidence is compared as bytes */
	if (!memcmp(slot, zeros, sizeof(zeros)))
		return RECORD_EMPTY;
	if (memcmp(slot, magic, sizeof(magic)) || get_le32(slot + OFF_CRC) != crc32(crc32(0, NULL, 0), slot, OFF_CRC))
		return RECORD_DAMAGED;
	if (get_le32(slot + 8) != VERSION)
		return RECORD_NEWER;
	if (!get_text(slot + OFF_PV_UUID, 39, r.pv_uuid) || !get_text(slot + OFF_LV_UUID, 39, r.lv_uuid) ||
	    !get_text(slot + OFF_COPY_NAME, sizeof(r.copy_name), r.copy_name) ||
	    !get_text(slot + OFF_REBUILD_SOURCE, sizeof(r.rebuild_source), r.rebuild_source) ||
	    !get_text(slot + OFF_PREVIOUS, sizeof(r.previous_authority), r.previous_authority))
		return RECORD_DAMAGED;
	if ((owner && owner != 'a' && owner != 'b') || rebuild > REBUILD_METADATA)
		return RECORD_DAMAGED;
	r.sequence = get_le64(slot + OFF_SEQUENCE);
	r.epoch = get_le64(slot + OFF_EPOCH);
	memcpy(r.generation, slot + OFF_GENERATION, sizeof(r.generation));
	memcpy(r.history, slot + OFF_HISTORY, sizeof(r.history[0]) * NEWEST);
	memcpy(r.history[NEWEST], slot + OFF_OLDER, sizeof(r.history) - sizeof(r.history[0]) * NEWEST);
	r.owner = (char)owner;
	r.is_open = get_le32(slot + OFF_FLAGS) & FLAG_OPEN;
	r.is_outdated = get_le32(slot + OFF_FLAGS) & FLAG_OUTDATED;
	r.is_beyond = get_le32(slot + OFF_FLAGS) & FLAG_BEYOND;
	r.is_after_crash = get_le32(slot + OFF_FLAGS) & FLAG_AFTER_CRASH;
	r.changed_time = (int64_t)get_le64(slot + OFF_CHANGED);
	r.rebuild = rebuild;
	memcpy(r.rebuild_generation, slot + OFF_REBUILD_GENERATION, sizeof(r.rebuild_generation));
	r.rebuild_done_bytes = get_le64(slot + OFF_REBUILD_DONE);
	r.rebuild_total_bytes = get_le64(slot + OFF_REBUILD_TOTAL);
	r.legs = get_le64(slot + OFF_LEGS);
	r.unseen = get_le64(slot + OFF_UNSEEN);
	*record = r;
	return RECORD_VALID;
}

bool record_may_be_ours(const uint8_t *slot)
{
	static const uint8_t zeros[512];

	return !memcmp(slot, magic, sizeof(magic)) || !memcmp(slot, zeros, sizeof(zeros));
}

int record_format(const struct record *record, uint8_t *slot)
{
	struct record back;

	memset(slot, 0, RECORD_SLOT_BYTES);
	memcpy(slot, magic, sizeof(magic));
	put_le32(slot + 8, VERSION);
	put_le32(slot + OFF_FLAGS, (record->is_open ? FLAG_OPEN : 0) | (record->is_outdated ? FLAG_OUTDATED : 0) |
	                                   (record->is_beyond ? FLAG_BEYOND : 0) |
	                                   (record->is_after_crash ? FLAG_AFTER_CRASH : 0));
	put_le64(slot + OFF_SEQUENCE, record->sequence);
	put_text(slot + OFF_PV_UUID, sizeof(record->pv_uuid), record->pv_uuid);
	put_text(slot + OFF_LV_UUID, sizeof(record->lv_uuid), record->lv_uuid);
	put_text(slot + OFF_COPY_NAME, sizeof(record->copy_name), record->copy_name);
	put_le64(slot + OFF_EPOCH, record->epoch);
	memcpy(slot + OFF_GENERATION, record->generation, sizeof(record->generation));
	memcpy(slot + OFF_HISTORY, record->history, sizeof(record->history[0]) * NEWEST);
	memcpy(slot + OFF_OLDER, record->history[NEWEST],
	       sizeof(record->history) - sizeof(record->history[0]) * NEWEST);
	put_le32(slot + OFF_OWNER, (uint32_t)record->owner);
	put_le32(slot + OFF_REBUILD, record->rebuild);
	put_le64(slot + OFF_CHANGED, (uint64_t)record->changed_time);
	put_text(slot + OFF_REBUILD_SOURCE, sizeof(record->rebuild_source), record->rebuild_source);
	memcpy(slot + OFF_REBUILD_GENERATION, record->rebuild_generation, sizeof(record->rebuild_generation));
	put_le64(slot + OFF_REBUILD_DONE, record->rebuild_done_bytes);
	put_le64(slot + OFF_REBUILD_TOTAL, record->rebuild_total_bytes);
	put_text(slot + OFF_PREVIOUS, sizeof(record->previous_authority), record->previous_authority);
	put_le64(slot + OFF_LEGS, record->legs);
	put_le64(slot + OFF_UNSEEN, record->unseen);
	put_le32(slot + OFF_CRC, (uint32_t)crc32(crc32(0, NULL, 0), slot, OFF_CRC));
	/* What cannot be read again would be no record at all, and least of all a mark. */
	return record_parse(slot, &back) == RECORD_VALID ? 0 : -EINVAL;
}

bool record_has_generation(const uint8_t generation[16])
{
	static const uint8_t none[16];

	return memcmp(generation, none, sizeof(none)) != 0;
}
