# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The power failed while a write had reached flash-a but not yet shared: the legs differ only where the bitmap
# says so, either side is valid, the journal has to be replayed.
# run: dirty flash-a 1 -- flash-a=flash-a.img shared=shared.img
# run: dirty flash-a 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
export REGION=64k
make_mirror flash-a shared
# The leg alone, so that md can go on writing bitmaps and superblocks.
gate shared 5120 24576
up
# No commit of the journal comes in between.
mount -o remount,commit=300 /mnt
# The regions are marked by a first write, so that the second one need not wait for shared's bitmap.
overwrite /mnt/cfg/table.db 10 4 second
close_gate shared
overwrite /mnt/cfg/table.db 10 4 third &
until_on flash-a "table.db third block 13"
power_cut cut
E
claim "nobody names anybody failed" [ "$(field flash-a failed)$(field shared failed)" = 00 ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
claim "four blocks differ" [ "$(differing flash-a shared)" = 4 ]
claim "the bitmap has bits set" [ "$(field flash-a dirty)" -gt 0 ]
claim "the journal needs replay" [ "$(field flash-a replay)" = 1 ]
