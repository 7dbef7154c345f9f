package ffmpeg

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
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
	// Nice is by how much it stands back behind the server where processors are short: 0 to 19.
	Nice int
}

func (l Limits) or(def Limits) Limits {
	return Limits{
		Memory: cmp.Or(l.Memory, def.Memory), CPU: cmp.Or(l.CPU, def.CPU), Wall: cmp.Or(l.Wall, def.Wall),
		Output: cmp.Or(l.Output, def.Output), Files: cmp.Or(l.Files, def.Files),
		Nice: cmp.Or(l.Nice, def.Nice),
	}
}

// Config of a [Runner].
type Config struct {
	// FFmpeg and FFprobe are the programs: paths, or names to be found in PATH.
	FFmpeg, FFprobe string
	// Probe bounds ffprobe, Remux a stream copy; the latter's output is also bounded by its input.
	Probe, Remux Limits
	// Encode bounds the process of a rendition, Transcode one that encodes a whole film; the output of a whole film's sound
	// is also bounded by its caller.
	Encode, Transcode Limits
	// Threads is how many threads a process decodes and encodes with; by default one per processor, at most 8.
	Threads int
	// NoSandbox runs them with limits alone.
	NoSandbox bool
	// landlockABI makes the kernel an older one, for tests.
	landlockABI int
}

// Default finds the programs in PATH.
func Default() Config {
	return Config{
		FFmpeg: "ffmpeg", FFprobe: "ffprobe",
		Probe: Limits{Memory: 1 << 30, CPU: 20 * time.Second, Wall: 30 * time.Second, Output: 1 << 20, Files: 64},
		Remux: Limits{Memory: 2 << 30, CPU: time.Hour, Wall: 2 * time.Hour, Output: 1 << 40, Files: 64, Nice: 15},
		// Nothing is written to files by these but the sound. A film of 12 h takes days of processor time at 2160p.
		Encode:    Limits{Memory: 4 << 30, CPU: 6 * time.Hour, Wall: 12 * time.Hour, Output: 1 << 20, Files: 64, Nice: 5},
		Transcode: Limits{Memory: 4 << 30, CPU: 30 * 24 * time.Hour, Wall: 10 * 24 * time.Hour, Output: 1 << 40, Files: 64, Nice: 15},
		Threads:   min(8, runtime.NumCPU()),
	}
}

// Runner starts ffmpeg and ffprobe. Safe for concurrent use.
type Runner struct {
	cfg   Config
	stats counters
}

type counters struct{ versions, probes, remuxes, encodes, transcodes, sounds, sheets atomic.Int64 }

// Stats count process starts: Encodes are those of renditions, Transcodes of whole films' pictures, Sounds of whole
// films' sound, Sheets of tiles of still pictures.
type Stats struct{ Versions, Probes, Remuxes, Encodes, Transcodes, Sounds, Sheets int64 }

// Starts is the number of all starts of processes that saw a film, or wait for one.
func (s Stats) Starts() int64 {
	return s.Probes + s.Remuxes + s.Encodes + s.Transcodes + s.Sounds + s.Sheets
}

// New returns a runner. It starts nothing; see [Runner.Version].
func New(cfg Config) *Runner {
	def := Default()
	return &Runner{cfg: Config{
		FFmpeg: cmp.Or(cfg.FFmpeg, def.FFmpeg), FFprobe: cmp.Or(cfg.FFprobe, def.FFprobe),
		Probe: cfg.Probe.or(def.Probe), Remux: cfg.Remux.or(def.Remux),
		Encode: cfg.Encode.or(def.Encode), Transcode: cfg.Transcode.or(def.Transcode),
		Threads: cmp.Or(cfg.Threads, def.Threads), NoSandbox: cfg.NoSandbox, landlockABI: cfg.landlockABI,
	}}
}

// Stats returns the counts since the start of the program.
func (r *Runner) Stats() Stats {
	return Stats{
		Versions: r.stats.versions.Load(), Probes: r.stats.probes.Load(), Remuxes: r.stats.remuxes.Load(),
		Encodes: r.stats.encodes.Load(), Transcodes: r.stats.transcodes.Load(), Sounds: r.stats.sounds.Load(),
		Sheets: r.stats.sheets.Load(),
	}
}

// Input is a film to read.
type Input struct {
	// Path names a file. Where it is empty the bytes of Reader are given to the process by a pipe, and it cannot seek:
	// enough for containers that are written to be streamed.
	Path   string
	Reader io.Reader
	// Demuxer is the name of the only one that may be used.
	Demuxer string
}

// Probe asks ffprobe what is in the film.
func (r *Runner) Probe(ctx context.Context, in Input) (*Probe, error) {
	in, err := in.absolute()
	if err != nil {
		return nil, err
	}
	out := &bounded{limit: 1 << 20}
	err = r.run(ctx, job{
		program: r.cfg.FFprobe, name: "ffprobe", args: probeArgs(in), limits: r.cfg.Probe, stdin: in.Reader, stdout: out,
		started: &r.stats.probes, made: func() int64 { return 0 }, // it prints what it found at its end
	})
	if err != nil {
		return nil, err
	}
	return parseProbe(out.buf.Bytes(), in)
}

// Remux copies streams of the film into a new MP4 of at most maxOutput bytes, without decoding them. Whatever happens,
// the caller removes out.
func (r *Runner) Remux(ctx context.Context, in Input, out string, streams []Stream, maxOutput int64) error {
	in, err := in.absolute()
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	limits := r.cfg.Remux
	limits.Output = min(limits.Output, maxOutput)
	return r.run(ctx, job{
		program: r.cfg.FFmpeg, name: "ffmpeg", args: remuxArgs(in, out, streams), limits: limits, stdin: in.Reader, output: out,
		started: &r.stats.remuxes,
	})
}

// absolute makes the path independent of the folder in which the process runs. A path and a reader exclude each other.
func (in Input) absolute() (Input, error) {
	if (in.Path == "") == (in.Reader == nil) || in.Demuxer == "" {
		return Input{}, errors.New("ffmpeg: an input is a path or a reader, and a demuxer")
	}
	if in.Path == "" {
		return in, nil
	}
	var err error
	in.Path, err = filepath.Abs(in.Path)
	return in, err
}

// find returns the program's absolute path.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}
