# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A directory of 600 names with a hash index, most of them new on shared.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
export INODES=1024 SIZE=12m
make_mirror flash-a shared
activate
mount_data
mkdir /mnt/many
i=0
while [ $i -lt 100 ]; do
	i=$((i + 1))
	: > "/mnt/many/a-rather-long-name-that-fills-the-directory-blocks-$i"
done
down
on shared
up
while [ $i -lt 600 ]; do
	i=$((i + 1))
	: > "/mnt/many/a-rather-long-name-that-fills-the-directory-blocks-$i"
done
blocks /mnt/many/data 2 second
down
E
