# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, build, work: of who sources this
#
# A Debian root file system and our packages, for test-images/boot-debian and test-images/cluster.
#
#     make_packages          our packages, in $packages; not again where nothing has changed since
#     libraries              the run-time libraries of our program, with commas
#     make_base PACKAGES     prints where the root file system with these packages is; made once, without ours
#
# And where it is unpacked to $root, inside name spaces of its own:
#
#     mount_dev              devices and /proc
#     copy_modules RELEASE FOLDER...   the drivers that a guest can have; the whole tree would only make everything slower

suite=bookworm
packages=${build:-}/test-images/packages

make_packages()
{
	local newer

	if [ -e "$packages.done" ] && newer=$(cd "$here/.." && git ls-files -z --cached --others --exclude-standard -- . ':!test-images' |
		xargs -0 sh -c 'find "$@" -prune -newer "$0"' "$packages.done" 2> /dev/null) && [ -z "$newer" ]; then
		return 0
	fi
	rm -f "$packages.done"
	mkdir -p "${packages%/*}"
	: > "$packages.new"
	"$here/../debian/build-packages" "$packages" && mv "$packages.new" "$packages.done"
}

# By the names that dpkg-shlibdeps gave them.
libraries()
{
	dpkg-deb -f "$packages"/svc-recovery_*.deb Depends | tr ',' '\n' | sed -n 's/^ *\([a-z0-9.+-]*\).*/\1/p' | sort -u | paste -sd ,
}

# The mirror that apt has here for this release, or mmdebstrap's own.
mirror() { apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
	awk -v suite=$suite '$1 == suite && !n++ { print $2 }'; }

make_base()
{
	local base proxy

	base=$build/test-images/debian-$suite-$(sha256sum <<< "$1" | cut -c 1-12).tar
	if [ ! -s "$base" ]; then
		proxy=$(apt-config shell proxy Acquire::http::Proxy | sed "s/^proxy='\(.*\)'$/\1/")
		# shellcheck disable=SC2046 # no mirror, no word
		mmdebstrap --format=tar --variant=minbase --include="$1" ${proxy:+--aptopt="Acquire::http::Proxy \"$proxy\""} \
			$suite "$base.new" $(mirror) > "$work/mmdebstrap.log" 2>&1 || { tail -n 5 "$work/mmdebstrap.log"; return 1; }
		mv "$base.new" "$base"
	fi
	echo "$base"
}

mount_dev()
{
	local node

	mount -t tmpfs -o mode=755 dev "$root/dev"
	for node in null zero full random urandom; do
		: > "$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	ln -s /proc/self/fd "$root/dev/fd"
	mount -t proc proc "$root/proc"
}

copy_modules()
{
	local from=/lib/modules/$1 to=$root/usr/lib/modules/$1 release=$1 folder

	shift
	mkdir -p "$to/kernel"
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$to/"
	for folder; do
		[ ! -e "$from/kernel/$folder" ] || (cd "$from" && cp -r --parents "kernel/$folder" "$to/")
	done
	depmod -b "$root/usr" "$release" 2> /dev/null || depmod -b "$root" "$release"
}
