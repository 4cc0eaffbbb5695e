# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the plays of test-images/console-serial are written in, on top of boot-lib.sh: a person with a terminal on the
# guest's serial line, who has to solve it with 25 keys.
#
#     at_console DISK... [-- QEMU-ARGUMENT...]   boots with svc.mode=ask and takes up the boot's question
#     sees REGEX               waits until the screen shows it; its lines count as one, with single blanks
#     sees_not REGEX           the screen does not show it
#     is_again FILE            waits until the screen is what `screen` wrote into the file before
#     key KEY REGEX            presses the key, then sees what comes of it
#     word WORD REGEX          types the word, sees it, presses Enter, then sees what comes of it
#     word_only WORD           the same, where there is no screen to come
#     activated                the boot went on with the mirror, both legs in sync; 25 keys at most were pressed
#     went_without             the boot went on without it, as above
#     keys_most NUMBER         no more keys than this were pressed
#     make_stick               a USB stick, attached by "${stick[@]}" among QEMU's arguments
#     mounts_stick             in a shell of the guest: it is on /stick
#
# SVC_TEST_PATIENCE: seconds in which the screen must show it, 240. The screen is tmux's, 80x24, fed with what the guest sends. No key is pressed before the one before it was seen to
# do something, and none twice: a lost key is a failure.
# shellcheck disable=SC2154,SC2034

serial_keys=0
serial_boot=0

terminal() { tmux -S "terminal.$serial_boot" -f /dev/null "$@"; }
flat() { tr -s ' \n' '  '; }
screen() { terminal capture-pane -p -t line 2> /dev/null; }

sees()
{
	local end=$((SECONDS + ${SVC_TEST_PATIENCE:-240}))

	until screen | flat | grep -q -E -e "$1"; do
		if [ $SECONDS -ge $end ] || ! is_up a; then
			screen | sed 's/^/    > /'
			fail "the screen does not show '$1'"
		fi
		sleep 0.1
	done
}

sees_not()
{
	if screen | flat | grep -q -E -e "$1"; then
		screen | sed 's/^/    > /'
		fail "the screen shows '$1'"
	fi
}

is_again()
{
	local end=$((SECONDS + ${SVC_TEST_PATIENCE:-240}))

	until screen | cmp -s - "$1"; do
		if [ $SECONDS -ge $end ] || ! is_up a; then
			screen | diff "$1" - || true
			fail "the screen is not what it was"
		fi
		sleep 0.1
	done
}

key()
{
	serial_keys=$((serial_keys + 1))
	send a "$1"
	sees "$2"
}

word_only()
{
	serial_keys=$((serial_keys + ${#1} + 1))
	send a "$1"
	sees "> ${1}_"
	sleep 0.2 # as fast as this it would have been pasted
	send a '\r'
}

word()
{
	word_only "$1"
	sees "$2"
}

at_console()
{
	serial_boot=$((serial_boot + 1))
	words="svc.mode=ask ${words#svc.mode=ask }"
	boots -f "$@"
	terminal new-session -d -s line -x 80 -y 24 "tail -c +1 -f --pid=${guest_pid[a]} a.console" || fail "tmux"
	await a "${SVC_TEST_PATIENCE:-300}" 'press a key for a console' || fail "nobody is asked"
	send a ' ' # whoever is asked has to press one: it is not counted
	sees 'svc-console: Overview.* verdict [a-z-]+: '
}

keys_most()
{
	[ $serial_keys -le "$1" ] || fail "$serial_keys keys were pressed"
	echo "figures: $serial_keys keys"
}

# A USB stick to boot with, stick.img.
stick=(-device qemu-xhci -drive "if=none,id=stick,format=raw,file=stick.img" -device "usb-storage,drive=stick,removable=on")
make_stick()
{
	truncate -s 8M stick.img
	mke2fs -q -t ext4 -O ^has_journal stick.img
}

# In a shell at the console: a stick that was just found takes a second until it can be read.
mounts_stick()
{
	send a 'mkdir -p /stick; until mount /dev/sda /stick 2> /dev/null; do sleep 1; done; echo stick" "mounted\r'
	sees 'stick mounted'
}

activated()
{
	keys_most 25
	prompt
	is '.verdict == "in-sync" and .boot.active'
	mounted "${1:-AA}"
	leaves
}

went_without()
{
	keys_most 25
	prompt
	is '.boot.active | not'
	not_active
	cut_power a
}
