#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by dracut whenever it has waited for udev, in vain or not. Where a disk does not answer udev never settles; then
# dracut would never come to the gate, nor to anything else that waits for that, such as the scan for a root file system
# on LVM, and its own time-out counts only rounds in which udev did settle. So once udevadm has given up waiting, after
# two minutes, what waits for udev is run: the gate, which has deadlines of its own, before the rest.
# shellcheck disable=SC2154 # hookdir: dracut's
read -r svc_up _ < /proc/uptime
if [ "${svc_up%%.*}" -ge 120 ] && ! udevadm settle --timeout=0 > /dev/null 2>&1; then
	# As an error, which `quiet` does not keep from the console.
	echo "<3>svc: udev does not settle, a disk may not answer: going on without it" > /dev/kmsg
	for job in "$hookdir"/initqueue/settled/*.sh; do
		# shellcheck source=/dev/null
		[ ! -e "$job" ] || . "$job"
	done
fi
unset svc_up
