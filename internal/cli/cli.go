// Package cli is the command line: flags, environment and files become the configuration of a command, one file per
// command. It reads what nobody else may read (arguments, environment) and decides nothing about films.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Streams is what the program meets its user through.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes, as they are documented by `filmcan --help`.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	// exitFound: a check found something wrong.
	exitFound = 3
)

// errFound is returned by a check that found something; the findings are printed already.
var errFound = errors.New("something was found")

type program struct {
	Dev        devCommand        `cmd:"" help:"Run everything on this machine for development: no account, no network, no configuration."`
	Serve      serveCommand      `cmd:"" help:"Run a production server."`
	Upload     uploadCommand     `cmd:"" help:"Send films to a server: with progress, and going on where it was interrupted."`
	Token      tokenCommand      `cmd:"" help:"Create, list and revoke API access tokens."`
	Check      checkCommand      `cmd:"" help:"Compare rows and bytes: orphans, missing films, damage."`
	Backup     backupCommand     `cmd:"" help:"Copy rows and films into a folder while the server runs."`
	Restore    restoreCommand    `cmd:"" help:"Make a data folder from a backup."`
	Source     sourceCommand     `cmd:"" help:"Write a film as it came to a file or to standard output."`
	Derived    derivedCommand    `cmd:"" help:"What is kept of what can be made again: how much, and away with it."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database to this version's schema and stop."`
	Completion completionCommand `cmd:"" help:"Print a completion script for bash, zsh or fish."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

const description = `filmcan is a video server that speaks the Mux Video API.

First steps:
  filmcan dev                        start on this machine, data in ./filmcan-data
  . filmcan-data/mux.env             point Mux's own SDKs and CLI at it
  mux assets create --url http://localhost:9000/film.mp4
  filmcan upload --wait film.mp4     send a film, print where it plays

Production:
  filmcan serve --data /var/lib/filmcan --public-url https://video.example.com
  filmcan token create --data /var/lib/filmcan --name backend

Every flag can be given as an environment variable (FILMCAN_ and the flag's name) or in a TOML file named by
--config; flags win over the environment, the environment over the file.

Exit status: 0 done, 1 failed, 2 wrong use, 3 a check found something.`

// Run runs one command and returns the process's exit code.
func Run(ctx context.Context, args []string, s Streams) int {
	var p program
	exit := -1
	parser, err := newParser(&p, s, func(code int) { exit = code }, kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(s.Err, "filmcan:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // help was asked for and given
	}
	if err != nil {
		fmt.Fprintln(s.Err, "filmcan:", err)
		if parsed := new(kong.ParseError); errors.As(err, &parsed) && parsed.Context != nil {
			fmt.Fprintf(s.Err, "see: filmcan %s--help\n", commandPath(parsed.Context))
		}
		return exitUsage
	}
	err = parsed.Run()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFound):
		return exitFound
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(s.Err, "filmcan:", line)
		}
		if errors.As(err, new(usageError)) {
			return exitUsage
		}
		return exitFailed
	}
}

func newParser(p *program, s Streams, exit func(int), more ...kong.Option) (*kong.Kong, error) {
	return kong.New(p, append(more,
		kong.Name("filmcan"), kong.Description(description),
		kong.Writers(s.Out, s.Err), kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Bind(s, p),
		kong.DefaultEnvars("FILMCAN"), kong.Configuration(fileResolver),
	)...)
}

// usageError is a configuration that cannot be: its text says what to do.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func commandPath(c *kong.Context) string {
	var words strings.Builder
	for _, p := range c.Path {
		if p.Command != nil {
			words.WriteString(p.Command.Name + " ")
		}
	}
	return words.String()
}
