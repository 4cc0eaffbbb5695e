# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2317 # me, mine, other: of paths-guest.sh, parts of which this is put into; the host calls the functions
#
# What a controller of test-images/cluster has: a real Debian with Pacemaker and Corosync. `prepare` writes its
# configuration once, before the cluster may start.

# Before the network is said to be there.
link()
{
	hostname "controller-$me"
	echo "controller-$me" > /etc/hostname
	printf '127.0.0.1 localhost\n10.9.0.1 controller-a\n10.9.0.2 controller-b\n' > /etc/hosts
	ip link set lo up
	ip addr add "$mine/24" dev eth0
	ip link set eth0 up
}

prepare()
{
	mkdir -p /etc/svc /etc/lvm /data
	{
		printf '[mirror]\nlv = svc/data\nlegs = flash-a flash-b shared\n'
		printf '[copies]\nflash-%s = /dev/disk/by-id/virtio-flash-%s\nshared@direct = /dev/sda\nshared@nbd = nbd://%s/shared\n' "$me" "$me" "$other"
		printf '[controller]\nid = %s\n' "$me"
		printf '[paths]\ncontrol = multipath\n'
		printf '[export]\naddress = %s\n' "$mine"
		printf '[promote]\nmountpoint = /data\nmount-options = noatime\n'
		printf '[boot]\nmode = off\n'
	} > /etc/svc/svc.conf
	# The one device and the flash, and nothing else (svc-pathcheck says so).
	cat > /etc/lvm/lvmlocal.conf <<-EOF
		devices { global_filter = [ "a|^/dev/mapper/svc-shared$|", "a|^/dev/disk/by-id/virtio-flash-$me$|", "r|.*|" ] }
	EOF
	cat > /etc/corosync/corosync.conf <<-'EOF'
		totem {
			version: 2
			cluster_name: svc
			transport: knet
			token: 10000
		}
		nodelist {
			node {
				name: controller-a
				nodeid: 1
				ring0_addr: 10.9.0.1
			}
			node {
				name: controller-b
				nodeid: 2
				ring0_addr: 10.9.0.2
			}
		}
		quorum {
			provider: corosync_votequorum
			two_node: 1
		}
		logging {
			to_syslog: yes
		}
	EOF
	[ -s /etc/svc/svc.conf ]
}

# What svc-failover(7) has with pcs, in Pacemaker's own words; time for guests without KVM.
configure_cluster()
{
	cat > /run/configuration.xml <<-'EOF'
		<configuration>
		 <crm_config><cluster_property_set id="options">
		  <nvpair id="o1" name="stonith-enabled" value="true"/>
		  <nvpair id="o2" name="stonith-action" value="off"/>
		  <nvpair id="o3" name="stonith-timeout" value="180s"/>
		 </cluster_property_set></crm_config>
		 <nodes><node id="1" uname="controller-a"/><node id="2" uname="controller-b"/></nodes>
		 <resources>
		  <primitive id="fence" class="stonith" type="fence_machine">
		   <instance_attributes id="fence-p"><nvpair id="fence-l" name="pcmk_host_list" value="controller-a controller-b"/></instance_attributes>
		   <operations><op id="fence-m" name="monitor" interval="600s" timeout="180s"/><op id="fence-s" name="start" interval="0" timeout="180s"/></operations>
		  </primitive>
		  <clone id="mirror-clone">
		   <meta_attributes id="mirror-t"><nvpair id="t1" name="promotable" value="true"/><nvpair id="t2" name="promoted-max" value="1"/>
		    <nvpair id="t3" name="clone-max" value="2"/><nvpair id="t4" name="notify" value="true"/></meta_attributes>
		   <primitive id="mirror" class="ocf" provider="svc" type="mirror">
		    <instance_attributes id="mirror-p"><nvpair id="p1" name="timeout" value="120"/><nvpair id="p2" name="score_interval" value="10"/></instance_attributes>
		    <operations>
		     <op id="m1" name="monitor" interval="20s" role="Unpromoted" timeout="180s"/><op id="m2" name="monitor" interval="10s" role="Promoted" timeout="180s"/>
		     <op id="m3" name="promote" interval="0" timeout="180s"/><op id="m4" name="demote" interval="0" timeout="180s" on-fail="fence"/>
		     <op id="m5" name="start" interval="0" timeout="180s"/><op id="m6" name="stop" interval="0" timeout="180s" on-fail="fence"/>
		     <op id="m7" name="notify" interval="0" timeout="180s"/>
		    </operations>
		   </primitive>
		  </clone>
		  <primitive id="writer" class="systemd" type="writer"><operations><op id="w1" name="monitor" interval="20s" timeout="180s"/>
		   <op id="w2" name="start" interval="0" timeout="180s"/><op id="w3" name="stop" interval="0" timeout="180s"/></operations></primitive>
		 </resources>
		 <constraints>
		  <rsc_colocation id="c1" rsc="writer" with-rsc="mirror-clone" with-rsc-role="Promoted" score="INFINITY"/>
		  <rsc_order id="c2" first="mirror-clone" first-action="promote" then="writer" then-action="start"/>
		 </constraints>
		</configuration>
	EOF
	cibadmin --replace --scope configuration --xml-file /run/configuration.xml
}

mon() { crm_mon --one-shot --output-as=xml --inactive 2> /dev/null; }

# controller-a|controller-b
is_online() { mon | grep -q "<node name=\"$1\" .*online=\"true\" standby=\"false\" .*pending=\"false\""; }
role_of()
{
	mon | awk -v name="$1" '/<resource id=/ { role = /id="mirror"/ && match($0, / role="[^"]*"/) ? substr($0, RSTART + 7, RLENGTH - 8) : "" }
		role != "" && index($0, "<node name=\"" name "\"") { print role }'
}
is_promoted() { role_of "$1" | grep -qxE 'Promoted|Master'; }
is_unpromoted() { role_of "$1" | grep -qxE 'Unpromoted|Slave|Started'; }
# On this node.
writes() { systemctl -q is-active writer && [ -s "/data/ring.$(hostname)" ]; }

# score NODE: what its agent has set, or "none"
score() { crm_attribute --node "$1" --promotion=mirror --lifetime=reboot --query --quiet 2> /dev/null || echo none; }
score_is() { [ "$(score "$1")" = "$2" ]; }

# await COMMAND...: a failed one says what there was to see
await() { until_true 550 "$@" || { show; return 1; }; }

both_online() { is_online controller-a && is_online controller-b; }
none_failed() { ! mon | grep '<failure '; }
is_primary() { svc-promote --status -q --json | grep -q '"role": "primary"'; }
refreshed() { legs_are "$1" && grep -q '"exit": *0}' /run/svc/refresh.json; }
compare_all() { svc-compare -q --full "flash-$me=/dev/disk/by-id/virtio-flash-$me" shared=/dev/sda; }

# What to look at when a check fails.
show()
{
	crm_mon --one-shot --inactive --show-node-attributes --failcounts --operations 2>&1 | tail -n 60
	svc-promote --status 2>&1
	journalctl --no-pager -q -o short-monotonic 2>&1 | grep -vE 'nbd0|dev sda|High CPU' | tail -n 60 | cut -c 1-220
}
