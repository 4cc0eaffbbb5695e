# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Extents of 64 KiB, a region of 64 KiB, a leg of an odd number of extents.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export EXTENT=64k REGION=64k SIZE=11712k
make_mirror flash-a shared
on shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
