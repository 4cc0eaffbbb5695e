# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# LVM's older mirror type with a log on disk, stopped in order.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export TYPE=mirror LVCREATE="--mirrorlog disk --alloc anywhere"
make_mirror flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
