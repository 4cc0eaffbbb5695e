# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# The two ways to the shared volume.

# The other controller still reaches it, and passes it on.
case_of direct-dead stale-flash
direct_dead()
{
	local port server

	port=$(free_port)
	qemu-nbd -t -f raw --cache=none --aio=native -e 4 -b 127.0.0.1 -p "$port" shared.img &
	server=$!
	with_nbd "$port"
	expect shared
	boots flash-a -- "${link[@]}"
	said 'svc-boot: shared@nbd is /dev/nbd'
	is '.verdict == "in-sync" and .boot.active and .boot.rebuilt'
	mounted AA
	leaves
	kill $server
	wait $server || true
	verdict in-sync 0 flash-a shared
	sound flash-a shared
}

# The same with a key: the kernel's nbd does not know TLS, and the image has what does.
case_of direct-dead-tls stale-flash
direct_dead_tls()
{
	local port server

	port=$(free_port)
	printf 'svc:%s\n' "$(head -c 32 /dev/urandom | xxd -p -c 64)" > keys.psk
	qemu-nbd -t -f raw --cache=none --aio=native -e 4 -b 127.0.0.1 -p "$port" \
		--object "tls-creds-psk,id=key,endpoint=server,dir=$PWD" --tls-creds key shared.img &
	server=$!
	with_nbd "$port"
	sed -i -e 's,nbd://,nbds://,' -e '$a [nbd]\ntls-psk-file = /etc/svc/keys.psk\ntls-username = svc' svc.conf
	more=(keys.psk:etc/svc/keys.psk)
	expect shared
	boots flash-a -- "${link[@]}"
	said 'svc-boot: shared@nbd is /dev/nbd'
	is '.verdict == "in-sync" and .boot.active and .boot.rebuilt'
	mounted AA
	leaves
	kill $server
	wait $server || true
	verdict in-sync 0 flash-a shared
}

# Nobody passes it on: the flash alone is left, and may be used only where policy says so.
case_of both-dead in-sync
both_dead()
{
	expect shared
	boots flash-a shared
	mounted AA
	cut_power a # in good order it would be handed over
	remember
	with_nbd "$(free_port)"
	impatient >> svc.conf
	boots flash-a -- "${link[@]}"
	is '.exit == 5 and (.boot.active | not)'
	not_active
	cut_power a
	unchanged
	words=svc.degraded=yes
	boots flash-a -- "${link[@]}"
	is '.exit == 0 and .boot.active and .boot.action == "degraded"'
	has_reason SVC-DEGRADED
	mounted AD
	run a 600 'echo alone > /data/log/alone' || fail "it cannot be written to"
	leaves
	verdict stale 1 flash-a shared
	[ "$(jq -r .authority compare.json)" = flash-a ] || fail "the authority is not flash-a"
	words=
	rm svc.conf
	expect flash-a
	boots flash-a shared
	is '.verdict == "in-sync" and .boot.active and .boot.rebuilt'
	mounted AA
	leaves
	verdict in-sync 0 flash-a shared
}

# The flash is dead, and shared is well: the same policy. It comes back with what it held.
case_of flash-dead in-sync
flash_dead()
{
	expect shared
	boots flash-a shared
	mounted AA
	leaves
	remember
	cat "$work/usual.conf" > svc.conf
	impatient >> svc.conf
	boots shared
	is '.exit == 5 and (.boot.active | not) and .authority == "shared@direct"'
	not_active
	cut_power a
	unchanged
	words=svc.degraded=yes
	boots shared
	is '.exit == 0 and .boot.active and .boot.action == "degraded"'
	has_reason SVC-DEGRADED
	mounted DA
	run a 600 'echo alone > /data/log/alone' || fail "it cannot be written to"
	leaves
	words=
	rm svc.conf
	expect shared
	boots flash-a shared
	is '.verdict == "in-sync" and .boot.active and .boot.rebuilt'
	mounted AA
	leaves
	verdict in-sync 0 flash-a shared
}

# The shared volume is there, and does not answer.
case_of silent in-sync
silent()
{
	local start

	words=break=premount
	cat "$work/usual.conf" > svc.conf
	impatient >> svc.conf
	remember
	boots -f flash-a shared
	await a 900 'Spawning shell within the initramfs' || fail "no break"
	monitor a 'block_set_io_throttle d_shared 1 0 0 0 0 0'
	start=$SECONDS
	send a 'exit\r'
	await a 900 'svc-recovery: the mirror is not mounted' || fail "it hangs"
	echo "figures: went on after $((SECONDS - start)) s"
	prompt
	is '.exit == 5 and (.boot.active | not)'
	not_active
	cut_power a
	unchanged
}

# The flash takes no more writes in the middle of a rebuild: that is given up, not begun again by itself, and finished when
# it is well.
case_of silent-target stale-flash
silent_target()
{
	local start

	cat "$work/usual.conf" > svc.conf
	impatient >> svc.conf
	options["flash-a"]=throttling.bps-write=1
	start=$SECONDS
	boots -f flash-a shared
	await a 900 'svc-recovery: the mirror is not mounted' || fail "it hangs"
	echo "figures: at the prompt after $((SECONDS - start)) s"
	prompt
	is '.verdict == "stale" and .exit != 0 and (.boot.active | not)'
	has_reason SVC-HUNG
	has_reason SVC-REBUILD-TARGET
	not_active
	cut_power a
	options["flash-a"]=
	expect shared
	boots flash-a shared
	is '.verdict == "in-sync" and .boot.active and .boot.rebuilt'
	mounted AA
	leaves
	verdict in-sync 0 flash-a shared
}

# It has not answered since the power came on, not even the kernel.
case_of silent-from-start in-sync
silent_from_start()
{
	local start=$SECONDS

	sed 's,/dev/disk/by-id/virtio-shared,/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_shared,' "$work/usual.conf" > svc.conf
	impatient >> svc.conf
	remember
	boots -f flash-a -- -device virtio-scsi-pci -device "scsi-hd,drive=silent,serial=shared" \
		-drive "if=none,id=silent,format=raw,file=shared.img,throttling.bps-total=1"
	await a 900 'svc-recovery: the mirror is not mounted' || fail "it hangs"
	echo "figures: at the prompt after $((SECONDS - start)) s"
	prompt
	is '.exit == 5 and (.boot.active | not)'
	not_active
	cut_power a
	unchanged
}
