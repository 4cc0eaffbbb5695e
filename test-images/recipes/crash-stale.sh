# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shared was away; the primary's power failed while its flash went on: what is newer on it is still in the
# journal, and files are named by what a replay will show.
# run: stale flash-a 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest -c cut <<'E'
on flash-a shared
make_mirror flash-a shared
on flash-a
# A session stopped in order: only then is the absent leg named failed.
up
down
up
mkdir /mnt/state
blocks /mnt/state/journalled 4 second
sync
power_cut cut
E
claim "flash-a's journal needs replay" [ "$(field flash-a replay)" = 1 ]
claim "flash-a names shared failed" [ "$(field flash-a failed)" = 2 ]
