# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Only names and attributes changed while the flash was away: a directory grew, a file was renamed, another one
# got extended attributes too large for its inode.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
activate
debugfs -w -R "ea_set /cfg/table.db user.origin $(awk 'BEGIN { for (i = 0; i < 150; i++) printf "controller" }')" /dev/svc/data
mount_data
mv /mnt/cfg/network.conf /mnt/cfg/network.old
ln /mnt/cfg/table.db /mnt/cfg/table.link
down
E
