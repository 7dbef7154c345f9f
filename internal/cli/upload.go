package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/uploader"
)

// defaultEnvFile is where `filmcan dev` leaves its credentials unless told otherwise.
const defaultEnvFile = "filmcan-data/mux.env"

type uploadCommand struct {
	Files        []string      `arg:"" name:"file" help:"The films to send, one after the other."`
	EnvFile      string        `name:"env-file" help:"File with MUX_BASE_URL, MUX_TOKEN_ID and MUX_TOKEN_SECRET; without it they come from the environment, or from ./filmcan-data/mux.env." placeholder:"FILE"`
	Policies     []film.Policy `name:"playback-policy" help:"public or signed; repeat for a playback id of each (${default})." enum:"public,signed" default:"public" placeholder:"POLICY"`
	MasterAccess film.Access   `name:"master-access" help:"temporary lets the master be downloaded for a while, none does not (${default})." enum:"none,temporary" default:"none"`
	Title        string        `help:"Title of the asset." placeholder:"TEXT"`
	Passthrough  string        `help:"Anything of your own that the asset and its events carry." placeholder:"TEXT"`
	Wait         bool          `help:"Wait until each asset is ready to be played."`
	JSON         bool          `name:"json" help:"Print one line of JSON for each file, and no progress."`
	Timeout      time.Duration `help:"How long the server waits for all bytes, interruptions included: a minute to a week (${default})." default:"24h" placeholder:"DURATION"`
	RetryFor     time.Duration `name:"retry-for" help:"How long to go on trying while nothing moves (${default})." default:"5m" placeholder:"DURATION"`
	ChunkSize    size          `name:"chunk-size" help:"Bytes in one request (${default})." default:"32MiB" placeholder:"SIZE"`
}

// Help is shown below the flags.
func (uploadCommand) Help() string {
	return `Sends films to a server, this machine's or another, and prints the ids of their assets and where they play:

  . filmcan-data/mux.env                     # or: export MUX_BASE_URL=… MUX_TOKEN_ID=… MUX_TOKEN_SECRET=…
  filmcan upload --wait film.mp4

Nothing has to be sent twice. When the line breaks or the server restarts, sending goes on by itself where it ended.
After Ctrl-C, a crash or --retry-for, the same command goes on there too: what is unfinished is remembered in the
user's cache folder until it is done, for as long as the file stays as it is and --timeout has not passed.

With --json each line has file, and as far as they are known upload_id, asset_id, status, playback_id, playback_url,
size, and error.`
}

// uploaded is one line of --json.
type uploaded struct {
	File        string           `json:"file"`
	Upload      film.UploadID    `json:"upload_id,omitempty"`
	Asset       film.AssetID     `json:"asset_id,omitempty"`
	Status      film.AssetStatus `json:"status,omitempty"`
	Playback    film.PlaybackID  `json:"playback_id,omitempty"`
	PlaybackURL string           `json:"playback_url,omitempty"`
	Size        int64            `json:"size,omitempty"`
	Error       string           `json:"error,omitempty"`
}

// Run sends the files. One that fails does not stop the next one, unless that would fail for the same reason.
func (c uploadCommand) Run(ctx context.Context, s Streams) error {
	if c.Timeout < film.UploadTimeoutMin || c.Timeout > film.UploadTimeoutMax {
		return usageError{errors.New("--timeout is from 1m to 168h")}
	}
	server, err := c.server()
	if err != nil {
		return err
	}
	server.Chunk, server.Patience = int64(c.ChunkSize), c.RetryFor
	client := uploader.New(server)
	var failed []error
	for _, file := range c.Files {
		report := c.reporter(s, file)
		result, err := client.Upload(ctx, file, c.settings(), c.Wait, report)
		report.end()
		c.print(s, uploaded{
			File: file, Upload: result.Upload, Asset: result.Asset, Status: result.Status, Playback: result.Playback,
			PlaybackURL: playbackURL(server.Server, result.Playback), Size: result.Size,
		}, result.Before, err)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: interrupted; the same command goes on where this one ended", file)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", file, explained(err, server.Server)))
		}
		if refused, ok := errors.AsType[*uploader.Refused](err); ok && refused.Status == 401 {
			break
		}
	}
	return errors.Join(failed...)
}

func (c uploadCommand) settings() uploader.Settings {
	return uploader.Settings{
		Policies: c.Policies, MasterAccess: c.MasterAccess, Title: c.Title, Passthrough: c.Passthrough, Timeout: c.Timeout,
	}
}

// print tells what became of a file. Errors are told at the end, but to scripts where they belong.
func (c uploadCommand) print(s Streams, u uploaded, before bool, err error) {
	if c.JSON {
		if err != nil {
			u.Error = err.Error()
		}
		line, _ := json.Marshal(u) //nolint:errchkjson // strings and a number
		fmt.Fprintf(s.Out, "%s\n", line)
		return
	}
	if err != nil {
		return
	}
	if before {
		fmt.Fprintf(s.Err, "%s: an earlier run had sent all of it\n", u.File)
	}
	fmt.Fprintf(s.Out, "%s  upload %s  asset %s  %s  %s\n", u.File, u.Upload, u.Asset, u.Status, u.PlaybackURL)
}

// server finds the server and the credentials, and where unfinished uploads are remembered.
func (c uploadCommand) server() (uploader.Config, error) {
	values := map[string]string{}
	file := c.EnvFile
	if file == "" && os.Getenv("MUX_TOKEN_ID") == "" {
		file = defaultEnvFile
	}
	if file != "" {
		var err error
		if values, err = readEnvFile(file); err != nil && (c.EnvFile != "" || !errors.Is(err, fs.ErrNotExist)) {
			return uploader.Config{}, err
		}
	}
	get := func(name string) string {
		if c.EnvFile != "" {
			return cmp.Or(values[name], os.Getenv(name))
		}
		return cmp.Or(os.Getenv(name), values[name])
	}
	cfg := uploader.Config{Server: get("MUX_BASE_URL"), TokenID: get("MUX_TOKEN_ID"), Secret: get("MUX_TOKEN_SECRET")}
	if cfg.Server == "" || cfg.TokenID == "" || cfg.Secret == "" {
		return cfg, usageError{errors.New("which server? Set MUX_BASE_URL, MUX_TOKEN_ID and MUX_TOKEN_SECRET, or name a file that does with --env-file; `filmcan dev` writes filmcan-data/mux.env")}
	}
	if u, err := url.Parse(cfg.Server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return cfg, usageError{fmt.Errorf("MUX_BASE_URL is %q: write a URL such as https://video.example.com", cfg.Server)}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return cfg, fmt.Errorf("a folder to remember unfinished uploads in: %w", err)
	}
	cfg.States = filepath.Join(cache, "filmcan", "uploads")
	return cfg, nil
}

// readEnvFile reads lines NAME=value, with or without export, as a shell would source them.
func readEnvFile(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export ")
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			values[strings.TrimSpace(name)] = strings.Trim(value, `"'`)
		}
	}
	return values, lines.Err()
}

// playbackURL is where a playback id plays: on the server itself, as filmcan serves it.
func playbackURL(server string, id film.PlaybackID) string {
	if id == "" {
		return ""
	}
	return strings.TrimRight(server, "/") + "/" + string(id) + ".m3u8"
}

// explained says what to do about an error that has a known cause.
func explained(err error, server string) error {
	refused, ok := errors.AsType[*uploader.Refused](err)
	switch {
	case ok && refused.Status == 401:
		return fmt.Errorf("%s does not know this access token: MUX_TOKEN_ID and MUX_TOKEN_SECRET belong together and to that server", server)
	case ok && refused.Status == 404:
		return fmt.Errorf("%w (does the access token have video:write and video:read?)", err)
	}
	return err
}
