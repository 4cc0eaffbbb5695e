/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel leaves on a raid1 leg's metadata sub-LV, and on an old mirror's log. Pure parsers. */
#ifndef SVC_RAID_H
#define SVC_RAID_H

#include "base/bitset.h"
#include "model.h"

enum {
	RAID_SUPERBLOCK_BYTES = 512,    /* all that is used of sector 0 */
	RAID_BITMAP_OFFSET = 4096,      /* dm-raid.c: mddev->bitmap_info.offset = to_sector(4096) */
	RAID_BITMAP_HEADER_BYTES = 256, /* md-bitmap.h: sizeof(bitmap_super_t); the bits follow */
	MIRROR_LOG_HEADER_BYTES = 16,   /* dm-log.c: struct log_header_disk */
	MIRROR_LOG_BITS_OFFSET = 1024,  /* dm-log.c: LOG_OFFSET, 2 sectors */
};

/*
 * drivers/md/dm-raid.c, struct dm_raid_superblock, from RAID_SUPERBLOCK_BYTES bytes. Returns NULL and
 * sets raid->present, or what is wrong with it as a phrase ("has no dm-raid magic").
 */
const char *raid_parse_superblock(const uint8_t *sector, struct raid_evidence *raid);

/*
 * drivers/md/md-bitmap.h, struct bitmap_super_s, from RAID_BITMAP_HEADER_BYTES bytes at
 * RAID_BITMAP_OFFSET. `array_events` is the superblock's counter, leg_bytes the size of the image.
 * Fills all but the dirty figures. NULL, or what is wrong. regions is bounded by leg_bytes.
 */
const char *raid_parse_bitmap(const uint8_t *header, uint64_t array_events, uint64_t leg_bytes,
                              struct unsettled_evidence *unsettled);

/*
 * drivers/md/dm-log.c, struct log_header_disk, from MIRROR_LOG_HEADER_BYTES bytes. region_bytes is
 * from LVM's metadata, for the header has none.
 */
const char *mirror_parse_log(const uint8_t *header, uint64_t region_bytes, uint64_t leg_bytes,
                             struct unsettled_evidence *unsettled);

/*
 * Sets the bits of dirty regions in `dirty` (NULL: only count) from `bytes` of on-disk bits that begin
 * with region `first`, and adds to the counts. is_clean_map: a set bit means clean (the old mirror log).
 * leg_bytes bounds the last region's length.
 */
void unsettled_count(const uint8_t *bits, size_t bytes, uint64_t first, bool is_clean_map, uint64_t leg_bytes,
                     struct unsettled_evidence *unsettled, struct bitset *dirty);

#endif
