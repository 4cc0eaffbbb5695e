# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A directory block of flash-a was damaged at rest. Its metadata checksum is wrong there and right on shared.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
leg flash-a > leg.tmp
block=$(debugfs -R "blocks /cfg" leg.tmp 2>/dev/null | awk '{ print $1 }')
rm leg.tmp
flip flash-a.img "$(on_disk flash-a $((block * 4096 + 40)))"
claim "one block differs" [ "$(differing flash-a shared)" = 1 ]
