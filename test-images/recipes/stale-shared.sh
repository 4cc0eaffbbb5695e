# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The array was away and the flash went on alone.
# run: stale flash-a 1 -- flash-a=flash-a.img shared=shared.img
# run: stale flash-a 1 -- --fast shared=shared.img flash-a=flash-a.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 second
mkdir /mnt/cfg/new
blocks /mnt/cfg/new/rules 2 second
rm /mnt/cfg/network.conf
down
E
claim "flash-a names shared failed" [ "$(field flash-a failed)" = 2 ]
claim "shared names nobody" [ "$(field shared failed)" = 0 ]
claim "the legs differ" [ "$(differing flash-a shared)" != 0 ]
