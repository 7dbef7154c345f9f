package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filmcan/internal/film"
)

// Config is everything that a server is told at its start. [Dev] and [Serve] give the defaults of the two lives.
type Config struct {
	// Version is the program's, for those who ask.
	Version string
	// Development allows loopback and private addresses as inputs and webhooks.
	Development bool

	// Listen is the address of the one listener: HTTP, or HTTPS where TLSCert is set.
	Listen string
	// TLSListen is a second listener with TLS beside the plain one; used where TLSCert is empty and TLSOwn is set.
	TLSListen string
	// TLSOwn makes a certificate authority of its own in the data folder and serves TLSListen with it.
	TLSOwn          bool
	TLSCert, TLSKey string
	// RTMPListen is kept for live streams, which this version does not have yet.
	RTMPListen string
	// PublicURL is how the world reaches the listener; empty: from the listener's own address.
	PublicURL string

	// Data is the folder of everything that is kept; Database a postgres:// URL, or empty for SQLite in Data.
	Data     string
	Database string
	// Work tells whether this node runs background jobs, HTTP whether it serves requests.
	Work, HTTP bool

	// Allow lists the private networks from which inputs may come and to which webhooks may go.
	Allow []netip.Prefix
	// MaxInput is the largest film taken, in bytes.
	MaxInput int64

	MasterTTL  time.Duration
	ScrubEvery time.Duration
	// EventTTL is how long events and their attempts are kept.
	EventTTL time.Duration
	// DrainTimeout is how long running requests and jobs may take to finish after SIGTERM.
	DrainTimeout time.Duration

	// DerivedBudget is how many bytes of derived things are kept that are not pinned; 0: [derive.SafeBudget].
	DerivedBudget int64
	// Prewarm makes the first segment of each rendition of a film when the film is ready.
	Prewarm bool
	// MediaJobs is how many films are looked at and made into masters at a time on this node; downloads do not count.
	MediaJobs       int
	FFmpeg, FFprobe string
	// NoSandbox runs ffmpeg without its sandbox. Otherwise a production server does not start where there is none.
	NoSandbox bool
}

// Dev returns the configuration of a developer's machine.
func Dev() Config {
	c := Serve()
	c.Development = true
	c.Listen = "127.0.0.1:8484"
	c.TLSListen = "127.0.0.1:8485"
	c.Data = "filmcan-data"
	return c
}

// Serve returns the configuration of a production server; it has no data folder yet.
func Serve() Config {
	return Config{
		Listen: ":8484", TLSListen: ":8485",
		Work: true, HTTP: true,
		MaxInput:  200 << 30,
		MasterTTL: film.MasterTTL, ScrubEvery: 7 * 24 * time.Hour, EventTTL: 30 * 24 * time.Hour,
		DrainTimeout: 30 * time.Second,
		MediaJobs:    2,
		FFmpeg:       "ffmpeg", FFprobe: "ffprobe",
	}
}

// Validate says what is wrong with the configuration and what to do about it.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if c.Data == "" {
		bad("no data folder: say where films and rows are kept with --data DIR")
	} else if info, err := os.Stat(c.Data); err == nil && !info.IsDir() {
		bad("--data %s is a file: name a folder", c.Data)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("--listen %q is no address: write HOST:PORT, such as 127.0.0.1:8484, or :8484 for every interface", c.Listen)
	}
	if c.TLSOwn {
		if _, _, err := net.SplitHostPort(c.TLSListen); err != nil {
			bad("--tls-listen %q is no address: write HOST:PORT", c.TLSListen)
		}
	}
	if c.RTMPListen != "" {
		if _, _, err := net.SplitHostPort(c.RTMPListen); err != nil {
			bad("--rtmp-listen %q is no address: write HOST:PORT, such as :1935", c.RTMPListen)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("--tls-cert and --tls-key go together: give both files, or neither and put a proxy with TLS in front")
	}
	for _, f := range []string{c.TLSCert, c.TLSKey} {
		if f == "" {
			continue
		}
		if _, err := os.Stat(f); err != nil {
			bad("cannot read %s: %w", f, err)
		}
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
			bad("--public-url %q is no base URL: write scheme and host, such as https://video.example.com", c.PublicURL)
		}
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") &&
		!strings.HasPrefix(c.Database, "sqlite:") {
		bad("--database must be postgres://USER:PASSWORD@HOST/NAME, sqlite:FILE, or left out for SQLite in the data folder")
	}
	if !c.Work && !c.HTTP {
		bad("--no-work and --no-http together leave this node nothing to do: drop one of them")
	}
	for _, d := range []struct {
		name string
		v    time.Duration
	}{{"--master-ttl", c.MasterTTL}, {"--scrub-every", c.ScrubEvery}, {"--event-ttl", c.EventTTL}, {"--drain-timeout", c.DrainTimeout}} {
		if d.v <= 0 {
			bad("%s must be longer than nothing: write a duration such as 24h", d.name)
		}
	}
	if c.MaxInput <= 0 {
		bad("--max-input must be a number of bytes above 0")
	}
	if c.MediaJobs <= 0 {
		bad("--media-jobs must be at least 1")
	}
	return errors.Join(errs...)
}

// DatabaseURL is where the rows are: Database, or the SQLite file in the data folder.
func (c Config) DatabaseURL() string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite:" + filepath.Join(c.Data, "catalog.db")
}

// SQLite tells whether the rows are in SQLite: then one process owns the folder.
func (c Config) SQLite() bool { return strings.HasPrefix(c.DatabaseURL(), "sqlite:") }
