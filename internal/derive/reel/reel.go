package reel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// DefaultMemory is the budget for indexes in memory unless another is given: some dozen films of an hour.
const DefaultMemory = 96 << 20

// Source is bytes that are cut. ReadAt may be called at once by many.
type Source interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Patience is how long a viewer's request for bytes waits for what must be encoded anew before it can be cut. Players give a
// segment up that has not begun after ten seconds.
const Patience = 8 * time.Second

// preparing is what a viewer is told whose patience has ended.
func preparing(ref Ref) error {
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "The film is being prepared for playback. Please try again later.",
		Cause:   fmt.Errorf("what film %s is cut from is being made", ref),
	}
}

// Opener opens what was encoded from a part of a film, and waits while it is made anew where it is gone: that goes on when
// the context ends.
type Opener func(ctx context.Context, id film.FilmID, part string) (Source, error)

// Derived hands out artifacts (derive.Cache).
type Derived interface {
	Get(ctx context.Context, a film.Artifact) ([]byte, error)
	// Rebuild is for who found that what Get returned cannot be right.
	Rebuild(ctx context.Context, a film.Artifact) ([]byte, error)
}

// Config sets [Reels] up.
type Config struct {
	// Memory is how many bytes of indexes and plans are kept; [DefaultMemory] if 0.
	Memory int64
	// Pictures and Sound open the artifacts of films whose pictures or sound were encoded; nil where there are none.
	Pictures, Sound Opener
	// Limits bound the tables of what they open.
	Limits mp4.Limits
}

// Ref names what is cut of a film.
type Ref struct {
	Film film.FilmID
	// Base has its Part set.
	Base film.Base
}

// Of names what an asset's renditions are cut from.
func Of(asset film.Asset) Ref {
	base := asset.Base
	base.Part = asset.BasePart()
	return Ref{Film: asset.Film, Base: base}
}

// Part names a part of a film in the vault, as it is.
func Part(ref vault.Ref) Ref {
	return Ref{Film: ref.Film, Base: film.Base{Part: string(ref.Part)}}
}

func (r Ref) String() string { return r.part().String() }

func (r Ref) part() vault.Ref { return vault.Ref{Film: r.Film, Part: vault.Part(r.Base.Part)} }

// Reels opens films. It may be used by any number of goroutines.
type Reels struct {
	cfg     Config
	vault   *vault.Vault
	derived Derived
	films   *recent[version, *Cuts]
	// loading lets in one film at a time. Most take milliseconds; the longest take 400 of them, and as many megabytes,
	// which nobody may multiply by opening many films at once.
	loading gate
}

// version names the bytes that a film is cut from: for the same version they are the same for ever.
type version struct {
	ref             Ref
	pictures, sound string
}

// New returns the reels of a vault; derived has the maker of indexes ([IndexMaker]).
func New(films *vault.Vault, derived Derived, cfg Config) *Reels {
	if cfg.Memory <= 0 {
		cfg.Memory = DefaultMemory
	}
	return &Reels{cfg: cfg, vault: films, derived: derived, films: newRecent[version, *Cuts](cfg.Memory), loading: newGate()}
}

// Film is a film that is open to be cut. The one who got it closes it.
type Film struct {
	*Cuts

	ref             Ref
	pictures, sound *reader
}

// reader is a source and the name of its bytes.
type reader struct {
	Source

	etag string
}

// Open opens a film. Where it is cut from something encoded that is gone, it waits for that as long as patience says, and
// then returns a film.Error of code unavailable. Other errors are those of the vault and of who opens what was encoded;
// those of a film that cannot be read or cut wrap [*mp4.Error] or [cmaf.ErrNotCuttable].
func (r *Reels) Open(ctx context.Context, ref Ref, patience time.Duration) (_ *Film, err error) {
	f := &Film{ref: ref}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if !ref.Base.EncodedVideo || !ref.Base.EncodedSound {
		part, err := r.vault.Open(ctx, ref.part())
		if err != nil {
			return nil, fmt.Errorf("open film %s: %w", ref, err)
		}
		f.pictures = &reader{part, part.Sealed().ETag}
		f.sound = f.pictures
	}
	patient, cancel := context.WithTimeoutCause(ctx, patience, preparing(ref))
	defer cancel()
	if ref.Base.EncodedVideo {
		if f.pictures, err = r.encoded(patient, ref, r.cfg.Pictures); err != nil {
			return nil, fmt.Errorf("open the pictures of film %s: %w", ref, err)
		}
	}
	if ref.Base.EncodedSound {
		if f.sound, err = r.encoded(patient, ref, r.cfg.Sound); err != nil {
			return nil, fmt.Errorf("open the sound of film %s: %w", ref, err)
		}
	}
	f.Cuts, err = r.films.get(ctx, version{ref, f.pictures.etag, f.sound.etag}, func(ctx context.Context) (*Cuts, int64, error) {
		return r.load(ctx, f)
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// headLength is how much of an encoded file names it. It has the sizes of the first hundreds of samples in it, which
// two encodes never share.
const headLength = 4 << 10

func (r *Reels) encoded(ctx context.Context, ref Ref, open Opener) (*reader, error) {
	if open == nil {
		return nil, errors.New("reel: nobody opens what was encoded")
	}
	source, err := open(ctx, ref.Film, ref.Base.Part)
	if err != nil {
		return nil, err
	}
	head := make([]byte, min(headLength, source.Size()))
	if n, err := source.ReadAt(head, 0); n < len(head) {
		return nil, errors.Join(fmt.Errorf("read what was encoded: %w", err), source.Close())
	}
	sum := sha256.Sum256(fmt.Appendf(head, "%d", source.Size()))
	return &reader{source, hex.EncodeToString(sum[:16])}, nil
}

func (r *Reels) load(ctx context.Context, f *Film) (*Cuts, int64, error) {
	if err := r.loading.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer r.loading.leave()
	pictures, sound, size, err := r.indexes(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	c, err := newCuts(pictures, sound)
	if err != nil {
		return nil, 0, fmt.Errorf("cut film %s: %w", f.ref, err)
	}
	c.picturesTag, c.soundTag = f.pictures.etag, f.sound.etag
	return c, size + c.bytes(), nil
}

// indexes returns the track of the pictures and that of the sound, nil where there is none, and what their indexes take
// in memory.
func (r *Reels) indexes(ctx context.Context, f *Film) (pictures, sound *mp4.Track, size int64, err error) {
	if !f.ref.Base.EncodedVideo || !f.ref.Base.EncodedSound {
		part := f.pictures
		if f.ref.Base.EncodedVideo {
			part = f.sound
		}
		index, err := r.index(ctx, f.ref.part(), part.Size())
		if err != nil {
			return nil, nil, 0, err
		}
		pictures, sound, size = index.Video(), index.Audio(), index.MemSize()
	}
	if f.ref.Base.EncodedVideo {
		index, err := mp4.Parse(ctx, f.pictures, f.pictures.Size(), r.cfg.Limits)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("index the pictures of film %s: %w", f.ref, err)
		}
		pictures, size = index.Video(), size+index.MemSize()
	}
	if f.ref.Base.EncodedSound {
		index, err := mp4.Parse(ctx, f.sound, f.sound.Size(), r.cfg.Limits)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("index the sound of film %s: %w", f.ref, err)
		}
		sound, size = index.Audio(), size+index.MemSize()
	}
	return pictures, sound, size, nil
}

// Ref names what is open.
func (f *Film) Ref() Ref { return f.ref }

// Pictures are the bytes that the samples of [Cuts.Video] lie in, Sound those of [Cuts.Audio]; often the same.
func (f *Film) Pictures() io.ReaderAt { return f.pictures }

// Sound is described at Pictures.
func (f *Film) Sound() io.ReaderAt { return f.sound }

// Close lets go of the film, and ends the use of its bytes.
func (f *Film) Close() error {
	var errs []error
	if f.pictures != nil {
		errs = append(errs, f.pictures.Close())
	}
	if f.sound != nil && f.sound != f.pictures {
		errs = append(errs, f.sound.Close())
	}
	return errors.Join(errs...)
}

// Cuts is what there is to know of a film that is open. It is immutable and shared.
type Cuts struct {
	plan                  *cmaf.Package
	picturesTag, soundTag string
	video, audio          []int64
	rate, peak            mp4.Rate
	bandwidth             int64
	stills                bool
}

func newCuts(pictures, sound *mp4.Track) (*Cuts, error) {
	plan, err := cmaf.PlanTracks(pictures, sound)
	if err != nil {
		return nil, err
	}
	c := &Cuts{plan: plan}
	if t := plan.Timeline; t != nil {
		for _, p := range t.Segments() {
			c.video = append(c.video, p.Duration)
		}
		c.rate, c.peak, c.bandwidth = t.Track().FrameRate(), peak(t), bandwidth(t.Track())
		c.stills = t.Track().HasStills()
	}
	if r := plan.Audio; r != nil {
		for _, s := range r.Segments {
			c.audio = append(c.audio, s.Duration)
		}
	}
	return c, nil
}

// Timeline has the pictures in their order and the cuts of all renditions; nil where the film has no pictures.
func (c *Cuts) Timeline() *cmaf.Timeline { return c.plan.Timeline }

// Video is how the film's own pictures are cut; nil where it has none that can be passed through.
func (c *Cuts) Video() *cmaf.Rendition { return c.plan.Video }

// Audio is how the sound is cut; nil where there is none.
func (c *Cuts) Audio() *cmaf.Rendition { return c.plan.Audio }

// Target is the longest segment of all renditions in seconds, rounded as playlists want it.
func (c *Cuts) Target() int { return c.plan.TargetDuration }

// VideoDurations are how long the segments of pictures last, in ticks of their track: the same in all renditions. They
// must not be changed.
func (c *Cuts) VideoDurations() []int64 { return c.video }

// AudioDurations are those of the sound.
func (c *Cuts) AudioDurations() []int64 { return c.audio }

// peak is the rate of the pictures where it is highest.
func peak(t *cmaf.Timeline) mp4.Rate {
	most := t.Track().FrameRate()
	for _, p := range t.Segments() {
		own := mp4.Rate{Num: int64(p.Frames) * int64(t.Track().Timescale), Den: p.Duration}
		// A hundredth more is a matter of where the cuts lie.
		if p.Frames > 1 && own.Float() > 1.01*most.Float() {
			most = own
		}
	}
	return most
}

// bandwidth is the average bit rate of pictures, and at least one and a half times the bits of the largest: renditions are
// encoded with twice the rate for a second as their buffer, half of which a picture may take. Where little moves, or slides are shown,
// the average alone would leave the lower half of key frames without bits.
func bandwidth(t *mp4.Track) int64 {
	var size, largest int64
	for i := range t.Len() {
		size += int64(t.Size(i))
		largest = max(largest, int64(t.Size(i)))
	}
	start, end := t.Span()
	average := int64(math.Ceil(float64(size) * 8 * float64(t.Timescale) / float64(max(1, end-start))))
	return max(average, largest*8*3/2)
}

// VideoRate is the usual rate of the pictures, PeakRate that of the segment with the most of them for its length,
// VideoBandwidth the bit rate that they need as they lie in the film: on average, and for the largest of them.
func (c *Cuts) VideoRate() mp4.Rate { return c.rate }

// PeakRate is described at VideoRate.
func (c *Cuts) PeakRate() mp4.Rate { return c.peak }

// VideoBandwidth is described at VideoRate.
func (c *Cuts) VideoBandwidth() int64 { return c.bandwidth }

// HasStills is [mp4.Track.HasStills] of the pictures.
func (c *Cuts) HasStills() bool { return c.stills }

// VideoTag names the bytes that the pictures are cut from, AudioTag those of the sound.
func (c *Cuts) VideoTag() string { return c.picturesTag }

// AudioTag is described at VideoTag.
func (c *Cuts) AudioTag() string { return c.soundTag }

// bytes is about what it takes in memory beside the indexes.
func (c *Cuts) bytes() int64 {
	n := int64(len(c.video)+len(c.audio))*64 + 1024
	if t := c.plan.Timeline; t != nil {
		n += t.MemSize()
	}
	return n
}
