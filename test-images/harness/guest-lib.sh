# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the scenarios' guest scripts are written in; put in front of each of them. In the guest, the disks that
# the host attached are /dev/d_NAME. One boot can play several lives of a controller: `on NAME...` takes every
# other disk away from the kernel (the driver is unbound) and brings the named ones.
#
#     on NAME...             only these disks are there; nothing may be active
#     make_mirror NAME...    PVs, VG svc, raid1 LV svc/data with one leg per name in this order, ext4 in it
#     layout                 tells the host where on each disk each sub-LV lies
#     up / down              activate and mount on /mnt / unmount and deactivate
#     activate / deactivate  the same without mounting
#     settle                 wait until no resync or recovery runs
#     blocks FILE N TEXT     N blocks of 4 KiB in FILE, each naming the file, TEXT and its number
#     overwrite FILE FIRST N TEXT   the same, in place, over blocks FIRST.. of a file that exists
#     first_files            the files every scenario starts with
#     gate NAME [FIRST N]    /dev/mapper/gate_NAME: the disk NAME, all of it or N sectors from FIRST behind a device that
#                            can be closed
#     close_gate NAME        from now on writes to it are in flight and stay so
#     until_on NAME TEXT     wait until the disk NAME itself holds TEXT
#     power_cut WORD         the host cuts the power here (vm -c WORD)
#
# make_mirror's settings, by environment: VG=svc LV=data EXTENT=512k SIZE=12m REGION=(LVM's default) BLOCK=4096
# JOURNAL=4 (MiB) INODES=256 FEATURES=(mke2fs -O) PVCREATE="--bootloaderareasize 1m" TYPE=raid1
# LVCREATE=(more options) MKE2FS=(more options)

set -eu

say() { echo "== $*"; }

die()
{
	echo "guest: $*"
	exit 1
}

# Which virtio device is which disk; the serial number can only be read while the driver is bound.
note_disks()
{
	for block in /sys/block/vd*; do
		[ -e "$block/serial" ] || continue
		device=$(readlink -f "$block/device")
		echo "$(cat "$block/serial") ${device##*/}"
	done > /run/disks
}

on()
{
	[ "$(dmsetup ls)" = "No devices found" ] || die "on $*: something is still active"
	want=" $* "
	driver=/sys/bus/virtio/drivers/virtio_blk
	while read -r name device; do
		case $want in
		*" $name "*) [ -e $driver/"$device" ] || echo "$device" > $driver/bind ;;
		*) [ ! -e $driver/"$device" ] || echo "$device" > $driver/unbind ;;
		esac
	done < /run/disks
	link-disks
	for name; do
		[ -b "/dev/d_$name" ] || die "there is no disk $name"
	done
	say "on $*"
}

# The device a PV is made on: the disk, or its gate where there is one.
pv_of()
{
	if [ -b "/dev/mapper/gate_$1" ]; then
		echo "/dev/mapper/gate_$1"
	else
		readlink -f "/dev/d_$1"
	fi
}

make_vg()
{
	pvs=
	for name; do
		pvs="$pvs $(pv_of "$name")"
	done
	# shellcheck disable=SC2086 # lists of words
	pvcreate -q ${PVCREATE---bootloaderareasize 1m} $pvs
	# shellcheck disable=SC2086
	vgcreate -q --setautoactivation n -s "${EXTENT:-512k}" "${VG:-svc}" $pvs
}

make_lv()
{
	pvs=
	for name; do
		pvs="$pvs $(pv_of "$name")"
	done
	# shellcheck disable=SC2086
	lvcreate -q -y -W n --type "${TYPE:-raid1}" -m $(($# - 1)) -L "${SIZE:-12m}" ${REGION:+-R "$REGION"} -n "${LV:-data}" \
		${LVCREATE-} "${VG:-svc}" $pvs
	settle
}

make_fs()
{
	# shellcheck disable=SC2086
	mke2fs -q -F -t ext4 -b "${BLOCK:-4096}" -N "${INODES:-256}" -J "size=${JOURNAL:-4}" -L persistent ${FEATURES:+-O $FEATURES} \
		-E lazy_itable_init=0,lazy_journal_init=0,nodiscard ${MKE2FS-} "/dev/${VG:-svc}/${LV:-data}"
}

make_mirror()
{
	make_vg "$@"
	make_lv "$@"
	make_fs
	layout
	mount_data
	first_files
	down
}

layout()
{
	vg=${VG:-svc}
	extent=$(vgs --noheadings --units b --nosuffix -o vg_extent_size "$vg" | tr -d ' ')
	pvs --noheadings --units b --nosuffix -o pv_name,pe_start -S "vg_name=$vg" | while read -r pv start; do
		for link in /dev/d_*; do
			real=$pv
			case $pv in /dev/mapper/gate_*) real=/dev/d_${pv#/dev/mapper/gate_} ;; esac
			[ "$(readlink -f "$real")" = "$(readlink -f "$link")" ] || continue
			lvs -a --noheadings --segments --separator ' ' -O lv_name,seg_start -o lv_name,seg_pe_ranges "$vg" |
				tr -d '[]' | while read -r lv ranges; do
				for range in $ranges; do
					[ "${range%:*}" = "$pv" ] || continue
					range=${range##*:}
					first=${range%-*} last=${range#*-}
					echo "layout ${link#/dev/d_} $lv" \
						"$((start + first * extent)):$(((last - first + 1) * extent))"
				done
			done
		done
	done
}

settle()
{
	quiet=0
	while [ $quiet -lt 3 ]; do
		busy=$(dmsetup status | awk '
			{ wants = $4 == "raid" || $4 == "mirror" }
			wants { for (i = 5; i <= NF; i++) if ($i ~ /^[0-9]+\/[0-9]+$/) { split($i, n, "/"); if (n[1] != n[2]) print $1; break } }
			$4 == "raid" && $9 != "idle" && $9 != "frozen" { print $1 }')
		if [ -z "$busy" ]; then quiet=$((quiet + 1)); else quiet=0; fi
		sleep 0.1
	done
}

activate()
{
	vgchange -q -ay "${VG:-svc}"
	settle
	dmsetup status --target raid
}

mount_data() { mount -t ext4 -o noatime,nodelalloc "/dev/${VG:-svc}/${LV:-data}" /mnt; }

deactivate() { vgchange -q -an "${VG:-svc}"; }

up()
{
	activate
	mount_data
}

down()
{
	sync
	umount /mnt
	deactivate
}

blocks()
{
	awk -v file="${1##*/}" -v n="$2" -v text="$3" 'BEGIN {
		for (i = 0; i < n; i++) printf "%-4095s\n", file " " text " block " i }' > "$1"
}

overwrite()
{
	awk -v file="${1##*/}" -v first="$2" -v n="$3" -v text="$4" 'BEGIN {
		for (i = first; i < first + n; i++) printf "%-4095s\n", file " " text " block " i }' > /tmp/overwrite
	dd if=/tmp/overwrite of="$1" bs=4096 seek="$2" conv=notrunc,fsync 2>/dev/null
}

first_files()
{
	mkdir -p /mnt/cfg /mnt/log /mnt/fw
	blocks /mnt/cfg/table.db 64 first
	blocks /mnt/cfg/network.conf 1 first
	blocks /mnt/log/events 16 first
	blocks /mnt/fw/image.bin 128 first
	sync
}

gate()
{
	size=$(blockdev --getsz "/dev/d_$1") first=${2:-0}
	count=${3:-$size}
	last=$((first + count))
	dmsetup create "door_$1" --table "0 $count linear /dev/d_$1 $first"
	dmsetup mknodes
	{
		[ "$first" = 0 ] || echo "0 $first linear /dev/d_$1 0"
		echo "$first $count linear /dev/mapper/door_$1 0"
		[ "$last" = "$size" ] || echo "$last $((size - last)) linear /dev/d_$1 $last"
	} | dmsetup create "gate_$1"
	dmsetup mknodes
	# LVM must take the gate and not what is behind it.
	accepted='"a|^/dev/mapper/gate_|"'
	for link in /dev/d_*; do
		[ -e "/dev/mapper/gate_${link#/dev/d_}" ] || accepted="$accepted, \"a|^$link\$|\""
	done
	echo "devices { global_filter=[ $accepted, \"r|.*|\" ] }" > /etc/lvm/lvmlocal.conf
}

# The door delays writes for longer than any script runs; reads and flushes pass, so that nothing else waits.
close_gate()
{
	set -- "$1" "$(dmsetup table "door_$1")"
	# shellcheck disable=SC2086 # start, length, linear, device, offset
	set -- "$1" $2
	dmsetup load "door_$1" --table "$2 $3 delay $5 $6 0 $5 $6 3600000 $5 $6 0"
	dmsetup suspend --nolockfs "door_$1"
	dmsetup resume "door_$1"
}

until_on()
{
	while :; do
		# What the disk holds, not what the page cache does.
		echo 1 > /proc/sys/vm/drop_caches
		! grep -q -a "$2" "/dev/d_$1" || break
		sleep 0.1
	done
}

power_cut()
{
	mark "$1"
	sleep 1000
}

note_disks
