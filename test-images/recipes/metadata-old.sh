# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# While the flash was away LVM's metadata was changed too (a tag): the flash carries an older version of it.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
vgchange -q --addtag failover svc
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "shared's metadata has the tag" grep -q -a 'tags = \["failover"\]' shared.img
claim "flash-a's has not" [ "$(grep -c -a 'failover' flash-a.img)" = 0 ]
