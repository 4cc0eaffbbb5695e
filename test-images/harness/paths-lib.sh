# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, build, work, keep: of test-images/paths
#
# The two guests, the array and the keys of test-images/paths.
#
#     run a|b COMMAND           in the guest; its output and status
#     check NAME a|b COMMAND    the same, as a test: status 0
#     expect NAME STATUS TEXT a|b COMMAND   a test: this status, and TEXT (a regular expression) in the output
#     figure NAME TEXT          a line of figures

declare -A channel_in channel_out qemu_of
more=() # further arguments of QEMU
array='' control_port=$((20000 + $$ % 10000)) iscsi_port=$((30000 + $$ % 10000))
iqn=iqn.2026-01.svc:array

# shellcheck disable=SC2317 # called by the trap
clean_up()
{
	local guest

	for guest in a b; do
		[ -z "${qemu_of[$guest]:-}" ] || kill -KILL "${qemu_of[$guest]}" 2> /dev/null
	done
	if [ -n "$array" ]; then
		kill -CONT "$array" # it may have been stopped
		timeout 5 tgtadm -C "$control_port" --op delete --mode target --tid 1 --force > /dev/null 2>&1
		timeout 5 tgtadm -C "$control_port" --op delete --mode system > /dev/null 2>&1
		sleep 0.3
		kill -KILL "$array" 2> /dev/null
	fi
	[ -n "$keep" ] || rm -rf "$work"
}

make_keys()
{
	local d

	mkdir -p "$work"/tls/{good,other,expired,none,old} "$work/psk"
	(
		cd "$work/tls" || exit
		for d in good other; do
			certtool --generate-privkey --key-type=ecdsa --outfile $d/ca-key.pem
			printf 'cn = %s\nca\ncert_signing_key\nexpiration_days = 3650\n' $d > ca.info
			# The guests' clock stands in the past of 2026.
			printf 'activation_date = "2026-01-01 00:00:00"\n' >> ca.info
			certtool --generate-self-signed --load-privkey $d/ca-key.pem --template ca.info --outfile $d/ca-cert.pem
		done
		issue() # DIRECTORY AUTHORITY KIND NAME LAST-DAY
		{
			certtool --generate-privkey --key-type=ecdsa --outfile "$1/$3-key.pem"
			printf 'cn = %s\ndns_name = %s\nip_address = 10.9.0.2\ntls_www_%s\nsigning_key\n' "$4" "$4" "$3" > "$1/$3.info"
			printf 'activation_date = "2026-01-01 00:00:00"\nexpiration_date = "%s"\n' "$5" >> "$1/$3.info"
			certtool --generate-certificate --load-ca-certificate "$2/ca-cert.pem" --load-ca-privkey "$2/ca-key.pem" \
				--load-privkey "$1/$3-key.pem" --template "$1/$3.info" --outfile "$1/$3-cert.pem"
		}
		issue good good server controller-other "2036-01-01 00:00:00"
		issue good good client controller-a "2036-01-01 00:00:00"
		issue other other client controller-a "2036-01-01 00:00:00"
		issue expired good client controller-a "2026-01-02 00:00:00"
		issue old good server controller-other "2026-01-02 00:00:00"
		# Ready made: QEMU would make its own at each start.
		certtool --get-dh-params --sec-param medium --outfile good/dh-params.pem
		cp good/{ca-cert,dh-params}.pem old/
		cp good/ca-cert.pem expired/
		cp good/ca-cert.pem none/
		psktool -u controller-a -p ../psk/keys
		psktool -u stranger -p ../psk/keys
		psktool -u controller-a -p ../psk/wrong
	) > "$work/keys.log" 2>&1 || { cat "$work/keys.log"; exit 70; }
}

make_initrd() # "MORE PROGRAMS" [-f FILE:PATH ...]
{
	local programs=$1

	shift
	make -s -C "$here" guest B="$build" > "$work/make.log" 2>&1 || { cat "$work/make.log"; exit 70; }
	cc -D_GNU_SOURCE -O2 -static -Wall -Wextra -Werror -o "$work/path-tool" "$here/path-tool.c" || exit 70
	KERNEL=$(make -s -C "$here" kernel B="$build")
	export KERNEL
	PATH=$work:$build:$PATH "$here/harness/mkinitrd" -m "virtio_scsi sd_mod sg virtio_net nbd dm-multipath dm-round-robin dm-flakey" \
		-p "svc-pathcheck svc-compare svc-resync qemu-nbd path-tool grep $programs" "$@" -o "$work/initrd" || exit 70
}

make_all()
{
	local files=() file

	make_keys
	for file in "$work"/tls/*/*.pem "$work"/psk/*; do
		files+=(-f "$file:${file#"$work"}")
	done
	file=$(nbdkit --dump-config | sed -n 's/^plugindir=//p')/nbdkit-nbd-plugin.so
	files+=(-f "$file:$file")
	make_initrd "svc-boot nbdkit nbd-server" "${files[@]}"
	truncate -s 128M "$work"/{flash-a,flash-b,shared,other}.img
}

start_array()
{
	tgtd -f -C "$control_port" --iscsi "portal=127.0.0.1:$iscsi_port" > "$work/tgtd.log" 2>&1 &
	array=$!
	sleep 1
	{
		tgtadm -C "$control_port" --lld iscsi --op new --mode target --tid 1 -T "$iqn" &&
			tgtadm -C "$control_port" --lld iscsi --op new --mode logicalunit --tid 1 --lun 1 -b "$work/shared.img" &&
			tgtadm -C "$control_port" --lld iscsi --op bind --mode target --tid 1 -I ALL
	} || { cat "$work/tgtd.log"; exit 70; }
}

start_guest() # a|b
{
	local other=b disks=()

	[ "$1" = a ] || other=a
	# shellcheck disable=SC2054 # the commas are QEMU's
	[ "$1" = "${other_at:-b}" ] && disks=(-drive "file=$work/${other_image:-other.img},if=none,id=o,format=raw,file.locking=off" -device virtio-blk-pci,drive=o,serial=other)
	rm -f "$work/channel-$1.in" "$work/channel-$1.out"
	mkfifo "$work/channel-$1.in" "$work/channel-$1.out"
	# Without KVM: /dev/kvm may be there and hang the guest (harness/vm).
	qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -cpu max -m "${memory:-640}" -smp 1 -display none -monitor none -no-reboot -nodefaults \
		-rtc "${clock:-base=2026-03-01T08:00:00,clock=vm}" -serial "file:$work/console-$1" -serial "file:$work/status-$1" -serial "pipe:$work/channel-$1" \
		-kernel "$KERNEL" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet panic=-1 cryptomgr.notests mitigations=off no_timer_check guest=$1 net.ifnames=0 ${words:-}" \
		-fw_cfg "name=opt/svc/script,file=${guest_script:-$here/harness/paths-guest.sh}" \
		-drive "file=$work/flash-$1.img,if=none,id=f,format=raw,cache=writeback,file.locking=off" -device "virtio-blk-pci,drive=f,serial=flash-$1" \
		"${disks[@]}" "${more[@]}" \
		-iscsi "initiator-name=iqn.2026-01.svc:$1" -device virtio-scsi-pci \
		-drive "file=iscsi://127.0.0.1:$iscsi_port/$iqn/1,if=none,id=sh,format=raw,cache=none" -device scsi-block,drive=sh,share-rw=on \
		-netdev "dgram,id=l,local.type=unix,local.path=$work/link-$1,remote.type=unix,remote.path=$work/link-$other" \
		-device "virtio-net-pci,netdev=l,mac=52:54:00:09:00:0$1" \
		< /dev/null > "$work/qemu-$1.log" 2>&1 &
	qemu_of[$1]=$!
	disown
	exec {fd}<> "$work/channel-$1.in"
	channel_in[$1]=$fd
	exec {fd}<> "$work/channel-$1.out"
	channel_out[$1]=$fd
}

# Reads an answer; its output goes to $output.
answer() # a|b SECONDS
{
	local line

	output=
	while IFS= read -r -t "$2" -u "${channel_out[$1]}" line; do
		case $line in
		"= "*) return "${line#= }" ;;
		"|"*) output+=${line#|}$'\n' ;;
		esac
	done
	output+="no answer from controller $1"$'\n'
	return 124
}

wait_for()
{
	answer "$1" 600 || { echo "controller $1 does not come up"; tail -n 20 "$work/console-$1" "$work/qemu-$1.log"; exit 70; }
}

run() # a|b COMMAND
{
	echo "$2" >&"${channel_in[$1]}"
	answer "$1" 600
}

result() # NAME IS-GOOD
{
	if [ "$2" = 1 ]; then
		passed=$((passed + 1))
		printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1))
		printf 'FAIL %s\n' "$1"
		printf '%s' "$output" | tail -n 60 | sed 's/^/     /'
	fi
}

check() # NAME a|b COMMAND
{
	local good=1

	run "$2" "$3" || good=0
	result "$1" $good
}

expect() # NAME STATUS TEXT a|b COMMAND
{
	local status=0 good=1

	run "$4" "$5" || status=$?
	[ "$status" = "$2" ] || good=0
	grep -qE "$3" <<< "$output" || good=0
	[ $good = 1 ] || output+="status $status, expected $2 and: $3"$'\n'
	result "$1" $good
}

figure() { printf '     %s: %s\n' "$1" "$2"; }
