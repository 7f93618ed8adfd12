# bash completion for otactl(1). What fits is asked from otactl itself, names of
# devices and modules from the otad that runs.

_otactl()
{
	local words cword cur word
	# A colon, as in a MAC address, is part of a name.
	_get_comp_words_by_ref -n : words cword cur
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		if [[ $word == :files ]]; then
			compopt -o default
		else
			COMPREPLY+=("$(printf %q "$word")")
		fi
	done < <("${words[0]}" --complete -- "${words[@]:1:cword}" 2>/dev/null)
	__ltrim_colon_completions "$cur"
}
complete -F _otactl otactl
