# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Both legs ran alone, one after the other, written at once, and both times the power failed.
# md brings its superblocks up to date when writing pauses for 0.2 s, not when a mirror starts degraded or is first
# written to. Until then no leg names the other failed and the counters are equal. What tells is the bitmap: its bit
# is set on every leg that is present before data is written, so what differs under a bit that only one leg has was
# written while the other leg was away. (On a busy machine the guest may pause; then the claims fail: make it again.)
# run: split-brain - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
# shellcheck disable=SC2016 # the guest's variable
life='
activate
mount_data
overwrite /mnt/cfg/table.db $first 4 second
power_cut cut'
guest -c cut <<E
on flash-a shared
REGION=64k make_mirror flash-a shared
first=10
on flash-a
$life
E
guest -c cut <<E
first=30
on shared
$life
E
claim "nobody names anybody failed" [ "$(field flash-a failed)$(field shared failed)" = 00 ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
claim "both bitmaps have bits" [ "$(field flash-a dirty)" -gt 0 -a "$(field shared dirty)" -gt 0 ]
claim "the legs differ" [ "$(differing flash-a shared)" -gt 0 ]
