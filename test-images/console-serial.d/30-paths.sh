# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# The ways to the shared volume, and volumes that are none of ours.

# NBD's server for an image, at $port.
serves() # IMAGE
{
	qemu-nbd -t -f raw --cache=none --aio=native -e 8 -b 127.0.0.1 -p "$port" "$1" &
	server=$!
}

stops_serving()
{
	kill "$server"
	wait "$server" || true
}

with_server()
{
	port=$(free_port)
	with_nbd "$port"
	words="ip=10.0.2.15::10.0.2.2:255.255.255.0:::off" # DHCP takes too long without KVM
}

# The other controller still reaches it, and passes it on.
case_of direct-dead stale-flash
direct_dead()
{
	with_server
	serves shared.img
	expect shared
	at_console flash-a -- "${link[@]}"
	sees 'verdict stale: shared@nbd is the authority.*; shared@direct cannot be read'
	rebuilds shared
	stops_serving
	verdict in-sync 0 flash-a shared
}

case_of both-dead stale-flash
both_dead()
{
	with_server
	remember
	at_console flash-a -- "${link[@]}"
	sees 'verdict single: flash-a is the authority; shared@direct and shared@nbd cannot be read'
	key p 'Paths .*do bring a path back; it is looked at again by itself. Or press q, then x'
	key q 'Overview'
	key x 'Boot without the mirror .*Type without and press Enter'
	word without 'decided at the console: the boot goes on without the mirror'
	went_without
	unchanged
}

case_of caching-export stale-flash
caching_export()
{
	with_server
	expect shared
	cp shared.img shared-nbd.img
	poke shared-nbd image "$(offset_of shared-nbd 'table.db second block')" 'table.db fiRst'
	serves shared-nbd.img
	remember
	at_console flash-a shared -- "${link[@]}"
	sees 'verdict stale.* nbd good'
	key r 'refused SVC-PATHS-DIFFER: shared@direct and shared@nbd .* next .*export without a cache'
	unchanged
	stops_serving # at the other controller they do as they are told
	serves shared.img
	key q 'Overview'
	rebuilds shared
	stops_serving
	verdict in-sync 0 flash-a shared
}

case_of wrong-volume foreign-vg
wrong_volume()
{
	remember
	at_console flash-a shared
	sees 'do check the devices. names and cabling; .*; e explains'
	key e 'Reasons .*their UUIDs differ'
	key q 'Overview'
	key r 'Choose the copy to keep'
	key 2 'refused SVC-NAME-TARGET: flash-a holds something else'
	key q 'Overview'
	key x 'Boot without the mirror .*Type without and press Enter'
	word without 'decided at the console: the boot goes on without the mirror'
	went_without
	unchanged
}
