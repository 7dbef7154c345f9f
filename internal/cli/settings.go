package cli

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"

	"filmcan/internal/app"
)

// place is where a command finds the data: shared by all that touch it.
type place struct {
	Config   kong.ConfigFlag `help:"TOML file with flags as keys, such as listen = ':8484'; flags and environment win over it." placeholder:"FILE"`
	Data     string          `help:"Folder of everything that is kept (./filmcan-data, except for serve)." placeholder:"DIR"`
	Database string          `help:"postgres://USER:PASSWORD@HOST/NAME; SQLite in the data folder when left out." placeholder:"URL"`
}

// config is the configuration of a command that works on the data beside a server or without one.
func (p place) config() app.Config {
	c := app.Serve()
	c.Data, c.Database = cmp.Or(p.Data, app.Dev().Data), p.Database
	return c
}

// serverFlags are the settings of both lives.
type serverFlags struct {
	RTMPListen    string        `name:"rtmp-listen" help:"Address for encoders; kept until live streams exist." placeholder:"HOST:PORT"`
	PublicURL     string        `name:"public-url" help:"How the world reaches this server, such as https://video.example.com." placeholder:"URL"`
	MasterTTL     time.Duration `name:"master-ttl" help:"How long master access lasts (${default})." default:"24h" placeholder:"DURATION"`
	MaxInput      size          `name:"max-input" help:"Largest film taken (${default})." default:"200GiB" placeholder:"SIZE"`
	ScrubEvery    time.Duration `name:"scrub-every" help:"How often every stored film's digest is verified (${default})." default:"168h" placeholder:"DURATION"`
	EventTTL      time.Duration `name:"event-ttl" help:"How long events and delivery attempts are kept (${default})." default:"720h" placeholder:"DURATION"`
	DrainTimeout  time.Duration `name:"drain-timeout" help:"How long running requests and jobs may take after SIGTERM; encodings stop at once, and go on at the next start (${default})." default:"30s" placeholder:"DURATION"`
	MediaJobs     int           `name:"media-jobs" help:"Films examined at a time on this node, and as many encoded; downloads do not count (${default})." default:"2" placeholder:"N"`
	Prewarm       bool          `name:"prewarm" help:"Encode the first segment of each rendition as soon as a film is ready, so that its first viewers do not wait; costs work for films that nobody watches."`
	DerivedBudget size          `name:"derived-budget" help:"How much is kept of what can be made again, beside what is pinned; 20GB, or a tenth of a smaller disk, when left out." placeholder:"SIZE"`
	FFmpeg        string        `name:"ffmpeg" help:"The ffmpeg to use (${default})." default:"ffmpeg" placeholder:"PROGRAM"`
	FFprobe       string        `name:"ffprobe" help:"The ffprobe to use (${default})." default:"ffprobe" placeholder:"PROGRAM"`
	NoSandbox     bool          `name:"no-sandbox" help:"Run ffmpeg without its sandbox: for systems that have none, when something else confines the server."`
	LogFormat     string        `name:"log-format" help:"text or json (${default})." enum:"text,json" default:"text"`
	LogLevel      string        `name:"log-level" help:"debug, info, warn or error (${default})." enum:"debug,info,warn,error" default:"info"`
}

func (f serverFlags) apply(c *app.Config) {
	c.RTMPListen, c.PublicURL = f.RTMPListen, strings.TrimRight(f.PublicURL, "/")
	c.MasterTTL, c.ScrubEvery, c.EventTTL, c.DrainTimeout = f.MasterTTL, f.ScrubEvery, f.EventTTL, f.DrainTimeout
	c.MaxInput, c.MediaJobs = int64(f.MaxInput), f.MediaJobs
	c.DerivedBudget = int64(f.DerivedBudget)
	c.Prewarm = f.Prewarm
	c.FFmpeg, c.FFprobe, c.NoSandbox = f.FFmpeg, f.FFprobe, f.NoSandbox
}

func (f serverFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	// The enum of the flag holds exactly the levels that slog knows.
	_ = level.UnmarshalText([]byte(f.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// size is a number of bytes, written as 500MB, 2GiB or plain digits.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "BbKkMmGgTtIi ")
	number, err := strconv.ParseFloat(digits, 64)
	factor, known := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(strings.TrimSpace(string(text)[len(digits):]))]
	if err != nil || !known || number <= 0 || number*factor >= 1<<62 {
		return fmt.Errorf("%q is no size: write bytes, or a number with KB, MB, GB, KiB, MiB, GiB", text)
	}
	*s = size(number * factor)
	return nil
}

// network is a CIDR prefix; a bare address is the network of that address alone.
type network struct{ netip.Prefix }

// UnmarshalText reads a network.
func (n *network) UnmarshalText(text []byte) error {
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		a, errAddr := netip.ParseAddr(string(text))
		if errAddr != nil {
			return fmt.Errorf("%q is no network: write a CIDR such as 10.0.0.0/8 or 192.168.1.7/32", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	n.Prefix = p.Masked()
	return nil
}

// fileResolver answers for flags from a TOML file. Keys that are no flag of the command are errors.
func fileResolver(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := toml.NewDecoder(r).Decode(&values); err != nil {
		return nil, fmt.Errorf("the configuration file is no TOML: %w", err)
	}
	return tomlFile(values), nil
}

type tomlFile map[string]any

// Validate refuses keys that no command has as a flag.
func (f tomlFile) Validate(model *kong.Application) error {
	known := map[string]bool{}
	var collect func(n *kong.Node)
	collect = func(n *kong.Node) {
		for _, flag := range n.Flags {
			known[flag.Name] = true
		}
		for _, child := range n.Children {
			collect(child)
		}
	}
	collect(model.Node)
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(map[string]any(f))) {
		if !known[key] || key == "config" {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("the configuration file has unknown keys: %s (a key is a flag's name without its dashes)", strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve gives the file's value for a flag, unless the environment has set it.
func (f tomlFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	v, ok := f[flag.Name]
	if !ok {
		return nil, nil //nolint:nilnil // kong's way to say that this resolver has no value
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // the environment wins over the file
		}
	}
	if list, ok := v.([]any); ok {
		words := make([]string, len(list))
		for i, w := range list {
			words[i] = fmt.Sprint(w)
		}
		return strings.Join(words, ","), nil
	}
	return fmt.Sprint(v), nil
}
