# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Part of test-images/bad-input: NBD servers that misbehave. flash-a is behind the server, shared is a file.

# shellcheck disable=SC2154,SC2016 # bad-input sets them; scripts of the servers are meant as they stand
uri() { echo "nbd+unix:///$2?socket=$work/$1.sock"; }
over_nbd=("flash-a=$(uri nbd '')" shared=s.img)

# nbdkit's eval plugin over a.img; $1 is what happens in pread before the data, with $3 bytes wanted at $4.
serve_eval()
{
	local name=$1 before=$2

	shift 2
	serve "$name" "$@" eval get_size="echo ${size:-16777216}" \
		pread="$before; dd if=$work/a.img skip=\$4 count=\$3 iflag=skip_bytes,count_bytes bs=64K status=none"
}

server_case()
{
	is_wanted "$1" || return 0
	shift
	"$@"
	stop_servers
}

absent_servers()
{
	bad nbd-absent-tcp 5 flash-a '.' flash-a=nbd://127.0.0.1:1/ shared=s.img
	bad nbd-absent-unix 5 flash-a '.' "flash-a=$(uri absent '')" shared=s.img
	bad nbd-absent-host 5 flash-a '.' flash-a=nbd://nowhere.invalid/ shared=s.img
	bad nbd-socket-is-a-file 5 flash-a '.' "flash-a=nbd+unix:///?socket=$work/s.img" shared=s.img
	bad nbd-both-absent 5 shared '.' flash-a=nbd://127.0.0.1:1/ shared=nbd://127.0.0.1:2/
	bad nbd-no-socket 5,64 flash-a '.' flash-a=nbd+unix:/// shared=s.img
	bad nbd-bad-port 5,64 flash-a '.' flash-a=nbd://127.0.0.1:99999999/ shared=s.img
}
absent_servers

good()
{
	serve nbd file a.img
	fine nbd-good 0 "${over_nbd[@]}"
	usage nbd-same-twice 64 'same device' "flash-a=$(uri nbd '')" "shared=$(uri nbd '')"
	bad nbd-tls-on-a-unix-socket 5 flash-a 'certificate|TLS' "flash-a=nbds+unix:///?socket=$work/nbd.sock" shared=s.img
}
server_case nbd-good good

plaintext()
{
	local port=$((20000 + RANDOM % 10000))

	serve_tcp $port file a.img
	fine nbd-good-tcp 0 "flash-a=nbd://127.0.0.1:$port/" shared=s.img
	printf "user:%064d\n" 1 > keys.psk
	printf "[nbd]\ntls-psk-file = %s\ntls-username = user\n" "$work/keys.psk" > tls.conf
	chmod 600 keys.psk
	bad nbd-tls-to-plaintext 5 flash-a "TLS|tls" -c tls.conf "flash-a=nbds://127.0.0.1:$port/" shared=s.img
	bad nbd-tls-without-certificate 5 flash-a "certificate" "flash-a=nbds://127.0.0.1:$port/" shared=s.img
}
server_case nbd-tls-to-plaintext plaintext

unknown_export()
{
	serve nbd -e known eval get_size='echo 16777216' list_exports='echo NAMES; echo known' \
		open='if [ "$3" = known ]; then echo x; else echo "ENOENT no such export" >&2; exit 1; fi' pread='exit 1'
	bad nbd-unknown-export 5 flash-a '.' "flash-a=$(uri nbd unknown)" shared=s.img
}
server_case nbd-unknown-export unknown_export

# Evidence has been read by then: offset 9 MiB lies in the leg, in the journal or a file.
dies()
{
	serve_eval nbd 'if [ $4 -ge 5242880 ]; then kill -9 $PPID; fi'
	bad nbd-closes-in-mid-read 5 flash-a '.' "${over_nbd[@]}"
}
server_case nbd-closes-in-mid-read dies

dies_at_once()
{
	serve_eval nbd 'kill -9 $PPID'
	bad nbd-closes-at-the-first-read 5 flash-a '.' "${over_nbd[@]}"
}
server_case nbd-closes-at-the-first-read dies_at_once

fails_from_the_third()
{
	echo 0 > "$work/reads"
	serve_eval nbd "n=\$(cat $work/reads); n=\$((n + 1)); echo \$n > $work/reads; \
		if [ \$n -ge 3 ]; then echo EIO >&2; exit 1; fi"
	bad nbd-eio-from-the-third-read 5 flash-a '.' "${over_nbd[@]}"
}
server_case nbd-eio-from-the-third-read fails_from_the_third

fails_every_read()
{
	serve nbd --filter=error file a.img error-pread=EIO error-pread-rate=100%
	bad nbd-eio-always 5 flash-a '.' "${over_nbd[@]}"
	bad nbd-eio-always-on-shared 5 shared '.' flash-a=a.img "shared=$(uri nbd '')"
}
server_case nbd-eio-always fails_every_read

# One block of the leg, in use, cannot be read: the rest is compared, and a difference elsewhere is found.
fails_at_one_place()
{
	local start=$((leg + block * 4096))

	serve_eval nbd "if [ \$4 -lt $((start + 4096)) ] && [ \$((\$4 + \$3)) -gt $start ]; then echo EIO >&2; exit 1; fi"
	bad nbd-eio-at-one-place 5 flash-a '4096 bytes' "${over_nbd[@]}"
	has nbd-eio-offset ".copies[] | select(.name == \"flash-a\") | .content.read_errors |
		.count == 1 and .bytes == 4096 and .extents[0].offset == $((block * 4096)) and .extents[0].length == 4096"
	has nbd-eio-not-equal '.verdict != "in-sync"'
	has nbd-eio-rest-compared '.compared.bytes > 5000000 and .differences.bytes == 0'
	flip a.img $((leg + (block - 3) * 4096))
	bad nbd-eio-and-a-difference 2,5 flash-a '4096 bytes' "${over_nbd[@]}"
	has nbd-eio-difference-found ".differences.bytes == 4096 and
		.differences.extents == [{offset: $(((block - 3) * 4096)), length: 4096}]"
	fresh a
}

# The middle of the journal: in use, and nothing reads it but the comparison.
journal_block()
{
	local -a blocks

	tail -c +$((leg + 1)) a.img > leg.tmp
	read -r -a blocks < <(debugfs -R "blocks <8>" leg.tmp 2> /dev/null)
	rm -f leg.tmp
	block=${blocks[${#blocks[@]} / 2]}
}

# $1: a jq condition on the last report
has()
{
	local why=

	is_wanted "$1" || return 0
	jq -e "$2" out > /dev/null || why="the report does not have: $2"
	verdict "$1" "$why"
}

if is_wanted nbd-eio-at-one-place && requires debugfs; then
	journal_block
	server_case nbd-eio-at-one-place fails_at_one_place
fi

larger()
{
	serve nbd --filter=truncate file a.img truncate=64M
	fine nbd-larger 0 "${over_nbd[@]}"
}
server_case nbd-larger larger

# The size is a lie: what lies beyond the image cannot be read.
lies_larger()
{
	size=9223372036854775807 serve_eval nbd ':'
	fine nbd-lies-larger 0 "${over_nbd[@]}"
}
server_case nbd-lies-larger lies_larger

lies_smaller()
{
	size=8388608 serve_eval nbd ':'
	bad nbd-lies-smaller 1 flash-a '8388608' "${over_nbd[@]}"
}
server_case nbd-lies-smaller lies_smaller

lies_odd()
{
	size=8388609 serve_eval nbd ':'
	bad nbd-lies-odd 1 flash-a '8388609' "${over_nbd[@]}"
}
server_case nbd-lies-odd lies_odd

lies_empty()
{
	size=0 serve_eval nbd ':'
	bad nbd-lies-empty 5 flash-a 'empty' "${over_nbd[@]}"
}
server_case nbd-lies-empty lies_empty

# Less data than asked for: nbdkit refuses it with EIO, as a short answer would be.
short()
{
	serve nbd eval get_size='echo 16777216' pread="dd if=$work/a.img skip=\$4 count=\$((\$3 / 2)) iflag=skip_bytes,count_bytes status=none"
	bad nbd-short-answers 5 flash-a '.' "${over_nbd[@]}"
}
server_case nbd-short-answers short

# ---- servers that never answer: the time-out counts once, not once per block ----

silent()
{
	start_server perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, pack_sockaddr_un($ARGV[0])) && listen(S, 8) or die $!;
		sleep 60' "$work/silent.sock"
	wait_for test -S silent.sock
	limit_seconds=8
	bad nbd-silent 5 flash-a '.' --timeout 1 "flash-a=$(uri silent '')" shared=s.img
	limit_seconds=30
}
server_case nbd-silent silent

silent_by_default()
{
	serve nbd --filter=delay file a.img rdelay=60
	limit_seconds=25
	bad nbd-silent-for-ten-seconds 5 flash-a '.' "${over_nbd[@]}"
	limit_seconds=30
}
server_case nbd-silent-for-ten-seconds silent_by_default

slow_to_open()
{
	serve nbd --filter=delay file a.img delay-open=60
	limit_seconds=8
	bad nbd-silent-in-negotiation 5 flash-a '.' --timeout 1 "${over_nbd[@]}"
	limit_seconds=30
}
server_case nbd-silent-in-negotiation slow_to_open

stalls()
{
	serve_eval nbd 'if [ $4 -ge 5242880 ]; then sleep 60; fi'
	limit_seconds=10
	bad nbd-silent-in-mid-read 5 flash-a '.' --timeout 1 "${over_nbd[@]}"
	bad nbd-silent-in-mid-read-full 5 flash-a '.' --full --timeout 1 "${over_nbd[@]}"
	# shellcheck disable=SC2034 # read by bad()
	limit_seconds=30
}
server_case nbd-silent-in-mid-read stalls
