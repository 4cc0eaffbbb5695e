# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Failover went well: primary and shared ran, then the standby took shared over and the kernel
# refreshed its flash from it. flash-b and shared are equal; flash-a, when it is shown, is behind.
# run: in-sync - 0 -- flash-b=flash-b.img shared=shared.img
# run: stale flash-b 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: unknown - 2 -- flash-a=flash-a.img flash-b=flash-b.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
on flash-b shared
up
overwrite /mnt/cfg/table.db 20 4 third
down
E
claim "flash-b and shared name flash-a failed" [ "$(field flash-b failed)$(field shared failed)" = 11 ]
claim "flash-a names flash-b failed" [ "$(field flash-a failed)" = 2 ]
claim "flash-b and shared are equal" [ "$(differing flash-b shared)" = 0 ]
claim "flash-a differs" [ "$(differing flash-a shared)" -gt 0 ]
