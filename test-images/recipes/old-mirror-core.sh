# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The older mirror type with its log in memory only: nothing on disk says what was in flight.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export TYPE=mirror LVCREATE="--mirrorlog core"
make_mirror flash-a shared
E
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
