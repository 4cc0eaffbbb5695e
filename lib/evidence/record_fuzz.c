/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot of the record. The first byte of the input is a flag: checksums are no obstacle to someone who
 * means harm, so it is made right unless the flag says not to. Or, by another flag, a copy's name to be noted.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "evidence/record.h"

enum { KEEP_CHECKSUM = 1, IS_NAME = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Any name of a copy can be noted, read and noted again; as it stands it is refused or comes back as it is. */
static void try_name(const uint8_t *bytes, size_t length)
{
	char name[SVC_NAME_SIZE] = "";
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record = { 0 }, back;

	memcpy(name, bytes, length < sizeof(name) ? length : sizeof(name) - 1);
	record_set_name(record.rebuild_source, name);
	record_set_name(record.copy_name, record.rebuild_source);
	if (record_format(&record, slot) || record_parse(slot, &back) != RECORD_VALID ||
	    strcmp(back.rebuild_source, record.rebuild_source) || strcmp(back.copy_name, record.copy_name) ||
	    !*name != !*back.rebuild_source)
		abort();
	memcpy(record.copy_name, name, sizeof(record.copy_name));
	if (!record_format(&record, slot) &&
	    (record_parse(slot, &back) != RECORD_VALID || strcmp(back.copy_name, name)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	uint8_t slot[RECORD_SLOT_BYTES] = { 0 }, again[RECORD_SLOT_BYTES];
	struct record record, back;
	enum record_slot state;

	if (!length)
		return 0;
	if (bytes[0] & IS_NAME) {
		try_name(bytes + 1, length - 1);
		return 0;
	}
	memcpy(slot, bytes + 1, length - 1 < sizeof(slot) ? length - 1 : sizeof(slot));
	if (!(bytes[0] & KEEP_CHECKSUM))
		put_le32(slot + sizeof(slot) - 4, (uint32_t)crc32(crc32(0, NULL, 0), slot, sizeof(slot) - 4));
	memset(&record, 0x55, sizeof(record));
	state = record_parse(slot, &record);
	if (state != RECORD_VALID)
		return 0;
	/* What is read can be written, and means the same. */
	if (strlen(record.pv_uuid) >= sizeof(record.pv_uuid) || strlen(record.copy_name) >= sizeof(record.copy_name))
		abort();
	if (record_format(&record, slot) || record_parse(slot, &back) != RECORD_VALID || record_format(&back, again))
		abort();
	if (memcmp(slot, again, sizeof(slot)))
		abort();
	return 0;
}
