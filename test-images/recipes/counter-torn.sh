# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The power failed while md wrote its superblocks (it counts up when writing begins after a pause, down again when it
# ends): flash-a's is written, shared's was in flight. The write that was to follow reached neither.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
make_mirror flash-a shared
# Only shared's dm-raid superblock, which starts at 2 MiB.
gate shared 4096 8
up
overwrite /mnt/cfg/table.db 10 4 second
# Until md calls the mirror clean.
sleep 8
close_gate shared
overwrite /mnt/cfg/table.db 10 4 third &
sleep 3
power_cut cut
E
claim "nobody names anybody failed" [ "$(field flash-a failed)$(field shared failed)" = 00 ]
claim "the event counters differ by one" [ $(($(field flash-a events) - $(field shared events))) = 1 ]
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
