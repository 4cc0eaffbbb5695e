# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317
# Three legs, one of them absent while the others are rebuilt: what is there works at once, and the absent leg is
# recovered by the kernel when it returns, and ends equal.

# absent NAME SCENARIO AUTHORITY "PRESENT" HEALTH ["RESYNC-ARGUMENTS"]
absent()
{
	local copies=$4

	case_of "$1" "$2"
	eval "${1//-/_}_host() { expect $3; resync ${6:-} $copies; compare $copies; }
		${1//-/_}_guest() { with $copies; degraded $5; }
		${1//-/_}_after() { compare flash-a flash-b shared; }"
}

absent absent-stale three-two-stale flash-a "flash-a shared" ADA
absent absent-equal in-sync-degraded shared "flash-b shared" DAA
absent absent-split split-three flash-a "flash-a shared" ADA "--from +flash-a"
absent absent-dirty dirty-degraded flash-a "flash-a shared" ADA
