# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2154
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
	svc resync 4 --yes --rate 1000000
	grep -q speed_limit_max /tmp/said || die "that --rate has no effect is not said"
	svc resync 4 --yes --save /tmp/undo
	grep -q 'cannot be saved' /tmp/said || die "that nothing can be saved is not said"
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

# Stopped while the kernel rebuilds: it goes on. The next run waits for it, and is stopped too. While the run after
# that compares, the kernel comes to its end: that is no reason to refuse.
case_of online-stopped in-sync
online_stopped_host() { expect shared; }
online_stopped_guest()
{
	with flash-a shared
	gate_all flash-a shared
	corrupt flash-a
	start AA
	sync_speed 100
	svc_begin resync --yes --no-save --from shared
	wait_for is_recovering
	kill -TERM "$svc_pid"
	svc_end 6
	is_recovering || die "the kernel does not go on: $(raid_status)"
	figure "stopped at $(status_field 4)"
	svc compare 1 --fast
	svc_begin resync --yes
	wait_for grep -q 'plan: .* take leg 0 back' /tmp/said
	kill -TERM "$svc_pid"
	svc_end 6
	is_recovering || die "the kernel does not go on: $(raid_status)"
	svc_begin resync --yes --progress=always
	wait_for grep -q comparing /tmp/said
	kill -STOP "$svc_pid"
	sync_speed 200000
	wait_for is_idle
	kill -CONT "$svc_pid"
	svc_end 0
	expect_status AA
	check_files
	stop
	remove_gates flash-a shared
}
online_stopped_after() { compare flash-a shared; }

# The flash's record is of an older generation; it is rebuilt while active, goes on alone, and is the newer one then.
case_of online-record in-sync
online_record_host()
{
	expect shared
	"$build/test/record-tool" flash-a.img generation=x
	"$build/test/record-tool" shared.img generation=y history=x
}
online_record_guest()
{
	with flash-a shared
	start AA
	svc compare 1 --full
	svc resync 0 --yes --no-save
	svc compare 0 --full
	scrub
	check_files
	stop
	dmesg -c > /dev/null
	with flash-a
	start AD
	write_something alone
	stop
}
online_record_after()
{
	local code=0

	"$build/svc-compare" --json flash-a=flash-a.img shared=shared.img > compare.json || code=$?
	[ "$code $(jq -r '"\(.verdict) \(.authority)"' compare.json)" = "1 stale flash-a" ] ||
		fail "svc-compare says $(jq -c '[.verdict, .authority, .reasons[].id]' compare.json), exit $code"
}

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
	tr -s ' \n' '  ' < /tmp/said | grep -q 'in use on this host: held by dm-[0-9]* (other)' || die "by whom is not said"
	dmsetup remove other
}
