# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Guests that are driven over their serial line, several at once if need be. Sourced; works in the current directory.
#
#     guest NAME [OPTION...] [-- QEMU-ARGUMENT...]   starts one and returns; its console goes to NAME.console
#         -i INITRD     default $INITRD
#         -d DISK=FILE[,OPTION...]   a virtio disk with this serial number: /dev/disk/by-id/virtio-DISK; options are
#                       those of QEMU's -drive, throttling.bps-write=N for example
#         -a WORDS      kernel command line
#         -m MIB        memory, default 384
#         -f FIRMWARE   no kernel and initrd: this boots from what the QEMU arguments attach
#         -t            on this terminal, and returns when the guest ends or Ctrl-A X was typed
#     await NAME SECONDS REGEX [TIMES]   until the console has shown this, as grep -E has it, so many times (1)
#     shown NAME REGEX             whether it has
#     times NAME REGEX             how many times
#     send NAME TEXT               types TEXT; printf's escapes are understood
#     press NAME KEY REGEX [TIMES] types KEY, and again where nothing comes of it, until the console has shown this
#     run NAME SECONDS COMMAND     has the shell at the prompt run it; prints what it printed, returns its status
#     monitor NAME COMMAND         QEMU's own console: monitor a 'block_set_io_throttle d_shared 1 0 0 0 0 0'
#     cut_power NAME               SIGKILL: what the disks acknowledged is kept, nothing else
#     gone NAME SECONDS            until the guest has ended by itself
#     cut_all                      every guest of this shell; call it in a trap
#     overlay FILE...              prints a cpio archive of the files, given as SOURCE:PATH: later files in an initramfs
#                                  take the place of earlier ones, so `cat initrd <(overlay ...)` changes a made image
#
# A guest runs under TCG (ACCEL overrides it: /dev/kvm may be there and still hang), with its clock at a fixed date. It
# takes the time from a clock that the kernel need not calibrate first: on a busy host that goes wrong by a multiple.
# await, run and gone end with 1, and a word on stderr, where the time is up or the guest is gone.

declare -A guest_pid=() guest_input=()

guest()
{
	local name=$1 disks=() initrd=${INITRD:-} words='' memory=384 firmware='' is_here=0 OPTIND=1 option
	local boot disk input machine

	shift
	while getopts i:d:a:m:f:t option; do
		case $option in
		i) initrd=$OPTARG ;;
		d)
			disk=${OPTARG%%=*}
			disks+=(-drive "if=none,id=d_$disk,format=raw,cache=writeback,file.locking=off,file=${OPTARG#*=}"
				-device "virtio-blk-pci,drive=d_$disk,serial=$disk,share-rw=on")
			;;
		a) words=$OPTARG ;;
		m) memory=$OPTARG ;;
		f) firmware=$OPTARG ;;
		t) is_here=1 ;;
		*) return 64 ;;
		esac
	done
	shift $((OPTIND - 1))
	[ "${1:-}" != -- ] || shift
	boot=(-kernel "${KERNEL:-}" -initrd "$initrd"
		-append "console=ttyS0 quiet cryptomgr.notests mitigations=off no_timer_check clocksource=acpi_pm $words")
	[ -z "$firmware" ] || boot=(-bios "$firmware")
	machine=(qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -cpu max -m "$memory" -smp 1 -display none -no-reboot
		-nodefaults -rtc "base=2026-03-01T08:00:00,clock=vm" "${boot[@]}" "${disks[@]}" "$@")
	if [ $is_here = 1 ]; then
		"${machine[@]}" -serial mon:stdio
		return
	fi
	rm -f "$name.fifo" "$name.monitor.in" "$name.monitor.out"
	mkfifo "$name.fifo" "$name.monitor.in" "$name.monitor.out"
	: > "$name.console"
	# Opened for both, so that neither side waits for the other.
	exec {input}<> "$name.fifo"
	guest_input[$name]=$input
	cat "$name.monitor.out" > "$name.monitor" &
	"${machine[@]}" -serial stdio -chardev "pipe,id=monitor,path=$name.monitor" -mon chardev=monitor \
		< "$name.fifo" > "$name.console" 2> "$name.qemu" &
	guest_pid[$name]=$!
}

is_up() { kill -0 "${guest_pid[$1]:-0}" 2> /dev/null; }

shown() { [ "$(times "$1" "$2")" != 0 ]; }

# grep -q would end before tr has: with pipefail that is a failure.
times() { tr -d '\r' < "$1.console" | { grep -a -o -E -e "$2" || true; } | wc -l; }

await()
{
	local end=$((SECONDS + $2)) was_up=1

	while :; do
		# What it said last counts, even where it is gone by now.
		is_up "$1" || was_up=0
		[ "$(times "$1" "$3")" -lt "${4:-1}" ] || return 0
		if [ $was_up = 0 ]; then
			echo "$1: gone before it said '$3'" >&2
			return 1
		fi
		if [ "$SECONDS" -ge "$end" ]; then
			echo "$1: did not say '$3' in $2 seconds${4:+, $4 times}" >&2
			return 1
		fi
		sleep 0.1
	done
}

# shellcheck disable=SC2059 # a format on purpose
send() { printf "$2" >&"${guest_input[$1]}"; }

# As a person does, who looks for a while before trying again.
press()
{
	local tries

	for ((tries = 0; tries < 12; tries++)); do
		send "$1" "$2"
		! await "$1" 20 "$3" "${4:-1}" 2> /dev/null || return 0
	done
	echo "$1: '$2' was pressed $tries times, and it did not say '$3'" >&2
	return 1
}

# The typed line is echoed: its marks must not look like those that it prints.
run()
{
	local mark text

	mark=$RANDOM$RANDOM
	text=${3//\\/\\\\}
	send "$1" "echo begin\"\"-$mark; ${text//%/%%}; echo end\"\"-\$?-$mark\\r"
	await "$1" "$2" "end-[0-9]+-$mark\$" || return 1
	tr -d '\r' < "$1.console" | sed -n "/^begin-$mark\$/,/end-[0-9]*-$mark\$/p" | sed -e 1d -e "s/end-[0-9]*-$mark\$//" -e '${/^$/d}'
	return "$(tr -d '\r' < "$1.console" | sed -n "s/.*end-\\([0-9]*\\)-$mark\$/\\1/p")"
}

monitor() { echo "$2" > "$1.monitor.in"; }

cut_power()
{
	local pid=${guest_pid[$1]:-} input=${guest_input[$1]:-}

	[ -n "$pid" ] || return 0
	kill -KILL "$pid" 2> /dev/null || true
	wait "$pid" 2> /dev/null || true
	exec {input}>&-
	unset "guest_pid[$1]" "guest_input[$1]"
}

gone()
{
	local end=$((SECONDS + $2))

	while is_up "$1"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "$1: has not ended in $2 seconds" >&2
			return 1
		fi
		sleep 0.1
	done
	cut_power "$1"
}

cut_all()
{
	local name

	for name in "${!guest_pid[@]}"; do
		cut_power "$name"
	done
}

overlay()
{
	local root file

	root=$(mktemp -d)
	for file; do
		mkdir -p "$root/$(dirname "${file#*:}")"
		cp "${file%%:*}" "$root/${file#*:}"
	done
	(cd "$root" && find . -mindepth 1 | sort | cpio -o -H newc --quiet -R 0:0)
	rm -rf "$root"
}
