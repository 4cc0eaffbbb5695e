# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Two mirrors in the volume group; only the logs were written while the flash was away.
# run: in-sync - 0 -- --lv svc/data flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --lv svc/logs flash-a=flash-a.img shared=shared.img
# run: - - 64 -- flash-a=flash-a.img shared=shared.img
# run: - - 64 -- --lv svc/nothing flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export EXTENT=64k BLOCK=1024 JOURNAL=1 SIZE=5m
make_mirror flash-a shared
activate
LV=logs
make_lv flash-a shared
make_fs
layout
mount_data
first_files
down
on shared
vgchange -q -an svc
lvchange -q -ay svc/logs
mount_data
overwrite /mnt/log/events 2 3 second
down
E
