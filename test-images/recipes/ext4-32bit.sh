# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# ext4 as it was long ago: no 64bit, no metadata checksums, no extents, no flex_bg, indirect blocks.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export FEATURES=^64bit,^metadata_csum,^extents,^flex_bg,^uninit_bg BLOCK=1024 JOURNAL=1
make_mirror flash-a shared
on shared
up
blocks /mnt/fw/indirect.bin 400 second
overwrite /mnt/cfg/table.db 10 4 second
down
E
