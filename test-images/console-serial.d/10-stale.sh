# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# One copy is newer, and the first line says what to press.

# From the overview to a rebuilt and activated mirror.
rebuilds() # FROM
{
	sees "do press r: rebuild from $1(@[a-z]+)?: a plan is shown"
	key r "Plan: nothing is written yet.* do press y.* keeps $1"
	key y 'Type unlock and press Enter'
	word unlock "Rebuild .*Type $1 and press Enter"
	word "$1" 'Work .*do press g: go on.* proven'
	key g 'svc-boot: the console was left'
	activated
}

case_of stale-flash stale-flash
stale_flash()
{
	expect shared
	at_console flash-a shared
	sees 'verdict stale: shared@direct is the authority; flash-a is an older version'
	rebuilds shared
	verdict in-sync 0 flash-a shared
}

case_of stale-shared stale-shared
stale_shared()
{
	expect flash-a
	at_console flash-a shared
	sees 'verdict stale: flash-a is the authority; shared@direct is an older version'
	rebuilds flash-a
	verdict in-sync 0 flash-a shared
}

# A rebuild that a power cut ended: its target calls itself newer, and is never taken for it.
case_of interrupted record-rebuild
interrupted()
{
	expect shared
	at_console flash-a shared
	sees 'rebuil.* from shared'
	rebuilds shared
	verdict in-sync 0 flash-a shared
}

case_of new-flash in-sync
new_flash()
{
	expect shared
	blank flash-a 16M
	at_console flash-a shared
	sees 'verdict single.* flash-a +blank'
	rebuilds shared
	verdict in-sync 0 flash-a shared
}

case_of lost-shared in-sync
lost_shared()
{
	sed 's/^legs = .*/legs = flash-a shared/' "$work/usual.conf" > svc.conf # a device without a label does not say which
	expect flash-a
	blank shared 16M
	at_console flash-a shared
	sees 'verdict single.* shared@direct +blank'
	rebuilds flash-a
	verdict in-sync 0 flash-a shared
}
