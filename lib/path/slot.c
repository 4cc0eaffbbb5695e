/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/slot.h"

#include <string.h>
#include <zlib.h>

#include "base/bytes.h"

static const char magic[8] __attribute__((nonstring)) = "SVCPROBE";

enum {
	VERSION = 1,
	OFF_VERSION = 8,
	OFF_CONTROLLER = 12,
	OFF_SEQUENCE = 16,
	OFF_TIME = 24,
	OFF_NONCE = 32,
	OFF_PATH = 48,
	OFF_CRC = PROBE_SLOT_BYTES - 4,
};

bool probe_slot_parse(const uint8_t *bytes, struct probe_slot *slot)
{
	uint32_t controller = get_le32(bytes + OFF_CONTROLLER);
	size_t length = strnlen((const char *)bytes + OFF_PATH, sizeof(slot->path));

	if (memcmp(bytes, magic, sizeof(magic)) || get_le32(bytes + OFF_VERSION) != VERSION ||
	    (controller != 'a' && controller != 'b') || length == sizeof(slot->path) ||
	    get_le32(bytes + OFF_CRC) != crc32(crc32(0, NULL, 0), bytes, OFF_CRC))
		return false;
	for (size_t i = 0; i < length; i++)
		if (bytes[OFF_PATH + i] < 0x21 || bytes[OFF_PATH + i] > 0x7e)
			return false;
	memset(slot, 0, sizeof(*slot));
	slot->controller = (char)controller;
	slot->sequence = get_le64(bytes + OFF_SEQUENCE);
	slot->time = (int64_t)get_le64(bytes + OFF_TIME);
	memcpy(slot->nonce, bytes + OFF_NONCE, sizeof(slot->nonce));
	memcpy(slot->path, bytes + OFF_PATH, length);
	return true;
}

bool probe_slot_is_ours(const uint8_t *bytes)
{
	static const uint8_t zeros[PROBE_SLOT_BYTES];

	return !memcmp(bytes, magic, sizeof(magic)) || !memcmp(bytes, zeros, sizeof(zeros));
}

void probe_slot_format(const struct probe_slot *slot, uint8_t *bytes)
{
	memset(bytes, 0, PROBE_SLOT_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	put_le32(bytes + OFF_VERSION, VERSION);
	put_le32(bytes + OFF_CONTROLLER, (uint32_t)slot->controller);
	put_le64(bytes + OFF_SEQUENCE, slot->sequence);
	put_le64(bytes + OFF_TIME, (uint64_t)slot->time);
	memcpy(bytes + OFF_NONCE, slot->nonce, sizeof(slot->nonce));
	memcpy(bytes + OFF_PATH, slot->path, strnlen(slot->path, sizeof(slot->path) - 1));
	put_le32(bytes + OFF_CRC, (uint32_t)crc32(crc32(0, NULL, 0), bytes, OFF_CRC));
}
