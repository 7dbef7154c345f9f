package intake

import (
	"context"
	"errors"
	"io"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/sniff"
	"filmcan/internal/point"
)

// source is an asset's film in the vault, whole, whether sealed already or not.
type source struct {
	io.ReaderAt
	size int64
	// end is where what a reader of films can make nothing of begins; 0: nowhere.
	end int64
	// path names the bytes as a file, where the store keeps files.
	path string
	// writer is set while it is not sealed; sealed is set when it is.
	writer *vault.Writer
	sealed vault.Sealed
	close  func() error
}

// source returns the asset's film, fetched if it is not there yet. That of an upload was sealed before its asset was.
func (in *Intake) source(ctx context.Context, a film.Asset, m *meter) (*source, error) {
	ref := vault.Ref{Film: a.Film, Part: vault.Source}
	if a.IngestType == film.IngestUpload {
		return in.openSource(ctx, ref)
	}
	w, err := in.vault.Append(ctx, ref)
	if errors.Is(err, vault.ErrSealed) {
		return in.openSource(ctx, ref)
	}
	if err != nil {
		return nil, err
	}
	point.Hit("intake.fetching")
	room := in.rooms.claim()
	defer room.drop()
	if err := fetch(ctx, in.cfg.Fetch, in.client, a.Inputs[0].URL, w, m, room, isFilm); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	s := &source{ReaderAt: w, size: w.Size(), writer: w, close: w.Close}
	s.path, _ = w.LocalPath()
	return s, nil
}

func (in *Intake) openSource(ctx context.Context, ref vault.Ref) (*source, error) {
	f, err := in.vault.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	s := &source{ReaderAt: f, size: f.Size(), sealed: f.Sealed(), close: f.Close}
	s.path, _ = f.LocalPath()
	return s, nil
}

// isFilm refuses what cannot be a film by its first bytes, before the rest is fetched.
func isFilm(head []byte) error {
	if k := sniff.Sniff(head); k.Demuxer() == "" {
		return sayKind(k, film.IngestURL)
	}
	return nil
}

// kind looks at the first bytes. missing is how many bytes the film lacks by its own account.
func (s *source) kind() (k sniff.Kind, missing int64, err error) {
	head := make([]byte, min(s.size, sniff.HeadSize))
	if n, err := s.ReadAt(head, 0); n < len(head) {
		return sniff.Unknown, 0, err
	}
	return sniff.Sniff(head), sniff.Missing(head, s.size), nil
}

// seal makes the film durable and final. Reading it is over then; sealing it again does nothing.
func (s *source) seal() (vault.Sealed, error) {
	if s.writer == nil {
		return s.sealed, nil
	}
	sealed, err := s.writer.Seal()
	if err == nil {
		s.sealed, s.writer = sealed, nil
	}
	return sealed, err
}

func (s *source) Close() error { return s.close() }
