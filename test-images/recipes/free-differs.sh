# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Only a block that no file uses differs, as after a write to a file that was deleted. --full sees it.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img
# run: dirty flash-a 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
leg flash-a > leg.tmp
block=$(debugfs -R "ffb 1 2900" leg.tmp 2>/dev/null | sed -n 's/^Free blocks found: \([0-9]*\).*/\1/p')
rm leg.tmp
poke shared.img "$(on_disk shared $((block * 4096)))" 'left behind by a deleted file'
claim "one block differs" [ "$(differing flash-a shared)" = 1 ]
