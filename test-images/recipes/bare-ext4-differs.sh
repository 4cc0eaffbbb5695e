# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The same, and one of them was mounted and written since: the content differs and no history tells who is right.
# run: unknown - 2 -- flash-a=flash-a.img shared=shared.img

disks 12M flash-a
guest <<'E'
on flash-a
mke2fs -q -t ext4 -b 4096 -J size=4 -L persistent -E lazy_itable_init=0,nodiscard /dev/d_flash-a
mount -t ext4 /dev/d_flash-a /mnt
first_files
umount /mnt
E
cp --sparse=always flash-a.img shared.img
guest shared <<'E'
on shared
mount -t ext4 /dev/d_shared /mnt
overwrite /mnt/cfg/table.db 10 4 second
umount /mnt
E
