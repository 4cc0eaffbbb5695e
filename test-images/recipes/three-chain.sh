# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Each of three legs older than the next: all three, then flash-a and shared, then shared alone.
# run: stale shared 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: stale flash-a 1 -- flash-a=flash-a.img flash-b=flash-b.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
on shared
up
overwrite /mnt/log/events 5 2 third
down
E
claim "shared names both flashes failed" [ "$(field shared failed)" = 3 ]
claim "flash-a names flash-b failed" [ "$(field flash-a failed)" = 2 ]
claim "flash-b names nobody" [ "$(field flash-b failed)" = 0 ]
