# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The daily state of the primary: of three legs its own flash and shared are there, the other flash is not.
# The kernel's bitmap keeps bits for the absent leg, although nothing crashed; flash-b, when it is shown, is stale.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img
# run: in-sync - 0 -- --fast flash-a=flash-a.img shared=shared.img
# run: stale flash-a 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: stale shared 1 -- flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
up
overwrite /mnt/log/events 3 2 third
down
E
claim "both name flash-b (role 1) failed" [ "$(field flash-a failed)$(field shared failed)" = 22 ]
claim "the two are equal" [ "$(differing flash-a shared)" = 0 ]
claim "the bitmap has bits set although the mirror was stopped in order" [ "$(field shared dirty)" -gt 0 ]
claim "flash-b differs" [ "$(differing flash-b shared)" -gt 0 ]
