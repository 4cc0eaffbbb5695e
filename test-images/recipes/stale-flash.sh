# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The flash was away while the mirror went on upon shared alone: shared is newer.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --fast flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
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
claim "shared's counter is ahead" [ "$(field shared events)" -gt "$(field flash-a events)" ]
claim "the legs differ" [ "$(differing flash-a shared)" != 0 ]
