# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shared ends in the middle of the leg: a volume re-created too small, or an image cut short.
# run: single flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
truncate -s 9M shared.img
