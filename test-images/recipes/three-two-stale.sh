# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# flash-a alone went on; flash-b and shared are both behind, and equal to one another.
# run: stale flash-a 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: in-sync - 0 -- flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "flash-a names both others failed" [ "$(field flash-a failed)" = 6 ]
claim "flash-b and shared are equal" [ "$(differing flash-b shared)" = 0 ]
