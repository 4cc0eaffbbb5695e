# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# Somebody is at the serial line when a decision is needed.

# They look around and let the boot judge again; asked once more, they let it go on without the mirror.
case_of person-leaves split-unequal
person_leaves()
{
	remember
	words=svc.timeout=0
	boots -f flash-a shared
	opens_console 1
	press a q 'the boot waits: g lets it judge again' || fail "q does not say what to press"
	press a g 'the console was left: looking at the copies again' || fail "the console is not left"
	opens_console 2
	press a x 'Type +without' || fail "x does not ask"
	send a without
	sleep 1 # letters and Enter at once are no typing
	press a '\r' 'decided at the console: the boot goes on without the mirror' || fail "the console is not left"
	prompt
	is '.verdict == "split-brain" and .exit == 2 and (.boot.active | not)'
	lacks_reason SVC-NOBODY
	not_active
	cut_power a
	unchanged
}

# Somebody began something at a console and left it, and the boot goes on: it waits for that work.
case_of work-first in-sync
work_first()
{
	expect shared
	words=break=premount
	options[shared]=throttling.bps-read=400000
	boots -f flash-a shared
	await a 900 'Spawning shell within the initramfs' || fail "no break"
	run a 600 '(sleep 2; echo f; sleep 2) | svc-console --plain > /dev/null; ls /run/svc/jobs/1.job' || fail "no work begins"
	send a 'exit\r'
	await a 900 'svc-boot: waiting until the work begun at a console ends' || fail "it does not wait"
	! shown a '^svc-boot: verdict' || fail "it does not wait"
	monitor a 'block_set_io_throttle d_shared 0 0 0 0 0 0'
	prompt
	is '.verdict == "in-sync" and .exit == 0 and .boot.active'
	run a 600 'grep -q "\"state\":\"ended\"" /run/svc/jobs/1.job' || fail "it did not wait for the end"
	mounted AA
	options[shared]=
	leaves
	verdict in-sync 0 flash-a shared
}

# The console, when the boot asks for the Nth time. A key that comes too early may be lost, as anybody's.
opens_console()
{
	local opened

	await a 900 'press a key for a console' "$1" || fail "nobody is asked"
	opened=$(times a 'svc-console: Overview')
	press a ' ' 'svc-console: Overview' $((opened + 1)) || fail "no console"
	await a 900 'reason +SVC-MUTUAL' || fail "the console does not say why"
}
