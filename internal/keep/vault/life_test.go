package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// part is what the test knows of one part of a film: what it wanted, and what was acknowledged to it.
type part struct {
	ref       vault.Ref
	texts     [][]byte // what it may be written from: one, but for the time of a restart
	synced    int      // bytes of the last of texts
	note      string
	sealing   bool // Seal or Compose was called
	sealed    bool
	restarted bool
}

func (p *part) text() []byte { return p.texts[len(p.texts)-1] }

// life is what the processes on one machine do, over crashes.
type life struct {
	source, master, other *part
	deleting, deleted     bool // Film1
}

var (
	otherRef = vault.Ref{Film: "Film2", Part: vault.Source}
	head     = []byte("the head of the composed film")
	body     = []vault.Extent{{vault.Source, 5, 300}, {vault.Source, 310, 100}, {vault.Source, 410, 50}}
)

func newLife() *life {
	source := randomBytes(900)
	master := slices.Concat(head, source[5:305], source[310:460])
	return &life{
		source: &part{ref: sourceRef, texts: [][]byte{source}},
		master: &part{ref: masterRef, texts: [][]byte{master}},
		other:  &part{ref: otherRef, texts: [][]byte{bytes.ToUpper(source)}},
	}
}

// run goes through the whole life of two films. An error, which is the crash or a fault, ends it.
func (l *life) run(v *vault.Vault) error {
	if err := l.write(v, l.source, 300, 600); err != nil {
		return err
	}
	if err := l.write(v, l.source, 750, 900); err != nil { // taken up again
		return err
	}
	if err := l.compose(v); err != nil {
		return err
	}
	if err := l.write(v, l.other, 200); err != nil {
		return err
	}
	if err := l.restart(v, l.other, []byte(strings.Repeat("another film ", 30))); err != nil {
		return err
	}
	if err := l.write(v, l.other, 100, 390); err != nil {
		return err
	}
	return l.delete(v)
}

// write appends up to each of the marks with a sync behind each, and some bytes with none; at the end it seals.
func (l *life) write(v *vault.Vault, p *part, marks ...int) error {
	w, err := v.Append(context.Background(), p.ref)
	if errors.Is(err, vault.ErrSealed) && p.sealing {
		p.sealed = true
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	text := p.text()
	for _, mark := range marks {
		if err := w.Note("mark", fmt.Append(nil, mark)); err != nil {
			return err
		}
		for w.Size() < int64(mark) {
			if _, err := w.Write(text[w.Size():min(w.Size()+120, int64(mark))]); err != nil {
				return err
			}
		}
		if err := w.Sync(); err != nil {
			return err
		}
		p.synced, p.note = mark, fmt.Sprint(mark)
	}
	if len(text) > int(w.Size()) {
		_, err := w.Write(text[w.Size():min(int(w.Size())+33, len(text))]) // not synced
		return err
	}
	return l.seal(w, p)
}

func (l *life) seal(w *vault.Writer, p *part) error {
	p.sealing = true
	sealed, err := w.Seal()
	if err != nil {
		return err
	}
	p.sealed = true
	if want := sum(p.text()); sealed.SHA256 != want {
		return fmt.Errorf("%s is sealed with sha256 %s, want %s", p.ref, sealed.SHA256, want)
	}
	return nil
}

func (l *life) restart(v *vault.Vault, p *part, text []byte) error {
	w, err := v.Append(context.Background(), p.ref)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	p.texts, p.synced, p.restarted = append(p.texts, text), 0, true
	if err := w.Restart(); err != nil {
		return err
	}
	p.texts, p.note = p.texts[1:], ""
	return nil
}

func (l *life) compose(v *vault.Vault) error {
	l.master.sealing = true
	sealed, err := v.Compose(context.Background(), masterRef, head, body)
	if err != nil {
		return err
	}
	l.master.sealed = true
	if int(sealed.Size) != len(l.master.text()) {
		return fmt.Errorf("composed %d bytes, want %d", sealed.Size, len(l.master.text()))
	}
	return nil
}

func (l *life) delete(v *vault.Vault) error {
	l.deleting = true
	if err := v.Delete(context.Background(), "Film1"); err != nil {
		return err
	}
	l.deleted = true
	return nil
}

// check holds what a process finds after a crash against what was acknowledged before it.
func (l *life) check(v *vault.Vault, d *faultfs.Disk) error {
	if l.deleting {
		if err := l.checkDeleted(v); err != nil {
			return err
		}
	} else {
		for _, p := range []*part{l.source, l.master} {
			if err := l.checkPart(v, p); err != nil {
				return err
			}
		}
	}
	if err := l.checkPart(v, l.other); err != nil {
		return err
	}
	// Whatever was left, deleting takes all of it away.
	for _, id := range []film.FilmID{"Film1", "Film2"} {
		if err := v.Delete(context.Background(), id); err != nil {
			return fmt.Errorf("delete afterwards: %w", err)
		}
	}
	for name := range d.Tree() {
		return fmt.Errorf("left over: %s", name)
	}
	return nil
}

// checkDeleted wants each part whole or not to be found, and in particular no master without its source.
func (l *life) checkDeleted(v *vault.Vault) error {
	for _, p := range []*part{l.source, l.master} {
		err := verify(v, p)
		if l.deleted && !errors.Is(err, vault.ErrNotFound) || err != nil && !errors.Is(err, vault.ErrNotFound) {
			return fmt.Errorf("deleted (acknowledged: %v) %s: %w", l.deleted, p.ref, err)
		}
	}
	for id, err := range v.Films(context.Background()) {
		if err != nil || id == "Film1" && l.deleted {
			return fmt.Errorf("film %s is still listed: %w", id, err)
		}
	}
	return nil
}

// verify wants the part sealed with its text.
func verify(v *vault.Vault, p *part) error {
	ctx := context.Background()
	if _, err := v.Stat(ctx, p.ref); err != nil {
		return err
	}
	if err := v.Verify(ctx, p.ref); err != nil {
		return err
	}
	f, err := v.Open(ctx, p.ref)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil || !bytes.Equal(got, p.text()) {
		return fmt.Errorf("%s reads as %d other bytes: %w", p.ref, len(got), err)
	}
	return nil
}

func (l *life) checkPart(v *vault.Vault, p *part) error {
	err := verify(v, p)
	if err == nil && p.sealing {
		return nil
	}
	if p.sealed || !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrNotSealed) {
		return fmt.Errorf("%s (sealing %v, acknowledged %v): %w", p.ref, p.sealing, p.sealed, err)
	}
	if p == l.master {
		if !l.source.sealed {
			return nil
		}
		if err := l.compose(v); err != nil {
			return fmt.Errorf("compose after the crash: %w", err)
		}
		return verify(v, p)
	}
	if err := l.goOn(v, p); err != nil {
		return fmt.Errorf("go on after the crash: %w", err)
	}
	return verify(v, p)
}

// goOn takes a part up again, wants what was acknowledged and nothing torn, and finishes it.
func (l *life) goOn(v *vault.Vault, p *part) error {
	w, err := v.Append(context.Background(), p.ref)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	got, err := io.ReadAll(io.NewSectionReader(w, 0, w.Size()))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.texts, func(text []byte) bool { return bytes.HasPrefix(text, got) })
	if i < 0 {
		return fmt.Errorf("%s: %d bytes that were never written", p.ref, len(got))
	}
	last := bytes.HasPrefix(p.text(), got)
	if note := string(w.Notes()["mark"]); last && !p.restarted && (len(got) < p.synced || note == "" && p.note != "") {
		return fmt.Errorf("%s: %d bytes and note %q are left of %d and %q", p.ref, len(got), note, p.synced, p.note)
	}
	if p.restarted && len(p.texts) == 1 && len(got) < p.synced {
		return fmt.Errorf("%s: %d bytes are left of %d", p.ref, len(got), p.synced)
	}
	if !last {
		p.texts = p.texts[:1]
	}
	if _, err := w.Write(p.text()[len(got):]); err != nil {
		return err
	}
	return l.seal(w, p)
}
