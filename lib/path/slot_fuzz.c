/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "path/slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken for a slot is written back as it was, but for bytes that mean nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[PROBE_SLOT_BYTES] = { 0 }, again[PROBE_SLOT_BYTES];
	struct probe_slot slot, twice;

	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	/* A right checksum opens the rest. */
	if (size && data[size - 1] & 1)
		put_le32(bytes + sizeof(bytes) - 4, (uint32_t)crc32(crc32(0, NULL, 0), bytes, sizeof(bytes) - 4));
	if (!probe_slot_parse(bytes, &slot))
		return 0;
	probe_slot_format(&slot, again);
	if (!probe_slot_parse(again, &twice) || memcmp(&slot, &twice, sizeof(slot)))
		abort();
	return 0;
}
