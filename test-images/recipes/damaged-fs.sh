# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The ext4 superblock of flash-a's leg was overwritten.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
wipe flash-a.img "$(on_disk flash-a 1024)" 1024
