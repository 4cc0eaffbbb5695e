# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Of three copies one is blank, the other two are in step: either can be the source.
# run: stale flash-a 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
disks 16M flash-b
