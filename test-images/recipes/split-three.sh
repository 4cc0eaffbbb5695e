# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# All three legs went on alone.
# run: split-brain - 2 -- flash-a=flash-a.img flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
for name in flash-a flash-b shared; do
	on $name
	up
	overwrite /mnt/cfg/table.db 10 4 $name
	blocks /mnt/log/$name 2 $name
	down
done
E
claim "each names both others failed" [ "$(field flash-a failed)$(field flash-b failed)$(field shared failed)" = 653 ]
