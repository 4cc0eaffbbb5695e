# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The flash was replaced by a new one.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img
# run: single shared 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
disks 16M flash-a flash-b
