/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evidence/raid.h"

#include "base/bytes.h"

enum {
	DM_RAID_MAGIC = 0x64526D44, /* "DmRd" */
	DM_RAID_V190 = 0x1,         /* FEATURE_FLAG_SUPPORTS_V190 */
	BITMAP_MAGIC = 0x6d746962,  /* "bitm" */
	BITMAP_MAJOR_LO = 3,
	BITMAP_MAJOR_HI = 4, /* little-endian bits */
	BITMAP_MAJOR_CLUSTERED = 5,
	BITMAP_STATE_STALE = 1 << 1,   /* md-bitmap.h: BITMAP_STALE is bit number 1 */
	BITMAP_STATE_ERROR = 1 << 2,   /* BITMAP_WRITE_ERROR */
	MIRROR_LOG_MAGIC = 0x4D695272, /* "MiRr" */
	MIRROR_LOG_VERSION = 2,
};

static bool is_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

const char *raid_parse_superblock(const uint8_t *sector, struct raid_evidence *raid)
{
	memset(raid, 0, sizeof(*raid));
	if (is_zero(sector, RAID_SUPERBLOCK_BYTES))
		return "is all zeros";
	if (get_le32(sector) != DM_RAID_MAGIC)
		return "has no dm-raid magic";
	raid->compat_features = get_le32(sector + 4);
	raid->num_devices = get_le32(sector + 8);
	raid->array_position = get_le32(sector + 12);
	raid->events = get_le64(sector + 16);
	raid->failed_devices = get_le64(sector + 24);
	raid->recovery_offset = get_le64(sector + 32);
	raid->resync_offset = get_le64(sector + 40);
	raid->level = get_le32(sector + 48);
	if (raid->compat_features & DM_RAID_V190) {
		/* level, layout, stripe_sectors, flags, reshape_position, new_level, new_layout,
		 * new_stripe_sectors, delta_disks, array_sectors, data_offset, new_data_offset, sectors,
		 * extended_failed_devices[3], incompat_features; packed */
		raid->leg_sectors = get_le64(sector + 112);
		raid->incompat_features = get_le32(sector + 144);
	}
	if (raid->compat_features & ~(uint32_t)DM_RAID_V190)
		return "has feature flags that this version does not know";
	if (raid->incompat_features)
		return "has incompatible feature flags that this version does not know";
	if (raid->level != 1)
		return "is not a raid1's";
	if (raid->num_devices < 1 || raid->num_devices > 64)
		return "names an absurd number of legs";
	if (raid->array_position >= raid->num_devices)
		return "has an array position beyond its number of legs";
	raid->present = true;
	return NULL;
}

const char *raid_parse_bitmap(const uint8_t *header, uint64_t array_events, uint64_t leg_bytes,
                              struct unsettled_evidence *unsettled)
{
	uint32_t version = get_le32(header + 4);
	uint32_t state = get_le32(header + 48);
	uint64_t sync_sectors = get_le64(header + 40);
	uint32_t chunk_bytes = get_le32(header + 52);

	memset(unsettled, 0, sizeof(*unsettled));
	if (get_le32(header) != BITMAP_MAGIC)
		return "has no md bitmap magic";
	if (version != BITMAP_MAJOR_LO && version != BITMAP_MAJOR_HI && version != BITMAP_MAJOR_CLUSTERED)
		return "is of a version that is not known";
	if (chunk_bytes < 512 || (chunk_bytes & (chunk_bytes - 1)))
		return "has an absurd chunk size";
	if (sync_sectors > leg_bytes / 512)
		return "covers more than the leg";
	unsettled->events = get_le64(header + 24);
	unsettled->events_cleared = get_le64(header + 32);
	unsettled->region_bytes = chunk_bytes;
	unsettled->regions = (sync_sectors * 512 + chunk_bytes - 1) / chunk_bytes;
	/* md_bitmap_read_sb: events behind the array's force a full recovery, for the bits mean nothing. */
	unsettled->is_stale = (state & (BITMAP_STATE_STALE | BITMAP_STATE_ERROR)) || unsettled->events < array_events;
	unsettled->present = true;
	return NULL;
}

const char *mirror_parse_log(const uint8_t *header, uint64_t region_bytes, uint64_t leg_bytes,
                             struct unsettled_evidence *unsettled)
{
	uint64_t regions = get_le64(header + 8);

	memset(unsettled, 0, sizeof(*unsettled));
	if (get_le32(header) != MIRROR_LOG_MAGIC)
		return "has no mirror log magic";
	if (get_le32(header + 4) != MIRROR_LOG_VERSION)
		return "is of a version that is not known";
	if (region_bytes < 512 || (region_bytes & (region_bytes - 1)))
		return "has no region size in the LVM metadata";
	if (regions > leg_bytes / region_bytes + 1)
		return "covers more than the leg";
	unsettled->region_bytes = region_bytes;
	unsettled->regions = regions;
	unsettled->present = true;
	return NULL;
}

void unsettled_count(const uint8_t *bits, size_t bytes, uint64_t first, bool is_clean_map, uint64_t leg_bytes,
                     struct unsettled_evidence *unsettled, struct bitset *dirty)
{
	for (uint64_t i = 0; i < (uint64_t)bytes * 8 && first + i < unsettled->regions; i++) {
		uint64_t start = (first + i) * unsettled->region_bytes;
		bool is_set = bits[i / 8] >> (i % 8) & 1;

		if (is_set == is_clean_map || start >= leg_bytes)
			continue;
		unsettled->dirty_regions++;
		unsettled->dirty_bytes +=
			leg_bytes - start < unsettled->region_bytes ? leg_bytes - start : unsettled->region_bytes;
		if (dirty)
			bitset_set(dirty, first + i);
	}
}
