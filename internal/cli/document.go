package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// WriteConfig writes docs/config.md: every flag of the two servers, with its environment variable, its key in the
// configuration file and its default, from the same model as the help.
func WriteConfig(w io.Writer) error {
	parser, err := newParser(&program{}, Streams{Out: io.Discard, Err: io.Discard}, func(int) {})
	if err != nil {
		return err
	}
	fmt.Fprint(w, "# Configuration\n\nGenerated from the program's flags; `make golden` writes it anew.\n\n"+
		"Flags win over the environment, the environment over the TOML file that `--config` names. A key of the file is a flag's\n"+
		"name without its dashes; unknown keys are errors. Durations are written as `90s`, `15m`, `24h`, sizes as `500MB`, `2GiB`.\n")
	for _, command := range []string{"serve", "dev"} {
		for _, node := range parser.Model.Children {
			if node.Name != command {
				continue
			}
			fmt.Fprintf(w, "\n## filmcan %s\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n", node.Name)
			for _, flag := range node.Flags {
				writeFlag(w, flag)
			}
		}
	}
	return nil
}

func writeFlag(w io.Writer, flag *kong.Flag) {
	name := "`--" + flag.Name
	if !flag.IsBool() {
		name += " " + flag.FormatPlaceHolder()
	}
	initial := ""
	if flag.HasDefault {
		initial = "`" + flag.Default + "`"
	}
	meaning := strings.ReplaceAll(strings.ReplaceAll(flag.Help, " ("+flag.Default+")", ""), "|", "\\|")
	fmt.Fprintf(w, "| %s` | `%s` | %s | %s |\n", name, strings.Join(flag.Envs, "`, `"), initial, meaning)
}
