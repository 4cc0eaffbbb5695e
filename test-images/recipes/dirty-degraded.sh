# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The same crash in the daily state of three legs, the other flash away: flash-a and shared differ in unsettled
# regions, flash-b is stale.
# run: dirty flash-a 1 -- flash-a=flash-a.img shared=shared.img
# run: dirty flash-a 1 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest -c cut <<'E'
on flash-a flash-b shared
export REGION=64k
make_mirror flash-a flash-b shared
on flash-a shared
# A session stopped in order: only then is the absent leg named failed.
up
down
# The leg alone, so that md can go on writing bitmaps and superblocks.
gate shared 5120 24576
up
# No commit of the journal comes in between.
mount -o remount,commit=300 /mnt
overwrite /mnt/cfg/table.db 10 4 second
close_gate shared
overwrite /mnt/cfg/table.db 10 4 third &
until_on flash-a "table.db third block 13"
power_cut cut
E
claim "both name flash-b failed" [ "$(field flash-a failed)$(field shared failed)" = 22 ]
claim "four blocks differ" [ "$(differing flash-a shared)" = 4 ]
claim "the journal needs replay" [ "$(field flash-a replay)" = 1 ]
