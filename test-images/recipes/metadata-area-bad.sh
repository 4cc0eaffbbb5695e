# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The header of the only metadata area of flash-a is gone.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
wipe flash-a.img 4096 512
