# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The older mirror type, the power cut with a write in flight to flash-a: its log marks the region.
# run: dirty flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
export TYPE=mirror LVCREATE="--mirrorlog disk --alloc anywhere" REGION=64k
make_mirror flash-a shared
gate flash-a 4096 24576
up
overwrite /mnt/cfg/table.db 10 4 second
close_gate flash-a
overwrite /mnt/cfg/table.db 10 4 third &
until_on shared "table.db third block 13"
power_cut cut
E
claim "four blocks differ" [ "$(differing flash-a shared)" = 4 ]
