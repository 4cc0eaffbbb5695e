# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The same, and the mirror was converted to a plain volume (lvconvert -m0): shared has no leg any more.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
vgreduce -q --removemissing --force svc
activate
lvconvert -q -y -m0 svc/data
mount_data
overwrite /mnt/cfg/table.db 10 4 second
down
E
