# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the kernel makes of a split: both legs went on alone, then both were activated together. It says AA,
# no recovery, and keeps two different legs.
# run: mismatch - 2 -- flash-a=flash-a.img shared=shared.img
# run: mismatch - 2 -- --full flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export REGION=64k
make_mirror flash-a shared
on flash-a
up
overwrite /mnt/fw/image.bin 20 60 flash
down
on shared
for i in 1 2 3; do
	up
	blocks /mnt/log/shared$i 2 shared
	sleep 1
	down
done
on flash-a shared
activate
dmsetup status svc-data | grep -q 'AA' || die "the kernel noticed"
sleep 12
deactivate
E
claim "nobody names anybody failed any more" [ "$(field flash-a failed)$(field shared failed)" = 00 ]
claim "the event counters are equal" [ "$(field flash-a events)" = "$(field shared events)" ]
claim "the legs differ" [ "$(differing flash-a shared)" -gt 0 ]
