# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317
# Each kind of rebuild: the kernel takes every rebuilt leg as it is.

# rebuilt NAME SCENARIO AUTHORITY "COPIES" ["RESYNC-ARGUMENTS"]: all legs of the mirror are there.
rebuilt()
{
	local copies=$4 legs

	case_of "$1" "$2"
	legs=$(wc -w <<< "$copies")
	eval "${1//-/_}_host() { expect $3; resync ${5:-} $copies; compare $copies; }
		${1//-/_}_guest() { with $copies; whole $(printf 'A%.0s' $(seq "$legs")); }
		${1//-/_}_after() { compare $copies; }"
}

rebuilt stale-flash stale-flash shared "flash-a shared"
rebuilt stale-shared stale-shared flash-a "flash-a shared"
rebuilt three-one-stale in-sync-degraded shared "flash-a flash-b shared"
rebuilt three-two-stale three-two-stale flash-a "flash-a flash-b shared"
rebuilt split-from-flash split-unequal flash-a "flash-a shared" "--from +flash-a"
rebuilt split-from-shared split-unequal shared "flash-a shared" "--from +shared"
rebuilt split-equal-from-shared split-equal shared "flash-a shared" "--from +shared"
rebuilt split-three-from-b split-three flash-b "flash-a flash-b shared" "--from +flash-b"
rebuilt dirty-crash dirty-crash flash-a "flash-a shared"
rebuilt crash-unaccused crash-unaccused shared "flash-a shared"
rebuilt no-bootloader-area no-bootloader-area shared "flash-a shared"
rebuilt segments segments shared "flash-a shared"
rebuilt damaged-superblock damaged-superblock shared "flash-a shared"
rebuilt interrupted-recovery interrupted-recovery shared "flash-a shared"
rebuilt extents-64k pe-64k shared "flash-a shared"
rebuilt extents-4m pe-4m flash-a "flash-a shared"

# A new, empty flash card, and a new, empty volume on the array.
case_of blank-flash in-sync
blank_flash_host() { expect shared; blank flash-a 16M; resync flash-a shared; compare flash-a shared; }
blank_flash_guest() { with flash-a shared; whole AA; }
blank_flash_after() { compare flash-a shared; }

case_of lost-shared in-sync
lost_shared_host() { expect flash-a; blank shared 20M; resync flash-a shared; compare flash-a shared; }
lost_shared_guest() { with flash-a shared; whole AA; }
lost_shared_after() { compare flash-a shared; }

# LVM's own metadata was changed while the flash was away, and names its PV missing since: LVM wants to be told.
case_of metadata-old metadata-old
metadata_old_host() { expect shared; resync flash-a shared; compare flash-a shared; }
metadata_old_guest()
{
	with flash-a shared
	vgs || true
	vgchange -ay svc || true
	raid_status
	dmsetup table
	vgchange -an svc
	vgextend --restoremissing svc "$(readlink -f "/dev/d_$(disk flash-a)")"
	whole AA
}
metadata_old_after() { compare flash-a shared; }
