package cli

import (
	"context"
	"fmt"

	"filmcan/internal/app"
)

type serveCommand struct {
	place
	serverFlags
	Listen  string    `help:"Address of the server (${default})." default:":8484" placeholder:"HOST:PORT"`
	TLSCert string    `name:"tls-cert" help:"Certificate chain (PEM): the listener then speaks https." placeholder:"FILE"`
	TLSKey  string    `name:"tls-key" help:"Private key of --tls-cert (PEM)." placeholder:"FILE"`
	Allow   []network `name:"allow-network" help:"Private network from which inputs may come and to which webhooks may go; repeat or separate by commas." placeholder:"CIDR"`
	NoWork  bool      `name:"no-work" help:"Run no background jobs on this node."`
	NoHTTP  bool      `name:"no-http" help:"Serve no requests on this node: a worker."`
}

// Help is shown below the flags.
func (serveCommand) Help() string {
	return `One machine: SQLite and films in the --data folder, which belongs to this one process.
Several machines: --database postgres://… and a --data folder that all of them share.

Inputs and webhooks on private networks are refused unless --allow-network names their network; link-local metadata
addresses are refused always. SIGTERM drains: running requests and jobs get --drain-timeout to finish, encodings stop
at once and go on at the next start.`
}

// Run runs the server until the context ends.
func (c serveCommand) Run(ctx context.Context, s Streams) error {
	cfg := app.Serve()
	c.apply(&cfg)
	cfg.Version = Version()
	cfg.Data, cfg.Database, cfg.Listen = c.Data, c.Database, c.Listen
	cfg.TLSCert, cfg.TLSKey = c.TLSCert, c.TLSKey
	cfg.Work, cfg.HTTP = !c.NoWork, !c.NoHTTP
	for _, n := range c.Allow {
		cfg.Allow = append(cfg.Allow, n.Prefix)
	}
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	a, err := app.Open(ctx, cfg, c.logger(s.Err))
	if err != nil {
		return err
	}
	defer a.Close()
	fmt.Fprintf(s.Out, "filmcan serve: %s (data %s)\n", a.URL(), cfg.Data)
	return a.Run(ctx)
}
