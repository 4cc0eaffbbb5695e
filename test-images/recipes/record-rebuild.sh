# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The flash was being rebuilt from shared and that was not finished. Its superblock is the newer one, and still it
# is never the authority; alone it is nothing.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img
# run: stale shared 1 -- --fast flash-a=flash-a.img shared=shared.img
# run: none - 3 -- flash-a=flash-a.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
record flash-a rebuild=1 source=shared done=4096 total=16384
claim "by the superblocks flash-a is newer" [ "$(field flash-a failed)$(field shared failed)" = 20 ]
