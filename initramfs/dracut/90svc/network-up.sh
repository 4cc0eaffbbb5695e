#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Brings the network up by ip=, see dracut.cmdline(7), with what dracut put into the image for it. svc-boot(8) runs it
# when a copy has to be reached over NBD, and not before; it has a deadline for it. Not rd.neednet=1: with that the root
# file system would wait for the network in every boot.
if systemctl cat systemd-networkd.service > /dev/null 2>&1; then
	systemctl start systemd-network-generator.service systemd-networkd.service
elif [ -x /usr/sbin/NetworkManager ]; then
	mkdir -p /run/NetworkManager/initrd
	: > /run/NetworkManager/initrd/neednet
	systemctl start nm-initrd.service 2> /dev/null || NetworkManager --configure-and-quit=initrd --no-daemon
elif [ -x /sbin/ifup ]; then
	# Those of ip=, or all.
	names=$(cat /tmp/net.ifaces 2> /dev/null) || names=$(ls /sys/class/net)
	for name in $names; do
		/sbin/ifup "$name"
	done
fi
until [ -n "$(ip route show; ip -6 route show default)" ]; do
	sleep 0.2
done
