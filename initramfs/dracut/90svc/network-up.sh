#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Waits for the network that rd.neednet=1 and ip= bring up, see dracut.cmdline(7). svc-boot(8) runs it when a copy has to
# be reached over NBD, and not before; it has a deadline for it.
until [ -n "$(ip route show; ip -6 route show default)" ]; do
	sleep 0.2
done
