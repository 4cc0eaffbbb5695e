# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# While the flash was away an administrator took its leg out of the mirror (vgreduce --removemissing --force)
# and went on: shared's metadata no longer knows flash-a. An operator
# has to say whether that was meant.
# run: unknown - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
vgreduce -q --removemissing --force svc
up
overwrite /mnt/cfg/table.db 10 4 second
down
E
