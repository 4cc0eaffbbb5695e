# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A bare ext4 that never was a copy where the flash should be.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
disks 16M flash-a
mke2fs -q -t ext4 -J size=4 -b 4096 -L photos flash-a.img
