// Package vault keeps the films: the source as it came and, where it differs, the master. It is the only writer of
// their bytes.
//
// A part of a film is written by one [Writer], which appends, hashes and syncs, can be taken up again after any crash
// where its last sync was, and is sealed once. A master may also be composed ([Vault.Compose]): a new head before byte
// ranges of the source, nothing copied. What is sealed never changes; it is read ([Film]), verified and, after the row
// that owned it is gone, deleted.
//
// Each part has a manifest, an append-only log of checksummed records that is written anew when it has grown, and
// compacted by the seal. The order of writes is
// always: bytes, then the record that speaks of them, each made durable before the next; and the other way round when
// deleting. docs/storage.md has the format, and what a reader beside the writer may rely on.
//
// The package knows bytes, not media, and no rows: keep/catalog says which films there should be.
package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

// Part is one of the things that a film in the vault consists of.
type Part string

// The parts of a film.
const (
	// Source is the film as it came.
	Source Part = "source"
	// Master is the master where it is not the source itself: made, or composed from the source.
	Master Part = "master"
)

// Ref names a part of a film.
type Ref struct {
	Film film.FilmID
	Part Part
}

func (r Ref) String() string { return string(r.Film) + "/" + string(r.Part) }

// Sealed says what a sealed part is.
type Sealed struct {
	Size int64 // bytes
	// SHA256 is the lower-case hexadecimal digest of the bytes; empty where they are composed.
	SHA256 string
	// ETag names the content, without quotes: SHA256, or the digest of the manifest where it is composed.
	ETag     string
	Composed bool
}

// What can be wrong with a part, told apart with errors.Is. A full store is a [film.Error] with the code
// [film.CodeUnavailable] instead.
var (
	ErrNotFound  = errors.New("film is not in the vault")
	ErrNotSealed = errors.New("film is not sealed yet")
	ErrSealed    = errors.New("film is sealed")
	ErrBusy      = errors.New("film is being written by another")
	ErrDamaged   = errors.New("film is damaged")
)

// Damage says what is wrong with a stored film. It is an [ErrDamaged].
type Damage struct {
	Ref    Ref
	Reason string // for the operator
}

func (d *Damage) Error() string        { return fmt.Sprintf("film %s is damaged: %s", d.Ref, d.Reason) }
func (d *Damage) Is(target error) bool { return target == ErrDamaged }

func damaged(ref Ref, format string, args ...any) error {
	return &Damage{Ref: ref, Reason: fmt.Sprintf(format, args...)}
}

// Config configures a [Vault]. A field that is zero is that of [Default].
type Config struct {
	// SyncEvery is after how many bytes a Writer syncs by itself, so that no sync has much to do.
	SyncEvery int64
	// LogGrowth is by how many bytes a log grows before it is written anew with what still counts, so that taking a
	// film up costs the same however many syncs it has had.
	LogGrowth int64
}

// Default returns the configuration that production uses.
func Default() Config { return Config{SyncEvery: 32 << 20, LogGrowth: 32 << 10} }

// Validate reports what cannot be.
func (c Config) Validate() error {
	if c.SyncEvery < 1 || c.LogGrowth < 1 {
		return fmt.Errorf("vault syncs every %d bytes and lets logs grow by %d: both must be 1 at least", c.SyncEvery, c.LogGrowth)
	}
	return nil
}

// Vault keeps films in a store, which other processes may share. Its methods may be called by any goroutine.
type Vault struct {
	store blob.Store
	cfg   Config
	stats counters
	// Shared by all who copy at the moment.
	buffers, small sync.Pool
	ahead          chan struct{} // holds one for each buffer that waits to be hashed

	mu   sync.Mutex
	left map[Ref]left // bounded by maxLeft
}

// left is where a log ended, and its last checksum, when a Writer of this process closed it: durable to its end, its name
// and the piece's too. Found like that again it need not be synced again, so a film that comes in many small requests
// does not pay for each. Another process's records would have another end or checksum.
type left struct {
	end int64
	sum uint32
}

// maxLeft bounds the logs that are remembered; when it is reached they are all forgotten.
const maxLeft = 4096

func (v *Vault) remember(ref Ref, l left) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.left) >= maxLeft {
		clear(v.left)
	}
	v.left[ref] = l
}

// recall forgets what it returns: the zero left when nothing is known.
func (v *Vault) recall(ref Ref) left {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.left[ref]
	delete(v.left, ref)
	return l
}

// buffer is what a copy is made with.
type buffer [256 << 10]byte

func (v *Vault) takeBuffer() *buffer {
	if b, ok := v.buffers.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

// smallBuffer is for a source of which nobody knows yet how much it brings.
const smallBuffer = 32 << 10

// maxAhead bounds the buffers that wait to be hashed, of all Writers together: 4 MB.
const maxAhead = 16

// lend gives a buffer for one Fill, large or small.
func (v *Vault) lend(large bool) (p []byte, giveBack func()) {
	if large {
		b := v.takeBuffer()
		return b[:], func() { v.buffers.Put(b) }
	}
	b, ok := v.small.Get().(*[smallBuffer]byte)
	if !ok {
		b = new([smallBuffer]byte)
	}
	return b[:], func() { v.small.Put(b) }
}

// New returns the vault that is in the store.
func New(store blob.Store, cfg Config) (*Vault, error) {
	if cfg.SyncEvery == 0 {
		cfg.SyncEvery = Default().SyncEvery
	}
	if cfg.LogGrowth == 0 {
		cfg.LogGrowth = Default().LogGrowth
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Vault{store: store, cfg: cfg, ahead: make(chan struct{}, maxAhead), left: make(map[Ref]left)}, nil
}

// Room tells how many bytes the vault can take, and how many its store has in all; others may take of the same room.
// known is false where the store does not tell.
func (v *Vault) Room() (free, total int64, known bool) {
	store, ok := v.store.(blob.Roomer)
	if !ok {
		return 0, 0, false
	}
	free, total, err := store.Room()
	return free, total, err == nil
}

// Reserve is what whoever brings films leaves free on a disk of so many bytes, for the rows and for what is begun: a
// gigabyte, or the twentieth part of a small disk.
func Reserve(total int64) int64 { return min(1<<30, total/20) }

// Stats counts what the vault did since it was made.
type Stats struct {
	BytesRead     int64 // of films, by readers and by Verify; manifests are not counted
	BytesWritten  int64 // everything: films, heads and manifests
	Syncs         int64 // of pieces, by Writers
	ManifestBytes int64 // of BytesWritten, those of manifests
	Opened        int64 // films opened to be read
}

type counters struct{ read, written, syncs, manifest, opened atomic.Int64 }

// Stats returns the counters.
func (v *Vault) Stats() Stats {
	return Stats{
		BytesRead:     v.stats.read.Load(),
		BytesWritten:  v.stats.written.Load(),
		Syncs:         v.stats.syncs.Load(),
		ManifestBytes: v.stats.manifest.Load(),
		Opened:        v.stats.opened.Load(),
	}
}

func (v *Vault) wrote(n int, manifest bool) {
	v.stats.written.Add(int64(n))
	if manifest {
		v.stats.manifest.Add(int64(n))
	}
}

const root = "films/"

// prefix is what the keys of a film begin with. The two folders before its id come from the id's digest, so that no
// folder gets large whatever ids look like.
func prefix(id film.FilmID) string {
	sum := sha256.Sum256([]byte(id))
	fan := hex.EncodeToString(sum[:2])
	return root + fan[:2] + "/" + fan[2:] + "/" + string(id) + "/"
}

const (
	manifestName = ".manifest"
	pieceName    = ".bytes"
	headName     = ".head"
)

func (r Ref) manifest() string { return prefix(r.Film) + string(r.Part) + manifestName }
func (r Ref) piece() string    { return prefix(r.Film) + string(r.Part) + pieceName }
func (r Ref) head() string     { return prefix(r.Film) + string(r.Part) + headName }

func (r Ref) check() error {
	for _, name := range []string{string(r.Film), string(r.Part)} {
		if len(name) > maxName || strings.ContainsAny(name, "/.") || blob.CheckKey(name) != nil {
			return fmt.Errorf("%w: %q is no name in the vault", ErrNotFound, r)
		}
	}
	return nil
}

// closed closes c and returns err, or what came of closing.
func closed(c io.Closer, err error) error {
	if closeErr := c.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Films yields the films of which there is anything at all in the vault, complete or not, in no useful order. A film
// that comes or goes meanwhile may or may not be among them. An error ends it.
func (v *Vault) Films(ctx context.Context) iter.Seq2[film.FilmID, error] {
	return func(yield func(film.FilmID, error) bool) {
		var last film.FilmID
		for info, err := range v.store.List(ctx, root) {
			if err != nil {
				yield("", fmt.Errorf("list films: %w", err))
				return
			}
			segments := strings.Split(info.Key, "/")
			if len(segments) != 5 { // films, two of the fan, id, name
				continue
			}
			if id := film.FilmID(segments[3]); id != last {
				if last = id; !yield(id, nil) {
					return
				}
			}
		}
	}
}

// Parts returns the parts of a film that have a manifest, sealed or not.
func (v *Vault) Parts(ctx context.Context, id film.FilmID) ([]Part, error) {
	if err := (Ref{id, Source}).check(); err != nil {
		return nil, err
	}
	var parts []Part
	for info, err := range v.store.List(ctx, prefix(id)) {
		if err != nil {
			return nil, fmt.Errorf("list the parts of film %s: %w", id, err)
		}
		if name, ok := strings.CutSuffix(strings.TrimPrefix(info.Key, prefix(id)), manifestName); ok {
			parts = append(parts, Part(name))
		}
	}
	return parts, nil
}

// explain gives an error of the store that callers act upon its meaning for them.
func explain(err error) error {
	switch {
	case errors.Is(err, blob.ErrNoSpace):
		return &film.Error{
			Code: film.CodeUnavailable, Fault: film.FaultTransient,
			Message: "There is no room to store this at the moment.", Cause: err,
		}
	case errors.Is(err, blob.ErrBusy):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
