# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2317 # me, mine, other: of paths-guest.sh, which this is put into; the host calls the functions
#
# What a controller of test-images/promote has besides: both paths, the mirror's three legs, and svc-promote.

# settings [LINE-OF-PROMOTE ...]
settings()
{
	{
		printf '[mirror]\nlv = svc/data\nlegs = flash-a flash-b shared\n'
		printf '[copies]\nflash-%s = /dev/d_flash-%s\nshared@direct = /dev/sda\nshared@nbd = nbd://%s/shared\n' "$me" "$me" "$other"
		printf '[controller]\nid = %s\n' "$me"
		printf '[paths]\ncontrol = multipath\ntimeout = 4\ninterval-ms = 300\ngood-probes = 2\n'
		printf '[export]\naddress = %s\n' "$mine"
		printf '[nbd]\ntimeout = 4\n'
		printf '[promote]\nmountpoint = /mnt\nmount-options = noatime\ntimeout = 120\n'
		for line; do
			echo "$line"
		done
	} > /etc/svc/svc.conf
}

# Once, where all three disks are in reach; none of it is activated by itself.
make_mirror()
{
	any='devices { use_devicesfile=0 global_filter=["a|.*|"] }'
	pvcreate -q --config "$any" --bootloaderareasize 1m /dev/d_flash-a /dev/d_other /dev/sda &&
		vgcreate -q --config "$any" --setautoactivation n -s 512k svc /dev/d_flash-a /dev/d_other /dev/sda &&
		lvcreate -q --config "$any" -y -W n --type raid1 -m 2 -L 64m -n data svc /dev/d_flash-a /dev/d_other /dev/sda &&
		until_true 120 legs_are AAA && mke2fs -q -t ext4 -J size=4 "$@" /dev/svc/data &&
		vgchange -q --config "$any" -an svc && blockdev --flushbufs /dev/d_other && sync
}

# promote [OPTIONS]: what it says, and how long it took
promote()
{
	t=$(cut -d' ' -f1 /proc/uptime)
	svc-promote --json "$@" > /run/promote.out
	status=$?
	cat /run/promote.out
	awk -v t="$t" '{ printf "took %.1f s\n", $1 - t }' /proc/uptime
	return $status
}

# Milliseconds until the mirror was mounted, of the last takeover, and the steps that took a second and more.
mounted_after()
{
	awk -F'[:," ]+' '/"id"/ { id = $3 } /"milliseconds"/ { s += $3; if ($3 >= 1000) long = long " " id " " $3 + 0 } id == "mount" && /"milliseconds"/ { print s " ms:" long; exit }' \
		/run/svc/promote.json
}

# killed_at CALL COMMAND...: and notes the step that was under way. It does not always have as many calls.
killed_at()
{
	at=$1
	shift
	rm -f /run/svc/promote.json
	kill-tool "$at" "$@" > /run/killed 2>&1
	status=$?
	cat /run/killed
	[ $status != 0 ] || echo "nothing any more" >> /run/killed-in
	[ $status = 137 ] || return $status
	awk -F'"' '/"id":/ { id = $4 } /"state": "todo"/ { exit } /"reasons"/ { id = "its end"; exit } END { print id ? id : "its beginning" }' \
		/run/svc/promote.json >> /run/killed-in 2> /dev/null
	return 0
}

# held reserve|write: svc-promote, held where it is about to change the reservation, or to write, for the first time
held()
{
	rm -rf /run/hold && mkdir /run/hold || return
	kill-tool hold "$1" /run/hold svc-promote -q > /run/held 2>&1 &
	echo $! > /run/held.pid
	until_true 60 test -e /run/hold/at-1
}
# ... and for the second time; and then no more
held_again() { : > /run/hold/go-1 && until_true 60 test -e /run/hold/at-2; }
held_no_more()
{
	: > /run/hold/go
	wait "$(cat /run/held.pid)"
	status=$?
	cat /run/held
	return $status
}

# All that a call leaves behind, but what is another one each time: generation, epoch, time.
end_state()
{
	until_true 60 sh -c '! pidof svc-resync > /dev/null'
	svc-promote --status | grep -E '^(role|legs)'
	svc-compare --fast -v "flash-$me=/dev/d_flash-$me" shared=/dev/sda > /run/compared
	sed -n 's/^ *record *epoch [0-9]*, \(owner ., [a-z]*\), .*/\1/p' /run/compared
	sed -n 's/^ *record *epoch .*generation \([0-9a-f]*\).*/\1/p' /run/compared | uniq | wc -l
	grep '^/dev/mapper/svc-data ' /proc/mounts
	svc-pathcheck --json | sed -n 's/.*"state": //p'
}

role_is() { svc-promote --status -q --json > /run/status && grep -q "\"role\": \"$1\"" /run/status; }
is_primary() { role_is primary; }
refreshed() { legs_are "$1" && grep -q '"exit": *0}' /run/svc/refresh.json; }

# ring NAME: a writer of its own that also acknowledges on the status line where it is told to
ring()
{
	path-tool write "/mnt/$1" "/run/$1.log" ${2:+"$2"} > "/run/$1.out" 2>&1 &
	echo $! > "/run/$1.pid"
}
ring_end()
{
	kill -TERM "$(cat "/run/$1.pid")"
	wait "$(cat "/run/$1.pid")" && cut -d' ' -f1 "/run/$1.log"
}
# The block that it has just acknowledged.
ring_at()
{
	rm -f "/run/$1.log"
	kill -USR1 "$(cat "/run/$1.pid")" && until_true 30 test -s "/run/$1.log" && cut -d' ' -f1 "/run/$1.log"
}
ring_check() { path-tool check "/mnt/$1" "$2"; }

# Two tables of one disk: device-mapper passes reservations on for one alone.
without_reservations()
{
	sectors=$(blockdev --getsz /dev/sda) half=8192
	kill "$(cat /run/monitor.pid)" && wait "$(cat /run/monitor.pid)"
	svc-pathcheck -q --teardown &&
		printf '0 %s linear /dev/sda 0\n%s %s linear /dev/sda %s\n' $half $half $((sectors - half)) $half | dmsetup create plain && dmsetup mknodes && [ -b /dev/mapper/plain ] &&
		settings 'fence-hook = /run/hook' && sed -i 's|= /dev/sda$|= /dev/mapper/plain|' /etc/svc/svc.conf
}
with_reservations()
{
	svc-pathcheck -q --unexport && svc-pathcheck -q --teardown && dmsetup remove plain && settings && monitor_start
}
hook() { printf '#!/bin/sh\n%s\n' "$1" > /run/hook && chmod 755 /run/hook; }

# within SECONDS COMMAND...: its status; 99 where it took longer
within()
{
	end=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	"$@"
	status=$?
	[ "$(cut -d. -f1 /proc/uptime)" -le "$end" ] && return $status
	echo "took $(($(cut -d. -f1 /proc/uptime) - end)) s longer"
	return 99
}

compare_all() { svc-compare -q --full "flash-$me=/dev/d_flash-$me" shared=/dev/sda; }
