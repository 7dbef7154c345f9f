// Package blob keeps bytes under keys: the seam between filmcan and what it stores on. A folder is one such store
// (blob/fs); a bucket will be another. keep/vault stands on it for the truth, derive for what can be made again.
//
// [Store] is the little that every store can do. What only some can do is a power of its own ([Appender], [Filer],
// [Starter], [Pruner], [Roomer], [Creator], [Toucher], [Sweeper]), asked for by type assertion. The suite in blob/blobtest
// holds every store to the contract written here.
//
// Nothing in this package knows what the bytes mean.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"
)

// What can be wrong, told apart with errors.Is. Stores wrap these around the cause.
var (
	// ErrNotFound: there is no object under that key.
	ErrNotFound = errors.New("no such object")
	// ErrBusy: another writer, in this process or another one, holds the object.
	ErrBusy = errors.New("object is being written by another")
	// ErrNoSpace: the store is full. What was there before is unharmed; the same call may succeed later.
	ErrNoSpace = errors.New("no space left in the store")
	// ErrUnreadable: the device could not give the bytes back.
	ErrUnreadable = errors.New("stored bytes cannot be read")
	// ErrKey: that string can never be a key.
	ErrKey = errors.New("not a valid key")
)

// Store keeps whole objects. Its methods may be called by any number of goroutines and processes at once. Keys are as
// [CheckKey] wants them, and no key is a folder of another ("a" and "a/b").
type Store interface {
	// Put stores everything that r gives as one object, in place of what may be there. It is atomic: readers see the
	// old object or the new one, whole, and so it is after a power cut. It is durable: when Put returns nil the object
	// survives one. After an error the old object is there, or, when the error came at the very end, the new one.
	Put(ctx context.Context, key string, r io.Reader) error
	// Open gives an object to be read; ErrNotFound. It stays readable when it is replaced or deleted meanwhile, where
	// the store can do that (a folder can).
	Open(ctx context.Context, key string) (Reader, error)
	// Stat tells an object's size; ErrNotFound. It does not read it.
	Stat(ctx context.Context, key string) (Info, error)
	// Delete removes an object, durably. One that is not there is no error.
	Delete(ctx context.Context, key string) error
	// List yields the objects whose keys begin with prefix, in the order of their keys. Objects that come or go
	// meanwhile may or may not be seen. An error ends it.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Info describes an object.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}

// Reader reads one object. ReadAt may be called at once by many.
type Reader interface {
	io.ReaderAt
	io.Closer
	// Size is the object's length in bytes when it was opened.
	Size() int64
}

// Filer is the power of a [Reader] or an [Appending] that is a local file. The file belongs to it: do not close it.
// Who uses its position (sendfile does) must be the only one to.
type Filer interface {
	File() *os.File
}

// Appender is the power of a store whose objects can grow.
type Appender interface {
	// OpenAppend opens an object for its one writer and creates it, empty, when there is none. Neither need survive a
	// power cut: the key does after SyncName, the object's bytes as far as they were synced. ErrBusy while another has
	// it open, be it in another process. The lock ends with Close or with the process.
	OpenAppend(ctx context.Context, key string) (Appending, error)
	// ReplaceAppend puts a new object in the place of one that the caller has open for appending, as atomic and
	// durable as Put, and opens it; nobody else can come between. The caller still closes the old one. With an error
	// the old one is there; or, if an object is returned beside the error, the new one is, but a power cut may take
	// that back.
	ReplaceAppend(ctx context.Context, key string, content []byte) (Appending, error)
}

// Appending is an object that grows. One goroutine writes; ReadAt and Size may be called by others meanwhile.
type Appending interface {
	io.ReaderAt
	// Write appends all of p or, with an error, nothing: what was written in part is cut off again.
	io.Writer
	io.Closer
	// Sync returns when everything written so far survives a power cut. It may run beside Write; then it is about
	// what was written before it began. After an error nothing is known about the bytes since the last good Sync.
	Sync() error
	// SyncName returns when the object's key survives a power cut, whoever made it.
	SyncName() error
	// Truncate cuts the object to size, which is not above its length.
	Truncate(size int64) error
	// Size is its length in bytes.
	Size() int64
}

// Starter is the power of an [Appending] that can be told early to bring bytes to its device, so that the next Sync has
// less to wait for.
type Starter interface {
	// StartWrite begins to write the n bytes from off to the device. It promises nothing.
	StartWrite(off, n int64)
}

// Pruner is the power of a store that has folders.
type Pruner interface {
	// Prune removes the folder that a key prefix ending in "/" names, if it is empty. A folder that is not empty or
	// not there is no error. The prefix must not be used again by a process that may have had it in hand.
	Prune(ctx context.Context, prefix string) error
}

// Roomer is the power of a store that knows how much more it can take.
type Roomer interface {
	// Room tells how many bytes are free, and how many there are in all. Others may take of the same room.
	Room() (free, total int64, err error)
}

// Creator is the power of a store whose new objects can be written piece by piece.
type Creator interface {
	// Create begins an object. Nobody sees it before it is published. It must be closed.
	Create(ctx context.Context, key string) (Creating, error)
}

// Creating is an object that is being written. One goroutine writes; ReadAt and Size may be called by others meanwhile,
// and afterwards until it is closed.
type Creating interface {
	io.ReaderAt
	// Write appends all of p or, with an error, nothing; after ErrNoSpace the same Write may be tried again.
	io.Writer
	// Size is its length in bytes.
	Size() int64
	// Publish makes it the object under its key, as atomic and durable as Put. After ErrNoSpace it may be tried again,
	// after success nothing more may be written.
	Publish(ctx context.Context) error
	// Close frees it; unless it was published, nothing is left of it.
	io.Closer
}

// Toucher is the power of a store that can be told when an object was last of use.
type Toucher interface {
	// Touch sets what Stat and List then tell as Modified; ErrNotFound. It need not survive a power cut.
	Touch(ctx context.Context, key string, modified time.Time) error
}

// Sweeper is the power of a store in which writers that crash leave things behind.
type Sweeper interface {
	// Sweep removes what no living writer, in any process, holds.
	Sweep(ctx context.Context) error
}

// maxKey bounds a key and maxSegment each of its parts: every file system takes these.
const (
	maxKey     = 512
	maxSegment = 128
)

// CheckKey reports with ErrKey whether key can be one: segments of [A-Za-z0-9._-] that do not begin with a dot,
// parted by single slashes, 512 bytes at most.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("%w: %d bytes long", ErrKey, len(key))
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment[0] == '.' || len(segment) > maxSegment {
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
		for i := range len(segment) {
			if !keyByte(segment[i]) {
				return fmt.Errorf("%w: %q", ErrKey, key)
			}
		}
	}
	return nil
}

func keyByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		return true
	}
	return false
}
