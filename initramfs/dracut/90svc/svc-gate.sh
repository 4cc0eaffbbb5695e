#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the boot gate, once: sourced by dracut when udev has settled; svc-initramfs(7).

# shellcheck disable=SC2154 # dracut's
rm -f -- "$hookdir/initqueue/settled/10-svc-gate.sh"

# The booted system's udev starts over: it must keep LVM away from the mirror as well.
mkdir -p /run/udev/rules.d
cp /usr/lib/udev/rules.d/63-svc.rules /run/udev/rules.d/63-svc.rules

# Under systemd this is a service, which has no terminal. The boot goes on in any case; svc-boot has said why, on the
# console, in the log and in /run/svc/boot.json.
info "Verifying the mirror"
/usr/sbin/svc-boot < /dev/console > /dev/console 2>&1 || warn "The boot goes on without the mirror: see /run/svc/boot.json"
