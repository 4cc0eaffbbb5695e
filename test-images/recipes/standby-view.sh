# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the standby sees at failover: its flash is behind, shared went on with the primary.
# run: stale shared 1 -- flash-b=flash-b.img shared=shared.img
# run: stale shared 1 -- --fast flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
guest <<'E'
on flash-a flash-b shared
make_mirror flash-a flash-b shared
on flash-a shared
up
overwrite /mnt/fw/image.bin 0 128 second
down
E
rm flash-a.img
claim "shared names flash-b failed" [ "$(field shared failed)" = 2 ]
claim "the whole firmware image differs" [ "$(differing flash-b shared)" -ge 128 ]
