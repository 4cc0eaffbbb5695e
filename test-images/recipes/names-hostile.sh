# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Names that are not for a terminal: control characters, an escape sequence, a newline, bytes that are not UTF-8.
# run: stale shared 1 -- flash-a=flash-a.img shared=shared.img

disks 16M flash-a shared
guest <<'E'
on flash-a shared
make_mirror flash-a shared
on shared
up
blocks "/mnt/$(printf 'clear\033[2J\033[31mred')" 1 second
blocks "/mnt/$(printf 'two\nlines')" 1 second
blocks "/mnt/$(printf 'latin-\351\377')" 1 second
blocks "/mnt/$(printf 'back\\slash "quoted" \342\202\254')" 1 second
blocks "/mnt/$(printf '%0255d' 7)" 1 second
down
E
