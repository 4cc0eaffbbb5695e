# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# Nobody but a person can say which copy is right.

# From the overview to the plan that keeps the copy of this number.
chooses() # NUMBER NAME
{
	sees 'do press d: look at the files that differ; then r chooses'
	key d 'Differences .* bytes differ'
	key r 'Choose the copy to keep'
	key "$1" "Plan: nothing is written yet.* keeps $2(@direct)? gives up"
}

confirms() # NAME
{
	key y 'Type unlock and press Enter'
	word unlock "Rebuild .*Type $1 and press Enter"
	word "$1" 'Work .*do press g: go on.* proven'
}

case_of split-keep-flash split-unequal
split_keep_flash()
{
	expect flash-a
	at_console flash-a shared
	sees 'verdict split-brain'
	chooses 1 flash-a
	confirms flash-a
	key g 'svc-boot: the console was left'
	activated
	verdict in-sync 0 flash-a shared
}

case_of split-keep-shared split-unequal
split_keep_shared()
{
	expect shared
	at_console flash-a shared
	sees 'verdict split-brain'
	chooses 2 shared
	confirms shared
	key g 'svc-boot: the console was left'
	activated
	verdict in-sync 0 flash-a shared
}

# The wrong side was kept. It is taken back, and the other one kept: the keys are counted from there.
case_of undo split-unequal
undo()
{
	expect shared
	at_console flash-a shared
	chooses 1 flash-a
	confirms flash-a
	serial_keys=0
	key q 'Overview.*in-sync'
	key o 'Undo .*flash-a.*shared'
	key y 'Take a rebuild back.*Type flash-a and press Enter'
	word flash-a 'Work .*take a rebuild back: done'
	sees 'do press q, then c: compare the content'
	key r 'Choose the copy to keep'
	key 2 'Plan: nothing is written yet.* keeps shared(@direct)? gives up'
	key y 'Rebuild .*Type shared and press Enter'
	word shared 'Work .*do press g: go on.* proven'
	key g 'svc-boot: the console was left'
	activated
	verdict in-sync 0 flash-a shared
}

# Undo files lie in memory here, and it is full: the rebuild is refused before its first write, saved to a stick, and
# taken back from there.
case_of no-room split-unequal
no_room()
{
	make_stick
	remember
	at_console flash-a shared -- "${stick[@]}"
	key m 'More .* t A shell on this line'
	key t 'Type unlock and press Enter'
	word unlock 'A shell; exit goes back to svc-console'
	mounts_stick
	# shellcheck disable=SC2016 # the guest's
	send a 'while read k n u; do [ $k = MemAvailable: ] && dd if=/dev/zero of=/full bs=1M count=$((n / 1024 - 48)); done < /proc/meminfo; echo memory" "full\r'
	sees 'memory full'
	send a 'exit\r'
	sees 'svc-console: More'
	key q 'Overview .*verdict split-brain'
	serial_keys=0
	key r 'Choose the copy to keep'
	key 2 'do press w: save what is overwritten elsewhere.* refused SVC-UNDO-ROOM: .* /var/lib/svc has room for'
	key w 'Save what is overwritten .*Type it and press Enter'
	word /stick/undo 'Plan: nothing is written yet.* keeps shared(@direct)? gives up.* is saved to /stick/undo first'
	key y 'Rebuild .*Type shared and press Enter'
	word shared 'Work .* proven .* o on the overview takes it back: it is in /stick/undo'
	keys_most 25
	key q 'Overview.*in-sync'
	key o 'Undo '
	key w 'Take a rebuild back .*Type it and press Enter'
	word /stick/undo 'file /stick/undo .* yes'
	key y 'Take a rebuild back.*Type flash-a and press Enter'
	word flash-a 'Work .*take a rebuild back: done'
	key q 'Overview .*verdict split-brain'
	cut_power a
	sha256sum -c --quiet <(grep -v stick remembered) || fail "a copy is not what it was"
}

# The history says that they are equal, and one byte is not.
case_of silent-mismatch mismatch
silent_mismatch()
{
	expect shared
	at_console flash-a shared
	sees 'verdict mismatch: the copies should be equal and are not'
	chooses 2 shared
	confirms shared
	key g 'svc-boot: the console was left'
	activated
	verdict in-sync 0 flash-a shared
}
