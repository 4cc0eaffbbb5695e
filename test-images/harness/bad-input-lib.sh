# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What test-images/bad-input is written in. Works in a directory of its own, with a.img and s.img.
#
#     bad NAME EXITS COPY PATTERN ARGUMENT...   a copy that is no good: EXITS is one exit code, or several with
#                                               commas where either is right; one sentence names COPY
#     usage NAME EXIT PATTERN ARGUMENT...       a mistake of the caller's: one sentence on stderr, no report
#     remark NAME EXIT COPY ID ARGUMENT...      a flaw that changes nothing: the report has the reason ID once
#     fine NAME EXIT ARGUMENT...                not bad at all
#     metadata NAME CODE                        flash-a's LVM metadata changed by CODE (edit-metadata)
#     as_nobody COMMAND...                      the same without root's rights

# shellcheck disable=SC2154 # here, only, program: bad-input sets them
passed=0 failed=0 skipped=0 servers=() loops=() runner=() limit_seconds=30
PATH=$PATH:/sbin:/usr/sbin
work=$(mktemp -d)

# shellcheck disable=SC2317 # called by the trap
free_loops()
{
	local loop

	for loop in "${loops[@]}"; do
		losetup -d "$loop"
	done
	loops=()
}

# shellcheck disable=SC2317 # called by the trap
clean_up()
{
	stop_servers
	free_loops
	rm -rf "$work"
}
trap clean_up EXIT
chmod 755 "$work"
mkdir "$work/bin"
cp -L "$program" "$work/bin/svc-compare"
cd "$work" || exit

unpack()
{
	zstd -qdf --sparse "$here/images/$1/$2.img.zst" -o "$3.pristine"
	fresh "$3"
}

fresh()
{
	cp --sparse=always "$1.pristine" "$1.img"
}

# The images are made anew at times; what lies where is checked before it is changed.
has_magic()
{
	if [ "$(dd if="$1.img" bs=1 skip="$2" count=${#3} status=none | od -An -tx1)" != "$(printf %s "$3" | od -An -tx1)" ]; then
		echo "bad-input: $1.img has something else at byte $2" >&2
		exit 1
	fi
}

poke()
{
	# shellcheck disable=SC2059 # the caller writes bytes as printf has them
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

flip()
{
	local byte

	byte=$(dd if="$1" bs=1 skip="$2" count=1 status=none | od -An -tu1)
	poke "$1" "$2" "$(printf '\\x%02x' $((byte ^ 255)))"
}

edit()
{
	"$here/harness/edit-metadata" "$1.img" "$2"
}

is_wanted()
{
	local prefix

	[ ${#only[@]} != 0 ] || return 0
	for prefix in "${only[@]}"; do
		case $1 in "$prefix"*) return 0 ;; esac
	done
	return 1
}

requires()
{
	local tool

	for tool; do
		if ! command -v "$tool" > /dev/null; then
			echo "skip: $tool is not installed"
			skipped=$((skipped + 1))
			return 1
		fi
	done
}

verdict()
{
	if [ "$2" = "" ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1: $2"
		sed 's/^/    /' err | cut -c 1-300 | head -n 6
	fi
}

checksums()
{
	find . -maxdepth 1 -name '*.img' -type f -readable -exec sha1sum {} + | sort
}

# Runs the program; prints what is wrong with the run itself. Its exit code is in `code`, output in out and err.
run()
{
	local before started=$SECONDS

	before=$(checksums)
	code=0
	timeout -k 2 30 "${runner[@]}" bin/svc-compare "$@" > out 2> err || code=$?
	problem=
	if [ "$code" = 124 ] || [ "$code" = 137 ]; then
		problem="hangs"
	elif [ "$code" -ge 128 ]; then
		problem="died of signal $((code - 128))"
	elif grep -qE 'Sanitizer|runtime error' out err; then
		problem="the sanitizer complains"
	elif [ $((SECONDS - started)) -gt "$limit_seconds" ]; then
		problem="took $((SECONDS - started)) s"
	elif [ "$(checksums)" != "$before" ]; then
		problem="an image was changed"
	elif grep -qv '^svc-compare: ' err; then
		problem="stderr has more than sentences"
	elif [ "$(sentences | count_lines)" != "$(grep -c '^svc-compare: next: .' err || true)" ]; then
		problem="a sentence on stderr without what to do next"
	fi
}

sentences()
{
	grep '^svc-compare: ' err | grep -v '^svc-compare: next: ' || true
}

count_lines()
{
	grep -c . || true
}

usage()
{
	local name=$1 exit=$2 pattern=$3

	shift 3
	is_wanted "$name" || return 0
	[ "$*" != "" ] || set --
	run --json "$@"
	if [ "$problem" = "" ]; then
		if [ "$code" != "$exit" ]; then
			problem="exit $code, not $exit"
		elif ! jq -e --argjson code "$code" '.schema == "svc/1" and .exit == $code and .command == "compare" and
			has("verdict") == false' out > /dev/null 2>&1; then
			problem="the JSON is not that of an error, or has another exit code"
		elif [ "svc-compare: $(jq -r '.error.text' out)" != "$(sentences | cut -c 1-524)" ]; then
			problem="the JSON has another sentence"
		elif [ "$(sentences | count_lines)" != 1 ]; then
			problem="not one sentence but $(sentences | count_lines)"
		elif ! sentences | grep -qE -- "$pattern"; then
			problem="the sentence does not have '$pattern'"
		fi
	fi
	verdict "$name" "$problem"
}

# Reasons about a copy in the report that are more than remarks.
reasons_about()
{
	jq -r --arg copy "$1" '.reasons[] | select(.copy == $copy) | .id + ": " + .text' out
}

judge_report()
{
	local exits=$1 copy=$2 pattern=$3 said

	if ! [[ ",$exits," == *",$code,"* ]]; then
		problem="exit $code, not $exits"
	elif ! jq -e --argjson code "$code" '.schema == "svc/1" and .exit == $code' out > /dev/null 2>&1; then
		problem="the JSON is not valid or has another exit code"
	else
		said=$(sentences | grep "^svc-compare: $copy: " || true)
		# Of a copy that is unusable stderr speaks too; of one that was read in part, only the report.
		[ "$said" != "" ] || said=$(reasons_about "$copy" | grep -E '^SVC-(READ-ERROR|OPEN|FS-DAMAGED|UNRELATED)' || true)
		if [ "$(echo "$said" | count_lines)" != 1 ]; then
			problem="not one sentence about $copy but $(echo "$said" | count_lines)"
		elif ! echo "$said" | grep -qE -- "$pattern"; then
			problem="the sentence does not have '$pattern': $said"
		fi
	fi
}

bad()
{
	local name=$1 exits=$2 copy=$3 pattern=$4 first

	shift 4
	is_wanted "$name" || return 0
	run --json "$@"
	[ "$problem" != "" ] || judge_report "$exits" "$copy" "$pattern"
	cp err err.json
	if [ "$problem" = "" ] && [ ${#servers[@]} = 0 ]; then
		first=$code
		run -v "$@"
		[ "$problem" != "" ] || [ "$code" = "$first" ] || problem="exit $code with -v, $first with --json"
	fi
	verdict "$name" "$problem"
}

remark()
{
	local name=$1 exit=$2 copy=$3 id=$4

	shift 4
	is_wanted "$name" || return 0
	run --json "$@"
	if [ "$problem" = "" ]; then
		if [ "$code" != "$exit" ]; then
			problem="exit $code, not $exit"
		elif [ "$(reasons_about "$copy" | grep -c "^$id:")" != 1 ]; then
			problem="$id is not there once"
		fi
	fi
	verdict "$name" "$problem"
}

fine()
{
	local name=$1 exit=$2

	shift 2
	is_wanted "$name" || return 0
	run --json "$@"
	if [ "$problem" = "" ] && [ "$code" != "$exit" ]; then
		problem="exit $code, not $exit"
	fi
	verdict "$name" "$problem"
}

metadata()
{
	is_wanted "metadata-$1" || return 0
	edit a "$2"
	bad "metadata-$1" 1,2 flash-a '.' flash-a=a.img shared=s.img
	fresh a
}

as_nobody()
{
	if [ "$(id -u)" = 0 ]; then
		requires setpriv || return 0
		runner=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	"$@"
	runner=()
}

# serve NAME ARGUMENT...: nbdkit with these arguments behind $work/NAME.sock, until stop_servers.
serve()
{
	local name=$1

	shift
	rm -f "$name.sock"
	start_server nbdkit -f -U "$work/$name.sock" "$@"
	wait_for test -S "$name.sock"
}

serve_tcp()
{
	local port=$1

	shift
	start_server nbdkit -f -i 127.0.0.1 -p "$port" "$@"
	wait_for eval "{ exec 4<> /dev/tcp/127.0.0.1/$port; } 2> /dev/null"
	exec 4>&-
}

# In a group of its own, and no job of this shell: it may be killed on purpose.
start_server()
{
	servers+=("$(setsid "$@" > server.log 2>&1 & echo $!)")
}

wait_for()
{
	for _ in $(seq 1200); do
		if "$@"; then
			return
		fi
		sleep 0.05
	done
	echo "bad-input: a server does not start: $(cat server.log)" >&2
	exit 1
}

stop_servers()
{
	local pid

	for pid in "${servers[@]}"; do
		# The group too: a server's scripts may still be asleep.
		kill -- "-$pid" 2> /dev/null || true
	done
	servers=()
}

finish()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
