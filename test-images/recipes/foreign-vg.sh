# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# flash-a belongs to another mirror of another volume group of the same name.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a other shared other-shared
guest <<'E'
on flash-a other-shared
make_mirror flash-a other-shared
on other shared
make_mirror other shared
E
rm other.img other-shared.img
