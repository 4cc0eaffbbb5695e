# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the initramfs-tools hook and the dracut module have in common when they make an image: what svc.conf asks for,
# and how LVM is kept away from the mirror in the image. Sourced; SVC_CONF names another svc.conf; SVC_EVERYTHING: what
# any svc.conf may ask for, so that another one can be put into the image.
#
#     svc_read                 reads svc.conf; false, and said why, where it cannot be used: no image can be made then
#     svc_needs WORD           what svc-boot --needs has of this word: device, server, file, directory
#     svc_devices              the devices of the copies
#     svc_uses nbd|nbds        true where a copy is behind NBD at all, or with TLS
#     svc_tls_files            the files that TLS needs
#     svc_udev_rules           rules that keep LVM from activating the mirror when its devices appear
#     svc_lvm_config           what to append to the image's lvmlocal.conf
#     svc_names                the names of the program svc besides its own
#     svc_programs, svc_modules, svc_terminals  what an image needs besides

: "${SVC_CONF:=/etc/svc/svc.conf}" "${SVC_SBIN:=/usr/sbin}" "${SVC_SHARE:=/usr/share/svc}"

# The program itself says what it will find in svc.conf at boot: two parsers would not agree for ever.
svc_read()
{
	svc_needed=$("$SVC_SBIN/svc-boot" --needs --config "$SVC_CONF") || return
	svc_devices | while IFS= read -r svc_device; do
		case $svc_device in
		/dev/?*) ;;
		*) echo "W: svc: $svc_device is not below /dev: udev and LVM are not kept away from it" >&2 ;;
		esac
	done
}

svc_needs()
{
	printf '%s\n' "$svc_needed" | sed -n "s/^$1 //p"
}

svc_devices()
{
	svc_needs device
}

svc_uses()
{
	[ -z "${SVC_EVERYTHING:-}" ] || return 0
	case $1 in
	nbd) svc_needs server | grep -q . ;;
	nbds) svc_needs server | grep -qi '^nbds' ;;
	esac
}

svc_tls_files()
{
	svc_needs file
	svc_needs directory | while IFS= read -r svc_directory; do
		find "$svc_directory/" -maxdepth 1 -name '*.pem'
	done
}

# udev's rule 69-lvm.rules runs `vgchange -aay` as soon as a volume group is complete. It passes over devices that
# belong to a multipath map; DM_MULTIPATH_DEVICE_PATH says so, and nobody else acts on it for a PV. A filter in
# lvm.conf would not do: the rule runs before the symbolic links exist that such a filter names.
svc_udev_rules()
{
	cat <<-'RULES'
	# Made from svc.conf with the initramfs: svc-boot(8) alone activates what is on these devices.
	SUBSYSTEM!="block", GOTO="svc_end"
	ENV{ID_FS_TYPE}!="LVM2_member", GOTO="svc_end"
	ENV{ID_FS_UUID_ENC}=="?*", SYMLINK+="disk/by-id/lvm-pv-uuid-$env{ID_FS_UUID_ENC}"
	RULES
	# udev has globs; what is neither a plain character nor one of udev's is matched by `?`.
	svc_devices | sed -n -e 's|[^A-Za-z0-9#+.:=@_/-]|?|g' \
		-e 's|^/dev/\(.*\)|KERNEL=="\1", ENV{DM_MULTIPATH_DEVICE_PATH}="1"\nSYMLINK=="\1", ENV{DM_MULTIPATH_DEVICE_PATH}="1"|p'
	if svc_uses nbd; then
		echo 'KERNEL=="nbd*", ENV{DM_MULTIPATH_DEVICE_PATH}="1"'
	fi
	# The one device that is made of both paths, lib/path.
	echo 'ENV{DM_UUID}=="svc-paths-*", ENV{DM_MULTIPATH_DEVICE_PATH}="1"'
	echo 'LABEL="svc_end"'
}

# The value of an array as the host has it, without brackets; nothing where it is not set.
svc_lvm_array()
{
	LVM_SUPPRESS_FD_WARNINGS=1 lvm lvmconfig "$1" 2>/dev/null | sed -n -e '/^[a-z_]*=/!d' -e 's///' \
		-e 's/^\[\(.*\)\]$/\1/' -e p
}

# A device passes LVM's regex filter if one of its names is accepted, even where another one is rejected. So the host's
# global_filter, which may accept kernel names, becomes the filter, and ours stands alone: both have to be passed.
svc_lvm_config()
{
	svc_own=$(svc_devices | sed -e 's|[^A-Za-z0-9:_/-]|.|g' -e 's/.*/"r|^&$|"/' | paste -sd ,)
	! svc_uses nbd || svc_own=$svc_own${svc_own:+,}'"r|^/dev/nbd|"'
	[ -n "$svc_own" ] || return 0
	svc_global=$(svc_lvm_array devices/global_filter)
	if [ -n "$svc_global" ] && [ -n "$(svc_lvm_array devices/filter)" ]; then
		svc_own=$svc_own,$svc_global svc_global=
	fi
	printf '\n# The legs of the mirror: svc-boot(8) alone activates them, with a filter of its own.\ndevices {\n'
	printf '\tglobal_filter = [ %s ]\n' "$svc_own"
	[ -z "$svc_global" ] || printf '\tfilter = [ %s ]\n' "$svc_global"
	printf '}\n'
}

svc_names()
{
	for svc_name in "$SVC_SBIN"/svc-*; do
		[ "$(readlink -f "$svc_name")" != "$(readlink -f "$SVC_SBIN/svc")" ] || echo "${svc_name##*/}"
	done
}

svc_programs()
{
	echo /sbin/lvm /sbin/dmsetup /sbin/e2fsck
}

svc_modules()
{
	echo dm_mod dm_raid raid1 dm_multipath dm_round_robin ext4
	! svc_uses nbd || echo nbd
}

svc_terminals()
{
	for svc_name in v/vt100 v/vt102 v/vt220 l/linux x/xterm; do
		for svc_directory in /etc/terminfo /lib/terminfo /usr/share/terminfo; do
			if [ -e "$svc_directory/$svc_name" ]; then
				echo "$svc_directory/$svc_name"
				break
			fi
		done
	done
}
