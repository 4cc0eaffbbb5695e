# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The power failed while nothing was in flight: the journal needs replay, the legs are equal.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img
# run: in-sync - 0 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
make_mirror flash-a shared
up
overwrite /mnt/cfg/table.db 10 4 second
blocks /mnt/log/later 3 second
sync
sleep 0.5
power_cut cut
E
claim "the journal needs replay" [ "$(field flash-a replay)$(field shared replay)" = 11 ]
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
