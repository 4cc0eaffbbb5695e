# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The LVM metadata text of flash-a is damaged everywhere in its area.
# run: single shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
# shellcheck disable=SC2013 # numbers
for offset in $(LC_ALL=C grep -a -b -o 'seqno' flash-a.img | cut -d: -f1); do
	flip flash-a.img "$offset"
done
