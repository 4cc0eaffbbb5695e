# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The superblocks say that flash-a went on without shared; the records say that shared went on from flash-a's state.
# run: unknown - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
record flash-a generation=x
record shared generation=y history=x
claim "by the superblocks flash-a is newer" [ "$(field flash-a failed)$(field shared failed)" = 20 ]
