# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The same with a block of the inode table, on shared.
# run: single flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
leg shared > leg.tmp
block=$(debugfs -R "imap /cfg/table.db" leg.tmp 2>/dev/null | sed -n 's/.*located at block \([0-9]*\), offset .*/\1/p')
offset=$(debugfs -R "imap /cfg/table.db" leg.tmp 2>/dev/null | sed -n 's/.*offset \(0x[0-9a-f]*\).*/\1/p')
rm leg.tmp
flip shared.img "$(on_disk shared $((block * 4096 + offset + 4)))"
claim "one block differs" [ "$(differing flash-a shared)" = 1 ]
