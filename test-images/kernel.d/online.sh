# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034
# Where the mirror is active: svc-resync runs in the guest and has the kernel do it.

case_of online-refresh in-sync
online_refresh_host() { expect shared; }
online_refresh_guest()
{
	with flash-a shared
	gate_all flash-a shared
	start AA
	mount_data
	break_gate flash-a
	blocks /mnt/log/while 8 while
	sync
	raid_status
	mend_gate flash-a
	svc resync 0 --dry-run
	grep -q 'take leg 0 back' /tmp/said || die "the plan is no refresh"
	before=$(written_to flash-a)
	svc resync 0 --yes
	written=$(($(written_to flash-a) - before))
	figure "refresh wrote $written bytes of 12582912"
	[ $written -lt 7000000 ] || die "that was no recovery by the bitmap"
	expect_status AA
	svc compare 0 --full
	umount /mnt
	scrub
	check_files
	stop
	remove_gates flash-a shared
}
online_refresh_after() { compare flash-a shared; }

case_of online-rebuild in-sync
online_rebuild_host() { expect shared; }
online_rebuild_guest()
{
	with flash-a shared
	gate_all flash-a shared
	corrupt flash-a
	start AA
	svc compare 2 --full
	svc resync 2 --yes
	svc resync 4 --yes --from shared
	before=$(written_to flash-a)
	svc resync 0 --yes --no-save --from shared
	written=$(($(written_to flash-a) - before))
	figure "rebuild wrote $written bytes of 12582912"
	[ $written -ge 12582912 ] || die "that was no whole rebuild"
	expect_status AA
	svc resync 0 --yes
	scrub
	check_fs
	check_files
	stop
	remove_gates flash-a shared
}
online_rebuild_after() { compare flash-a shared; }

# Stopped while the kernel rebuilds: it goes on, and the next run waits for it.
case_of online-stopped in-sync
online_stopped_host() { expect shared; }
online_stopped_guest()
{
	with flash-a shared
	gate_all flash-a shared
	corrupt flash-a
	start AA
	echo 500 > /proc/sys/dev/raid/speed_limit_min
	echo 500 > /proc/sys/dev/raid/speed_limit_max
	prefix="timeout -s TERM 5"
	svc resync 6 --yes --no-save --from shared
	prefix=
	[ "$(status_field 5)" = recover ] || die "the kernel does not go on: $(raid_status)"
	figure "stopped at $(status_field 4)"
	svc compare 1 --fast
	echo 200000 > /proc/sys/dev/raid/speed_limit_max
	svc resync 0 --yes
	expect_status AA
	check_files
	stop
	remove_gates flash-a shared
	echo 1000 > /proc/sys/dev/raid/speed_limit_min
}
online_stopped_after() { compare flash-a shared; }

# The daily state: three legs, one absent, and LVM refuses to change anything.
case_of online-absent in-sync-degraded
online_absent_host() { expect shared; }
online_absent_guest()
{
	with flash-a shared
	gate_all flash-a shared
	corrupt flash-a
	start ADA
	! lvchange --rebuild "$(readlink -f /dev/mapper/gate_flash-a)" svc/data || die "LVM did not refuse"
	svc resync 0 --yes --no-save --from shared
	expect_status ADA
	mount_data
	break_gate flash-a
	blocks /mnt/log/while 8 while
	sync
	raid_status
	mend_gate flash-a
	svc resync 0 --yes
	expect_status ADA
	umount /mnt
	scrub dm
	check_files
	stop
	remove_gates flash-a shared
}
online_absent_after() { compare flash-a shared; }

# The absent leg comes back while the mirror runs.
case_of online-return in-sync-degraded
online_return_host() { expect shared; }
online_return_guest()
{
	with flash-a shared
	start ADA
	mount_data
	blocks /mnt/log/while 8 while
	sync
	plug flash-b
	svc resync 0 --dry-run
	before=$(written_to flash-b)
	svc resync 0 --yes
	figure "the leg that returned: wrote $(($(written_to flash-b) - before)) bytes of 12582912"
	expect_status AAA
	svc compare 0 --full
	umount /mnt
	check_files
	stop
}
online_return_after() { compare flash-a flash-b shared; }

# In use by something else than the mirror: nothing is written.
case_of online-mounted stale-flash
online_mounted_host() { expect shared; }
online_mounted_guest()
{
	with flash-a shared
	dmsetup create other --table "0 1000 linear /dev/d_$(disk flash-a) 0"
	dmsetup mknodes
	svc resync 4 --yes
	grep -q 'SVC-IN-USE' /tmp/said || die "not for being in use"
	dmsetup remove other
}
