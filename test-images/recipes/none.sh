# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Both flashes are new and the array shows an empty volume.
# run: none - 3 -- flash-a=flash-a.img shared=shared.img
# run: none - 3 -- --fast flash-a=flash-a.img flash-b=flash-b.img shared=shared.img

disks 16M flash-a flash-b shared
