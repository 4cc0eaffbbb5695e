# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shared is reached over two paths that show the same volume.
# run: in-sync - 0 -- flash-a=flash-a.img shared@direct=shared.img shared@nbd=shared-nbd.img
# run: - - 64 -- flash-a=flash-a.img shared@direct=shared.img shared@nbd=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
copy_disk shared shared-nbd
