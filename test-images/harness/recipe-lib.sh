# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What recipes are written in, on the host's side (guest-lib.sh is the guest's). A recipe runs in an empty
# directory; every *.img it leaves there is a copy of the scenario.
#
#     disks SIZE NAME...     empty disks NAME.img
#     guest [-c WORD] [-t SECONDS] [ONLY...]  boots with all disks, or only those named, and runs the script that comes
#                            on stdin behind guest-lib.sh; -c: the power is cut at `power_cut WORD`
#     where NAME SUB-LV      its first byte on the disk, and its length (as the guest's `layout` told)
#     leg NAME [LV]          the content of a leg, on stdout
#     poke FILE OFFSET TEXT  overwrites bytes; TEXT as printf has it
#     copy_disk FROM TO      the same disk a second time
#     flip FILE OFFSET       inverts one byte
#     wipe FILE OFFSET N     zeros N bytes; whole sectors
#     record NAME KEY=VALUE...  writes a recovery record into NAME.img (record-tool.c)
#     claim TEXT CONDITION...  says TEXT and runs the condition; the recipe fails where it does not hold
#
# Afterwards `witness` writes what standard tools see in the images, for claims and as a check of svc-compare.

record()
{
	local name=$1

	shift
	# shellcheck disable=SC2154 # make-scenario sets it
	"${B:-$harness/../../build}/test/record-tool" "$name.img" "$@"
}

disks()
{
	local size=$1 name

	shift
	for name; do
		rm -f "$name.img"
		truncate -s "$size" "$name.img"
	done
}

guest()
{
	local option OPTIND=1 flags=() arguments=() image

	while getopts c:t: option; do
		flags+=("-$option" "$OPTARG")
	done
	shift $((OPTIND - 1))
	# shellcheck disable=SC2046 # one word per image
	[ $# != 0 ] || set -- $(printf '%s\n' *.img | sed 's/\.img$//')
	for image; do
		arguments+=(-d "$image=$image.img")
	done
	# shellcheck disable=SC2154 # make-scenario sets it
	cat "$harness/guest-lib.sh" - > guest.script
	"$harness/vm" "${flags[@]}" "${arguments[@]}" guest.script | tee -a console.log
	rm -f guest.script
	sed -n 's/^layout //p' console.log | tac | awk '
		# Of several reports only the last one of each sub-LV counts, with all of its segments.
		{ key = $1 " " $2 } key != last && seen[key]++ { skip[key] = 1 } { last = key }
		!skip[key] { print }' | tac | awk '!seen[$0]++' > layout
}

where()
{
	awk -v copy="$1" -v lv="$2" '$1 == copy && $2 == lv { split($3, run, ":"); print run[1], run[2]; found = 1 }
		END { exit !found }' layout
}

# The sub-LV of LV on the copy NAME: image, meta or log.
sub_lv()
{
	awk -v copy="$1" -v lv="${3:-data}" -v kind="$2" '
		$1 == copy && $2 ~ "^" lv "_[rm]?" kind "(_[0-9]+)?$" { print $2; exit }' layout
}

read_runs()
{
	local offset length

	where "$1" "$2" | while read -r offset length; do
		dd if="$1.img" iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$length" bs=64k status=none
	done
}

leg() { read_runs "$1" "$(sub_lv "$1" image "${2:-data}")"; }

# A position of the leg as a position of the disk.
on_disk()
{
	where "$1" "$(sub_lv "$1" image "${3:-data}")" | awk -v want="$2" '
		want < $2 { print $1 + want; exit } { want -= $2 }'
}

poke()
{
	# shellcheck disable=SC2059 # the text is a format on purpose
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

flip()
{
	local byte

	byte=$(xxd -s "$2" -l 1 -p "$1")
	poke "$1" "$2" "\\x$(printf '%02x' $((0x$byte ^ 0xff)))"
}

# A copy of the disk FROM as TO, by the host.
copy_disk()
{
	cp --sparse=always "$1.img" "$2.img"
	awk -v from="$1" -v to="$2" '$1 == from { print "layout", to, $2, $3 }' layout | tee -a layout.new >> console.log
	sed "s/^layout //" layout.new >> layout
	rm layout.new
}

wipe() { dd if=/dev/zero of="$1" bs=512 seek=$(($2 / 512)) count=$(($3 / 512)) conv=notrunc status=none; }

# A little-endian number: number FILE OFFSET BYTES, in decimal; all ones of 8 bytes say so.
number()
{
	local hex

	hex=$(xxd -s "$2" -l "$3" -p "$1" | fold -w 2 | tac | tr -d '\n')
	if [ "$hex" = ffffffffffffffff ]; then echo all-ones; else printf '%u\n' "0x$hex"; fi
}

claim()
{
	local text=$1

	shift
	if "$@"; then
		echo "claim holds: $text"
	else
		echo "claim FAILS: $text ($*)" >&2
		exit 1
	fi
}

# The dm-raid superblock and the bitmap behind it, by xxd (drivers/md/dm-raid.c, drivers/md/md-bitmap.h).
witness_raid()
{
	local copy=$1 lv=$2 meta offset sync chunk bits

	meta=$(sub_lv "$copy" meta "$lv")
	[ -n "$meta" ] || return 0
	read -r offset _ < <(where "$copy" "$meta")
	[ "$(xxd -s "$offset" -l 4 -p "$copy.img")" = 446d5264 ] || { echo "$copy $lv superblock none"; return 0; }
	printf '%s %s superblock devices %s position %s events %s failed %s recovery %s resync %s\n' "$copy" "$lv" \
		"$(number "$copy.img" $((offset + 8)) 4)" "$(number "$copy.img" $((offset + 12)) 4)" \
		"$(number "$copy.img" $((offset + 16)) 8)" "$(number "$copy.img" $((offset + 24)) 8)" \
		"$(number "$copy.img" $((offset + 32)) 8)" "$(number "$copy.img" $((offset + 40)) 8)"
	offset=$((offset + 4096))
	[ "$(xxd -s "$offset" -l 4 -p "$copy.img")" = 6269746d ] || { echo "$copy $lv bitmap none"; return 0; }
	sync=$(number "$copy.img" $((offset + 40)) 8)
	chunk=$(number "$copy.img" $((offset + 52)) 4)
	bits=$(((sync * 512 + chunk - 1) / chunk))
	printf '%s %s bitmap events %s cleared %s state %s chunk %s dirty %s\n' "$copy" "$lv" \
		"$(number "$copy.img" $((offset + 24)) 8)" "$(number "$copy.img" $((offset + 32)) 8)" \
		"$(number "$copy.img" $((offset + 48)) 4)" "$chunk" \
		"$(xxd -s $((offset + 256)) -l $(((bits + 7) / 8)) -b -c 1 "$copy.img" | awk -v bits="$bits" '
			# Least bit first; md sets the bits beyond the last region.
			{ for (i = 8; i > 0 && bits > 0; i--) { n += substr($2, i, 1); bits-- } } END { print n + 0 }')"
}

witness_fs()
{
	leg "$1" "$2" > leg.tmp
	{ dumpe2fs -h leg.tmp 2>/dev/null || true; } | awk -v copy="$1" -v lv="$2" -F ': *' '
		/^Filesystem state/ { state = $2 } /^Filesystem features/ { replay = $2 ~ /needs_recovery/ }
		/^Block size/ { block = $2 } /^Mount count/ { mounts = $2 }
		END { if (block) print copy, lv, "ext4 state", state, "replay", replay + 0, "block", block, "mounts", mounts
		      else print copy, lv, "ext4 none" }'
	rm -f leg.tmp
}

# Differing blocks of 4 KiB between every two legs, by cmp.
witness_pairs()
{
	local lv=$1 left right

	shift
	while [ $# -gt 1 ]; do
		left=$1
		shift
		for right; do
			printf '%s %s %s differing %s\n' "$left" "$right" "$lv" "$(
				{ cmp -l <(leg "$left" "$lv") <(leg "$right" "$lv") 2>/dev/null || true; } |
					awk '{ b = int(($1 - 1) / 4096); if (!(b in s)) { s[b]; n++ } } END { print n + 0 }')"
		done
	done
}

witness()
{
	local lv copy copies

	[ -s layout ] || return 0
	# shellcheck disable=SC2013 # one word per line
	for lv in $(awk '{ print $2 }' layout | sed -n 's/_[rm]image_[0-9]*$//p' | sort -u); do
		copies=()
		# shellcheck disable=SC2013
		for copy in $(awk '{ print $1 }' layout | sort -u); do
			[ -e "$copy.img" ] || continue
			[ -n "$(sub_lv "$copy" image "$lv")" ] || continue
			copies+=("$copy")
			witness_raid "$copy" "$lv"
			witness_fs "$copy" "$lv"
		done
		witness_pairs "$lv" "${copies[@]}"
	done
}

# field COPY WORD: a figure of the superblock, bitmap or file system, e.g. `field flash-a events`.
field()
{
	{ witness_raid "$1" data; witness_fs "$1" data; } | tr "\n" " " |
		awk -v word="$2" '{ for (i = 3; i < NF; i++) if ($i == word) { print $(i + 1); exit } }'
}

differing() { witness_pairs data "$1" "$2" | awk '{ print $NF }'; }
