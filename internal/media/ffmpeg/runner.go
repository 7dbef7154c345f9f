package ffmpeg

import (
	"cmp"
	"context"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Limits bound one process. Zero values take those of [Default].
type Limits struct {
	// Memory is the size of its address space in bytes.
	Memory int64
	// CPU is how much processor time it may use, Wall how long it may take.
	CPU, Wall time.Duration
	// Output is how many bytes it may write to a file.
	Output int64
	// Files is how many files it may have open.
	Files int
}

func (l Limits) or(def Limits) Limits {
	return Limits{
		Memory: cmp.Or(l.Memory, def.Memory), CPU: cmp.Or(l.CPU, def.CPU), Wall: cmp.Or(l.Wall, def.Wall),
		Output: cmp.Or(l.Output, def.Output), Files: cmp.Or(l.Files, def.Files),
	}
}

// Config of a [Runner].
type Config struct {
	// FFmpeg and FFprobe are the programs: paths, or names to be found in PATH.
	FFmpeg, FFprobe string
	// Probe bounds ffprobe, Remux a stream copy; the latter's output is also bounded by its input.
	Probe, Remux Limits
}

// Default finds the programs in PATH.
func Default() Config {
	return Config{
		FFmpeg: "ffmpeg", FFprobe: "ffprobe",
		Probe: Limits{Memory: 1 << 30, CPU: 20 * time.Second, Wall: 30 * time.Second, Output: 1 << 20, Files: 64},
		Remux: Limits{Memory: 2 << 30, CPU: time.Hour, Wall: 2 * time.Hour, Output: 1 << 40, Files: 64},
	}
}

// Runner starts ffmpeg and ffprobe. Safe for concurrent use.
type Runner struct {
	cfg   Config
	stats counters
}

type counters struct{ versions, probes, remuxes atomic.Int64 }

// Stats count process starts.
type Stats struct{ Versions, Probes, Remuxes int64 }

// Starts is the number of all starts of processes that saw a film.
func (s Stats) Starts() int64 { return s.Probes + s.Remuxes }

// New returns a runner. It starts nothing; see [Runner.Version].
func New(cfg Config) *Runner {
	def := Default()
	return &Runner{cfg: Config{
		FFmpeg: cmp.Or(cfg.FFmpeg, def.FFmpeg), FFprobe: cmp.Or(cfg.FFprobe, def.FFprobe),
		Probe: cfg.Probe.or(def.Probe), Remux: cfg.Remux.or(def.Remux),
	}}
}

// Stats returns the counts since the start of the program.
func (r *Runner) Stats() Stats {
	return Stats{
		Versions: r.stats.versions.Load(), Probes: r.stats.probes.Load(), Remuxes: r.stats.remuxes.Load(),
	}
}

// Probe asks ffprobe what is in the file. The demuxer is the name of the only one that it may use.
func (r *Runner) Probe(ctx context.Context, path, demuxer string) (*Probe, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	out := &bounded{limit: 1 << 20}
	err = r.run(ctx, job{
		program: r.cfg.FFprobe, name: "ffprobe", args: probeArgs(path, demuxer), limits: r.cfg.Probe, stdout: out,
		started: &r.stats.probes,
	})
	if err != nil {
		return nil, err
	}
	return parseProbe(out.buf.Bytes())
}

// Remux copies streams from the file in to a new MP4, without decoding them. Whatever happens, the caller removes out.
func (r *Runner) Remux(ctx context.Context, in, demuxer, out string, streams []Stream, maxOutput int64) error {
	in, err := filepath.Abs(in)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	limits := r.cfg.Remux
	limits.Output = min(limits.Output, maxOutput)
	return r.run(ctx, job{
		program: r.cfg.FFmpeg, name: "ffmpeg", args: remuxArgs(in, demuxer, out, streams), limits: limits, output: out,
		started: &r.stats.remuxes,
	})
}

// find returns the program's absolute path.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}
