#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Loads what the mirror needs before udev looks for disks: the kernel ends no modprobe while one that does not answer is
# probed (do_init_module waits for it). Sourced by dracut before it starts udev.
modprobe -q -a dm_mod dm_raid raid1 dm_multipath dm_round_robin ext4
