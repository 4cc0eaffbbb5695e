# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A crash with ext4's fast commits in the journal, which not every reader can replay.
# run: stale flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
export FEATURES=fast_commit JOURNAL=5
make_mirror flash-a shared
on flash-a
# A session stopped in order: only then is the absent leg named failed.
up
down
up
overwrite /mnt/cfg/table.db 10 4 second
for i in 1 2 3; do
	blocks /mnt/log/fast$i 1 second
	dd if=/dev/null of=/mnt/log/fast$i conv=notrunc,fsync 2>/dev/null
done
power_cut cut
E
claim "flash-a's journal needs replay" [ "$(field flash-a replay)" = 1 ]
