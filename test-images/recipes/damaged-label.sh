# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# One bit of flash-a's LVM label is wrong: its checksum says so.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
flip flash-a.img $((512 + 40))
