# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2317,SC2034,SC2154
# What is shipped and shown: the image as `make image` packs it, and the demo.

# The figures are the promise, whatever mkimage takes for its limits.
case_of sizes in-sync
sizes()
{
	local suite image

	"$here/../initramfs/image/mkimage" -n -b "$build" -c "$work/usual.conf" image > sizes.log 2>&1 || fail "mkimage: $(tail -n 2 sizes.log)"
	suite=$(sed -n 's/^svc and its scripts, compressed  *\([0-9]*\) bytes.*/\1/p' sizes.log)
	image=$(stat -c %s image/initrd.img)
	[[ $suite && $suite -le $((400 * 1024)) ]] || fail "the suite adds ${suite:-unknown} bytes"
	[ "$image" -lt $((12 * 1024 * 1024)) ] || fail "the initramfs has $image bytes"
	echo "figures: suite $suite bytes, initramfs $image bytes"
}

# As `make demo` runs it.
case_of demo in-sync
demo()
{
	"$here/demo" "$build" > demo.log 2>&1 || fail "it ends with $?: $(tail -n 3 demo.log)"
	grep -q '^ *status: the copies agree' demo.log || fail "svc-compare does not say that the copies agree"
	tail -n 1 demo.log | grep -q '^=== Done: flash-a was stale, was rebuilt from shared, and the mirror was mounted: in-sync (' ||
		fail "its last line: $(tail -n 1 demo.log)"
}
