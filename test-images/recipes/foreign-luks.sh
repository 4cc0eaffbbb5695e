# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# An encrypted device where shared should be.
# run: unrelated - 2 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a
disks 32M shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
E
disks 32M shared
echo secret | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-size 256 shared.img -
# The header is real; its key material is random, which does not pack.
wipe shared.img 4096 2097152
