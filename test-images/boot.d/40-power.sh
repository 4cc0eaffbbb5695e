# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# The power fails while a leg is rebuilt, again and again; then it does not.

case_of power-cuts in-sync
power_cuts()
{
	local cut within=0 ms

	RANDOM=$seed
	expect shared
	blank flash-a 16M
	# Slow enough that ten cuts are over before the rebuild is: it goes on where it was.
	options["flash-a"]=throttling.bps-write=100000
	for cut in 1 2 3 4 5 6 7 8 9 10; do
		boots -f flash-a shared
		await a 900 'svc-boot: rebuilding' || fail "cut $cut: it does not rebuild"
		ms=$((RANDOM % 3000))
		sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
		! shown a 'the rebuild is done' || break
		cut_power a
		within=$((within + 1))
		"$build/svc-compare" --json flash-a=flash-a.img shared=shared.img > compare.json 2> /dev/null || true
		[ "$(jq -r .authority compare.json)" = shared ] || fail "after cut $cut: $(jq -c '[.verdict, .authority]' compare.json)"
	done
	[ $within -ge 8 ] || fail "only $within cuts fell into the rebuild"
	cut_power a
	options["flash-a"]=
	boots flash-a shared
	is '.verdict == "in-sync" and .boot.active'
	mounted AA
	leaves
	verdict in-sync 0 flash-a shared
	sound flash-a shared
	echo "figures: $within cuts within the rebuild"
}
