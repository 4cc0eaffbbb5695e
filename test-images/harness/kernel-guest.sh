# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The guest's side of test-images/kernel, behind guest-lib.sh.
#
#     with COPY...          only these disks of the case are there
#     start HEALTH          activates; the legs' health as the kernel prints it, at once and complete, and no recovery
#     start_recovering      activates, and waits until the kernel has recovered what it wants to
#     scrub                 has the kernel compare the legs: it must find nothing
#     check_fs, check_files mounts once for the journal, e2fsck -fn; what the files hold, against `expect`
#     write_something WORD  mounts and writes
#     stop                  deactivates
#     wait_for COMMAND...   until it succeeds; the case fails where it does not for two minutes
#     sync_speed KIB        the kernel's limit for recoveries, per second
#     figure TEXT           a figure for the report

begin_case()
{
	echo "case $1 begins"
	dmesg -c > /dev/null
}

end_case()
{
	if [ "$2" = 0 ]; then
		echo "case $1 ends: ok"
		return
	fi
	# The next case starts from an empty machine.
	umount /mnt 2> /dev/null
	sync_speed 200000
	dmsetup remove_all --force > /dev/null 2>&1
	rm -f /etc/lvm/lvmlocal.conf
	dmesg | tail -n 12
	echo "case $1 ends: FAILED"
}

# Bytes that were written to the case's disk so far.
written_to()
{
	awk '{ print $7 * 512 }' "/sys/block/$(basename "$(readlink -f "/dev/d_$(disk "$1")")")/stat"
}

figure() { echo "figures: $*"; }

# shellcheck disable=SC2154 # set in front of each case
disk() { echo "c$case_number.$1"; }

with()
{
	disks=
	for copy; do
		disks="$disks $(disk "$copy")"
	done
	# shellcheck disable=SC2086 # a list of words
	on $disks
	for copy; do
		pvck "/dev/d_$(disk "$copy")" > /tmp/pvck 2>&1 || { cat /tmp/pvck; die "pvck $copy"; }
	done
}

raid_status() { dmsetup status svc-data | cut -d " " -f 4-; }

# dm-raid's status: raid1 LEGS HEALTH DONE/TOTAL ACTION MISMATCHES OFFSET JOURNAL
status_field() { raid_status | awk -v n="$1" '{ print $n }'; }

expect_status()
{
	ratio=$(status_field 4)
	if [ "$(status_field 3)" != "$1" ] || [ "${ratio%/*}" != "${ratio#*/}" ] || [ "$(status_field 5)" != idle ]; then
		die "the mirror says $(raid_status), not $1 and idle"
	fi
}

wait_for()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || die "this did not come true: $*"
		sleep 0.1
	done
}

# Whether the bitmap of a leg with six regions has none set, on the medium; md sets the bits beyond the last one.
has_no_bits()
{
	echo 1 > /proc/sys/vm/drop_caches
	bits=$(dd if="/dev/mapper/svc-data_rmeta_$1" bs=1 skip=$((4096 + 256)) count=1 2> /dev/null | od -A n -t u1)
	[ $((bits & 0x3f)) = 0 ]
}

is_recovering() { [ "$(status_field 5)" = recover ]; }
is_idle() { [ "$(status_field 5)" = idle ] && [ "$(status_field 3)" = AA ]; }

sync_speed()
{
	echo 1 > /proc/sys/dev/raid/speed_limit_min
	echo "$1" > /proc/sys/dev/raid/speed_limit_max
	[ "$1" -le 1000 ] || echo 1000 > /proc/sys/dev/raid/speed_limit_min
}

no_word_of_recovery()
{
	# That an absent leg has no superblock is no news.
	! dmesg | grep -v 'Failed to read superblock of device at position' |
		grep -iE 'recover|resync|rebuild|out of date|not clean|i/o error|fail|invalid|unable' || die "the kernel said that"
}

start()
{
	case $1 in
	*D*) ;; # vgck's status tells of the absent PV
	*) vgck svc || die "vgck" ;;
	esac
	vgchange -q -ay svc || die "vgchange"
	expect_status "$1"
	sleep 0.5
	expect_status "$1"
	no_word_of_recovery
}

start_recovering()
{
	vgchange -q -ay svc || die "vgchange"
	settle
	expect_status "$1"
}

# The kernel says when a check begins and when it ends; those before count too.
checks=0
check_has_ended() { [ "$(dmesg | grep -c 'data-check done')" -gt "$checks" ] && [ "$(status_field 5)" = idle ]; }

scrub()
{
	checks=$(dmesg | grep -c 'data-check done' || true)
	if [ "${1:-lvm}" = dm ]; then
		dmsetup message svc-data 0 check
	else
		lvchange -q --syncaction check svc/data
	fi
	wait_for check_has_ended
	[ "$(status_field 6)" = 0 ] || die "the check found $(status_field 6) sectors of mismatch"
}

check_fs()
{
	mount_data
	umount /mnt
	e2fsck -fn /dev/svc/data > /tmp/e2fsck 2>&1 || { cat /tmp/e2fsck; die "e2fsck"; }
}

check_files()
{
	mount_data
	(cd /mnt && sha256sum -c -s /run/expected) || die "a file does not hold what it must"
	umount /mnt
}

write_something()
{
	mount_data
	blocks "/mnt/log/$1" 8 "$1"
	overwrite /mnt/cfg/table.db 40 2 "$1"
	umount /mnt
}

stop()
{
	deactivate
	! dmsetup ls | grep '^svc-' || die "something is still active"
}

# All of it, for a mirror that must be whole.
whole()
{
	start "$1"
	scrub "${2:-lvm}"
	check_fs
	check_files
	write_something afterwards
	expect_status "$1"
	scrub "${2:-lvm}"
	stop
}

# The same with a leg absent, which then returns.
degraded()
{
	start "$1"
	scrub dm
	check_fs
	check_files
	write_something degraded
	expect_status "$1"
	stop
	with flash-a flash-b shared
	start_recovering AAA
	dmesg | grep -q 'recovery of RAID array' || die "the kernel did not recover the leg that returned"
	scrub
	check_fs
	stop
}

# Gates (guest-lib.sh) over the case's disks; LVM sees nothing else.
gate_all()
{
	gates=
	for copy; do
		link="/dev/d_$(disk "$copy")"
		dmsetup create "gate_$copy" --table "0 $(blockdev --getsz "$link") linear $link 0"
		gates="$gates $copy"
	done
	dmsetup mknodes
	echo 'devices { global_filter=[ "a|^/dev/mapper/gate_|", "r|.*|" ] }' > /etc/lvm/lvmlocal.conf
}

swap_gate() # COPY TARGET-LINE
{
	dmsetup suspend --nolockfs --noflush "gate_$1"
	echo "$2" | dmsetup load "gate_$1"
	dmsetup resume "gate_$1"
}

break_gate() { swap_gate "$1" "0 $(blockdev --getsz "/dev/d_$(disk "$1")") error"; }
mend_gate() { swap_gate "$1" "0 $(blockdev --getsz "/dev/d_$(disk "$1")") linear /dev/d_$(disk "$1") 0"; }

remove_gates()
{
	for copy; do dmsetup remove "gate_$copy"; done
	rm -f /etc/lvm/lvmlocal.conf
	gates=
}

# Another of the case's disks comes back while the mirror is active.
plug()
{
	while read -r name device; do
		[ "$name" != "$(disk "$1")" ] || echo "$device" > /sys/bus/virtio/drivers/virtio_blk/bind
	done < /run/disks
	link-disks
	disks="$disks $(disk "$1")"
}

# Four blocks of a file are changed behind md's back: the file names itself in each of them.
corrupt()
{
	at=$(grep -a -o -b 'table.db first block 20 ' "/dev/d_$(disk "$1")" | head -n 1)
	[ -n "$at" ] || die "the block to corrupt was not found on $1"
	dd if=/dev/urandom of="/dev/mapper/gate_$1" bs=4096 seek=$((${at%%:*} / 4096)) count=4 conv=notrunc,fsync 2> /dev/null
}

# svc COMMAND EXIT ARGUMENT...: with the case's copies; what it says is in /tmp/said too.
svc()
{
	svc_command=$1 svc_exit=$2
	shift 2
	svc_begin "$svc_command" "$@"
	svc_end "$svc_exit"
}

# The same in two steps; in between it runs as $svc_pid.
svc_begin()
{
	svc_words="svc-$*" svc_command=$1 copies=
	shift
	for name in $disks; do
		copy=${name#*.}
		case " ${gates:-} " in
		*" $copy "*) copies="$copies $copy=/dev/mapper/gate_$copy" ;;
		*) copies="$copies $copy=/dev/d_$name" ;;
		esac
	done
	# shellcheck disable=SC2086 # a list of words
	"svc-$svc_command" "$@" $copies > /tmp/said 2>&1 &
	svc_pid=$!
}

svc_end()
{
	got=0
	wait "$svc_pid" || got=$?
	cat /tmp/said
	[ "$got" = "$1" ] || die "$svc_words ends with $got, not $1"
}
