# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The power failed while the kernel refreshed flash-a from shared: flash-a is not a whole copy, and only its
# own superblock says so, for shared's list of failed legs is empty again.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --fast flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
up
overwrite /mnt/fw/image.bin 0 128 second
blocks /mnt/fw/second.bin 512 second
down
on flash-a shared
echo 10 > /proc/sys/dev/raid/speed_limit_min
echo 10 > /proc/sys/dev/raid/speed_limit_max
vgchange -q -ay svc
sleep 3
dmsetup status svc-data
dmsetup status svc-data | grep -q recover || die "the recovery is not running"
power_cut cut
E
claim "flash-a's recovery is not done" [ "$(field flash-a recovery)" != all-ones ]
claim "the legs differ" [ "$(differing flash-a shared)" -gt 0 ]
