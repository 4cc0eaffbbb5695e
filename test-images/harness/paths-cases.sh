# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # output, switches: of test-images/paths and paths-lib.sh
#
# The checks of test-images/paths, in this order: each begins where the one before it ended.

# --- bringing up ---
run b 'configure nbd://10.9.0.1/none'
run a 'configure nbd://10.9.0.2/shared'
expect "a path alone, nothing to hold it against: not set up" 5 "nothing tells" a 'svc-pathcheck --setup'
check "the standby exports" b 'svc-pathcheck -q --export'
check "both paths make one device" a 'svc-pathcheck --setup && ready'
check "a mirror on it" a 'pvcreate -q --bootloaderareasize 1m /dev/d_flash-a /dev/mapper/svc-shared && vgcreate -q --setautoactivation n -s 512k svc /dev/d_flash-a /dev/mapper/svc-shared && lvcreate -q -y -W n --type raid1 -m 1 -L 96m -n data svc && until_true 90 legs_are AA && mke2fs -q -t ext4 -J size=4 /dev/svc/data && vgchange -q -an svc'
expect "judged, claimed and activated" 0 "" a 'svc-boot; s=$?; legs_are AA || echo "legs: $(health)"; exit_with $s'
check "mounted" a 'mount /dev/svc/data /mnt'
check "LVM sees one device per leg" a '! svc-pathcheck -v | grep SVC-LVM-FILTER'
expect "a filter that lets everything through is told, with the line" 0 'a\|\^/dev/mapper/svc-shared\$\|' a 'mv /etc/lvm/lvmlocal.conf /run; svc-pathcheck; s=$?; mv /run/lvmlocal.conf /etc/lvm/; exit_with $s'
check "a devices file that is not there yet does not count" a '{ cat /etc/lvm/lvmlocal.conf; echo "devices/use_devicesfile = 1"; } > /run/l.conf; cp /etc/lvm/lvmlocal.conf /run; mkdir -p /etc/lvm/devices; cp /run/l.conf /etc/lvm/lvmlocal.conf; ! svc-pathcheck -v | grep SVC-LVM-FILTER'
expect "one that lists a path, and not the device made of both" 0 "lvmdevices --deldev /dev/sda.*lvmdevices --adddev /dev/mapper/svc-shared" a 'echo "IDTYPE=devname IDNAME=/dev/sda DEVNAME=/dev/sda PVID=x" > /etc/lvm/devices/system.devices; svc-pathcheck -v | tr -d "\n" | tr -s " "; rm -r /etc/lvm/devices; cp /run/lvmlocal.conf /etc/lvm/'
expect "coherent" 0 "read through the other" a 'svc-pathcheck --coherence | tr -d "\n" | tr -s " "; svc-pathcheck -q --coherence'
expect "SCSI identity" 0 '"scsi_designators": "[0-9a-f]+' a 'svc-pathcheck --json'
check "the monitor" a 'monitor_start; until_true 90 said "I/O goes by direct" && until_true 90 notified READY=1 1'
expect "one monitor is enough" 4 "runs already .process [0-9]" a 'svc-pathcheck --monitor'
check "metrics" a 'until_true 90 grep -q "svc_path_active{path=\"direct\"} 1" /run/svc.prom'

# --- fail-over under load ---
check "reads from the shared leg" a 'lvchange -q --writemostly /dev/d_flash-a svc/data'
check "a writer" a writer_start
gaps='' good=1
run a writer_gap
figure "longest time without an acknowledged write, nothing failing" "${output//$'\n'/} ms"
for ((n = 1; n <= switches && good; n++)); do
	run a 'state offline; until_true 90 active nbd' || { good=0; break; }
	run a 'sleep 0.5; writer_gap' || { good=0; break; }
	gaps+=" ${output//$'\n'/}"
	run a 'state running; until_true 90 active direct && until_true 90 ready' || { good=0; break; }
	run a 'sleep 0.3; writer_gap && legs_are AA' || { good=0; break; }
	gaps+="/${output//$'\n'/}"
done
result "$((n - 1)) of $switches times: direct dies, nbd takes over, direct returns" $good
middle() { tr ' ' '\n' <<< "$gaps" | grep . | cut -d / -f "$1" | sort -n | awk '{ v[NR] = $1 } END { printf "median %d, longest %d", v[int((NR + 1) / 2)], v[NR] }'; }
figure "longest time without an acknowledged write at each fail-over/fail-back, ms" "$gaps"
figure "that is, ms" "fail-over: $(middle 1); fail-back: $(middle 2)"
check "no error reached the mirror" a 'legs_are AA && kill -0 $(cat /run/writer.pid)'
# By what each path left on the volume, before anything has been rebuilt.
check "the writer ends, and every acknowledged write is there" a 'writer_end && umount /mnt && mount /dev/svc/data /mnt && path-tool check /mnt/ring $(cut -d" " -f1 /run/writer.log) && umount /mnt'
expect "on both legs, byte by byte" 0 '"verdict":"in-sync"' a 'vgchange -q -an svc && svc-compare --full --json flash-a=/dev/d_flash-a shared=/dev/sda'
check "and on" a 'svc-boot; legs_are AA && mount /dev/svc/data /mnt && writer_start'

# --- nbd in use dies ---
check "switched to nbd by hand, and it stays" a 'svc-pathcheck -q --switch nbd && until_true 90 active nbd && sleep 2 && active nbd'
expect "the export ends, and nobody is left" 0 '"exit": 0' b 'svc-pathcheck --json --unexport'
check "direct takes over" a 'until_true 90 active direct && legs_are AA && writer_gap'
gap=${output//$'\n'/}
# By the time-out that each request has in the driver (timeout = 4) it would take that long.
check "at once, and not when a request's time is over" a '! dmesg | grep "nbd0: Connection timed out"'
figure "longest time without an acknowledged write, nbd dying in use" "$gap ms"
check "the choice stays, and is followed when nbd is back" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
check "nbd is used again" a 'until_true 90 active nbd'
check "left to the program again" a 'svc-pathcheck -q --switch auto && until_true 90 active direct'

# --- the daemon dies ---
check "the monitor is killed, a path dies and returns" a 'monitor_end -KILL; state offline; until_true 90 active nbd && state running && sleep 1 && active nbd'
check "the next one goes on from there" a 'monitor_start; until_true 90 active direct && until_true 90 ready'
check "systemd is told again and again that it lives" a ': > /run/notified; until_true 90 notified WATCHDOG=1 3'
check "reload: told too" a ': > /run/notified; kill -HUP $(cat /run/monitor.pid); until_true 90 said reloaded && until_true 90 notified RELOADING=1 1 && until_true 90 notified READY=1 1'
check "metrics are replaced whole" a 'n=0; f=$(stat -c %i /run/svc.prom); until [ $n = 100 ]; do tail -n 1 /run/svc.prom | grep -q "^svc_paths_looked_timestamp_seconds [0-9]" || break; n=$((n + 1)); done; [ $n = 100 ] && until_true 90 replaced $f'

# --- faults of the link and of the export ---
check "a link that flaps does no harm" a 'for i in 1 2 3; do ip link set eth0 down; sleep 1; ip link set eth0 up; sleep 1; done; until_true 90 ready && active direct && legs_are AA'
check "a peer that accepts and never answers" b 'kill -STOP $(cat /run/svc/export.pid)'
expect "is down, within the deadline" 5 '"state": "down"' a 'until_true 90 nbd_is_out; t=$(cut -d. -f1 /proc/uptime); svc-pathcheck --json; s=$?; [ $(($(cut -d. -f1 /proc/uptime) - t)) -le 30 ] || s=99; exit_with $s'
check "and answers again" b 'kill -CONT $(cat /run/svc/export.pid)'
check "and is used again" a 'until_true 90 ready'
wrong_export() # NAME STATE STATUS COMMAND-ON-B
{
	serve_wrong "$@"
	end_wrong "$1"
}
end_wrong() { check "$1: ended" b 'p=$(cat /run/wrong.pid); kill $p; until_true 90 ended $p'; }
serve_wrong()
{
	run a ': > /run/monitor.log'
	run b 'svc-pathcheck -q --unexport' || result "$1: unexport" 0
	check "$1: exported" b "$4"
	expect "$1: $2" "$3" "\"state\": \"$2\"" a "until_true 90 said 'path nbd is $2'; look_for $2"
	check "$1: never used" a 'until_true 90 nbd_is_out && active direct && ! svc-pathcheck -q --switch nbd && nbd_is_out && legs_are AA'
}
serve='qemu-nbd --fork --pid-file=/run/wrong.pid -t -e 4 -f raw --cache=none -b 10.9.0.2 -x shared'
wrong_export "EIO from the export" down 5 "printf '0 2048 linear /dev/sda 0\n2048 260096 error\n' | dmsetup create bad && dmsetup mknodes && $serve /dev/mapper/bad"
wrong_export "another volume" other-volume 2 "$serve /dev/d_other"
wrong_export "read-only" read-only 5 "$serve -r /dev/sda"
wrong_export "without flush" read-only 5 "echo root:x:0:0::/:/bin/sh > /etc/passwd; printf '[generic]\n[shared]\nexportname = /dev/sda\n' > /run/ns.conf; nbd-server -C /run/ns.conf -p /run/wrong.pid; until_true 90 test -s /run/wrong.pid"
caching="echo root:x:0:0::/:/bin/sh > /etc/passwd; printf '[generic]\n[shared]\nexportname = /dev/sda\nflush = true\nfua = true\n' > /run/ns.conf; nbd-server -C /run/ns.conf -p /run/wrong.pid; until_true 90 test -s /run/wrong.pid"
wrong_export "a caching export" stale 2 "$caching"
check "the right export again" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
check "is used again" a 'until_true 90 ready && active direct'

# --- both die ---
check "both die: the direct one" a 'state offline; until_true 90 active nbd'
check "and then the one in use: the mirror goes on with the flash" b 'svc-pathcheck -q --unexport'
check "without an error" a 'until_true 90 legs_are AD && sleep 1 && writer_gap'
check "and the records say so" a 'until_true 90 said "have a new generation"'
# Three looks later: nothing that lasts is said again, by the monitor or, because it asks, by the kernel.
check "what lasts is said once" a 'quiet() { w=$(last_words); for i in 1 2 3; do f=$(stat -c %i /run/svc.prom); until_true 90 replaced $f || return; done; [ "$(last_words)" = "$w" ]; }; until_true 90 quiet || { dmesg | tail -n 8; tail -n 8 /run/monitor.log; exit_with 1; }'
check "the paths return" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
check "and the leg left behind learns that it is outdated" a 'state running; until_true 90 ready && until_true 90 said "it is outdated"'
expect "the other controller learns it too" 2 "SVC-NEWER-ELSEWHERE|went on without" b 'svc-compare --fast shared=/dev/sda'
check "the writer saw nothing of it" a writer_end
expect "stale, and who is right" 1 "flash-a is the authority" a 'umount /mnt; svc-compare --fast flash-a=/dev/d_flash-a shared=/dev/mapper/svc-shared | tr -d "\n"; svc-compare -q --fast flash-a=/dev/d_flash-a shared=/dev/mapper/svc-shared'
check "rebuilt while it is active" a 'svc-resync -q --yes --no-save flash-a=/dev/d_flash-a shared=/dev/mapper/svc-shared; until_true 90 legs_are AA'
check "and the records agree" a 'until_true 90 said "in sync again" || svc-compare -q --fast flash-a=/dev/d_flash-a shared=/dev/mapper/svc-shared'
check "every acknowledged write is there" a 'mount /dev/svc/data /mnt && path-tool check /mnt/ring $(cut -d" " -f1 /run/writer.log) && umount /mnt'
expect "in sync, byte by byte" 0 "in-sync" a 'monitor_end -TERM; until_true 90 notified STOPPING=1 1; vgchange -q -an svc; svc-compare --full --json flash-a=/dev/d_flash-a shared=/dev/sda'

# --- what was found once, and what nobody has looked at ---
check "a caching export again, nothing watches" b "svc-pathcheck -q --unexport; $caching"
expect "set up: it is connected anew, tested, and left out" 0 '"state": "stale"' a 'again stale svc-pathcheck --json --setup; s=$?; ready && s=99; exit_with $s'
expect "a plain call knows it too" 2 "found stale .20.*not been proven" a 'svc-pathcheck | tr -d "\n" | tr -s " "; svc-pathcheck -q'
expect "direct dies: it is not switched to" 4 "found stale" a 'state offline; svc-pathcheck --switch nbd'
expect "nor set up" 5 "" a 'svc-pathcheck --setup'
check "nor used by a monitor that knows nothing" a ': > /run/monitor.log; monitor_start; until_true 90 said "path nbd is stale" && sleep 3 && nbd_is_out; s=$?; monitor_end -TERM; state running; exit_with $s'
end_wrong "a caching export again"
check "the right export, not looked at yet" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
expect "is stale until the opposite is proven" 2 '"state": "stale"' a 'svc-pathcheck --json'
check "which setting up does" a 'svc-pathcheck -q --setup && ready && svc-pathcheck -q && svc-pathcheck -q --coherence'
expect "a switch that is done says so, whatever the other path does" 0 '"state": "down"' a 'state offline; svc-pathcheck --json --switch nbd && dd if=/dev/mapper/svc-shared of=/dev/null bs=4096 count=1 iflag=direct && active nbd && svc-pathcheck -q --switch auto && active nbd'
check "it is lost while it is in use, and another volume of the size is there" b "svc-pathcheck -q --unexport; md5sum < /dev/d_other > /run/other.sum; $serve /dev/d_other"
# The writes wait for the connection, and would go wherever it leads.
check "set up: the requests that wait do not go there" a '{ i=0; while [ $i -lt 40 ]; do yes astray | dd of=/dev/mapper/svc-shared bs=4096 count=1 seek=28160 iflag=fullblock oflag=direct 2> /dev/null; i=$((i + 1)); done; } & w=$!; ! svc-pathcheck -q --setup && nbd_is_out; s=$?; wait $w; exit_with $s'
check "not one" b 'blockdev --flushbufs /dev/d_other; md5sum < /dev/d_other | cmp - /run/other.sum'
check "the right one again, and direct" b 'p=$(cat /run/wrong.pid); kill $p; until_true 90 ended $p; svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
check "both are set up again" a 'state running; svc-pathcheck -q --setup && ready'

# --- a path whose writes fail ---
check "direct can be read and not written" a 'svc-pathcheck -q --teardown; s=$(cat /sys/block/sda/size); dmsetup create slow --table "0 $s linear /dev/sda 0" && dmsetup mknodes && direct=/dev/mapper/slow configure nbd://10.9.0.2/shared && svc-pathcheck -q --setup && ready && monitor_start && until_true 90 active direct && dmsetup suspend slow && dmsetup load slow --table "0 $s flakey /dev/sda 0 0 3600 1 error_writes" && dmsetup resume slow'
check "the kernel goes to nbd" a 'dd if=/dev/zero of=/dev/mapper/svc-shared bs=4096 count=1 seek=28160 oflag=direct && until_true 90 active nbd'
check "and nothing goes back there, though it can be read" a ': > /run/monitor.log; i=0; while [ $i -lt 60 ]; do dd if=/dev/zero of=/dev/mapper/svc-shared bs=4096 count=1 seek=28160 oflag=direct 2> /dev/null && ! active direct || break; sleep 0.1; i=$((i + 1)); done; [ $i = 60 ] && ! said "I/O goes by direct"'
expect "it is down" 5 '"name": "direct", *"locator": "[^"]*", *"state": "down"' a 'svc-pathcheck --json --coherence | tr -d "\n" | tr -s " "; svc-pathcheck -q --coherence'
check "it takes writes again, and is used" a 'dmsetup suspend slow && dmsetup load slow --table "0 $(cat /sys/block/sda/size) linear /dev/sda 0" && dmsetup resume slow && until_true 90 ready && dd if=/dev/mapper/svc-shared of=/dev/null bs=4096 count=1 iflag=direct && until_true 90 active direct'

# --- a path that hangs ---
check "direct hangs: nbd takes over" a 'dmsetup suspend slow; until_true 120 direct_is F && dd if=/dev/mapper/svc-shared of=/dev/null bs=4096 count=1 iflag=direct && active nbd'
check "it comes back to life, and is used" a 'dmsetup resume slow; until_true 120 ready && dd if=/dev/mapper/svc-shared of=/dev/null bs=4096 count=1 iflag=direct && until_true 90 active direct; s=$?; monitor_end -TERM; exit_with $s'
check "taken down, for the next" a 'svc-pathcheck -q --teardown && dmsetup remove slow && configure nbd://10.9.0.2/shared && svc-pathcheck -q --setup && ready'

# --- cost ---
# shellcheck disable=SC2016 # for the guest
run a 'd=$(grep -lx svc-shared /sys/block/dm-*/dm/name); for q in /sys/block/sda/queue ${d%/dm/name}/queue; do (cd $q && echo $(cat max_sectors_kb nr_requests read_ahead_kb scheduler)); done'
figure "limits of raw path / multipath: sectors, requests, read-ahead, scheduler" "${output//$'\n'/ / }"
check "reads through multipath and through one dm-linear, against the raw path" a 'dmsetup create flat --table "0 $(cat /sys/block/sda/size) linear /dev/sda 0" && dmsetup mknodes && path-tool compare /dev/sda /dev/mapper/svc-shared /dev/mapper/flat > /run/cost; s=$?; cat /run/cost; dmsetup remove flat; [ $s = 0 ] && awk "\$2 == 1 && \$5 < 90 { bad = 1 } END { exit bad || NR != 4 }" /run/cost'
while read -r kind which raw own share low high; do
	what=multipath
	# What any device of the kernel's device-mapper costs here, where processors are emulated.
	[ "$which" = 1 ] || what='dm-linear, which does nothing'
	figure "$kind reads, KiB/s" "raw path $raw, $what $own: $share % (half of the rounds between $low and $high)"
	[ "$kind" != random ] || figure "more for each request of 4 KiB by $what, us" "$(awk -v a="$raw" -v b="$own" 'BEGIN { printf "%.1f", 4e6 / b - 4e6 / a }')"
done <<< "${output%$'\n'}"
check "taken down" a 'svc-pathcheck -q --teardown && ! dmsetup status svc-shared 2> /dev/null'

# --- who may write while the mirror is active ---
expect "a primary does not export" 4 "is active on this controller|has the mirror open" a 'svc-pathcheck -q --export'

# --- an export beside a takeover ---
check "no export" b 'svc-pathcheck -q --unexport'
expect "none is started while a takeover is under way" 5 "is under way on this controller" b 'path-tool hold /run/svc/promote.lock svc-pathcheck --export; s=$?; pidof qemu-nbd && s=99; exit_with $s'
# shellcheck disable=SC2016 # for the guest
expect "one that began before it is ended" 5 "is under way on this controller" b 'mkdir -p /run/bin; { echo "#!/bin/sh"; echo "$(command -v qemu-nbd) \"\$@\""; echo "s=\$?; path-tool hold /run/svc/promote.lock sleep 600 > /dev/null 2>&1 & echo \$! > /run/holder.pid; sleep 1; exit \$s"; } > /run/bin/qemu-nbd; chmod +x /run/bin/qemu-nbd; PATH=/run/bin:$PATH svc-pathcheck --export; s=$?; kill $(cat /run/holder.pid); pidof qemu-nbd && s=99; exit_with $s'
check "and afterwards" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'

# --- queueing, and the other controls ---
check "requests are held back for so long, then fail, also where the module has to be loaded first" a 'modprobe -r dm-round-robin && modprobe -r dm-multipath && [ ! -e /sys/module/dm_multipath ] && queue=3 configure nbd://10.9.0.2/shared; svc-pathcheck --setup > /run/said && ready && dmsetup table svc-shared | grep -q queue_if_no_path && ! grep SVC-PATH-NO-QUEUE /run/said'
run b 'svc-pathcheck -q --unexport'
check "and no longer" a 'state offline; b=$(cut -d. -f1 /proc/uptime); ! dd if=/dev/mapper/svc-shared of=/dev/null bs=4096 count=1 iflag=direct && t=$(($(cut -d. -f1 /proc/uptime) - b)); state running; echo "$t s"; [ $t -ge 2 ] && [ $t -le 60 ] && svc-pathcheck > /run/said; grep SVC-PATH-NO-QUEUE /run/said && svc-pathcheck -q --teardown'
check "the standby exports again" b 'svc-pathcheck -q --export'
check "one device that is switched by hand" a 'control=manual configure nbd://10.9.0.2/shared; svc-pathcheck -q --setup && dmsetup table svc-shared | grep -q "linear 8:"'
check "goes to nbd, and back, under load" a 'path-tool read /dev/mapper/svc-shared 6000 > /run/read.out 2>&1 & r=$!; for i in 1 2 3; do svc-pathcheck -q --switch nbd && dmsetup table svc-shared | grep -q "linear 43:" && svc-pathcheck -q --switch direct && dmsetup table svc-shared | grep -q "linear 8:" || exit_with 1 || break; done && wait $r'
check "what is written by nbd is there by direct" a 'svc-pathcheck -q --switch nbd && o=$((100 * 1048576)) && yes svc | dd of=/dev/mapper/svc-shared bs=1M count=4 seek=100 oflag=direct iflag=fullblock conv=fsync 2> /dev/null && svc-pathcheck -q --switch direct && cmp -s -n 4194304 /dev/mapper/svc-shared /dev/sda && dd if=/dev/sda bs=1M skip=100 count=4 iflag=direct 2> /dev/null | head -c 8 | grep -q svc'
check "nbd in use, and watched" a 'svc-pathcheck -q --switch nbd && monitor_start && until_true 90 table_is "linear 43:"'
run b 'svc-pathcheck -q --unexport'
check "it is lost: the device lies on no path, and not on the other one" a 'until_true 90 table_is error; ! dd if=/dev/mapper/svc-shared of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null'
check "another volume there" b "$serve /dev/d_other"
check "is not what was chosen" a ': > /run/monitor.log; until_true 90 said "path nbd is other-volume" && sleep 2 && table_is error'
check "the right one again" b 'p=$(cat /run/wrong.pid); kill $p; until_true 90 ended $p; svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
check "it is connected anew, and used" a 'until_true 90 table_is "linear 43:" && cmp -n 1000000 /dev/mapper/svc-shared /dev/sda'
check "without the monitor too, when it is wanted" a 'monitor_end -TERM; svc-pathcheck -q --switch direct && svc-pathcheck -q --switch nbd && table_is "linear 43:" && svc-pathcheck -q --switch direct'
run b 'svc-pathcheck -q --unexport'
expect "a dead path is not switched to" 4 "nobody listens|lost|does not answer|cannot be" a 'svc-pathcheck --switch nbd'
check "taken down again" a 'dmsetup table svc-shared | grep -q "linear 8:" && svc-pathcheck -q --teardown'
check "direct is one that can hang" a 's=$(cat /sys/block/sda/size); dmsetup create slow --table "0 $s linear /dev/sda 0" && dmsetup mknodes && direct=/dev/mapper/slow control=manual configure nbd://10.9.0.2/shared'
check "the standby exports once more" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
expect "requests hang there: the switch is not made, and said so" 5 "have not ended" a 'svc-pathcheck -q --setup && table_is "linear 25[0-9]:" && svc-pathcheck -q --switch nbd && svc-pathcheck -q --switch direct && dmsetup suspend slow && { dd if=/dev/mapper/svc-shared of=/run/hung bs=4096 count=1 iflag=direct 2> /run/hung.log & } && sleep 1 && svc-pathcheck --switch nbd'
check "it follows when they end, and they do so by the old path" a 'table_is "linear 25[0-9]:" && dmsetup resume slow && until_true 90 table_is "linear 43:" && until_true 90 test -s /run/hung && cmp -n 4096 /run/hung /dev/sda'
check "taken down once more" a 'svc-pathcheck -q --teardown && dmsetup remove slow'
check "a device of somebody else's is checked and not touched" a 'control=external configure nbd://10.9.0.2/shared; svc-pathcheck -q --setup; ! dmsetup status svc-shared 2> /dev/null'

# --- TLS ---
tls() # NAME STATUS TEXT NBD-LINE...
{
	local name=$1 status=$2 text=$3

	shift 3
	run a "configure $uri $(printf "'%s' " "$@")"
	expect "TLS: $name" "$status" "$text" a 'svc-pathcheck --json'
}
run b 'svc-pathcheck -q --unexport'
run b "client=CN=controller-a configure nbd://10.9.0.1/none 'tls-certificates = /tls/good'"
check "exported with certificates" b 'svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
uri=nbds://controller-other/shared
tls "certificates" 0 '"state": "good"' 'tls-certificates = /tls/good'
check "TLS: in the kernel too" a 'svc-pathcheck -q --setup && ready && cmp -n 1000000 /dev/nbd0 /dev/sda && svc-pathcheck -q --teardown'
tls "wrong authority" 5 'TLS handshake failed' 'tls-certificates = /tls/other'
tls "expired" 5 '"state": "down"' 'tls-certificates = /tls/expired'
tls "no certificate" 5 '"state": "down"' 'tls-certificates = /tls/none'
expect "TLS: an expired server certificate is not served with" 5 "expired" b "svc-pathcheck -q --unexport; configure nbd://10.9.0.1/none 'tls-certificates = /tls/old'; svc-pathcheck --export"
check "TLS: served all the same, by another program" b "qemu-nbd --fork --pid-file=/run/plain.pid -t -e 4 -f raw --cache=none -k /run/plain.sock /dev/sda && nbdkit -P /run/wrong.pid -i 10.9.0.2 -e shared --tls=require --tls-certificates=/tls/old nbd socket=/run/plain.sock"
tls "expired server" 5 'TLS handshake failed' 'tls-certificates = /tls/good'
check "TLS: the right one again" b "kill \$(cat /run/wrong.pid) \$(cat /run/plain.pid); client=CN=controller-a configure nbd://10.9.0.1/none 'tls-certificates = /tls/good'; sleep 1; svc-pathcheck -q --export; [ -s /run/svc/export.pid ]"
uri=nbd://controller-other/shared
tls "plaintext" 5 'insists on TLS' 'tls-certificates = /tls/good'
run b "client=CN=somebody configure nbd://10.9.0.1/none 'tls-certificates = /tls/good'"
check "exported for somebody else" b 'svc-pathcheck -q --unexport; svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
uri=nbds://controller-other/shared
tls "another client" 5 '"state": "down"' 'tls-certificates = /tls/good'
run b "client=controller-a configure nbd://10.9.0.1/none 'tls-psk-file = /psk/keys'"
expect "TLS: a key that everybody can read is none" 78 "everybody" b 'svc-pathcheck -q --unexport; chmod 644 /psk/keys; svc-pathcheck -q --export; s=$?; chmod 600 /psk/keys; exit_with $s'
check "exported with keys" b 'svc-pathcheck -q --unexport; svc-pathcheck -q --export; [ -s /run/svc/export.pid ]'
tls "key" 0 '"state": "good"' 'tls-psk-file = /psk/keys' 'tls-username = controller-a'
check "TLS: key, in the kernel too" a 'svc-pathcheck -q --setup && ready && cmp -n 1000000 /dev/nbd0 /dev/sda && svc-pathcheck -q --teardown'
tls "wrong key" 5 'TLS handshake failed' 'tls-psk-file = /psk/wrong' 'tls-username = controller-a'
tls "a key of somebody who is not let in" 5 '"state": "down"' 'tls-psk-file = /psk/keys' 'tls-username = stranger'
run b "configure nbd://10.9.0.1/none"
expect "TLS: a client that nothing tells" 78 "nobody can tell who a client is" b 'client=controller-a configure nbd://10.9.0.1/none; svc-pathcheck --export; s=$?; configure nbd://10.9.0.1/none; exit_with $s'
expect "TLS: an export with other settings is not taken for the one that is wanted" 4 "other settings" b 'svc-pathcheck -q --export'
expect "exported in plain, and said so" 0 "SVC-EXPORT-PLAIN" b 'svc-pathcheck -q --unexport; svc-pathcheck --json --export'
tls "a server that offers none: not talked to" 5 'does not offer TLS' 'tls-psk-file = /psk/keys' 'tls-username = controller-a'

# --- the kernel ---
check "no warning of controller a's kernel" a trouble
check "no warning of controller b's kernel" b trouble
