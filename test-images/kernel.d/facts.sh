# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317
# What the kernel does by itself, and what a rebuild therefore may and may not leave to it.

# After a crash the bits are there, and dm-raid does not look at them: the legs stay different.
case_of fact-crash dirty-crash
fact_crash_host() { log_of flash-a; log_of shared; }
fact_crash_guest()
{
	with flash-a shared
	vgchange -q -ay svc
	settle
	expect_status AA
	# A resync that is still due would be done in place of the check (md.c, md_check_recovery).
	dmsetup message svc-data 0 check
	wait_for check_has_ended
	! dmesg | grep -iE 'resync|recovery' || die "it did resynchronise"
	figure "after a crash: no resync, check finds $(status_field 6) sectors of mismatch"
	[ "$(status_field 6)" != 0 ] || die "the legs became equal"
	stop
}
fact_crash_after() { log_of flash-a; log_of shared; }

# While a leg is absent the bits stay, over an orderly stop too; while none is they go. The bitmap's own setting has
# the kernel look every second (md-bitmap.h: daemon_sleep), in place of every five.
case_of fact-degraded-bits in-sync-three
fact_degraded_bits_host()
{
	local copy

	for copy in flash-a flash-b shared; do
		poke "$copy" meta $((4096 + 56)) '\x01'
	done
}
fact_degraded_bits_guest()
{
	with flash-a flash-b shared
	start AAA
	write_something whole
	! has_no_bits 0 || die "no bit was set"
	from=$(cut -d . -f 1 /proc/uptime)
	wait_for has_no_bits 0
	took=$(($(cut -d . -f 1 /proc/uptime) - from + 1))
	stop
	with flash-a shared
	start ADA
	write_something degraded
	sleep $((2 * took))
	! has_no_bits 0 || die "the bits went though a leg is absent"
	figure "whole: the bits went within $took s; degraded: they are there after $((2 * took)) s"
	stop
}
fact_degraded_bits_after()
{
	log_of flash-a > log.a
	log_of flash-b > log.b
	grep -q 'bits 00' log.b || fail "bits are left though nobody was absent: $(cat log.b)"
	! grep -q 'bits 00' log.a || fail "no bits were kept: $(cat log.a)"
}

# A rebuild that was cut off, and somebody activates the mirror by hand: the leg is rebuilt whole and never read.
half() # NAME SCENARIO AUTHORITY TARGET ARGUMENTS
{
	case_of "$1" "$2"
	eval "${1//-/_}_host()
		{
			expect $3
			cut_off $5 flash-a shared
		}
		${1//-/_}_guest()
		{
			with flash-a shared
			before=\$(written_to $4)
			vgchange -q -ay svc
			raid_status
			dmesg | grep -q 'active with 1 out of 2' || die 'the target was taken for whole'
			settle
			expect_status AA
			written=\$((\$(written_to $4) - before))
			figure \"by hand: wrote \$written bytes of 12582912\"
			[ \$written -ge 12582912 ] || die \"only \$written bytes were recovered\"
			check_files
			stop
		}"
}
half half-stale stale-flash shared flash-a ""
half half-split-flash split-unequal flash-a shared "--from +flash-a"
half half-split-shared split-unequal shared flash-a "--from +shared"

# Three legs crashed together, two of them are settled while the third is absent: it is settled when it returns. The
# blocks lie where nothing else is written, and the bitmap was cleared last at the very events that are the newest
# (md_bitmap_load has a rule of its own for that).
case_of absent-crashed in-sync-three
absent_crashed_host()
{
	local at copy

	expect flash-a
	at=$(offset_of flash-a 'image.bin first block 100 ') || fail "$at"
	unsettle $((at / 2097152)) flash-a flash-b shared
	for copy in flash-a flash-b shared; do
		poke "$copy" meta $((4096 + 32)) "$(log_of "$copy" | awk '{ printf "\\x%02x", $2 }')"
	done
	poke shared image "$at" 'shared got this'
	poke flash-b image "$at" 'flash-b got that'
	resync flash-a shared
	log_of flash-a
}
absent_crashed_guest() { with flash-a shared; degraded ADA; }
absent_crashed_after() { compare flash-a flash-b shared; }

# The absent leg went elsewhere, where no bit of the others is set: it is not for the bitmap.
case_of absent-diverged split-three
absent_diverged_host()
{
	expect flash-a
	resync --from +flash-a flash-a shared
	log_of flash-a
	poke flash-b image $((11 * 1048576)) 'flash-b went on alone'
}
absent_diverged_guest() { with flash-a shared; degraded ADA; }
absent_diverged_after() { compare flash-a flash-b shared; }
