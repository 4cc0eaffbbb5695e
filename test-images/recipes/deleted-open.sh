# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A file was deleted while a process still had it open, and the power failed: its blocks are in use and no name
# leads to them.
# run: stale flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
# A session stopped in order: only then is the absent leg named failed.
up
down
up
blocks /mnt/log/spool 20 second
sync
exec 5< /mnt/log/spool
rm /mnt/log/spool
sync
power_cut cut
E
claim "flash-a's journal needs replay" [ "$(field flash-a replay)" = 1 ]
