# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# ext4 with blocks of 1 KiB: the superblock shares a page with the boot block.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export BLOCK=1024 JOURNAL=1
make_mirror flash-a shared
on shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
