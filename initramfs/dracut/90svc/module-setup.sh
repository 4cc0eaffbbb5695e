#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dracut module: svc-boot(8), what svc.conf(5) asks for and a lock against LVM in the image; svc-initramfs(7).

# shellcheck disable=SC2154 # initdir, moddir: dracut's
# shellcheck source=initramfs/image-lib.sh
. "${SVC_SHARE:-/usr/share/svc}/image-lib.sh"

# called by dracut
check() {
	require_binaries "$SVC_SBIN/svc" lvm dmsetup || return 1
	# Without a configuration the image has no mirror to look after.
	[[ -e $SVC_CONF ]] || return 255
	# To leave the module out, or a part of it, is what dracut does by itself, and goes on: this has to stop it.
	svc_read || {
		dfatal "svc: no image can be made with this $SVC_CONF: nothing in it would keep LVM from the mirror"
		exit 1
	}
	return 0
}

# Whether dracut can install the module: it leaves out whoever depends on one that it cannot.
can_have() {
	(check_module "$1" > /dev/null)
}

# called by dracut
depends() {
	svc_read || return 1
	echo dm rootfs-block
	if svc_uses nbd; then
		if can_have network; then
			echo network
		else
			derror "svc: svc.conf has a copy behind NBD, and dracut's module network cannot be installed" \
				"(dracut-network): this image will look after the mirror without that path"
		fi
	fi
	return 0
}

# called by dracut
installkernel() {
	svc_read || return 1
	# shellcheck disable=SC2046 # one word per module
	hostonly='' instmods $(svc_modules)
}

# called by dracut
install() {
	local name file

	svc_read || return 1
	inst_simple "$SVC_CONF" /etc/svc/svc.conf
	inst_binary "$SVC_SBIN/svc" /usr/sbin/svc
	for name in $(svc_names); do
		ln -sf svc "$initdir/usr/sbin/$name"
	done
	# shellcheck disable=SC2046 # one word per file
	inst_multiple $(svc_programs) $(svc_terminals)

	# Both come after module lvm, which copies the host's configuration.
	mkdir -p "$initdir/usr/lib/udev/rules.d" "$initdir/etc/lvm"
	svc_udev_rules > "$initdir/usr/lib/udev/rules.d/63-svc.rules"
	svc_lvm_config >> "$initdir/etc/lvm/lvmlocal.conf"

	if svc_uses nbd; then
		! dracut_module_included network || inst_script "$moddir/network-up.sh" /usr/lib/svc/network-up
		[[ ! -e /etc/hosts ]] || inst_simple /etc/hosts
	fi
	if svc_uses nbds; then
		inst_binary nbdkit
		for file in /usr/lib/*/nbdkit/plugins/nbdkit-nbd-plugin.so /usr/lib64/nbdkit/plugins/nbdkit-nbd-plugin.so; do
			[[ ! -e $file ]] || inst_library "$file"
		done
		while IFS= read -r file; do
			inst_simple "$file"
		done < <(svc_tls_files)
	fi

	inst_hook pre-udev 50 "$moddir/svc-modules.sh"
	# When udev has settled and before lvm_scan, which module lvm puts there as well.
	inst_hook initqueue/settled 10 "$moddir/svc-gate.sh"
	inst_hook initqueue/finished 10 "$moddir/svc-finished.sh"
	inst_hook initqueue 90 "$moddir/svc-unsettled.sh"
	dracut_need_initqueue
}
