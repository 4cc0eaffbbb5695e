# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Split brain with equal counters: each leg went on alone for one activation. The kernel would take the
# first leg and throw the other's writes away without a word.
# run: split-brain - 2 -- flash-a=flash-a.img shared=shared.img
# run: split-brain - 2 -- --fast flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 flash
down
on shared
up
overwrite /mnt/cfg/table.db 12 4 shared
blocks /mnt/log/shared 3 shared
down
E
claim "each names the other failed" [ "$(field flash-a failed)$(field shared failed)" = 21 ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
claim "the legs differ" [ "$(differing flash-a shared)" -gt 0 ]
