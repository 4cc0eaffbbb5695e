# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Both controllers ran on their flash alone while the array was away.
# run: split-brain - 2 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: unknown - 2 -- flash-a=flash-a.img flash-b=flash-b.img
# run: stale flash-b 1 -- flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 a
down
on flash-b
up
overwrite /mnt/cfg/table.db 20 4 b
down
E
claim "each flash names both others failed" [ "$(field flash-a failed)$(field flash-b failed)" = 65 ]
claim "shared names nobody" [ "$(field shared failed)" = 0 ]
