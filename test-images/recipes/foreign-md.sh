# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A member of a Linux md array, made by mdadm, where the flash should be.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a spare shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a spare
dd if=/dev/zero of=/dev/d_flash-a bs=1M 2>/dev/null || true
mdadm --create /dev/md7 --run --level=1 --raid-devices=2 --metadata=1.2 --name=other /dev/d_flash-a /dev/d_spare
mdadm --wait /dev/md7 || true
mdadm --stop /dev/md7
E
rm spare.img
