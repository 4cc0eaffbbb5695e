/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rebuild/superblock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "evidence/raid.h"

enum {
	/* struct dm_raid_superblock */
	OFF_POSITION = 12,
	OFF_EVENTS = 16,
	OFF_FAILED = 24,
	OFF_RECOVERY = 32,
	OFF_RESYNC = 40,
	OFF_FAILED_EXTENDED = 120, /* three more le64, for array positions from 64 on */
	OFF_RUN = RAID_SUPERBLOCK_BYTES - 8,
	/* struct bitmap_super_s */
	BITMAP_EVENTS = 24,
	BITMAP_CLEARED = 32,
	BITMAP_STATE = 48,
	CHUNK_BYTES = 65536,
};

static int read_sound(struct dev *meta, uint8_t *sector)
{
	struct raid_evidence raid;
	int code = dev_read(meta, sector, RAID_SUPERBLOCK_BYTES, 0);

	return code ? code : raid_parse_superblock(sector, &raid) ? -EBADMSG : 0;
}

/*
 * A recovery offset of 0 alone does not bring a whole rebuild: drivers/md/dm-raid.c, super_init_validation,
 * takes a leg that the freshest superblock names failed for one that went away and returned, and recovers
 * it by the bitmap, which knows nothing of what the leg wrote on its own. It looks the leg up under the
 * array position that the leg's own superblock claims; the model's is one that the model never names. And
 * the marked superblock must not be the freshest, or its list of failed legs would count instead of the
 * model's. What lies behind the structure the kernel does not look at, and clears (super_sync): there the
 * run's number is.
 */
int superblock_mark(struct dev *meta, struct dev *model, uint64_t run)
{
	uint8_t sector[RAID_SUPERBLOCK_BYTES], right[RAID_SUPERBLOCK_BYTES];
	int code = read_sound(model, right);

	if (!code)
		code = read_sound(meta, sector);
	if (code == -EBADMSG) {
		memcpy(sector, right, sizeof(sector));
		code = read_sound(model, right);
	}
	if (code)
		return code;
	put_le32(sector + OFF_POSITION, get_le32(right + OFF_POSITION));
	put_le64(sector + OFF_EVENTS, 0);
	put_le64(sector + OFF_FAILED, 0); /* what it knew of others ends with its data */
	memset(sector + OFF_FAILED_EXTENDED, 0, 3 * sizeof(uint64_t));
	put_le64(sector + OFF_RECOVERY, 0);
	put_le64(sector + OFF_RUN, run);
	code = dev_write(meta, sector, sizeof(sector), 0);
	return code ? code : dev_flush(meta);
}

/*
 * The bitmap: model's header, and no bits, its bits, or all of them. Where bits are there for an absent leg,
 * the events of the last clearing are put behind: drivers/md/md-bitmap.c, md_bitmap_load, does not keep the
 * bits of a degraded array where they are equal. dm-raid was seen to count events up before it gets there;
 * that is not relied on.
 */
int superblock_settle_bitmap(struct dev *meta, struct dev *model, enum superblock_bits bits)
{
	uint8_t sector[RAID_SUPERBLOCK_BYTES], header[RAID_BITMAP_HEADER_BYTES];
	struct unsettled_evidence unsettled;
	uint8_t *chunk = calloc(1, CHUNK_BYTES);
	uint64_t at = RAID_BITMAP_OFFSET + RAID_BITMAP_HEADER_BYTES, end, events;
	int code = chunk ? read_sound(model, sector) : -ENOMEM;

	if (!code)
		code = dev_read(model, header, sizeof(header), RAID_BITMAP_OFFSET);
	if (!code && raid_parse_bitmap(header, 0, UINT64_MAX, &unsettled))
		code = -EBADMSG;
	if (code)
		goto out;
	end = at + unsettled.regions / 8 + (unsettled.regions % 8 != 0);
	if (end > meta->size_bytes || end > model->size_bytes) {
		code = -ENOSPC;
		goto out;
	}
	for (; at < end && !code; at += CHUNK_BYTES) {
		size_t length = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;

		if (bits == BITS_KEEP)
			code = dev_read(model, chunk, length, at);
		else
			memset(chunk, bits == BITS_ALL ? 0xff : 0, length);
		if (!code)
			code = dev_write(meta, chunk, length, at);
	}
	events = get_le64(sector + OFF_EVENTS);
	put_le64(header + BITMAP_EVENTS, events);
	if (bits == BITS_NONE)
		put_le64(header + BITMAP_CLEARED, events);
	else if (get_le64(header + BITMAP_CLEARED) >= events)
		put_le64(header + BITMAP_CLEARED, events ? events - 1 : 0);
	if (bits != BITS_KEEP)
		put_le32(header + BITMAP_STATE, 0);
	if (!code)
		code = dev_write(meta, header, sizeof(header), RAID_BITMAP_OFFSET);
	if (!code)
		code = dev_flush(meta);
out:
	free(chunk);
	return code;
}

int superblock_settle(struct dev *meta, struct dev *model, unsigned position, uint64_t failed)
{
	uint8_t sector[RAID_SUPERBLOCK_BYTES];
	int code = read_sound(model, sector);

	if (code)
		return code;
	put_le32(sector + OFF_POSITION, position);
	put_le64(sector + OFF_FAILED, failed);
	memset(sector + OFF_FAILED_EXTENDED, 0, 3 * sizeof(uint64_t));
	put_le64(sector + OFF_RECOVERY, UINT64_MAX);
	put_le64(sector + OFF_RESYNC, UINT64_MAX);
	code = dev_write(meta, sector, sizeof(sector), 0);
	return code ? code : dev_flush(meta);
}
