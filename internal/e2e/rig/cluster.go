package rig

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"filmcan/internal/filmtest/pgtest"
)

// Cluster is a PostgreSQL and a folder for as many servers as a test starts, behind one public name, with a token for
// all of them.
type Cluster struct {
	options    Options
	id, secret string
}

// PublicName is the name under which the servers of a cluster are known.
const PublicName = "http://video.example.com"

// Postgres reports whether this run is for PostgreSQL.
func Postgres() bool { return os.Getenv(pgtest.Variable) != "" }

// NewCluster makes the database, the folder and the token, for servers built with the given tags. It skips the test where
// this run is not for PostgreSQL.
func NewCluster(tb testing.TB, tags ...string) *Cluster {
	tb.Helper()
	database, data := pgtest.New(tb), tb.TempDir()
	out, stderr, code := Run(tb, Binary(tb, tags...), nil, "token", "create", "--database", database, "--data", data)
	if code != 0 {
		tb.Fatalf("token create: %s", stderr)
	}
	c := &Cluster{options: Options{
		Binary: Binary(tb, tags...), Data: data, Serve: true,
		Args: []string{"--database", database, "--allow-network", "127.0.0.0/8", "--public-url", PublicName},
	}}
	for line := range strings.Lines(out) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "MUX_TOKEN_ID":
			c.id = value
		case "MUX_TOKEN_SECRET":
			c.secret = value
		}
	}
	return c
}

// Setenv adds variables, as NAME=value, to the environment of servers that are started from now on.
func (c *Cluster) Setenv(env ...string) { c.options.Env = append(c.options.Env, env...) }

// Start starts one more server and returns it with a client of it.
func (c *Cluster) Start(tb testing.TB) (*Process, *Client) {
	tb.Helper()
	p := Start(tb, c.options)
	return p, &Client{Base: p.Base(), ID: c.id, Secret: c.secret, HTTP: http.DefaultClient}
}

// On is a link as this process serves it.
func (p *Process) On(link string) string { return strings.Replace(link, PublicName, p.Base(), 1) }
