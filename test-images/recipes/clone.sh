# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The array made a snapshot and shows it where the flash should be: one PV UUID on two devices.
# run: unknown - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
cp --sparse=always flash-a.img shared.img
