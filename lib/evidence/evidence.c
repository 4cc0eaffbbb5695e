/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evidence/evidence.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/raid.h"
#include "evidence/record.h"
#include "fs/fs.h"
#include "locate/foreign.h"

enum { MAP_CHUNK = 65536 }; /* bytes of bitmap read at once */

static void note_read_error(struct copy *copy, int index, const char *what, uint64_t offset, uint64_t length, int code)
{
	struct read_errors *errors = &copy->evidence.errors;

	if (errors->count < SVC_ERRORS_LISTED)
		errors->listed[errors->count] = (struct extent){ offset, length };
	errors->count++;
	errors->bytes += length;
	copy->condition = COPY_UNREADABLE;
	reason_add(&copy->findings, REASON_READ_ERROR, index, "its %s cannot be read: %s at byte %" PRIu64 " of it",
	           what, strerror(-code), offset);
}

static void read_superblock(struct copy *copy, int index, const struct access *access)
{
	uint8_t sector[RAID_SUPERBLOCK_BYTES];
	const char *wrong = "lies on another device";
	int code = 0;

	if (access->meta)
		code = dev_read(access->meta, sector, sizeof(sector), 0);
	if (code) {
		note_read_error(copy, index, "dm-raid superblock", 0, sizeof(sector), code);
		return;
	}
	if (access->meta)
		wrong = raid_parse_superblock(sector, &copy->evidence.raid);
	if (wrong) {
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_SUPERBLOCK_DAMAGED, index, "its dm-raid superblock %s", wrong);
	}
}

/* Where the log's bits begin within the metadata device, and which way round they are. */
static uint64_t map_offset(const struct copy *copy)
{
	return copy->evidence.lvm.type == MIRROR_RAID1 ? RAID_BITMAP_OFFSET + RAID_BITMAP_HEADER_BYTES
	                                               : MIRROR_LOG_BITS_OFFSET;
}

/* Walks the on-disk bits of `unsettled`, into its counts and into *dirty where that is not NULL. */
static int walk_map(const struct copy *copy, const struct access *access, struct unsettled_evidence *unsettled,
                    struct bitset *dirty, uint64_t *failed_offset)
{
	uint64_t bytes = unsettled->regions / 8 + (unsettled->regions % 8 != 0);
	uint64_t start = map_offset(copy);
	uint8_t *chunk = malloc(MAP_CHUNK);
	int code = chunk ? 0 : -ENOMEM;

	for (uint64_t at = 0; !code && at < bytes; at += MAP_CHUNK) {
		size_t length = bytes - at < MAP_CHUNK ? bytes - at : MAP_CHUNK;

		*failed_offset = start + at;
		code = dev_read(access->meta, chunk, length, start + at);
		if (!code)
			unsettled_count(chunk, length, at * 8, copy->evidence.lvm.type == MIRROR_OLD, copy->leg_bytes,
			                unsettled, dirty);
	}
	free(chunk);
	return code;
}

static void read_unsettled(struct copy *copy, int index, const struct access *access)
{
	struct unsettled_evidence *unsettled = &copy->evidence.unsettled;
	bool is_raid = copy->evidence.lvm.type == MIRROR_RAID1;
	uint8_t header[RAID_BITMAP_HEADER_BYTES];
	size_t length = is_raid ? RAID_BITMAP_HEADER_BYTES : MIRROR_LOG_HEADER_BYTES;
	uint64_t offset = is_raid ? RAID_BITMAP_OFFSET : 0;
	const char *wrong;
	int code;

	if (!access->meta)
		return;
	code = dev_read(access->meta, header, length, offset);
	if (!code) {
		wrong = is_raid ? raid_parse_bitmap(header, copy->evidence.raid.events, copy->leg_bytes, unsettled)
		                : mirror_parse_log(header, copy->evidence.lvm.region_bytes, copy->leg_bytes, unsettled);
		if (wrong || unsettled->is_stale)
			reason_add(&copy->findings, REASON_BITMAP_STALE, index, "its map of unsettled regions %s",
			           wrong ? wrong : "is older than its superblock or marked stale");
		if (!wrong)
			code = walk_map(copy, access, unsettled, NULL, &offset);
	}
	if (code == -ENXIO) {
		memset(unsettled, 0, sizeof(*unsettled));
		reason_add(&copy->findings, REASON_BITMAP_STALE, index, "its map of unsettled regions is cut off");
	} else if (code) {
		note_read_error(copy, index, "map of unsettled regions", offset, length, code);
	}
}

int evidence_unsettled_map(const struct copy *copy, const struct access *access, struct bitset **regions,
                           struct svc_error *error)
{
	struct unsettled_evidence unsettled = copy->evidence.unsettled;
	uint64_t offset = 0;
	int code;

	*regions = NULL;
	if (!unsettled.present || unsettled.is_stale || !unsettled.regions)
		return 0;
	*regions = bitset_new(unsettled.regions);
	if (!*regions)
		return error_set(error, -ENOMEM, "out of memory for the map of unsettled regions");
	unsettled.dirty_regions = unsettled.dirty_bytes = 0;
	code = walk_map(copy, access, &unsettled, *regions, &offset);
	if (code) {
		bitset_free(*regions);
		*regions = NULL;
		return error_set(error, code,
		                 "%s: its map of unsettled regions cannot be read: %s at byte %" PRIu64 " of it",
		                 copy->name, strerror(-code), offset);
	}
	return 0;
}

/* Where a leg has neither a record nor a dm-raid superblock, a rebuild's mark is over what a file system begins with. */
static void read_mark(struct copy *copy, int index, struct dev *leg)
{
	char mark[FOREIGN_MARK_BYTES];
	int code;

	if (leg->size_bytes < FOREIGN_MARK_OFFSET + sizeof(mark))
		return;
	code = dev_read(leg, mark, sizeof(mark), FOREIGN_MARK_OFFSET);
	if (code) {
		note_read_error(copy, index, "leg", FOREIGN_MARK_OFFSET, sizeof(mark), code);
	} else if (!memcmp(mark, foreign_rebuild_mark, sizeof(mark))) {
		copy->condition = COPY_DAMAGED;
		reason_add(&copy->findings, REASON_REBUILD_TARGET, index,
		           "it is being rebuilt, and that is not finished");
	}
}

static void read_fs(struct copy *copy, int index, const struct access *access)
{
	struct fs_evidence *fs = &copy->evidence.fs;
	struct svc_error error;
	int code = fs_read_evidence(access->leg, fs, &error);

	if (code) {
		copy->condition = COPY_UNREADABLE;
		reason_add(&copy->findings, REASON_READ_ERROR, index, "its file system cannot be read: %s", error.text);
		return;
	}
	if (!fs->present) {
		read_mark(copy, index, access->leg);
		return; /* the verdict decides what else that means, for it sees the other copies too */
	}
	if (fs->has_checksums && !fs->is_checksum_valid)
		reason_add(&copy->findings, REASON_FS_CHECKSUM, index,
		           "its ext4 superblock or a group descriptor has a wrong checksum");
	if (copy->is_live)
		return;
	if (fs->needs_recovery)
		reason_add(&copy->findings, REASON_JOURNAL_REPLAY, index,
		           "its file system was not unmounted: the journal still has to be replayed");
	/* MMP: mmp.c, EXT4_MMP_SEQ_CLEAN and EXT4_MMP_SEQ_MAX */
	if (fs->has_mmp && fs->mmp_sequence != 0xFF4D4D50 && fs->mmp_sequence)
		reason_add(&copy->findings, REASON_MMP_ACTIVE, index,
		           "its multiple-mount protection says that a node has it mounted, or died with it mounted");
}

void evidence_read_record(struct copy *copy, int index, const struct access *access)
{
	struct record_evidence *evidence = &copy->evidence.record;
	enum record_slot state[RECORD_SLOTS];
	uint8_t slot[RECORD_SLOT_BYTES];
	struct record record;
	unsigned damaged = 0;
	bool is_taken = false;

	if (!access->record || access->record->size_bytes < RECORD_AREA_BYTES)
		return;
	evidence->has_area = true;
	for (unsigned i = 0; i < RECORD_SLOTS; i++) {
		int code = dev_read(access->record, slot, sizeof(slot), (uint64_t)i * RECORD_SLOT_BYTES);

		if (code) {
			note_read_error(copy, index, "recovery record", (uint64_t)i * RECORD_SLOT_BYTES, sizeof(slot),
			                code);
			return;
		}
		state[i] = record_parse(slot, &record);
		damaged += state[i] == RECORD_DAMAGED;
		is_taken |= !record_may_be_ours(slot);
		evidence->is_newer |= state[i] == RECORD_NEWER;
		if (state[i] != RECORD_VALID)
			continue;
		evidence->slots_valid++;
		if (!evidence->present || record.sequence > evidence->record.sequence)
			evidence->record = record;
		evidence->present = true;
	}
	if (evidence->present || evidence->is_newer)
		return;
	evidence->has_area = !is_taken;
	if (is_taken)
		reason_add(&copy->findings, REASON_RECORD_AREA, index,
		           "what is in the place for its recovery record is somebody else's");
	else if (damaged)
		reason_add(&copy->findings, REASON_RECORD_DAMAGED, index,
		           "its recovery record is damaged in both slots");
}

void evidence_read(struct copy *copy, int index, const struct access *access)
{
	if (copy->condition != COPY_USABLE)
		return;
	if (copy->is_live)
		reason_add(&copy->findings, REASON_LIVE, index, "it is in use on this host");
	evidence_read_record(copy, index, access);
	if (copy->condition == COPY_USABLE && copy->evidence.lvm.type == MIRROR_RAID1)
		read_superblock(copy, index, access);
	if (copy->condition == COPY_USABLE && copy->evidence.lvm.type != MIRROR_NONE)
		read_unsettled(copy, index, access);
	if (copy->condition == COPY_USABLE)
		read_fs(copy, index, access);
}
