package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"filmcan/internal/blob"
)

// Film is a sealed part, open to be read. Its methods may be called by any number of goroutines at once.
type Film struct {
	vault  *Vault
	ref    Ref
	sealed Sealed
	pieces []*shelf
	spans  []span // in order, without gaps; none when the film is empty
}

// span is a run of the film's bytes in one piece.
type span struct {
	at    int64 // in the film
	off   int64 // in the piece
	len   int64
	piece int
}

// Open opens a sealed part. ErrNotFound, ErrNotSealed; ErrDamaged when a piece is missing or has not its length. The
// context is for opening only.
func (v *Vault) Open(ctx context.Context, ref Ref) (*Film, error) {
	m, r, err := v.openManifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	table, err := m.readTable(io.NewSectionReader(r, m.off, r.Size()-m.off))
	if err != nil {
		err = damaged(ref, "manifest: %v", err)
	}
	if err := closed(r, err); err != nil {
		return nil, err
	}
	f := &Film{vault: v, ref: ref, sealed: m.summary()}
	if err := f.assemble(ctx, m, table); err != nil {
		return nil, closed(f, err)
	}
	v.stats.opened.Add(1)
	return f, nil
}

// assemble opens the pieces and lays out the spans.
func (f *Film) assemble(ctx context.Context, m *manifest, table extents) error {
	if m.whole != nil {
		f.add(span{len: m.whole.size})
		return f.open(ctx, f.ref.piece(), m.whole.size)
	}
	f.add(span{len: m.composed.headSize})
	if err := f.open(ctx, f.ref.head(), m.composed.headSize); err != nil {
		return err
	}
	for _, s := range m.composed.sources {
		if err := f.vault.checkSource(ctx, f.ref, s); err != nil {
			return err
		}
		if err := f.open(ctx, (Ref{f.ref.Film, s.part}).piece(), s.size); err != nil {
			return err
		}
	}
	at := m.composed.headSize
	for _, e := range table {
		f.add(span{at: at, off: e.offset, len: e.len, piece: 1 + e.source})
		at += e.len
	}
	return nil
}

func (f *Film) add(s span) {
	if s.len > 0 {
		f.spans = append(f.spans, s)
	}
}

// Size is the film's length in bytes.
func (f *Film) Size() int64 { return f.sealed.Size }

// Sealed says what the film is.
func (f *Film) Sealed() Sealed { return f.sealed }

// LocalPath names the file that is this film from its first byte to its last, if there is one.
func (f *Film) LocalPath() (string, bool) {
	if f.sealed.Composed {
		return "", false
	}
	return localPath(f.pieces[0].main)
}

// Close frees the film. Copies that still run end by themselves.
func (f *Film) Close() error {
	var err error
	for _, p := range f.pieces {
		err = errors.Join(err, p.close())
	}
	return err
}

// ReadAt reads across the pieces.
func (f *Film) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read film %s at %d", f.ref, off)
	}
	if off >= f.sealed.Size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), f.sealed.Size-off)
	var n int64
	for _, s := range f.spans[f.find(off):] {
		if n == want {
			break
		}
		skip := off + n - s.at
		m, err := f.pieces[s.piece].main.ReadAt(p[n:n+min(want-n, s.len-skip)], s.off+skip)
		n += int64(m)
		f.vault.stats.read.Add(int64(m))
		if skip += int64(m); skip < s.len && n < want {
			return int(n), f.short(err)
		}
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// find returns the index of the span that has the byte at off, which is inside the film.
func (f *Film) find(off int64) int {
	return sort.Search(len(f.spans), func(i int) bool { return f.spans[i].at+f.spans[i].len > off })
}

// short is the error of a piece that ended before its length, or of its device.
func (f *Film) short(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged(f.ref, "a piece ends before its length")
	}
	return fmt.Errorf("read film %s: %w", f.ref, err)
}

// CopyRange writes n bytes from off to dst, and returns how many it wrote. Where the store keeps files, each span goes
// to dst as an io.LimitedReader over an *os.File: if dst has a ReadFrom that knows it, as net.TCPConn and net/http's
// ResponseWriter have, the kernel copies by sendfile. A dst that hides its ReadFrom defeats that.
func (f *Film) CopyRange(dst io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > f.sealed.Size-n {
		return 0, fmt.Errorf("copy %d bytes at %d of film %s, which has %d", n, off, f.ref, f.sealed.Size)
	}
	var done int64
	for _, s := range f.spans[f.find(off):] {
		if done == n {
			break
		}
		skip := off + done - s.at
		part := min(n-done, s.len-skip)
		m, err := f.pieces[s.piece].copyTo(dst, s.off+skip, part)
		done += m
		f.vault.stats.read.Add(m)
		if err != nil {
			return done, err
		}
		if m < part {
			return done, f.short(nil)
		}
	}
	return done, nil
}

// shelf is an open piece. Reading at offsets shares one reader; a copy by sendfile uses a file's position, so each
// copy that runs has a reader of its own.
type shelf struct {
	vault  *Vault
	main   blob.Reader
	reopen func() (blob.Reader, error)

	mu     sync.Mutex
	idle   []blob.Reader // main among them, while no copy has it
	closed bool
}

func (f *Film) open(ctx context.Context, key string, size int64) error {
	// A film may be read long after the request that opened it.
	ctx = context.WithoutCancel(ctx)
	p := &shelf{vault: f.vault, reopen: func() (blob.Reader, error) {
		r, err := f.vault.store.Open(ctx, key)
		if errors.Is(err, blob.ErrNotFound) {
			return nil, damaged(f.ref, "%s is missing", key)
		}
		if err != nil {
			return nil, fmt.Errorf("open film %s: %w", f.ref, err)
		}
		if r.Size() != size {
			return nil, closed(r, damaged(f.ref, "%s has %d bytes, not %d", key, r.Size(), size))
		}
		return r, nil
	}}
	var err error
	if p.main, err = p.reopen(); err != nil {
		return err
	}
	p.idle = []blob.Reader{p.main}
	f.pieces = append(f.pieces, p)
	return nil
}

func (p *shelf) copyTo(dst io.Writer, off, n int64) (int64, error) {
	r, err := p.take()
	if err != nil {
		return 0, err
	}
	defer p.put(r)
	file, ok := r.(blob.Filer)
	if !ok {
		buf := p.vault.takeBuffer()
		defer p.vault.buffers.Put(buf)
		return io.CopyBuffer(dst, io.NewSectionReader(r, off, n), buf[:])
	}
	if _, err := file.File().Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(dst, &io.LimitedReader{R: file.File(), N: n})
}

// take returns a reader that nobody copies from.
func (p *shelf) take() (blob.Reader, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return r, nil
	}
	return p.reopen()
}

// put gives it back. One is kept besides main; more were for a rush that is over.
func (p *shelf) put(r blob.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const keep = 2
	if p.closed || len(p.idle) >= keep && r != p.main {
		_ = r.Close()
		return
	}
	p.idle = append(p.idle, r)
}

func (p *shelf) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if !p.closed {
		p.closed = true
		for _, r := range p.idle {
			err = errors.Join(err, r.Close())
		}
	}
	return err
}
