# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Two equal legs, but the record on flash-a was written for another device: its area came from elsewhere.
# run: unknown - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
record flash-a generation=x pv=AAAAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGGGG
record shared generation=x
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
