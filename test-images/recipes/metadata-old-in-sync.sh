# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# LVM's metadata is older on the flash, but the mirror was not activated meanwhile: the data is in step.
# run: in-sync - 0 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
vgchange -q --addtag failover svc
E
claim "shared's metadata has the tag" grep -q -a 'tags = \["failover"\]' shared.img
claim "the legs are equal" [ "$(differing flash-a shared)" = 0 ]
