#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by dracut to ask whether the root file system may be mounted: not before the gate has run.
# shellcheck disable=SC2154 # dracut's
[ ! -e "$hookdir/initqueue/settled/10-svc-gate.sh" ]
