# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Split brain where each leg alone got a new file: ext4 gave both the same number and the same blocks, so that each
# block that differs is one file's on one copy and the other file's on the other.
# run: split-brain - 2 -- flash-a=flash-a.img shared=shared.img
# run: split-brain - 2 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
up
blocks /mnt/journal-of-a.log 7 flash
down
on shared
up
blocks /mnt/orders-of-b.log 7 shared
down
E
leg flash-a > a.leg
leg shared > b.leg
# The number of a file, and its blocks.
place() { debugfs -R "stat $2" "$1" 2> /dev/null | sed -n 's/^\(Inode: [0-9]*\).*/\1/p; /^EXTENTS/,$p' | grep .; }
claim "both have a new file where the other has its own" [ "$(place a.leg /journal-of-a.log)" = "$(place b.leg /orders-of-b.log)" ]
claim "it has blocks" [ -n "$(place a.leg /journal-of-a.log)" ]
claim "each names the other failed" [ "$(field flash-a failed)$(field shared failed)" = 21 ]
rm a.leg b.leg
