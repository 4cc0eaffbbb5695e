# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# What the boot may and may not do.

case_of mode-off stale-flash
mode_off()
{
	words=svc.mode=off
	remember
	boots flash-a shared
	has_reason SVC-BOOT-OFF
	is '.exit == 0 and (.boot.active | not)'
	not_active
	cut_power a
	unchanged
}

case_of mode-ask stale-flash
mode_ask()
{
	words='svc.mode=ask svc.console=ttyS9'
	remember
	boots flash-a shared
	said 'ttyS9: no console: .*; asking at console'
	said 'press a key for a console'
	is '.verdict == "stale" and (.authority | startswith("shared")) and .exit == 2 and (.boot.active | not)'
	has_reason SVC-NOBODY
	not_active
	cut_power a
	unchanged
}

# A controller has the mirror; the other one boots meanwhile, or later.
case_of standby in-sync-three
standby()
{
	expect shared
	boots flash-a shared
	mounted ADA
	leaves
	remember
	sed -e s/flash-a/flash-b/g -e 's/^legs = .*/legs = flash-a flash-b shared/' -e 's/^id = a/id = b/' "$work/usual.conf" > svc.conf
	boots flash-b shared
	is '.exit == 0 and (.boot.active | not) and .boot.action == "standby" and .boot.controller == "b"'
	has_reason SVC-STANDBY
	not_active
	cut_power a
	unchanged
}

# svc.conf came from the other controller: what is that one's is not taken for one's own.
case_of wrong-controller in-sync-three
wrong_controller()
{
	boots flash-a shared
	leaves
	remember
	sed s/flash-a/flash-b/g "$work/usual.conf" | sed 's/^legs = .*/legs = flash-a flash-b shared/' > svc.conf
	boots flash-b shared
	is '.exit == 78 and (.boot.active | not) and .boot.action == "ask" and .boot.controller == "a"'
	has_reason SVC-WRONG-CONTROLLER
	not_active
	cut_power a
	unchanged
}

# A mistake in svc.conf: nothing is guessed from the rest of it, and it is told wherever a result would be.
case_of bad-conf stale-flash
bad_conf()
{
	sed 's/^timeout = .*/timeout = soon/' "$work/usual.conf" > svc.conf
	remember
	boots flash-a shared
	said 'svc-boot: /etc/svc/svc.conf, line [0-9]+: timeout must be a number of seconds'
	is '.verdict == "unknown" and .exit == 78 and .boot.action == "pass" and (.boot.active | not)'
	has_reason SVC-BOOT-CONF
	run a 600 'dmesg | grep "svc-boot: SVC-BOOT-CONF"' || fail "the kernel's log does not say so"
	not_active
	cut_power a
	unchanged
}

# LVM activates the mirror and fails all the same: it is taken back. Where somebody has it open by then, that is told.
case_of half-active in-sync
half_active()
{
	more=(lvm:usr/sbin/lvm "$(command -v lvm):usr/lib/real/lvm")
	cat > lvm <<-'E'
		#!/bin/sh
		/usr/lib/real/lvm "$@" || exit
		case " $* " in *" -ay "*) ;; *) exit 0 ;; esac
		! grep -q svc.test=held /proc/cmdline || sleep 600 < /dev/mapper/svc-data > /dev/null 2>&1 &
		echo "  the disk is offended" >&2
		exit 5
	E
	chmod 755 lvm
	boots flash-a shared
	has_reason SVC-NOT-ACTIVATED
	said 'lvm failed with status 5: +the disk is offended'
	is '.exit == 5 and (.boot.active | not)'
	not_active
	cut_power a
	words=svc.test=held
	boots flash-a shared
	said 'svc/data is half active and cannot be deactivated \(lvm failed with status 5: .*in use.*\), after: lvm failed'
	said 'the mirror is active, and not as it should be; a decision is needed'
	is '.exit == 5 and .boot.active'
	run a 600 '! grep " /data " /proc/mounts' || fail "it is mounted all the same"
	run a 600 'svc-boot; [ $? != 0 ]' || fail "what is half active is good enough now"
	cut_power a
}

# Breaking into it, before the gate and after it, is Debian's own, and the boot goes on from there.
case_of break-in in-sync
break_in()
{
	expect shared
	words=break=premount,mount
	boots -f flash-a shared
	await a 900 'Spawning shell within the initramfs' || fail "no break"
	run a 600 '[ ! -e /run/svc ]' || fail "the gate ran before the break"
	send a 'exit\r'
	await a 900 'Spawning shell within the initramfs' 2 || fail "no break after the gate"
	run a 600 'dmsetup ls --target raid | grep "^svc-data" && ! grep " /data " /proc/mounts' ||
		fail "not active, or mounted already, at the second break"
	send a 'exit\r'
	await a 900 'is mounted on /data' || fail "it does not go on"
	prompt
	mounted AA
	leaves
}

# Nothing came of it, and panic= says what then.
case_of panic split-unequal
panic()
{
	remember
	words=panic=1
	boots -f flash-a shared
	await a 900 'Rebooting automatically due to panic= boot argument' || fail "no panic"
	gone a 600
	unchanged
}
