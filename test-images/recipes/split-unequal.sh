# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Split brain with unequal counters: shared was activated several times. The higher counter says nothing
# of who wrote more.
# run: split-brain - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/fw/image.bin 0 100 flash
down
on shared
for i in 1 2 3; do
	up
	overwrite /mnt/cfg/table.db 12 1 "shared $i"
	sleep 1
	down
done
E
claim "each names the other failed" [ "$(field flash-a failed)$(field shared failed)" = 21 ]
claim "shared's counter is ahead" [ "$(field shared events)" -gt "$(field flash-a events)" ]
