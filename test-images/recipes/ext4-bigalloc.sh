# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# ext4 that allocates clusters of 16 KiB, and keeps small files in the inode.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export FEATURES=bigalloc,inline_data MKE2FS="-C 16384"
mount_data() { mount -t ext4 -o noatime "/dev/${VG:-svc}/${LV:-data}" /mnt; }
make_mirror flash-a shared
on shared
up
overwrite /mnt/cfg/table.db 10 4 second
echo small > /mnt/cfg/small
down
E
