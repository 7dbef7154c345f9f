package cli

import (
	"cmp"
	"context"
	"fmt"

	"filmcan/internal/app"
)

type devCommand struct {
	place
	serverFlags
	Listen    string `help:"Address of the server (${default})." default:"127.0.0.1:8484" placeholder:"HOST:PORT"`
	TLS       bool   `name:"tls" help:"Serve https as well, with a certificate of its own for localhost, stream.localhost and image.localhost, so that mux-player's playback-id works with custom-domain."`
	TLSListen string `name:"tls-listen" help:"Address of the https listener of --tls (${default})." default:"127.0.0.1:8485" placeholder:"HOST:PORT"`
	Webhook   string `help:"Send every event to this URL; its secret is MUX_WEBHOOK_SECRET in mux.env." placeholder:"URL"`
}

// Help is shown below the flags.
func (devCommand) Help() string {
	return `Everything runs in this one process: API, playback, webhooks, background work, SQLite and a folder. Inputs and
webhooks on loopback and private networks are allowed. When it is ready it has written mux.env into the data folder:

  . filmcan-data/mux.env

sets MUX_BASE_URL, MUX_TOKEN_ID, MUX_TOKEN_SECRET, MUX_SIGNING_KEY and MUX_PRIVATE_KEY, and with --webhook also
MUX_WEBHOOK_SECRET, for Mux's SDKs and CLI. Stopping and starting again keeps everything.`
}

// Run runs the server until the context ends.
func (c devCommand) Run(ctx context.Context, s Streams) error {
	cfg := app.Dev()
	c.apply(&cfg)
	cfg.Version = Version()
	cfg.Data, cfg.Database = cmp.Or(c.Data, cfg.Data), c.Database
	cfg.Listen, cfg.TLSOwn, cfg.TLSListen = c.Listen, c.TLS, c.TLSListen
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	a, err := app.Open(ctx, cfg, c.logger(s.Err))
	if err != nil {
		return err
	}
	defer a.Close()
	env, err := a.WriteEnv(ctx, c.Webhook)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "filmcan dev\n\n")
	fmt.Fprintf(s.Out, "  API and streams   %s\n", a.URL())
	if a.TLSURL() != "" {
		fmt.Fprintf(s.Out, "  with TLS          %s   (CA: %s)\n", a.TLSURL(), a.CAFile())
		fmt.Fprintf(s.Out, "  mux-player        custom-domain=\"%s\"\n", a.CustomDomain())
	}
	fmt.Fprintf(s.Out, "  API description   %s/docs\n", a.URL())
	fmt.Fprintf(s.Out, "  data              %s\n", cfg.Data)
	fmt.Fprintf(s.Out, "  credentials       . %s\n\n", env)
	fmt.Fprintf(s.Out, "Try it:  curl -u \"$MUX_TOKEN_ID:$MUX_TOKEN_SECRET\" \"$MUX_BASE_URL/system/v1/whoami\"\n\n")
	for _, guard := range a.MissingGuards() {
		fmt.Fprintf(s.Out, "note: %s\n", guard)
	}
	return a.Run(ctx)
}
