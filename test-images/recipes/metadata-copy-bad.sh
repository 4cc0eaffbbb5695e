# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A PV with two metadata areas, the first of them damaged: the second one serves.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export PVCREATE="--bootloaderareasize 1m --metadatacopies 2" SIZE=10m
make_mirror flash-a shared
E
# shellcheck disable=SC2013 # numbers
for offset in $(LC_ALL=C grep -a -b -o 'seqno' flash-a.img | cut -d: -f1); do
	[ "$offset" -gt 1048576 ] || flip flash-a.img "$offset"
done
claim "there is a second area" [ "$(LC_ALL=C grep -a -b -o 'seqno' flash-a.img | tail -n 1 | cut -d: -f1)" -gt 8000000 ]
