# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The volume group is there, but its LV is a plain linear one.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a
make_vg flash-a
lvcreate -q -y -W n -L 12m -n data svc
make_fs
deactivate
on shared
make_vg shared
lvcreate -q -y -W n -L 12m -n data svc
make_fs
deactivate
E
