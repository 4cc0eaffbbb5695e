/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probe slot: where a controller leaves a sign of life, and what a test of coherence writes and reads back.
 * Each controller has its own in the record's area (evidence/record.h), so that two of them do not disturb
 * one another; 4096 bytes, little-endian:
 *
 * 0 magic[8] "SVCPROBE"; 8 le32 version; 12 le32 controller; 16 le64 sequence; 24 le64 time, seconds since 1970;
 * 32 nonce[16]; 48 path[16], through which it was written; zeros; 4092 le32 crc32 of the rest.
 *
 * The sequence goes up by one with each write; whoever sees it move knows that the controller is alive and
 * reaches the volume.
 */
#ifndef SVC_PROBE_SLOT_H
#define SVC_PROBE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PROBE_SLOT_BYTES = 4096,
	PROBE_SLOT_OFFSET = 65536, /* of controller a, within the area; b's follows */
};

struct probe_slot {
	char controller; /* 'a' or 'b' */
	uint64_t sequence;
	int64_t time;
	uint8_t nonce[16];
	char path[16];
};

/* From and into PROBE_SLOT_BYTES bytes. False where it is no valid slot: empty, damaged, or of another version. Pure. */
bool probe_slot_parse(const uint8_t *bytes, struct probe_slot *slot);
void probe_slot_format(const struct probe_slot *slot, uint8_t *bytes);

/*
 * Whether PROBE_SLOT_BYTES bytes may be overwritten: they are zeros, or begin with the magic. A slot of ours that was cut
 * off while it was written does, for the magic and all else that is not zero but the checksum lie in its first sector (a
 * first write ever of which the last sector alone arrived does not, and is refused: better that than the reverse). A
 * bootloader area is there for everybody: what is in it otherwise is somebody else's. Pure.
 */
bool probe_slot_is_ours(const uint8_t *bytes);

/* Where a controller's slot lies within the area. */
static inline uint64_t probe_slot_offset(char controller)
{
	return PROBE_SLOT_OFFSET + (uint64_t)(controller == 'b') * PROBE_SLOT_BYTES;
}

#endif
