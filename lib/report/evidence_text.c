/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -v: everything that was read of each copy, a line a group of facts. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "evidence/record.h"
#include "report/report.h"

static void print_lvm(const struct lvm_evidence *lvm, FILE *out)
{
	char vg[LVM_NAME_SIZE * 4], lv[LVM_NAME_SIZE * 4];

	fprintf(out, "  pv          %s, metadata areas %u of %u valid\n", lvm->pv_uuid, lvm->areas_valid,
	        lvm->areas_total);
	if (lvm->vg_name[0])
		fprintf(out, "  vg          %s %s, seqno %" PRIu64 ", extents of %" PRIu64 " bytes\n",
		        text_escape(lvm->vg_name, vg, sizeof(vg)), lvm->vg_uuid, lvm->seqno, lvm->extent_bytes);
	if (lvm->type != MIRROR_NONE)
		fprintf(out, "  lv          %s %s, %s, leg %u of %u\n", text_escape(lvm->lv_name, lv, sizeof(lv)),
		        lvm->lv_uuid, lvm->type == MIRROR_RAID1 ? "raid1" : "mirror (old type)", lvm->leg_index,
		        lvm->leg_count);
	if (lvm->missing_legs)
		fprintf(out, "  lvm missing legs 0x%" PRIx64 "\n", lvm->missing_legs);
	if (lvm->bootloader_area.length)
		fprintf(out, "  boot area   %" PRIu64 " bytes at %" PRIu64 "\n", lvm->bootloader_area.length,
		        lvm->bootloader_area.offset);
	else
		fprintf(out, "  boot area   none: no place for a record\n");
}

static void print_raid(const struct raid_evidence *raid, FILE *out)
{
	fprintf(out, "  superblock  events %" PRIu64 ", position %u of %u, names failed:", raid->events,
	        raid->array_position, raid->num_devices);
	for (unsigned i = 0; i < raid->num_devices && i < 64; i++)
		if (raid->failed_devices >> i & 1)
			fprintf(out, " %u", i);
	fprintf(out, "%s\n", raid->failed_devices ? "" : " none");
	if (raid->recovery_offset != UINT64_MAX)
		fprintf(out, "              the leg is incomplete: recovery stopped at sector %" PRIu64 "\n",
		        raid->recovery_offset);
	if (raid->resync_offset != UINT64_MAX)
		fprintf(out, "              first synchronisation stopped at sector %" PRIu64 "\n",
		        raid->resync_offset);
}

static void print_fs(const struct fs_evidence *fs, FILE *out)
{
	char label[17 * 4], node[65 * 4], written[32], mounted[32];

	fprintf(out, "  ext4        %s \"%s\", %" PRIu64 " bytes in blocks of %u, %s%s%s\n", fs->uuid,
	        text_escape(fs->label, label, sizeof(label)), fs->bytes, fs->block_bytes,
	        fs->is_clean ? "clean" : "not clean", fs->has_errors ? ", errors" : "",
	        fs->needs_recovery ? ", journal to be replayed" : "");
	fprintf(out, "              written %s, mounted %s (%u times), journal sequence %u\n",
	        text_time(fs->write_time, written, sizeof(written)),
	        text_time(fs->mount_time, mounted, sizeof(mounted)), fs->mount_count, fs->journal_sequence);
	fprintf(out, "              %" PRIu64 " KiB written in its life, metadata checksums %s\n", fs->lifetime_kib,
	        !fs->has_checksums      ? "not in use"
	        : fs->is_checksum_valid ? "valid"
	                                : "WRONG");
	if (fs->has_mmp)
		fprintf(out, "              mmp sequence %08x, node \"%s\"\n", fs->mmp_sequence,
		        text_escape(fs->mmp_node, node, sizeof(node)));
}

static void print_record(const struct record_evidence *evidence, FILE *out)
{
	const struct record *record = &evidence->record;
	char changed[32], source[16 * 4 + 1];

	if (!evidence->present) {
		fprintf(out, "  record      %s\n",
		        evidence->is_newer   ? "of a version this program does not know"
		        : evidence->has_area ? "none written"
		                             : "no area for one");
		return;
	}
	fprintf(out, "  record      epoch %" PRIu64 ", owner %c, %s, changed %s, generation ", record->epoch,
	        record->owner ? record->owner : '-', record->is_open ? "open" : "closed",
	        text_time(record->changed_time, changed, sizeof(changed)));
	for (int i = 0; i < 4; i++)
		fprintf(out, "%02x", record->generation[i]);
	fputc('\n', out);
	if (record->rebuild != REBUILD_NONE)
		fprintf(out,
		        "              being rebuilt from %s: at least %" PRIu64 " of %" PRIu64 " bytes are done\n",
		        text_escape(record->rebuild_source, source, sizeof(source)), record->rebuild_done_bytes,
		        record->rebuild_total_bytes);
}

/* What device-mapper said of the mirror, where it is active on this host. */
static void print_online(const struct online_evidence *online, FILE *out)
{
	char action[16 * 4];

	fprintf(out, "  active      on this host, legs %s, %s, %" PRIu64 " of %" PRIu64 " sectors%s\n", online->health,
	        text_escape(online->action, action, sizeof(action)), online->done_sectors, online->total_sectors,
	        online->is_under ? "" : ", without this copy");
	if (online->mismatch_sectors)
		fprintf(out, "              its last check found %" PRIu64 " sectors that differ\n",
		        online->mismatch_sectors);
}

static void print_errors(const char *what, const struct read_errors *errors, FILE *out)
{
	for (uint64_t i = 0; i < errors->count && i < SVC_ERRORS_LISTED; i++)
		fprintf(out, "  unreadable  %s: %" PRIu64 " bytes at %" PRIu64 "\n", what, errors->listed[i].length,
		        errors->listed[i].offset);
	if (errors->count > SVC_ERRORS_LISTED)
		fprintf(out, "              and %" PRIu64 " more runs, %" PRIu64 " bytes in all\n",
		        errors->count - SVC_ERRORS_LISTED, errors->bytes);
}

void report_evidence(const struct report *report, FILE *out)
{
	for (int i = 0; i < report->copies; i++) {
		const struct copy *copy = &report->copy[i];
		const struct unsettled_evidence *unsettled = &copy->evidence.unsettled;
		char name[SVC_NAME_SIZE * 4], locator[SVC_LOCATOR_SIZE * 4];

		fprintf(out, "%s  %s\n", text_escape(copy->name, name, sizeof(name)),
		        text_escape(copy->locator, locator, sizeof(locator)));
		fprintf(out, "  device      %" PRIu64 " bytes, leg %" PRIu64 " bytes%s\n", copy->device_bytes,
		        copy->leg_bytes, copy->is_live ? ", in use on this host" : "");
		if (copy->evidence.lvm.present)
			print_lvm(&copy->evidence.lvm, out);
		if (copy->evidence.raid.present)
			print_raid(&copy->evidence.raid, out);
		if (unsettled->present)
			fprintf(out, "  unsettled   %" PRIu64 " of %" PRIu64 " regions, %" PRIu64 " bytes%s\n",
			        unsettled->dirty_regions, unsettled->regions, unsettled->dirty_bytes,
			        unsettled->is_stale ? " (stale: not relied on)" : "");
		if (copy->evidence.fs.present)
			print_fs(&copy->evidence.fs, out);
		if (copy->evidence.lvm.present)
			print_record(&copy->evidence.record, out);
		if (copy->evidence.online.is_active)
			print_online(&copy->evidence.online, out);
		print_errors("evidence", &copy->evidence.errors, out);
		print_errors("leg", &report->comparison->copy[i].errors, out);
		fputc('\n', out);
	}
}
