# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shared's superblock was copied over flash-a's by hand: its position is not the leg's.
# run: unknown - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
read_runs shared data_rmeta_1 > rmeta.tmp
read -r offset _ < <(where flash-a data_rmeta_0)
dd if=rmeta.tmp of=flash-a.img bs=512 seek=$((offset / 512)) conv=notrunc status=none
rm rmeta.tmp
claim "both say position 1" [ "$(field flash-a position)$(field shared position)" = 11 ]
