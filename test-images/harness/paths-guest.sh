# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# shellcheck disable=SC2317 # the host calls the functions
#
# What a controller of test-images/paths runs: takes commands, a line each, from the host's channel, and answers with
# their output, every line behind a "|", and "= STATUS". Which controller it is stands on the kernel's command line.
set -u

me=$(sed -n 's/.*guest=\([ab]\).*/\1/p' /proc/cmdline)
case $me in
a) mine=10.9.0.1 other=10.9.0.2 ;;
*) mine=10.9.0.2 other=10.9.0.1 ;;
esac
modprobe -a virtio_scsi sd_mod sg virtio_net  dm-multipath dm-round-robin dm-flakey nbd
ip addr add 127.0.0.1/8 dev lo
ip link set lo up
ip addr add $mine/24 dev eth0
ip link set eth0 up
echo "$mine controller-$me" > /etc/hosts
echo "127.0.0.1 localhost" >> /etc/hosts
echo "$other controller-other" >> /etc/hosts
mkdir -p /etc/svc /var/lib/svc /mnt
tries=240
while [ ! -b /dev/sda ] && [ $tries -gt 0 ]; do
	sleep 0.5
	tries=$((tries - 1))
done

# configure URI [LINE-OF-NBD ...]
configure()
{
	uri=$1
	shift
	{
		echo "[mirror]"
		echo "lv = svc/data"
		echo "[copies]"
		echo "flash-$me = /dev/d_flash-$me"
		echo "shared@direct = ${direct:-/dev/sda}"
		echo "shared@nbd = $uri"
		echo "[controller]"
		echo "id = $me"
		echo "[paths]"
		[ "$me" = b ] || echo "control = ${control:-multipath}"
		echo "queue = ${queue:-0}"
		# A host under load, without KVM, is slow at times.
		echo "timeout = 4"
		echo "interval-ms = 300"
		echo "good-probes = 2"
		echo "metrics = /run/svc.prom"
		echo "[export]"
		echo "address = $mine"
		[ -z "${client:-}" ] || echo "client = $client"
		echo "[nbd]"
		echo "timeout = 4"
		for line; do
			echo "$line"
		done
	} > /etc/svc/svc.conf
}

# The one device and the flash, and nothing else (svc-pathcheck says so).
cat > /etc/lvm/lvmlocal.conf <<-EOF
	devices { global_filter = [ "a|^/dev/mapper/svc-shared$|", "a|^/dev/d_flash-$me$|", "r|.*|" ] }
EOF

state() { echo "$1" > /sys/block/sda/device/state; }

health() { dmsetup status svc-data | awk '{ print $6 }'; }

# until SECONDS COMMAND...
until_true()
{
	end=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@"; do
		[ "$(cut -d. -f1 /proc/uptime)" -le "$end" ] || return 1
		sleep 0.1
	done
}

active() { dmsetup status svc-shared | awk -v w="$1" '{ for (i = 4; i < NF; i++) if ($i ~ /^[0-9]+:[0-9]+$/ && $(i + 1) == "A") a[$i ~ /^43:/ ? "nbd" : "direct"] = 1
	for (i = 4; i < NF; i++) if ($i == "A" && $(i - 1) !~ /:/ && $(i + 4) ~ /:/) g = $(i + 4) ~ /^43:/ ? "nbd" : "direct" } END { exit !(g == w && a[w]) }'; }
ready() { dmsetup status svc-shared | grep -q "43:[0-9]* A" && dmsetup status svc-shared | grep -qE " (8|25[0-9]):[0-9]* A"; }
direct_is() { dmsetup status svc-shared | grep -qE " (8|25[0-9]):[0-9]* $1"; }
nbd_is() { dmsetup status svc-shared | grep -q "43:[0-9]* $1"; }
nbd_is_out() { ! nbd_is A; }
table_is() { dmsetup table svc-shared | grep -q "$1"; }
legs_are() { [ "$(health)" = "$1" ]; }
notified() { [ "$(grep -cx "$1" /run/notified)" -ge "$2" ]; }
replaced() { [ "$(stat -c %i /run/svc.prom)" != "$1" ]; }
ended() { ! kill -0 "$1" 2> /dev/null; }
last_words() { dmesg | grep "cannot reconfigure" | tail -n 1; wc -l < /run/monitor.log; }
said() { grep -q "$1" /run/monitor.log; }

monitor_start()
{
	NOTIFY_SOCKET=/run/notify svc-pathcheck --monitor > /dev/null 2>> /run/monitor.log &
	echo $! > /run/monitor.pid
}

monitor_end()
{
	kill "$1" "$(cat /run/monitor.pid)"
	wait "$(cat /run/monitor.pid)" 2> /dev/null
	return 0
}

writer_start()
{
	path-tool write /mnt/ring /run/writer.log > /run/writer.out 2>&1 &
	echo $! > /run/writer.pid
	sleep 1
	kill -0 "$(cat /run/writer.pid)"
}

# The longest time without an acknowledged write since it was asked last; fails where the writer has.
writer_gap()
{
	rm -f /run/writer.log
	kill -USR1 "$(cat /run/writer.pid)" && until_true 60 test -s /run/writer.log && cut -d' ' -f2 /run/writer.log
}

writer_end()
{
	kill -TERM "$(cat /run/writer.pid)" && wait "$(cat /run/writer.pid)"
	status=$?
	cat /run/writer.out
	return "$status"
}

look_for() { again "$1" svc-pathcheck --json --coherence; }

# again STATE COMMAND...: several times until it says so, for a host under load lets deadlines pass
again()
{
	wanted=$1
	shift
	for try in 1 2 3 4 5; do
		"$@" > /run/look
		status=$?
		! grep -q "\"state\": \"$wanted\"" /run/look || break
		sleep "$try"
	done
	cat /run/look
	return "$status"
}

exit_with() { return "$1"; }

trouble() { ! dmesg | grep -E -A12 'WARNING:|BUG:|Call Trace|blocked for more than'; }

path-tool notified /run/notify /run/notified &
stty -F /dev/ttyS2 raw -echo
exec 3<> /dev/ttyS2
echo "= 0" >&3
while IFS= read -r line <&3; do
	[ "$line" != quit ] || break
	# In this shell: what a command starts in the background stays its child.
	eval "$line" > /run/out 2>&1 3>&-
	status=$?
	awk '{ print "|" $0 }' /run/out >&3
	echo "= $status" >&3
done
exit 0
