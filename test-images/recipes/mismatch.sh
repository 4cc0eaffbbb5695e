# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# One byte of a file changed on flash-a behind the kernel's back: nothing tells which side is right.
# run: mismatch - 2 -- flash-a=flash-a.img shared=shared.img
# run: in-sync - 0 -- --fast flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
leg flash-a > leg.tmp
block=$(debugfs -R "blocks /cfg/table.db" leg.tmp 2>/dev/null | awk '{ print $20 }')
rm leg.tmp
flip flash-a.img "$(on_disk flash-a $((block * 4096 + 100)))"
claim "one block differs" [ "$(differing flash-a shared)" = 1 ]
claim "nobody names anybody failed" [ "$(field flash-a failed)$(field shared failed)" = 00 ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
