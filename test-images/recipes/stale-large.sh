# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# As stale-flash, with legs of 256 MiB: a rebuild that takes a while (resync-run).
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 272M flash-a shared
guest -t 600 <<'E'
export EXTENT=4m SIZE=256m INODES=1024
on flash-a shared
make_mirror flash-a shared
on shared
up
overwrite /mnt/cfg/table.db 10 4 second
blocks /mnt/log/later 3 second
down
E
claim "shared names flash-a (role 0) failed" [ "$(field shared failed)" = 1 ]
claim "flash-a names nobody" [ "$(field flash-a failed)" = 0 ]
claim "the legs differ" [ "$(differing flash-a shared)" != 0 ]
