# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The NBD path serves an older state of shared than the direct path.
# run: unknown - 2 -- flash-a=flash-a.img shared@direct=shared.img shared@nbd=shared-nbd.img
# run: unknown - 2 -- --fast flash-a=flash-a.img shared@direct=shared.img shared@nbd=shared-nbd.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
copy_disk shared shared-nbd
guest flash-a shared <<'E'
on flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "the counters moved on" [ "$(field shared events)" != "$(field shared-nbd events)" ]
