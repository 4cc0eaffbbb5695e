# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion for bash: options are what the command's own --help says, copies what svc.conf(5) calls them.

_svc()
{
	local cur prev words cword split command=${1##*/} names="flash-a flash-b shared shared@direct shared@nbd"

	_init_completion -s -n "=@" || return
	if [ "$command" = svc ]; then
		if [ "$cword" = 1 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(svc --help | sed -n 's/^  svc-\([a-z]*\) .*/\1/p')" -- "$cur")
			return
		fi
		command=svc-${words[1]}
	fi
	case $prev in
	-c | --config | --save | --undo | --cmdline)
		_filedir
		return
		;;
	--progress)
		mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur")
		return
		;;
	--explain)
		mapfile -t COMPREPLY < <(compgen -W "all $("$command" --explain all | grep -o '^SVC-[A-Z-]*')" -- "$cur")
		return
		;;
	--from | --to)
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
		return
		;;
	--controller)
		mapfile -t COMPREPLY < <(compgen -W "a b" -- "$cur")
		return
		;;
	--lv | --timeout | --rate)
		return
		;;
	esac
	[ "$split" = false ] || return
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$command")" -- "$cur")
		[[ ${COMPREPLY-} != *= ]] || compopt -o nospace
		;;
	*=*) # NAME=LOCATOR: readline takes what is behind the last `=` for the word
		cur=${cur#*=}
		_filedir
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -S = -W "$names" -- "$cur")
		if [ ${#COMPREPLY[@]} = 0 ]; then _filedir; else compopt -o nospace; fi
		;;
	esac
}

complete -F _svc svc
while read -r _svc_command; do
	complete -F _svc "$_svc_command"
done < <(svc --help 2> /dev/null | sed -n 's/^  \(svc-[a-z]*\) .*/\1/p')
unset _svc_command
