# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# What else there is at the console of a boot.

case_of reboot stale-flash
reboot()
{
	remember
	at_console flash-a shared
	key m 'More .* b Restart this machine'
	key b 'Restart this machine .*Type reboot and press Enter'
	word_only reboot
	gone a 240 || fail "it does not restart"
	unchanged
}

# A shell to mount a stick in, the support bundle to the stick, and the same over the line.
case_of support stale-flash
support()
{
	make_stick
	remember
	at_console flash-a shared -- "${stick[@]}"
	key m 'More .* t A shell on this line'
	key t 'Type unlock and press Enter'
	word unlock 'A shell; exit goes back to svc-console'
	mounts_stick
	send a 'exit\r'
	sees 'More .* s Save all evidence'
	key s 'Support bundle .* 1 /stick/svc-support-[0-9-]+.tar.gz'
	key 1 'Work .* save a support bundle: done'
	key q 'Support bundle'
	key l 'END SVC SUPPORT BUNDLE.*Press Enter to go back to svc-console'
	key '\r' 'svc-console: Work'
	key q 'svc-console: Support bundle'
	key q 'svc-console: More'
	keys_most 25
	tr -d '\r' < a.console | sed -n '/BEGIN SVC SUPPORT/,/END SVC SUPPORT/p' | sed '1d; $d' | base64 -d > line.tar.gz ||
		fail "what came over the line is not base64"
	bundle_is_whole line.tar.gz
	send a 't'
	sees 'A shell; exit goes back to svc-console'
	send a 'umount /stick && echo stick" "away\r'
	sees 'stick away'
	cut_power a
	debugfs -R "dump /$(debugfs -R 'ls -p /' stick.img 2> /dev/null | grep -o 'svc-support[^/]*') stick.tar.gz" stick.img 2> /dev/null
	bundle_is_whole stick.tar.gz
	sha256sum -c --quiet <(grep -v stick remembered) || fail "a copy was written to"
}

bundle_is_whole()
{
	gzip -t "$1" || fail "$1 is not whole"
	[ "$(tar -xzOf "$1" svc-support/compare.json | jq -r .verdict)" = stale ] || fail "$1 has no evidence"
	tar -tzf "$1" > listed
	grep -q dmesg.txt listed || fail "$1 has no kernel's log"
}

# Messages of the kernel, and noise on the line, over a screen that is the same at any time: what is read there must be
# what is meant.
case_of kernel-messages stale-flash
kernel_messages()
{
	local seconds

	remember
	at_console flash-a shared
	key m 'More .* t A shell on this line'
	key t 'Type unlock and press Enter'
	word unlock 'A shell; exit goes back to svc-console'
	send a '(sleep 45; for i in 1 2 3; do echo "<2>sd 0:0:0:$i: [sda] tag#$i FAILED" > /dev/kmsg; done) & echo under" "way\r'
	sees 'under way'
	send a 'exit\r'
	sees 'svc-console: More'
	key q 'svc-console: Overview'
	key e 'svc-console: Reasons .*SVC-ACCUSED.* q back'
	sleep 1
	screen > meant
	sees '\[sda\] tag#3 FAILED'
	seconds=$SECONDS
	is_again meant
	echo "figures: drawn again $((SECONDS - seconds)) s after the kernel's messages"
	printf '\r\n\033[7mnoise \033[5;9Hof the line' > "$(terminal display-message -p -t line '#{pane_tty}')"
	sees 'noise .*of the line|of the line'
	send a '\014'
	is_again meant
	cut_power a
	unchanged
}
