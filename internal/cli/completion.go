package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the flags.
func (completionCommand) Help() string {
	return `Where each shell looks for it:

    filmcan completion bash > /etc/bash_completion.d/filmcan
    filmcan completion zsh > "${fpath[1]}/_filmcan"
    filmcan completion fish > ~/.config/fish/completions/filmcan.fish`
}

// Run prints the script. Commands and flags come from the same model as the help.
func (c completionCommand) Run(s Streams, k *kong.Kong) error {
	nodes := map[string]*kong.Node{}
	var order []string
	var collect func(path string, n *kong.Node)
	collect = func(path string, n *kong.Node) {
		nodes[path] = n
		order = append(order, path)
		for _, child := range n.Children {
			if child.Type == kong.CommandNode {
				collect(strings.TrimSpace(path+" "+child.Name), child)
			}
		}
	}
	collect("", k.Model.Node)
	switch c.Shell {
	case "fish":
		for _, path := range order {
			condition := "__fish_use_subcommand"
			if path != "" {
				condition = "__fish_seen_subcommand_from " + path[strings.LastIndex(path, " ")+1:]
			}
			for _, word := range commands(nodes[path]) {
				fmt.Fprintf(s.Out, "complete -c filmcan -n '%s' -f -a '%s' -d '%s'\n", condition, word.Name, quoted(word.Help))
			}
			for _, flag := range nodes[path].Flags {
				fmt.Fprintf(s.Out, "complete -c filmcan -n '%s' -l '%s' -d '%s'\n", condition, flag.Name, quoted(flag.Help))
			}
		}
	default:
		if c.Shell == "zsh" {
			fmt.Fprintln(s.Out, "#compdef filmcan\nautoload -U +X bashcompinit && bashcompinit")
		}
		fmt.Fprint(s.Out, "_filmcan() {\n  local words='' path='' word\n  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case \"$word\" in -*) ;; *) path=\"$path${path:+ }$word\" ;; esac\n  done\n  case \"$path\" in\n")
		for _, path := range order {
			var words []string
			for _, n := range commands(nodes[path]) {
				words = append(words, n.Name)
			}
			for _, flag := range nodes[path].Flags {
				words = append(words, "--"+flag.Name)
			}
			fmt.Fprintf(s.Out, "    '%s') words='%s' ;;\n", path, strings.Join(words, " "))
		}
		fmt.Fprint(s.Out, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _filmcan filmcan\n")
	}
	return nil
}

func commands(n *kong.Node) []*kong.Node {
	var list []*kong.Node
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			list = append(list, child)
		}
	}
	return list
}

// quoted makes a help text fit for single quotes.
func quoted(s string) string { return strings.ReplaceAll(s, "'", "’") }
