# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# All three legs of a mirror over both controllers, written together: equal.
# run: in-sync - 0 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: in-sync - 0 -- --full flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: in-sync - 0 -- flash-a=flash-a.img flash-b=flash-b.img
# run: single shared 1 -- shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "nobody names anybody failed" [ "$(field flash-a failed)$(field flash-b failed)$(field shared failed)" = 000 ]
claim "the legs are equal" [ "$(differing flash-a shared)$(differing flash-b shared)" = 00 ]
