# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # of test-images/cluster and paths-lib.sh, and for them
#
# The two machines of test-images/cluster: their root file system, their power switch, what they acknowledged.

other_at=none memory=768 clock=base=utc,clock=host words="systemd.getty_auto=0 systemd.show_status=0"
included=systemd-sysv,udev,dbus,lvm2,dmsetup,kmod,e2fsprogs,iproute2,procps,pacemaker,pacemaker-cli-utils,corosync,resource-agents,libxml2-utils,qemu-utils

# The root file system of both, and what either wrote to it.
make_root()
{
	local base=$1 guest

	"$here/harness/cluster-root" "$base" "$packages" "${KERNEL##*/vmlinux-}" "$work/tree" "$work/root.img" "$work/path-tool" \
		> "$work/root.log" 2>&1 || { tail -n 20 "$work/root.log"; return 1; }
	for guest in a b; do
		qemu-img create -q -f qcow2 -b "$work/root.img" -F raw "$work/root-$guest.qcow2"
	done
}

make_mirror()
{
	local name

	for name in flash-a flash-b shared; do
		rm -f "$work/$name.img"
		truncate -s 96M "$work/$name.img"
	done
	cat "$here/harness/guest-lib.sh" - > "$work/script" <<-'G'
	on flash-a flash-b shared
	SIZE=64m make_mirror flash-a flash-b shared
	G
	"$here/harness/vm" -d flash-a="$work/flash-a.img" -d flash-b="$work/flash-b.img" -d shared="$work/shared.img" "$work/script"
}

make_initrd()
{
	cc -D_GNU_SOURCE -O2 -static -Wall -Wextra -Werror -o "$work/path-tool" "$here/path-tool.c" &&
		"$here/harness/mkinitrd" -i "$here/harness/cluster-init" -o "$work/initrd"
}

# The power switch: what a guest's fence agent says on the fourth serial line is done here. Each line is "ACTION NODE".
serve_fencing() # a|b
{
	local action node in out

	exec {in}<> "$work/fence-$1.in" {out}<> "$work/fence-$1.out"
	while read -r action node <&"$out"; do
		case $action in
		off | reboot)
			cut_off "${node#controller-}" && echo "$node by controller-$1" >> "$work/fenced" && echo 'done' >&"$in"
			;;
		status) if is_running "${node#controller-}"; then echo on; else echo off; fi >&"$in" ;;
		*) echo 'done' >&"$in" ;;
		esac
	done
}

# Not one that was killed and that the shell, which waits for an answer, has not looked after yet.
is_running() { [[ $(sed 's/.*) //' "/proc/$(cat "$work/pid-$1")/stat" 2> /dev/null) == [^Z]* ]]; }

cut_off() # a|b: at once, in the middle of whatever it does
{
	is_running "$1" || return 0
	kill -KILL "$(cat "$work/pid-$1")"
	while is_running "$1"; do sleep 0.1; done
}

power_on() # a|b: it begins to start
{
	: > "$work/since-$1"
	# shellcheck disable=SC2054 # the commas are QEMU's
	more=(-serial "pipe:$work/fence-$1" -drive "file=$work/root-$1.qcow2,if=none,id=r,format=qcow2,cache=writeback" -device virtio-blk-pci,drive=r,serial=root)
	start_guest "$1"
	echo "${qemu_of[$1]}" > "$work/pid-$1"
}

make_machines()
{
	local guest

	rm -f "$work"/fence-*
	mkfifo "$work"/fence-{a,b}.{in,out}
	: > "$work/fenced"
	for guest in a b; do
		serve_fencing $guest &
		servers+=($!)
		disown
	done
}

# The number of the last block that a controller acknowledged since note_acknowledged.
acknowledged() { tail -c "+$(($(cat "$work/since-$1" 2> /dev/null || echo 0) + 1))" "$work/status-$1" | sed -n 's/^ack \([0-9]*\)\r*$/\1/p' | tail -n 1; }
note_acknowledged() { stat -c %s "$work/status-$1" > "$work/since-$1"; }

wait_acknowledged()
{
	local tries=3000 last

	until last=$(acknowledged "$1"); [ -n "$last" ] && [ "$last" -ge 30 ]; do
		[ $((tries -= 1)) -gt 0 ] || return
		sleep 0.1
	done
}

# The first half of run; `answer` is the second one. For both at once.
begin() { echo "$2" >&"${channel_in[$1]}"; }
