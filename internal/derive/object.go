package derive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// sized is what can be read whole.
type sized interface {
	io.ReaderAt
	Size() int64
}

// read returns all there is.
func read(r sized) ([]byte, error) {
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("%d of %d bytes: %w", n, len(b), errors.Join(err, io.ErrUnexpectedEOF))
	}
	return b, nil
}

// content reads and closes an object.
func content(object Object) ([]byte, error) {
	defer object.Close()
	return read(object)
}

// inMemory is an object of bytes.
func inMemory(b []byte) Object { return memoryObject{bytes.NewReader(b)} }

type memoryObject struct{ *bytes.Reader }

// Close has nothing to free.
func (memoryObject) Close() error { return nil }

// sharedObject is a file that all who waited for it read.
type sharedObject struct {
	io.ReaderAt
	size    int64
	release func()
}

// Size is the file's length.
func (o *sharedObject) Size() int64 { return o.size }

// Close gives up this one's part in it.
func (o *sharedObject) Close() error {
	o.release()
	return nil
}
