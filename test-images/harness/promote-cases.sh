# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # of test-images/promote and its libraries; what is quoted is for the guest
#
# The checks of test-images/promote, in this order: each begins where the one before it ended.

took() { sed -n 's/^took //p' <<< "$output"; }

# --- the first takeover, and what is done already ---
expect "controller a takes the mirror" 0 '"fenced_by": "reservation"' a promote
figure "from nothing to a proven mirror" "$(took)"
expect "called again: done, nothing changed" 0 '^ *$' a 'r() { dd if=/dev/d_flash-a bs=1M skip=1 count=1 2> /dev/null | head -c 8192 | sha256sum; }; b=$(r); svc-promote -q && [ "$b" = "$(r)" ] && is_primary'
expect "standby" 0 'role: standby' b 'svc-promote --status'
expect "a dry run changes nothing" 0 '"state": "todo"' b 'svc-promote --json -n; svc-promote --status | grep -q standby || exit_with 99'
check "the monitors" a monitor_start
check "of both" b monitor_start
run b 'until_true 20 said "path direct is good"'
expect "a controller at work keeps its disk" 4 'SVC-PEER-ALIVE' b promote
check "and writes" a 'dd if=/dev/zero of=/mnt/kept bs=4096 count=16 conv=fsync 2> /dev/null && legs_are ADA'
expect "nor is a word enough" 4 'SVC-PEER-ALIVE' b 'svc-promote --peer-fenced'

# --- the planned hand-over, under writers ---
from=a to=b
for ((n = 1; n <= rounds * 2; n++)); do
	run $from "ring round-$n"
	expect "$n: what is in use is not handed over" 4 'it is in use' $from 'svc-promote --demote 2>&1'
	run $from "ring_end round-$n"
	last[n]=${output//$'\n'/}
	expect "$n: $from hands over" 0 '"role": "standby"' $from 'promote --demote'
	demoted=$(took)
	expect "$n: $to takes over" 0 '"fenced_by": "reservation"' $to promote
	figure "hand-over $from to $to" "demote $demoted, promote $(took)"
	check "$n: all that was acknowledged is there" $to "ring_check round-$n ${last[n]}"
	check "$n: the flash is refreshed" $to 'until_true 60 refreshed '"$([ $to = a ] && echo ADA || echo DAA)"
	swap=$from from=$to to=$swap
done
run $from 'promote --demote'
expect "and the copies are equal" 0 '' $from 'until_true 10 compare_all; compare_all'

# --- the one that has it is cut off under writers ---
crash() # NAME TEXT: a acknowledges on its status line, and is gone; b takes over, and says TEXT
{
	local last

	wait_acknowledged a
	power_off a
	last=$(acknowledged a)
	expect "$1: b takes over" 0 "$2" b promote
	figure "b after a's death" "a mounted, proven mirror after $(took), $last writes acknowledged by a"
	run b mounted_after
	figure "of them until it was mounted" "${output//$'\n'/}"
	check "$1: every write that was acknowledged is there" b "[ -n '$last' ] && ring_check $1 ${last:-0}"
}

return_a() # a is there again, and stands by
{
	power_on a
	settle a
	expect "a returns, and stands by" 0 'role: standby' a 'svc-promote --status && monitor_start'
	expect "and is refused while b is at work" 4 'SVC-PEER-ALIVE' a promote
	check "and serves shared to b, which the array takes" a 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
}

hand_back() # NAME: from b to a, whose flash is older and nothing else
{
	expect "$1: b hands over" 0 '"role": "standby"' b 'promote --demote'
	expect "$1: a takes over" 0 '"fenced_by": "reservation"' a promote
	check "$1: a's flash is refreshed" a 'until_true 60 refreshed ADA'
}

expect "a has it" 0 '"role": "primary"' a promote
check "a writes" a 'ring killed /dev/ttyS1'
crash killed 'SVC-PEER-CRASHED'
return_a
expect "a has nothing to hand over, and does not" 0 '"role": "standby"' a 'promote --demote'
check "and its key stays: b's writes go by a" b 'until_true 60 ready; state offline; until_true 30 active nbd && dd if=/dev/zero of=/mnt/by-a bs=4096 count=16 conv=fsync 2> /dev/null && legs_are DAA && state running && until_true 30 active direct'
hand_back killed

# --- both, and each is stopped where it would hurt: b means the hold that a had before ---
power_off a
power_on a
settle a
check "b has looked at the array, and is stopped before it registers" b 'held reserve'
check "a takes the mirror anew, and is stopped before it claims it" a 'held write'
check "b finds no claim, and is stopped before it takes the volume" b held_again
expect "a goes on, and has the mirror" 0 '' a held_no_more
expect "b goes on, and takes nothing" 4 'SVC-PREEMPTED|drive array has not given' b held_no_more
check "a is the primary one, and writes" a 'is_primary && dd if=/dev/zero of=/mnt/kept bs=4096 count=16 conv=fsync 2> /dev/null && legs_are ADA'
check "and it is watched again" a monitor_start

# --- the scenario that started it: the direct path dies, and then the controller ---
check "b serves, and its writes go through" a 'until_true 60 ready'
check "a loses its direct path, and goes on by b" a 'monitored=$(cat /run/monitor.pid); kill -0 $monitored && state offline && until_true 30 active nbd && ring by-b /dev/ttyS1 && sleep 2 && legs_are ADA'
expect "b does not take it from one that works through b" 4 'SVC-PEER-ALIVE' b promote
check "whose writes go on, by b" a 'n=$(ring_at by-b) && sleep 1 && [ "$(ring_at by-b)" -gt "$n" ] && active nbd && legs_are ADA'
crash by-b 'SVC-PEER-CRASHED'
return_a
hand_back by-b

# --- both paths die, and then the controller ---
check "b no longer serves" b 'svc-pathcheck -q --unexport'
check "a goes on with its flash" a 'until_true 30 nbd_is F; state offline; dd if=/dev/zero of=/mnt/x bs=4096 count=1 conv=fsync 2> /dev/null; until_true 60 legs_are ADD && until_true 30 said "have a new generation" && ring alone /dev/ttyS1'
wait_acknowledged a
power_off a
alone=$(acknowledged a)
check "b's call is killed as soon as it has claimed it" b 'svc-promote -q & p=$!; until_true 120 sh -c "svc-compare --fast -v shared=/dev/sda | grep -q \"owner b, open\""; kill -KILL $p; wait $p; :'
expect "b takes over, and says that something may be missing" 0 '"may_hold_newer": true' b promote
expect "and says so again" 0 'SVC-UNSEEN' b promote
check "and goes on" b 'dd if=/dev/zero of=/mnt/of-b bs=4096 count=16 conv=fsync 2> /dev/null'
power_on a
settle a
expect "a returns: split brain, by name" 2 'split-brain' a 'svc-compare --fast flash-a=/dev/d_flash-a shared=/dev/sda'
expect "b hands over, and keeps out what never closed the mirror" 0 'SVC-KEPT-OUT' b 'promote --demote 2>&1'
check "nor does it serve" b '[ ! -s /run/svc/export.pid ] && ! svc-pathcheck -q --export'
check "so that a's late writes would be refused" a '! dd if=/dev/zero of=/dev/sda bs=4096 count=1 oflag=direct,sync seek=24575'
expect "until somebody says that it was stopped" 0 '"role": "standby"' b 'promote --demote --peer-fenced && [ -s /run/svc/export.pid ]'
expect "and a does not take what is split" 2 'split-brain' a 'promote'
check "an engineer settles it" a 'svc-resync -q --yes --no-save --from flash-a flash-a=/dev/d_flash-a shared=/dev/mapper/svc-shared'
expect "and a takes over" 0 '"role": "primary"' a 'monitor_start; promote'
check "with what it wrote alone" a "ring_check alone $alone && ! [ -e /mnt/of-b ]"
expect "b's flash still has what was given up: split brain, by name" 2 'split-brain' b 'svc-compare --fast flash-b=/dev/d_flash-b shared=/dev/sda'
expect "a hands over" 0 '"role": "standby"' a 'promote --demote'
check "and the engineer settles that too" b 'svc-resync -q --yes --no-save --from shared flash-b=/dev/d_flash-b shared=/dev/mapper/svc-shared'
expect "a has it" 0 '"role": "primary"' a promote
check "and its flash is refreshed" a 'until_true 60 refreshed ADA'

# --- the old one's late writes ---
check "a stops to show signs of life, and writes on" a 'kill -STOP $(cat /run/monitor.pid); ring late; sleep 1; kill -0 $(cat /run/late.pid)'
expect "b takes over" 0 '"fenced_by": "reservation"' b promote
check "the array refuses what a writes" a 'until_true 30 legs_are ADD; dmesg | grep "reservation conflict" && legs_are ADD'
expect "a's status says that it is no longer a's" 5 'role: failed' a 'svc-promote --status'
expect "a's own call says it" 4 'SVC-PREEMPTED' a promote
check "nothing of it is on shared" b 'umount /mnt && e2fsck -fn /dev/svc/data && svc-promote -q && is_primary'
check "its monitor is there again, notes that, and leaves b's record alone" a 'kill -CONT $(cat /run/monitor.pid); until_true 60 said "have a new generation"'
expect "a ends in good order on its flash" 0 '"role": "standby"' a 'kill $(cat /run/late.pid); wait $(cat /run/late.pid); promote --demote'
expect "split brain, by name" 2 'verdict: split-brain' a 'svc-compare --fast -v flash-a=/dev/d_flash-a shared=/dev/sda > /run/split; s=$?; grep -E "record|superblock|verdict|SVC-" /run/split; exit_with $s'
expect "b hands over" 0 '"role": "standby"' b 'promote --demote'
check "settled the other way" a 'svc-resync -q --yes --no-save --from shared flash-a=/dev/d_flash-a shared=/dev/mapper/svc-shared'

# --- both at the same instant ---
both() # sets one, other, and says who won
{
	begin a promote
	begin b promote
	answer a 180; one=$?
	output_a=$output
	answer b 180; other=$?
}
good=1
for ((n = 1; n <= races && good; n++)); do
	both
	case $one$other in
	04) winner=a ;;
	40) winner=b ;;
	*) good=0 output="$output_a$output"$'\n'"a ended with $one, b with $other"$'\n' ;;
	esac
	[ $good = 0 ] || run $winner 'is_primary && until_true 60 sh -c "! pidof svc-resync" ; svc-promote -q --demote' || good=0
done
result "$((n - 1)) of $races times: both at once, exactly one has it and the other one is refused" $good

# --- killed wherever it is, and called again ---
killed_everywhere takeover : 'svc-promote -q' 'svc-promote -q --demote' "$kills" 'svc-promote -q'
killed_everywhere hand-over 'svc-promote -q; until_true 60 sh -c "! pidof svc-resync > /dev/null"' 'svc-promote -q --demote' : "$kills" 'svc-promote -q --demote'
expect "and the copies are equal" 0 '' a compare_all

# --- the array is gone ---
expect "a has it again" 0 '"role": "primary"' a promote
check "b does not serve" b 'svc-pathcheck -q --unexport'
check "the array goes away" a 'state offline; dd if=/dev/zero of=/mnt/x bs=4096 count=1 conv=fsync 2> /dev/null; until_true 60 legs_are ADD'
expect "handed over on the flash: no success, and it says why" 5 'SVC-LEFT-ON-FLASH' a 'promote --demote'
expect "and it is a standby, and says the same again" 5 '"role": "standby"' a 'promote --demote'
expect "b hears of it before it takes over" 0 '"may_hold_newer": true' b 'svc-promote -n --json'
expect "the flash is the newer one, when the array is back" 0 '"authority": "flash-a"' a 'state running; until_true 30 active direct; promote'
check "and shared is refreshed from it" a 'until_true 60 refreshed ADA'

# --- what is still at work shows by MMP alone ---
check "a mounts with MMP, and its monitor falls silent" a 'umount /mnt && tune2fs -O mmp -E mmp_update_interval=5 /dev/svc/data > /run/tune2fs 2>&1 && svc-promote -q && kill -STOP $(cat /run/monitor.pid) && dumpe2fs -h /dev/svc/data 2> /dev/null | grep MMP'
expect "b sees that it is mounted, whatever is said" 4 "MMP block moves" b 'svc-promote --peer-fenced'
expect "and refuses at once where there is no time to see it" 4 "no time to watch" b 'svc-promote --timeout 9 --peer-fenced'
check "a has it, as before" a 'kill -CONT $(cat /run/monitor.pid); is_primary && legs_are ADA'
check "a writes" a 'ring mmp /dev/ttyS1'
crash mmp 'SVC-PEER-CRASHED'
return_a
hand_back mmp

# --- an array without reservations: the hook ---
expect "a hands over" 0 '"role": "standby"' a 'promote --demote'
check "b's disk knows no reservations" b without_reservations
expect "the hook fails: no proof" 4 'the fence-peer hook failed' b 'hook "exit 1"; svc-promote'
expect "the hook hangs: ended within the time" 4 'the fence-peer hook failed' b 'hook "sleep 600"; within 40 svc-promote --timeout 25'
expect "nor is there a word of what was not proven" 0 'role: standby' b 'svc-promote --status'
expect "the hook has stopped a" 0 '"fenced_by": "hook"' b 'hook "[ \$1 = a ] && [ -n \"\$2\" ]"; promote'
expect "b hands over, in the middle of its refresh" 0 '"role": "standby"' b 'promote --demote; s=$?; ! pidof svc-resync || s=99; grep -A 1 "\"id\": \"refresh\"" /run/svc/promote.json | grep -q done || s=98; exit_with $s'
check "and has its reservations again" b with_reservations

# --- the array answers nobody ---
expect "a has it once more" 0 '"role": "primary"' a 'promote && until_true 60 refreshed ADA'
kill -STOP "$array"
expect "b gives up within the time" 5 '' b 'within 40 svc-promote --timeout 20'
expect "its status needs shared for nothing" 0 'role: standby' b 'within 40 svc-promote --status --timeout 10'
expect "a's hand-over gives up within the time" 5 '' a 'within 60 svc-promote --demote --timeout 20'
kill -CONT "$array"
check "the array answers again" a 'until_true 120 sh -c "dd if=/dev/sda of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null" && until_true 60 direct_is A'
check "the hand-over goes on where it was, or says that the flash alone is handed over" a 'promote --demote; s=$?; [ $s = 0 ] || { [ $s = 5 ] && grep -q SVC-LEFT-ON-FLASH /run/promote.out; }'
expect "a has it, and all of it" 0 '"role": "primary"' a 'promote && until_true 60 legs_are ADA && until_true 60 sh -c "! pidof svc-resync > /dev/null"'
expect "which it hands over" 0 '"role": "standby"' a 'promote --demote'
expect "to b" 0 '"role": "primary"' b promote

# --- the kernel ---
check "no warning of controller a's kernel" a trouble
check "no warning of controller b's kernel" b trouble
