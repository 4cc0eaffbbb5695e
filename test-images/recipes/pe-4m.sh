# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# LVM's default: extents of 4 MiB.
# run: stale flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 24M flash-a shared
guest <<'E'
on flash-a shared
export EXTENT=4m
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
