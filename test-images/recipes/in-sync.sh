# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A flash and the shared volume, written together and shut down in order: equal to the last byte.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img
# run: in-sync - 0 -- --full flash-a=flash-a.img shared=shared.img
# run: in-sync - 0 -- --fast flash-a=flash-a.img shared=shared.img
# run: in-sync - 0 -- flash-a.img shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "no leg names the other failed" [ "$(field flash-a failed) $(field shared failed)" = "0 0" ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
