/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record: what svc tools note about one copy, in the bootloader area that `pvcreate
 * --bootloaderareasize` reserves and LVM does not use. Per copy, not mirrored.
 *
 * The area, from its start:
 *
 *     0        slot 0, RECORD_SLOT_BYTES
 *     4096     slot 1
 *     65536    probe slot of controller a (coherence and heartbeat), 4096 bytes
 *     69632    probe slot of controller b
 *     131072   end of what is used: RECORD_AREA_BYTES
 *
 * A slot, little-endian: 0 magic[8]; 8 le32 version; 12 le32 flags (1: open, 2: outdated, 4: beyond its generation,
 * 8: taken over from one that had not closed it); 16 le64 sequence;
 * 24 pv_uuid[40]; 64 lv_uuid[40]; 104 copy_name[16]; 120 le64 epoch; 128 generation[16];
 * 144 the newest 8 of history[32][16]; 272 le32 owner; 276 le32 rebuild state; 280 le64 changed_time;
 * 288 rebuild_source[16]; 304 rebuild_generation[16]; 320 le64 rebuild_done_bytes;
 * 328 le64 rebuild_total_bytes; 336 previous_authority[16]; 352 le64 legs; 360 the other 24 of history;
 * 744 le64 unseen; zeros; 4092 le32 crc32 of the rest.
 *
 * The texts are printable ASCII without blanks, ended by NUL; in the names %XX stands for any other byte.
 *
 * The slot with the higher sequence counts; the next write goes to the other one, so that a torn or
 * lost write leaves the previous record valid.
 */
#ifndef SVC_RECORD_H
#define SVC_RECORD_H

#include "model.h"

enum {
	RECORD_SLOTS = 2,
	RECORD_SLOT_BYTES = 4096,
	RECORD_AREA_BYTES = 131072,
};

enum record_slot {
	RECORD_EMPTY, /* zeros: never written */
	RECORD_VALID,
	RECORD_DAMAGED, /* neither zeros nor a valid slot: torn, or not ours */
	RECORD_NEWER,   /* valid, but of a version this program does not know */
};

/* From RECORD_SLOT_BYTES bytes. *record is set only where RECORD_VALID is returned. Pure. */
enum record_slot record_parse(const uint8_t *slot, struct record *record);

/*
 * Whether RECORD_SLOT_BYTES bytes, which are no valid slot, may be one that never was or was cut off: they begin with
 * the magic, or with a sector of zeros. Else, and where no other slot is valid, they are somebody else's: a bootloader
 * area is there for everybody. Pure.
 */
bool record_may_be_ours(const uint8_t *slot);

/* A copy's name as records have it: what they cannot hold as %XX, and cut to fit. Pure. */
void record_set_name(char to[RECORD_NAME_SIZE], const char *name);

/* Into RECORD_SLOT_BYTES bytes. 0, or -EINVAL where record_parse would not take them: not to be written. Pure. */
int record_format(const struct record *record, uint8_t *slot);

/* Whether a generation is set at all. */
bool record_has_generation(const uint8_t generation[16]);

#endif
