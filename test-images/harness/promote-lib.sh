# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # of test-images/promote and paths-lib.sh, and for them
#
# The two controllers of test-images/promote: cut off, started again, and what they acknowledged.

make_controllers()
{
	cc -D_GNU_SOURCE -O2 -static -Wall -Wextra -Werror -o "$work/kill-tool" "$here/kill-tool.c" || exit 70
	make_initrd "svc-promote svc-boot e2fsck kill-tool"
	rm -f "$work"/{flash-a,flash-b,shared}.img
	truncate -s 96M "$work"/{flash-a,flash-b,shared}.img
	guest_script=$work/guest.sh
	{
		sed '/^stty /,$d' "$here/harness/paths-guest.sh"
		cat "$here/harness/promote-guest.sh"
		sed -n '/^stty /,$p' "$here/harness/paths-guest.sh"
	} > "$guest_script"
	# The mirror is made where both flashes are in reach; afterwards each controller has its own.
	other_at=a other_image=flash-b.img
	start_array
	start_guest a
	wait_for a
	run a make_mirror || { printf '%s' "$output"; exit 70; }
	other_at=none
	power_off a
	power_on a
	power_on b
	settle a
	settle b
}

power_off() # a|b: at once, in the middle of whatever it does
{
	kill -KILL "${qemu_of[$1]}"
	while kill -0 "${qemu_of[$1]}" 2> /dev/null; do sleep 0.1; done
	eval "exec ${channel_in[$1]}>&- ${channel_out[$1]}>&-"
	qemu_of[$1]=
}

power_on() # a|b: it begins to start
{
	[ ! -e "$work/status-$1" ] || cat "$work/status-$1" >> "$work/acknowledged-$1"
	start_guest "$1"
}

settle() # a|b: it has come up
{
	wait_for "$1"
	run "$1" settings || { printf '%s' "$output"; exit 70; }
}

# The number of the last block that a controller acknowledged on its status line.
acknowledged() { sed -n 's/^ack \([0-9]*\)\r*$/\1/p' "$work/status-$1" | tail -n 1; }

# Until it has acknowledged some.
wait_acknowledged()
{
	local tries=600

	while [ "$(acknowledged "$1")" -lt 30 ] 2> /dev/null || [ -z "$(acknowledged "$1")" ]; do
		[ $((tries -= 1)) -gt 0 ] || return
		sleep 0.1
	done
}

# killed_everywhere NAME BEFORE AGAIN AFTER KILLS COMMAND: on controller a, from what BEFORE makes, COMMAND is killed at KILLS
# of its system calls, evenly, and AGAIN each time goes on to the very end that it has when it is not killed.
killed_everywhere()
{
	local calls ended=0 good=1 step

	run a "$2; kill-tool 0 $6 > /run/calls 2>&1; $3 && end_state > /run/end; $4; cat /run/calls" || good=0
	calls=$(sed -n 's/^\([0-9]*\) calls$/\1/p' <<< "$output")
	run a 'rm -f /run/killed-in'
	step=$(((${calls:-0} + $5 - 1) / $5))
	for ((n = 1; n <= ${calls:-0} && good; n += step)); do
		run a "$2; killed_at $n $6 && $3 && end_state > /run/end-again && cmp /run/end /run/end-again" || good=0
		[ $good = 1 ] || output+="killed at call $n of $calls"$'\n'
		run a "$4" || good=0
		ended=$((ended + good))
	done
	[ "${calls:-0}" -gt 0 ] || good=0
	result "$1: killed at $ended of its $calls calls, and called again: the same end" $good
	run a 'sort /run/killed-in | uniq -c'
	figure "killed in" "$(awk 'NF { printf "%s%s %d", (NR > 1 ? ", " : ""), $2, $1 }' <<< "$output")"
}

# The first half of run; `answer` is the second one. For both at once.
begin() { echo "$2" >&"${channel_in[$1]}"; }
