# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# What the copies are, and what the boot makes of it.

case_of clean in-sync
clean()
{
	expect shared
	boots flash-a shared
	is '.verdict == "in-sync" and .exit == 0 and .boot.active and (.boot.rebuilt | not) and .boot.controller == "a"'
	has_reason SVC-ACTIVATED
	run a 600 'dmesg | grep "svc-boot: SVC-ACTIVATED"' || fail "the kernel's log does not say so"
	mounted AA
	run a 600 '[ /dev/svc/data -ef /dev/mapper/svc-data ]' || fail "the mirror has not the name that was told"
	leaves poweroff
	verdict in-sync 0 flash-a shared
	each_record '.owner == "a" and (.open | not)'
	sound flash-a shared
}

# rebuilt SCENARIO AUTHORITY HEALTH TARGET...: the boot rebuilds TARGET from AUTHORITY, and activates both.
rebuilt()
{
	local authority=$1 health=$2 reason=$3

	expect "$authority"
	boots flash-a shared
	has_reason "$reason"
	is '.verdict == "in-sync" and .exit == 0 and .boot.active and .boot.rebuilt'
	has_reason SVC-ACTIVATED
	said "done: .* rebuilt from $authority(@direct)? and proven"
	mounted "$health"
	leaves
	verdict in-sync 0 flash-a shared
	sound flash-a shared
}

case_of stale-flash stale-flash
stale_flash() { rebuilt shared AA SVC-ACCUSED; }

case_of stale-shared stale-shared
stale_shared() { rebuilt flash-a AA SVC-ACCUSED; }

case_of new-flash in-sync
new_flash()
{
	blank flash-a 16M
	rebuilt shared AA SVC-BLANK
}

# The array lost the volume; the other controller's flash is not to be seen from here.
case_of lost-shared in-sync-three
lost_shared()
{
	rm flash-b.img
	blank shared 16M
	rebuilt flash-a ADA SVC-BLANK
}

# stops VERDICT REASON [EXIT]: a person is asked, nobody comes, the boot goes on without the mirror, and nothing was touched.
stops()
{
	remember
	boots flash-a shared
	said 'press a key for a console'
	is ".verdict == \"$1\" and .exit == ${3:-2} and (.boot.active | not) and .boot.action == \"ask\" and .authority == null"
	has_reason "$2"
	has_reason SVC-NOBODY
	not_active
	cut_power a
	unchanged
}

case_of split split-unequal
split() { stops split-brain SVC-MUTUAL; }

case_of mismatch mismatch
mismatch() { stops mismatch SVC-SILENT; }

# Every device is new: there is nothing to go on with.
case_of none none
none() { stops none SVC-NO-WHOLE 3; }

# What the same copies come to where nobody looks at them before LVM does: "AA", and two different legs.
case_of baseline-split split-equal
baseline_split()
{
	local code=0

	cat "$here/harness/guest-lib.sh" - > guest.script <<-'E'
		on flash-a shared
		activate
		mount_data
		for block in 10 11 12 13 14 15; do
			dd if=/mnt/cfg/table.db bs=4096 skip=$block count=1 iflag=direct 2> /dev/null | head -n 1 | tr -s ' '
		done
		dmsetup mknodes
		echo "status $(dmsetup status svc-data)"
		echo "differing $(cmp -l /dev/mapper/svc-data_rimage_0 /dev/mapper/svc-data_rimage_1 | wc -l)"
	E
	PATH=$build:$PATH "$here/harness/mkinitrd" -o plain
	"$here/harness/vm" -i plain -d flash-a=flash-a.img -d shared=shared.img guest.script > a.console || code=$?
	[ "$code" = 0 ] || fail "the guest ends with $code"
	said '^status .* raid1 2 AA 24576/24576 idle 0'
	! shown a '^differing 0$' || fail "the legs are equal"
	echo "figures: status AA, idle, and $(sed -n 's/^differing //p' a.console) bytes differ"
	rm plain
}

# The ISO that `make image` makes, as a CD or as a USB stick, boots by itself.
case_of iso-bios stale-flash
iso_bios() { from_iso -- -drive "if=none,id=cd,media=cdrom,format=raw,file=$work/recovery.iso" -device ide-cd,drive=cd; }

case_of iso-uefi stale-flash
iso_uefi()
{
	from_iso -f /usr/share/ovmf/OVMF.fd -- -device qemu-xhci -device usb-storage,drive=stick \
		-drive "if=none,id=stick,format=raw,readonly=on,file=$work/recovery.iso"
}

from_iso()
{
	local firmware=/usr/share/seabios/bios-256k.bin

	if [ "$1" = -f ]; then
		firmware=$2
		shift 2
	fi
	shift
	expect shared
	guest a -f "$firmware" -m 512 -d flash-a=flash-a.img -d shared=shared.img -- "$@"
	await a 900 'is mounted on /data' || fail "it does not boot"
	prompt
	is '.verdict == "in-sync" and .boot.active and .boot.rebuilt'
	[ "$(run a 600 'dmsetup status --target raid' | awk '{ print $7, $9 }')" = "AA idle" ] || fail "it is not in sync"
	leaves
	verdict in-sync 0 flash-a shared
}
