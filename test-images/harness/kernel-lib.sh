# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the cases of test-images/kernel are written in. A case NAME is
#
#     case_of NAME SCENARIO    declares it; it is played by the two functions NAME_host and NAME_guest
#     NAME_host                runs on the host, in a directory with the scenario's images; fails with a word on stdout
#     NAME_guest               its text runs in the guest, behind guest-lib.sh and kernel-guest.sh
#     NAME_after               if there is one: runs on the host when the guest is gone
#
# Dashes of NAME are underscores in the functions' names. For the host's side:
#
#     resync ARGUMENT...       svc-resync --yes --no-save; must end with exit 0
#     compare COPY...          svc-compare --full must say in-sync, exit 0
#     expect COPY              takes down what the files of this copy's leg hold, for the guest's check_files
#     blank COPY SIZE          an empty disk
#     cut_off ARGUMENT...      svc-resync, killed while it rebuilds
#
# test-images/kernel sets $here, $build and $work.
# shellcheck disable=SC2154

DISKS_MAX=22 # of one guest; its bus has places for 26

cases=()
declare -A scenario_of=()

case_of()
{
	cases+=("$1")
	scenario_of[$1]=$2
}

# The host's parts run in subshells of their own, where errexit is off because their status is asked for.
fail()
{
	echo "$*"
	exit 1
}

arguments_of()
{
	local word

	for word; do
		case $word in
		-*) printf '%s\n' "$word" ;;
		+*) printf '%s\n' "${word#+}" ;;
		*) printf '%s\n' "$word=$word.img" ;;
		esac
	done
}

# Words that begin with + are passed on without it, the rest are copies: resync --from +shared flash-a shared
resync()
{
	local words code=0

	mapfile -t words < <(arguments_of "$@")
	"$build/svc-resync" --yes --no-save "${words[@]}" >> resync.log 2>&1 || code=$?
	[ "$code" = 0 ] || { tail -n 5 resync.log; fail "svc-resync $* ends with $code"; }
}

compare()
{
	local words code=0 line

	mapfile -t words < <(arguments_of "$@")
	"$build/svc-compare" --full --json "${words[@]}" > compare.json 2>> compare.log || code=$?
	line=$(jq -r '"\(.verdict) \(.exit)"' compare.json)
	if [ "$line" != "in-sync 0" ] || [ "$code" != 0 ]; then
		fail "svc-compare says $line, exit $code, of $*"
	fi
}

# The runs of a copy's leg (or of its metadata: `leg_runs COPY meta`), "OFFSET LENGTH" in bytes, from LVM's metadata as
# pvck prints it.
leg_runs()
{
	pvck --dump metadata "$1.img" 2> /dev/null | awk -v kind="${2:-image}" -v mine="$(pv_uuid "$1")" '
		/^\t*extent_size = / && !extent { extent = $3 * 512 }
		$2 == "{" { name[++depth] = $1; if ($1 ~ /^segment/) { start = count = 0 } }
		$1 == "}" { depth-- }
		depth == 3 && name[2] == "physical_volumes" && $1 == "id" { gsub(/"/, "", $3); uuid[name[3]] = $3 }
		depth == 3 && name[2] == "physical_volumes" && $1 == "pe_start" { first[name[3]] = $3 * 512 }
		name[3] ~ "^data_r" kind "_[0-9]+$" && $1 == "extent_count" { count = $3 }
		name[3] ~ "^data_r" kind "_[0-9]+$" && /^"pv[0-9]+", [0-9]+/ {
			gsub(/[",]/, "")
			if (uuid[$1] == mine) print first[$1] + $2 * extent, count * extent }'
}

pv_uuid()
{
	pvck --dump headers "$1.img" 2> /dev/null | awk '$1 == "pv_header.pv_uuid" && !seen++ {
		u = $2
		print substr(u, 1, 6) "-" substr(u, 7, 4) "-" substr(u, 11, 4) "-" substr(u, 15, 4) "-" substr(u, 19, 4) "-" \
			substr(u, 23, 4) "-" substr(u, 27, 6) }'
}

expect()
{
	local offset length

	leg_runs "$1" | while read -r offset length; do
		dd if="$1.img" iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$length" bs=64k status=none
	done > leg.tmp
	[ -s leg.tmp ] || fail "the leg of $1 was not found by standard tools"
	e2fsck -fy leg.tmp > e2fsck.log 2>&1 || [ $? -le 2 ] || fail "e2fsck of $1's leg: $(tail -n 1 e2fsck.log)"
	rm -rf tree
	mkdir tree
	debugfs -R "rdump /cfg /fw /log tree" leg.tmp > debugfs.log 2>&1
	(cd tree && find . -type f -print0 | sort -z | xargs -0 sha256sum) > expected
	[ "$(wc -l < expected)" -ge 3 ] || fail "$1's leg has no files"
	rm -rf leg.tmp tree
}

# Writes TEXT (as printf has it) at a byte of a copy's leg, or of its metadata.
poke() # COPY image|meta OFFSET TEXT
{
	local start

	start=$(leg_runs "$1" "$2" | awk '{ print $1; exit }')
	# shellcheck disable=SC2059 # the text is a format on purpose
	printf "$4" | dd of="$1.img" bs=1 seek=$((start + $3)) conv=notrunc status=none
}

# Where a copy's leg (of one segment) holds TEXT.
offset_of() # COPY TEXT
{
	local at start

	at=$(grep -a -o -b "$2" "$1.img" | head -n 1)
	start=$(leg_runs "$1" | awk '{ print $1; exit }')
	[ -n "$at" ] || fail "'$2' was not found on $1"
	echo $((${at%%:*} - start))
}

# Marks a region below 8 of the bitmap unsettled, as a crash leaves it (md-bitmap.h: bits from byte 4096 + 256 on).
unsettle() # REGION COPY...
{
	local region=$1 copy

	shift
	for copy; do
		poke "$copy" meta $((4096 + 256)) "\\x$(printf '%02x' $((1 << region)))"
	done
}

# Bitmap and superblock of a copy with six regions, by xxd: "events N cleared N failed N bits HEX"; md sets the bits
# beyond the last region.
log_of()
{
	local start

	start=$(leg_runs "$1" meta | awk '{ print $1; exit }')
	echo "events $(number "$1" $((start + 16))) cleared $(number "$1" $((start + 4096 + 32)))" \
		"failed $(number "$1" $((start + 24)))" \
		"bits $(printf '%02x' $((0x$(xxd -s $((start + 4096 + 256)) -l 1 -p "$1.img") & 0x3f)))"
}

number() { echo $((0x$(xxd -s "$2" -l 8 -p "$1.img" | fold -w 2 | tac | tr -d '\n'))); }

blank()
{
	rm -f "$1.img"
	truncate -s "$2" "$1.img"
}

choose()
{
	local name prefix is_chosen

	chosen=()
	for name in "${cases[@]}"; do
		is_chosen=$((!$#))
		for prefix; do
			case $name in "$prefix"*) is_chosen=1 ;; esac
		done
		[ "$is_chosen" = 0 ] || chosen+=("$name")
	done
}

report() # NAME WORD SECONDS [TEXT]
{
	case $2 in
	ok) passed=$((passed + 1)) ;;
	FAIL) failed=$((failed + 1)) ;;
	skip) skipped=$((skipped + 1)) ;;
	esac
	printf '%-4s %-28s %s\n' "$2" "$1" "${3:-}"
}

# Unpacks the scenario and plays the host's part. 77: there is no such scenario.
prepare()
{
	local name=$1 file function=${1//-/_}_host

	mkdir -p "$work/$name"
	cd "$work/$name"
	for file in "$here/images/${scenario_of[$name]}"/*.img.zst; do
		[ -e "$file" ] || return 77
		zstd -qd -f "$file" -o "$(basename "$file" .zst)"
	done
	: > expected
	"$function"
}

# The guest's part of a case, as a subshell that prints "case NAME ok" or says what failed.
guest_part()
{
	local function=${1//-/_}_guest

	printf 'begin_case %s\ncat > /run/expected <<"END_OF_EXPECTED"\n%s\nEND_OF_EXPECTED\n' "$1" "$(cat "$work/$1/expected")"
	printf "set +e\n(\nset -eu\n"
	declare -f "$function" | sed '1,2d;$d'
	printf ')\nend_case %s $?\n' "$1"
}

# Boots one guest for the cases given; a disk is called cNUMBER.COPY, for a serial number has 20 characters.
boot()
{
	local name image arguments=() n=0 batch=$work/batch-$1

	cat "$here/harness/guest-lib.sh" "$here/harness/kernel-guest.sh" > "$batch.script"
	for name; do
		for image in "$work/$name"/*.img; do
			arguments+=(-d "c$n.$(basename "$image" .img)=$image")
		done
		echo "case_number=$n" >> "$batch.script"
		guest_part "$name" >> "$batch.script"
		n=$((n + 1))
	done
	"$here/harness/vm" -t 1200 "${arguments[@]}" "$batch.script" > "$batch.console" 2>&1 ||
		echo "the guest ended with $?" >> "$batch.console"
}

finish()
{
	local name=$1 console=$2 text

	sed -n "/^case $name begins/,/^case $name ends/p" "$console" > "$work/$name/console"
	if ! grep -q "^case $name ends: ok" "$work/$name/console"; then
		report "$name" FAIL "$(grep '^guest: \|^FAIL' "$work/$name/console" | head -n 2 | tr '\n' ' ')"
		sed 's/^/    /' "$work/$name/console" | tail -n 30
		[ -s "$work/$name/console" ] || tail -n 5 "$console" | sed 's/^/    /'
		return
	fi
	if declare -F "${name//-/_}_after" > /dev/null && ! text=$(cd "$work/$name" && set -e && "${name//-/_}_after"); then
		report "$name" FAIL "afterwards: $text"
		return
	fi
	report "$name" ok "$(sed -n 's/^figures: //p' "$work/$name/console" | tr '\n' ' ')"
}

disks_of() { find "$work/$1" -name '*.img' | wc -l; }

# As many guests at once as there are processors, each with the disks of several cases; a guest boots as soon as its
# cases are prepared.
run_chosen()
{
	local name code text disks=0 batch='' batches=()

	for name in "${chosen[@]}"; do
		code=0
		text=$(set -e; prepare "$name") || code=$?
		if [ "$code" = 77 ]; then
			report "$name" skip "there is no scenario ${scenario_of[$name]}"
			continue
		fi
		if [ "$code" != 0 ]; then
			report "$name" FAIL "on the host: $text"
			continue
		fi
		if [ $((disks + $(disks_of "$name"))) -gt "$DISKS_MAX" ]; then
			boot_when_free "$batch"
			batches+=("$batch")
			batch='' disks=0
		fi
		batch="$batch $name"
		disks=$((disks + $(disks_of "$name")))
	done
	if [ -n "$batch" ]; then
		boot_when_free "$batch"
		batches+=("$batch")
	fi
	wait
	for text in "${batches[@]}"; do
		# shellcheck disable=SC2086
		set -- $text
		for name; do
			finish "$name" "$work/batch-$1.console"
		done
	done
}

boot_when_free()
{
	while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do
		wait -n
	done
	# shellcheck disable=SC2086 # names of cases
	boot $1 &
}

# A rebuild that is killed before its first block of content is written, as soon as the target is marked.
cut_off()
{
	local words code=0

	mapfile -t words < <(arguments_of "$@")
	"$build/svc-resync" --yes --no-save --rate 1 "${words[@]}" >> resync.log 2>&1 &
	sleep 1.5
	kill -KILL $!
	wait $! 2> /dev/null || code=$?
	[ "$code" = 137 ] || { tail -n 5 resync.log; fail "svc-resync was not killed in the middle: $code"; }
}
