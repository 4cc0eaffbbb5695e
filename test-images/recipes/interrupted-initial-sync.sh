# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The power failed during the mirror's very first synchronisation. What the file system uses was written to both legs;
# what was on the disks before still differs.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img
# run: dirty flash-a 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
echo 10 > /proc/sys/dev/raid/speed_limit_min
echo 10 > /proc/sys/dev/raid/speed_limit_max
# What the disks held before: the first synchronisation has something to do.
for disk in flash-a shared; do
	awk -v disk=$disk 'BEGIN { for (i = 0; i < 3000; i++) printf "%-4095s\n", disk " before " i }' > /dev/d_$disk
	dd if=/dev/zero of=/dev/d_$disk bs=1M count=2 conv=notrunc 2>/dev/null
done
settle() { :; }
make_vg flash-a shared
make_lv flash-a shared
make_fs
layout
mount_data
first_files
dmsetup status svc-data
sync
power_cut cut
E
claim "the first synchronisation is not done" [ "$(field flash-a resync)$(field flash-a recovery)$(field shared recovery)" != all-onesall-onesall-ones ]
claim "the legs differ" [ "$(differing flash-a shared)" -gt 0 ]
