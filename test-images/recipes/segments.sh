# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The legs lie in several segments between other volumes, differently on each disk.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export EXTENT=64k
make_vg flash-a shared
flash=$(pv_of flash-a) shared=$(pv_of shared)
lvcreate -q -y -W n -l 30 -n hole1 svc "$flash"
lvcreate -q -y -W n -l 3 -n keep1 svc "$flash"
lvcreate -q -y -W n -l 41 -n hole2 svc "$flash"
lvcreate -q -y -W n -l 5 -n keep2 svc "$flash"
lvcreate -q -y -W n -l 17 -n keep3 svc "$shared"
lvremove -q -y svc/hole1 svc/hole2
SIZE=8m
make_lv flash-a shared
lvcreate -q -y -W n -l 2 -n keep4 svc "$shared"
lvextend -q -L 12m svc/data
settle
make_fs
layout
mount_data
first_files
down
on shared
lvchange -q -ay svc/data
mount_data
blocks /mnt/fw/far.bin 1400 second
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "flash-a's leg has at least three segments" [ "$(where flash-a data_rimage_0 | wc -l)" -ge 3 ]
claim "shared's leg has two segments" [ "$(where shared data_rimage_1 | wc -l)" -ge 2 ]
