# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# ext4 with multiple-mount protection, the power cut while it was mounted: the MMP block still names the node.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
export FEATURES=mmp MKE2FS="-E mmp_update_interval=1"
make_mirror flash-a shared
activate
mount_data
overwrite /mnt/cfg/table.db 10 4 second
sync
sleep 1.5
power_cut cut
E
claim "the journal needs replay" [ "$(field flash-a replay)" = 1 ]
