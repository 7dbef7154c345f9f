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

	object derive.Object // nil where bytes are
	bytes  []byte
	given  func() // gives the bytes back; may be nil
}

// headLength is how much of a segment names it: its head has the sizes of all pictures, which two encodes never share.
const headLength = 2 << 10

// newSegment takes the object over.
func newSegment(name film.Artifact, object derive.Object) (*Segment, error) {
	s := &Segment{Size: object.Size(), object: object}
	head := make([]byte, min(headLength, s.Size))
	if n, err := object.ReadAt(head, 0); n < len(head) {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name.Key(), err), object.Close())
	}
	s.ETag = etag(name, head, s.Size)
	return s, nil
}

// inMemory is a segment of bytes, which must not be changed any more.
func inMemory(name film.Artifact, b []byte) *Segment {
	return &Segment{Size: int64(len(b)), ETag: etag(name, b[:min(headLength, len(b))], int64(len(b))), bytes: b}
}

// etag names a segment by its head: one that was dropped and made again may differ from the one before.
func etag(name film.Artifact, head []byte, size int64) string {
	sum := sha256.Sum256(fmt.Appendf(bytes.Clone(head), "\n%s\n%d", name.Key(), size))
	return hex.EncodeToString(sum[:16])
}

// Copy writes n bytes from off on to dst, by sendfile where that is possible.
func (s *Segment) Copy(dst io.Writer, off, n int64) error {
	if s.object == nil {
		_, err := dst.Write(s.bytes[off : off+n])
		return err
	}
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
func (s *Segment) Close() error {
	if s.given != nil {
		s.given()
		s.given = nil
	}
	if s.object == nil {
		return nil
	}
	return s.object.Close()
}

// read returns all of it.
func (s *Segment) read() ([]byte, error) {
	b := make([]byte, s.Size)
	if n, err := s.object.ReadAt(b, 0); n < len(b) {
		return nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return b, nil
}
