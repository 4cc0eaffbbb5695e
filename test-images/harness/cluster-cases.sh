# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # of test-images/cluster and its libraries; what is quoted is for the guest
#
# The checks of test-images/cluster, in this order: each begins where the one before it ended.

# --- two machines, and the mirror's first records ---
power_on a
power_on b
wait_for a
wait_for b
check "controller a has its configuration" a prepare
check "controller b has its configuration" b prepare
# svc-failover(7): while nobody watches, or there is no record yet that says that the other one is done with it.
check "taken over and handed back once, by hand" a 'svc-promote -q && svc-promote -q --demote'
check "a's paths are watched, and shared is served" a 'systemctl -q enable --now svc-paths svc-export'
check "b's paths are watched, and shared is served" b 'systemctl -q enable --now svc-paths svc-export'
check "a has a second path, through b" a 'await nbd_is A'
check "b has a second path, through a" b 'await nbd_is A'
check "the device of both paths keeps its name" a '[ -b /dev/mapper/svc-shared ]'
if [ -n "$is_full" ]; then
	expect "ocf-tester is content" 0 'passed all tests' a 'ocf-tester -n mirror -o timeout=120 -o config=/etc/svc/svc.conf /usr/lib/ocf/resource.d/svc/mirror'
fi

# --- the cluster starts; b cannot reach shared ---
# Both ways to it: the second one is a's export.
check "a serves shared no more" a 'systemctl stop svc-export'
check "b loses shared" b 'state offline; systemctl stop svc-paths'
begin a 'systemctl -q enable corosync pacemaker && systemctl start pacemaker && sync'
check "b's cluster starts" b 'systemctl -q enable corosync pacemaker && systemctl start pacemaker && sync'
answer a 600
result "a's cluster starts" $((!$?))
check "both are online" a 'await both_online'
started=$SECONDS
check "the cluster gets its configuration" a configure_cluster
check "a is promoted" a 'await is_promoted controller-a'
figure "from the configuration to a promoted mirror" "$((SECONDS - started)) s"
check "and what uses the mirror runs there" a 'await writes'
check "its score says so" a 'await score_is controller-a 10000'
check "b is started, and has no score: there is no good data" b 'await is_unpromoted controller-b && score_is controller-b none'
check "b has shared again: its score says so, and that it may be behind" b 'state running; systemctl start svc-paths; await score_is controller-b 5'

# --- the planned hand-over, under a writer ---
started=$SECONDS
check "a goes to standby: b is promoted" a 'crm_standby -N controller-a -v on; await is_promoted controller-b'
figure "hand-over" "$((SECONDS - started)) s"
check "and what uses the mirror runs there" b 'await writes'
run a 'cut -d" " -f1 /run/writer.log'
last=${output//$'\n'/}
check "all that was acknowledged is there" b "[ '${last:-0}' -ge 1 ] && path-tool check /data/ring.controller-a '$last'"
check "b's flash is refreshed" b 'await refreshed DAA'
check "a returns, and stays unpromoted" a 'crm_standby -N controller-a -D; await score_is controller-a 5 && is_unpromoted controller-a && is_promoted controller-b'
check "no operation has failed" a none_failed

# --- the one that has it is killed, under a writer ---
note_acknowledged b
wait_acknowledged b
started=$SECONDS
cut_off b
last=$(acknowledged b)
check "b is killed: a is promoted" a 'await is_primary'
figure "from b's death to a mounted mirror" "$((SECONDS - started)) s, $last writes acknowledged by b"
check "and what uses the mirror runs there" a 'await is_promoted controller-a && await writes'
output=$(cat "$work/fenced")$'\n'
result "the cluster has fenced b" "$(grep -cx 'controller-b by controller-a' "$work/fenced")"
check "every write that was acknowledged is there" a "[ '${last:-0}' -ge 1 ] && path-tool check /data/ring.controller-b '$last'"
check "a's flash is refreshed" a 'await refreshed ADA'
power_on b
wait_for b
check "b boots again, and comes back unpromoted" b 'await both_online && await score_is controller-b 5 && is_unpromoted controller-b && is_promoted controller-a'
expect "its flash is older, and nobody has touched it" 1 'flash-b +stale' b 'svc-compare --fast flash-b=/dev/disk/by-id/virtio-flash-b shared=/dev/sda'

# --- the one that has it hangs, and is killed by the other one's cluster ---
if [ -n "$is_full" ]; then
	note_acknowledged a
	wait_acknowledged a
	kill -STOP "$(cat "$work/pid-a")"
	last=$(acknowledged a)
	started=$SECONDS
	check "a hangs: b is promoted" b 'await is_primary'
	figure "from a hanging to a mounted mirror" "$((SECONDS - started)) s, $last writes acknowledged by a"
	good=1
	! is_running a || good=0
	result "a was switched off for it" $good
	check "every write that was acknowledged is there" b "[ '${last:-0}' -ge 1 ] && path-tool check /data/ring.controller-a '$last'"
	check "b's flash, killed before, is refreshed" b 'await refreshed DAA'
	check "b stands by: the copies are equal" b 'crm_standby -N controller-b -v on; await sh -c "! [ -e /dev/svc/data ]"; await compare_all'
	check "no warning of b's kernel" b trouble
else
	check "no warning of a's kernel" a trouble
fi
