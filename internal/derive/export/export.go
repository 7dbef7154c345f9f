package export

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/scratch"
)

// Recipe is the version of the way in which everything here is made. It has not changed where what was made before is as
// good: it says of itself what it is (its matrix, say), and films would be encoded anew for nothing.
const Recipe = 2

// Config of an [Exporter]. Zero values take those of [Default].
type Config struct {
	// Jobs is how many films are encoded at a time: the pictures of so many, and the sound of so many.
	Jobs int
	// Chunk is about how much of a film one chunk has: so much is lost with a process.
	Chunk  time.Duration
	Limits mp4.Limits
}

// Default is what production uses.
func Default() Config {
	return Config{Jobs: 2, Chunk: 10 * time.Second}
}

// Store is the store of derived things (derive.Cache).
type Store interface {
	Find(ctx context.Context, a film.Artifact) (derive.Object, bool)
	Put(ctx context.Context, a film.Artifact, r io.Reader) error
	Drop(ctx context.Context, a film.Artifact) error
	Clear(ctx context.Context, s derive.Selection) (derive.Amount, error)
}

// Exporter encodes whole films. Safe for concurrent use.
type Exporter struct {
	cfg     Config
	vault   *vault.Vault
	ffmpeg  *ffmpeg.Runner
	folders *scratch.Folders
	store   Store
	log     *slog.Logger
	// turns to encode pictures, and sound: Jobs each.
	turns, sounds turns

	mu      sync.Mutex
	making  map[film.Artifact]*making
	closed  bool
	running sync.WaitGroup

	frames, chunks, reused atomic.Int64
}

// New returns an exporter. Files on their way into the store lie in folders.
func New(cfg Config, v *vault.Vault, runner *ffmpeg.Runner, folders *scratch.Folders, store Store, log *slog.Logger) *Exporter {
	def := Default()
	cfg.Jobs = cmp.Or(cfg.Jobs, def.Jobs)
	cfg.Chunk = cmp.Or(cfg.Chunk, def.Chunk)
	return &Exporter{
		cfg: cfg, vault: v, ffmpeg: runner, folders: folders, store: store, log: log,
		turns: make(turns, cfg.Jobs), sounds: make(turns, cfg.Jobs), making: map[film.Artifact]*making{},
	}
}

// Stats counts what was done since the start of the program.
type Stats struct {
	Frames int64 // pictures encoded
	Chunks int64 // chunks kept
	Reused int64 // chunks of an earlier run that were found
}

// Stats returns the counts.
func (e *Exporter) Stats() Stats {
	return Stats{Frames: e.frames.Load(), Chunks: e.chunks.Load(), Reused: e.reused.Load()}
}

// PicturesOf names the base of pictures of a part.
func PicturesOf(id film.FilmID, part string) film.Artifact {
	return film.Artifact{Film: id, Part: part, Kind: film.KindBase, Recipe: Recipe}
}

// SoundOf names the sound of a part.
func SoundOf(id film.FilmID, part string) film.Artifact {
	return film.Artifact{Film: id, Part: part, Kind: film.KindSound, Recipe: Recipe}
}

// turns lets so many through at a time.
type turns chan struct{}

// take waits for one, which done gives back.
func (t turns) take(ctx context.Context) (done func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Unfit says that what came out of an encoder is not what it should be, or nothing. It is the film's doing.
type Unfit struct{ Reason string }

func (e *Unfit) Error() string { return "export: " + e.Reason }
