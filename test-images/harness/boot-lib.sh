# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the cases of test-images/boot are written in, on top of console-lib.sh. A case is
#
#     case_of NAME SCENARIO    declares it (kernel-lib.sh); it is played by the function NAME, dashes being underscores,
#                              in a directory with the scenario's images
#
# For the functions, which end with the first thing that does not hold:
#
#     conf LINE...             the image's svc.conf gets these lines instead of the usual ones
#     impatient                prints the line for svc.conf that makes it give up a silent device soon
#     with_nbd PORT            svc.conf names a path to shared through a server on this host; "${link[@]}" are QEMU's
#                              arguments for it, free_port finds a port
#     boots [-f] DISK... [-- QEMU-ARGUMENT...]   boots with DISK.img as disks, in this order, and waits for the prompt;
#                              $words are added to the kernel command line, ${options[DISK]} to its -drive, the files
#                              ${more[@]} (FILE:PATH) to the image. -f: at once
#     is EXPRESSION            a jq expression that must hold for the boot.json of the guest
#     said REGEX / unsaid REGEX   on the console
#     mounted HEALTH COPY      the mirror is on /data with this health in the kernel's words, and holds what COPY's leg
#                              held when `expect COPY` was called
#     not_active               no raid device exists
#     leaves [COMMAND]         `exit' at the prompt, or this: unmounts, deactivates, closes the records and ends
#     verdict VERDICT EXIT COPY...   what svc-compare --full says of the images now; its JSON is in compare.json
#     each_record EXPRESSION   a jq expression that must hold for the record of each copy in it
#     sound COPY...            e2fsck finds the copy's leg clean
#     remember / unchanged     that the images are what they were, byte by byte
#
# test-images/boot sets $here, $build, $work and $seed.
# shellcheck disable=SC2154,SC2034
# shellcheck source=test-images/harness/port-lib.sh
. "$here/harness/port-lib.sh"

declare -A options=()
words=
more=()

# The kernel unpacked, and the recovery image as `make image` has it but packed loosely: a guest without KVM takes both in
# faster. Each guest gets the svc.conf of its case on top. The ISO has what the cases do without.
make_guest()
{
	local kernel

	kernel=$("$here/harness/vm" -k)
	"$here/harness/unpack-kernel" "$kernel" "$work"
	KERNEL=$work/vmlinux-${kernel##*/vmlinuz-}
	usual_conf > "$work/usual.conf"
	"$here/../initramfs/image/mkimage" -q -b "$build" -c "$work/usual.conf" -k "$kernel" "$work/image" \
		> "$work/mkimage.log" 2>&1 || { cat "$work/mkimage.log"; exit 70; }
	zstd -qd -f "$work/image/initrd.img" -o "$work/initrd"
}

usual_conf()
{
	cat <<-'CONF'
		[mirror]
		lv = svc/data
		legs = flash-a flash-b shared
		[copies]
		flash-a = /dev/disk/by-id/virtio-flash-a
		shared@direct = /dev/disk/by-id/virtio-shared
		[controller]
		id = a
		[boot]
		timeout = 2
	CONF
}

# For cases in which a device does not answer: three seconds, not the usual ten.
impatient() { echo 'device-timeout = 3'; }

link=(-netdev "user,id=n" -device "virtio-net-pci,netdev=n")

with_nbd() { sed "/^\\[copies\\]/a shared@nbd = nbd://10.0.2.2:$1/" "$work/usual.conf" > svc.conf; }

conf() { printf '%s\n' "$@" > svc.conf; }

# What goes wrong says so and ends the case.
must()
{
	"$@" || fail "does not hold: $*"
}

boots()
{
	local arguments=() name has_to_wait=1

	if [ "${1:-}" = -f ]; then
		has_to_wait=0
		shift
	fi
	while [ $# != 0 ] && [ "$1" != -- ]; do
		arguments+=(-d "$1=$1.img${options[$1]:+,${options[$1]}}")
		shift
	done
	[ -e svc.conf ] || cp "$work/usual.conf" svc.conf
	[ -e expected ] || : > expected
	[ ! -e a.console ] || cat a.console >> consoles
	name=$work/initrd
	cat "$name" <(overlay svc.conf:etc/svc/svc.conf expected:expected "${more[@]}") > initrd
	guest a -i initrd "${arguments[@]}" -a "$words" "$@"
	[ $has_to_wait = 1 ] || return 0
	prompt
}

# The prompt, and what the boot left behind for the booted system.
prompt()
{
	await a 900 '^\(initramfs\)' || fail "no prompt"
	rm -f boot.json
	run a 600 'cat /run/svc/boot.json' > boot.json || fail "there is no boot.json"
	jq -e .schema boot.json > /dev/null || fail "boot.json is no JSON"
}

is() { jq -e "$1" boot.json > /dev/null || fail "boot.json: not $1: $(jq -c '[.verdict, .authority, .exit, (.boot | del(.log))]' boot.json)"; }
has_reason() { is "any(.boot.log[].id; . == \"$1\")"; }
lacks_reason() { is "all(.boot.log[].id; . != \"$1\")"; }
said() { shown a "$1" || fail "the console does not say '$1'"; }
unsaid() { ! shown a "$1" || fail "the console says '$1'"; }

mounted()
{
	local status

	status=$(run a 600 'dmsetup status --target raid') || fail "dmsetup"
	[ "$(echo "$status" | wc -l)" = 1 ] || fail "not one mirror: $status"
	[ "$(echo "$status" | awk '{ print $7, $9 }')" = "$1 idle" ] || fail "the mirror is $status, not $1 and idle"
	[ -s expected ] || fail "the case did not call expect"
	run a 600 'grep -q " /data ext4 rw" /proc/mounts' || fail "/data is not mounted"
	run a 600 'cd /data && sha256sum -c -s /expected; a=$?; cd /; sh -c "exit $a"' || fail "a file does not hold what it must"
}

not_active()
{
	[ "$(run a 600 'dmsetup ls')" = "No devices found" ] || fail "something is active"
	run a 600 '! grep -q " /data " /proc/mounts' || fail "something is mounted on /data"
}

leaves()
{
	send a "${1:-exit}\r"
	gone a 600 || fail "it does not end"
	unsaid 'the records of the copies stay open'
}

# The copies' records, and this is so of each of them.
each_record() { [ "$(jq -c "[.copies[].evidence.record | $1] | unique" compare.json)" = '[true]' ] || fail "not each record: $1"; }

verdict()
{
	local wanted="$1 $2" words code=0

	shift 2
	mapfile -t words < <(arguments_of "$@")
	"$build/svc-compare" --full --json "${words[@]}" > compare.json 2> compare.log || code=$?
	[ "$(jq -r '"\(.verdict) \(.exit)"' compare.json) $code" = "$wanted ${wanted#* }" ] ||
		fail "svc-compare $* says $(jq -r '"\(.verdict) \(.exit)"' compare.json), exit $code, not $wanted"
}

sound()
{
	local copy offset length

	for copy; do
		leg_runs "$copy" | while read -r offset length; do
			dd if="$copy.img" iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$length" bs=64k status=none
		done > leg.tmp
		e2fsck -fn leg.tmp > e2fsck.log 2>&1 || fail "e2fsck of $copy's leg: $(tail -n 1 e2fsck.log)"
		rm leg.tmp
	done
}

remember() { sha256sum -- *.img > remembered; }
unchanged() { sha256sum -c --quiet remembered > changed 2>&1 || fail "written to: $(head -n 1 changed)"; }

# --- playing -------------------------------------------------------------------------------------------

play()
{
	local name=$1 file

	set -eu -o pipefail
	mkdir -p "$work/$name"
	cd "$work/$name"
	trap 'cut_all; kill $(jobs -p) 2> /dev/null || true' EXIT
	trap 'exit 130' TERM
	for file in "$here/images/${scenario_of[$name]}"/*.img.zst; do
		[ -e "$file" ] || exit 77
		zstd -qd -f "$file" -o "$(basename "$file" .zst)"
	done
	"${name//-/_}"
	cut_all
	[ -n "$keep" ] || rm -f ./*.img initrd
}

finish_case()
{
	local name=$1 code=0 seconds

	code=$(cat "$work/$name.code")
	seconds=$(cat "$work/$name.seconds")
	case $code in
	0) report "$name" ok "$seconds s$(sed -n 's/^figures: /; /p' "$work/$name.said")" ;;
	77) report "$name" skip "there is no scenario ${scenario_of[$name]}" ;;
	*)
		report "$name" FAIL "$seconds s"
		sed 's/^/    /' "$work/$name.said"
		tr -cd '[:print:]\n\t' < "$work/$name/a.console" 2> /dev/null | tail -n 25 | awk '{ print "    | " $0 }' || true
		;;
	esac
}

play_all()
{
	local name running=0

	for name in "${chosen[@]}"; do
		if [ $running -ge 2 ]; then
			wait -n || true
			running=$((running - 1))
		fi
		(
			start=$SECONDS code=0
			# Not as `play || ...`: that would take errexit away from it.
			play "$name" > "$work/$name.said" 2>&1 &
			trap 'kill $!' TERM
			wait $! || code=$?
			echo "$code" > "$work/$name.code"
			echo $((SECONDS - start)) > "$work/$name.seconds"
		) &
		players+=($!)
		running=$((running + 1))
	done
	wait
	for name in "${chosen[@]}"; do
		finish_case "$name"
	done
}
