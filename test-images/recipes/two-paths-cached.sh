# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The NBD path serves one old block of a file out of a cache; the evidence is the same.
# run: unknown - 2 -- flash-a=flash-a.img shared@direct=shared.img shared@nbd=shared-nbd.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
copy_disk shared shared-nbd
leg shared > leg.tmp
block=$(debugfs -R "blocks /cfg/table.db" leg.tmp 2>/dev/null | awk '{ print $20 }')
rm leg.tmp
flip shared-nbd.img "$(on_disk shared $((block * 4096 + 100)))"
