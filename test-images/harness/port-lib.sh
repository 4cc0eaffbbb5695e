# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash

# Prints a port that nobody has, for NBD's server.
free_port()
{
	local port

	while :; do
		port=$((20000 + RANDOM % 20000))
		(: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
	done
	echo $port
}
