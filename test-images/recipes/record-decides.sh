# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Primary on flash-a and shared, then the standby on flash-b and shared: without shared the flashes accuse each
# other, and only their records tell that flash-b's data goes on from flash-a's.
# run: stale flash-b 1 -- flash-a=flash-a.img flash-b=flash-b.img

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
settle
overwrite /mnt/cfg/table.db 20 4 third
down
E
record flash-a generation=x
record flash-b generation=y history=x
claim "the flashes accuse each other" [ "$(field flash-a failed)$(field flash-b failed)" = 21 ]
rm shared.img
