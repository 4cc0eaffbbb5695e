# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# flash-a's dm-raid superblock was wiped.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
# shellcheck disable=SC2046 # offset and length
wipe flash-a.img $(where flash-a data_rmeta_0)
claim "there is no superblock" [ "$(field flash-a superblock)" = none ]
