# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shared was started without the flash and written at once, and the power failed.
# md brings its superblocks up to date when writing pauses for 0.2 s, not when a mirror starts degraded or is first
# written to. Until then no leg names the other failed and the counters are equal. What tells is the bitmap: its bit
# is set on every leg that is present before data is written, so what differs under a bit that only one leg has was
# written while the other leg was away. (On a busy machine the guest may pause; then the claims fail: make it again.)
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
activate
mount_data
overwrite /mnt/cfg/table.db 10 4 second
power_cut cut
E
claim "nobody names anybody failed" [ "$(field flash-a failed)$(field shared failed)" = 00 ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
claim "only shared's bitmap has bits" [ "$(field flash-a dirty)" = 0 -a "$(field shared dirty)" -gt 0 ]
claim "the legs differ" [ "$(differing flash-a shared)" -gt 0 ]
