# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shared carries leg 0 and the flash leg 1: roles come from the metadata, not from names.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror shared flash-a
on shared
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
claim "shared is role 0, flash-a role 1" [ "$(field shared position)$(field flash-a position)" = 01 ]
claim "shared names role 1 failed" [ "$(field shared failed)" = 2 ]
