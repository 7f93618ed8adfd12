# fish completion for otactl(1). What fits is asked from otactl itself, names of
# devices and modules from the otad that runs.

function __otactl_complete
	set -l words (commandline --tokenize --cut-at-cursor --current-process)
	set -l last (commandline --current-token --cut-at-cursor)
	set -l found ($words[1] --complete -- $words[2..-1] "$last" 2>/dev/null)
	if contains :files $found
		__fish_complete_path "$last"
	else
		string join \n -- $found
	end
end

complete --command otactl --no-files --arguments '(__otactl_complete)'
