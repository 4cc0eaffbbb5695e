# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A swap area where the flash should be.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
disks 16M flash-a
mkswap -q -L swap flash-a.img
