# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# PVs made without a bootloader area: there is no place for a record, and nothing else is different.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export PVCREATE=
make_mirror flash-a shared
on shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "the data starts at 1 MiB" [ "$(where flash-a data_rmeta_0 | cut -d' ' -f1)" = 1048576 ]
