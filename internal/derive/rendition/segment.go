package rendition

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filmcan/internal/blob"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

// Segment is a segment that was made. It must be closed; until then it can be read, whatever becomes of the store.
type Segment struct {
	// Size is its length in bytes, ETag its strong entity tag.
	Size int64
	ETag string

	object derive.Object
}

// headLength is how much of a segment names it: its head has the sizes of all pictures, which two encodes never share.
const headLength = 2 << 10

func newSegment(name film.Artifact, object derive.Object) (*Segment, error) {
	s := &Segment{Size: object.Size(), object: object}
	head := make([]byte, min(headLength, s.Size))
	if n, err := object.ReadAt(head, 0); n < len(head) {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name.Key(), err), object.Close())
	}
	// A segment that was dropped and made again may differ from the one before.
	sum := sha256.Sum256(fmt.Appendf(head, "\n%s\n%d", name.Key(), s.Size))
	s.ETag = hex.EncodeToString(sum[:16])
	return s, nil
}

// Copy writes n bytes from off on to dst, by sendfile where that is possible.
func (s *Segment) Copy(dst io.Writer, off, n int64) error {
	if filer, ok := s.object.(blob.Filer); ok {
		f := filer.File()
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return err
		}
		_, err := io.CopyN(dst, f, n)
		return err
	}
	_, err := io.CopyN(dst, io.NewSectionReader(s.object, off, n), n)
	return err
}

// Close lets go of it.
func (s *Segment) Close() error { return s.object.Close() }

// memory is an object of bytes.
type memory struct{ *bytes.Reader }

// Close has nothing to free.
func (memory) Close() error { return nil }
