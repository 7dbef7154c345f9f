package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filmcan/internal/app"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

type sourceCommand struct {
	place
	Asset  film.AssetID `arg:"" help:"The asset's id."`
	Output string       `short:"o" help:"The file to write; - is standard output (${default})." default:"-" placeholder:"FILE"`
}

// Help is shown below the flags.
func (sourceCommand) Help() string {
	return `Writes the film exactly as it came in, whatever its master is, also of an asset that ended errored. Its sha256 is
verified while it is written; a file appears under its name only when it is whole.`
}

// Run writes the source.
func (c sourceCommand) Run(ctx context.Context, s Streams) error {
	return withRows(ctx, c.place, func(st *app.Store) error {
		a, err := st.Catalog.AssetForWork(ctx, c.Asset)
		if film.IsCode(err, film.CodeNotFound) {
			return fmt.Errorf("there is no asset %s", c.Asset)
		}
		if err != nil {
			return err
		}
		source, err := st.Vault.Open(ctx, vault.Ref{Film: a.Film, Part: vault.Source})
		if err != nil {
			return fmt.Errorf("the film of asset %s (%s): %w", c.Asset, a.Status, err)
		}
		defer source.Close()
		if c.Output == "-" {
			return writeFilm(s.Out, source)
		}
		part, err := os.CreateTemp(filepath.Dir(c.Output), ".filmcan-source-*")
		if err != nil {
			return err
		}
		defer os.Remove(part.Name())
		defer part.Close()
		if err := writeFilm(part, source); err != nil {
			return err
		}
		if err := part.Sync(); err != nil {
			return err
		}
		if err := part.Chmod(0o644); err != nil {
			return err
		}
		if err := os.Rename(part.Name(), c.Output); err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "%s  %d bytes  sha256 %s\n", c.Output, source.Size(), source.Sealed().SHA256)
		return nil
	})
}

// writeFilm writes a film and compares its digest with the sealed one.
func writeFilm(w io.Writer, f *vault.Film) error {
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, digest), io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return fmt.Errorf("after %d bytes: %w", n, err)
	}
	if got, want := hex.EncodeToString(digest.Sum(nil)), f.Sealed().SHA256; want != "" && got != want {
		return fmt.Errorf("the film is damaged: its sha256 is %s, sealed as %s", got, want)
	}
	return nil
}
