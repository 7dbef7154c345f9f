package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"sync/atomic"

	"filmcan/internal/blob"
	"filmcan/internal/point"
)

// Writer writes a part of a film. One goroutine writes, syncs and seals; ReadAt, Size and Synced may be called by
// others meanwhile. It has no buffer of its own, so thousands may be open. Bytes that come through [Writer.Fill] are
// hashed beside the writing.
//
// A Write that failed, because the disk is full for one, left nothing: go on once there is room. When the system could
// not sync the piece it may have dropped any byte since the last good sync and does not tell which, so the Writer then
// gives nothing but that error: Close it and take the part up again with [Vault.Append].
type Writer struct {
	vault       *Vault
	ref         Ref
	log, piece  blob.Appending
	putManifest func([]byte) error
	replaceLog  func([]byte) (blob.Appending, error)

	size   atomic.Int64 // bytes in the piece that count
	synced atomic.Int64 // last.size, for others

	// State of the goroutine that writes.
	hash    hash.Hash     // of the first size bytes, once hashed is closed
	hashed  chan struct{} // of the last Fill; nil: nothing is being hashed
	fast    bool          // the last Fill brought much
	last    synced        // what the log says
	begun   int64         // size when the last sync began
	started int64         // size up to which the store was told to bring the bytes to its device
	changes int           // to the piece, each counted
	durable int           // changes when it was last synced
	notes   map[string][]byte
	pending map[string][]byte // notes that are not in the log; nil value: taken away
	flight  *flight

	logEnd   int64  // length of the log's good records
	logSum   uint32 // checksum of the last
	logDirty bool   // the log may have something behind them
	logLimit int64  // how long the log may get before it is written anew

	broken  error // what is in the piece is not known; only taking it up again helps
	sealing bool
	closed  bool
}

// flight is a sync of the piece that runs beside the writing.
type flight struct {
	at      synced
	changes int
	notes   map[string][]byte
	done    chan error // holds one, so that it never waits for us
}

var errClosed = errors.New("film's writer is closed")

// Size is the number of bytes written, Synced of those that survive a power cut.
func (w *Writer) Size() int64 { return w.size.Load() }

// Synced is the number of bytes that survive a power cut: those of the last [Writer.Sync], or of one that the Writer
// made by itself.
func (w *Writer) Synced() int64 { return w.synced.Load() }

// Write appends p, all of it or, with an error, nothing. Every Config.SyncEvery bytes it begins a sync that runs beside
// the writes that follow, once the one before is over. The error may be that of such a sync.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if err := w.append(p); err != nil {
		return 0, err
	}
	w.catchUp()
	w.hash.Write(p)
	return len(p), nil
}

// Fill lends read a buffer and appends the n bytes that it puts there: all of them or, with an error, none. It is Write
// for bytes that come from somewhere: while they are hashed the next ones are read and written.
func (w *Writer) Fill(read func(p []byte) (n int)) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	// A source that drips never has a large buffer.
	p, giveBack := w.vault.lend(w.fast)
	p = p[:read(p)]
	w.fast = len(p) >= smallBuffer
	if len(p) == 0 {
		giveBack()
		return 0, nil
	}
	if err := w.append(p); err != nil {
		giveBack()
		return 0, err
	}
	w.hashBeside(p, giveBack)
	return len(p), nil
}

// append is Write but for the hash.
func (w *Writer) append(p []byte) error {
	due := w.size.Load()-w.begun >= w.vault.cfg.SyncEvery
	if err := w.land(due); err != nil {
		return err
	}
	if due {
		if err := w.takeOff(); err != nil {
			return err
		}
	}
	w.changes++
	if _, err := w.piece.Write(p); err != nil {
		return fmt.Errorf("write film %s: %w", w.ref, explain(err))
	}
	w.size.Add(int64(len(p)))
	w.vault.wrote(len(p), false)
	w.start()
	return nil
}

// hashBeside hashes p in its turn and then gives it back. Where too much waits to be hashed already it does so at once.
func (w *Writer) hashBeside(p []byte, giveBack func()) {
	select {
	case w.vault.ahead <- struct{}{}:
	default:
		w.catchUp()
		w.hash.Write(p)
		giveBack()
		return
	}
	h, before, done := w.hash, w.hashed, make(chan struct{})
	w.hashed = done
	go func() { // catchUp waits for it
		if before != nil {
			<-before
		}
		h.Write(p)
		giveBack()
		<-w.vault.ahead
		close(done)
	}()
}

// catchUp returns when everything that was appended is in the hash.
func (w *Writer) catchUp() {
	if w.hashed != nil {
		<-w.hashed
		w.hashed = nil
	}
}

// startEvery is how many bytes are brought on their way at once: large enough for any device to take them well.
const startEvery = 1 << 20

// start lets the device work while the next bytes come, so that a sync of some megabytes has little to wait for.
func (w *Writer) start() {
	size := w.size.Load()
	if size-w.started < startEvery {
		return
	}
	if s, ok := w.piece.(blob.Starter); ok {
		s.StartWrite(w.started, size-w.started)
	}
	w.started = size
}

// ReadFrom appends everything that r gives, by [Writer.Fill]. When it fails, up to one buffer of what r gave is lost: go
// on where Size says.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		var readErr error
		n, err := w.Fill(func(p []byte) (n int) {
			n, readErr = r.Read(p)
			return n
		})
		total += int64(n)
		switch {
		case err != nil:
			return total, err
		case errors.Is(readErr, io.EOF):
			return total, nil
		case readErr != nil:
			return total, readErr
		}
	}
}

// ReadAt reads what has been written so far, synced or not.
func (w *Writer) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read film %s at %d", w.ref, off)
	}
	n, err := io.NewSectionReader(w.piece, 0, w.size.Load()).ReadAt(p, off)
	w.vault.stats.read.Add(int64(n))
	return n, err
}

// LocalPath names the file that has the bytes, if the store keeps files. The first Size bytes of it count.
func (w *Writer) LocalPath() (string, bool) { return localPath(w.piece) }

func localPath(object any) (string, bool) {
	f, ok := object.(interface{ File() *os.File })
	if !ok {
		return "", false
	}
	return f.File().Name(), true
}

// Note keeps a caller's value beside the film until it is sealed. It is durable with the next Sync. An empty value
// takes the note away. Keys have up to 64 bytes, values up to 16 KiB, and there are 32 at most.
func (w *Writer) Note(key string, value []byte) error {
	if err := w.usable(); err != nil {
		return err
	}
	_, known := w.notes[key]
	switch {
	case key == "" || len(key) > maxName || len(value) > maxNote:
		return fmt.Errorf("note of film %s: key of %d and value of %d bytes", w.ref, len(key), len(value))
	case !known && len(value) > 0 && len(w.notes) >= maxNotes:
		return fmt.Errorf("note of film %s: more than %d", w.ref, maxNotes)
	case bytes.Equal(w.notes[key], value):
		return nil
	}
	value = bytes.Clone(value)
	if len(value) == 0 {
		delete(w.notes, key)
	} else {
		w.notes[key] = value
	}
	w.pending[key] = value
	return nil
}

// Notes returns the notes, durable or not.
func (w *Writer) Notes() map[string][]byte {
	notes := make(map[string][]byte, len(w.notes))
	for key, value := range w.notes {
		notes[key] = bytes.Clone(value)
	}
	return notes
}

// Sync returns when everything written and noted survives a power cut.
func (w *Writer) Sync() error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := w.land(true); err != nil {
		return err
	}
	if w.changes == w.durable && w.size.Load() == w.last.size && len(w.pending) == 0 {
		return nil
	}
	if err := w.takeOff(); err != nil {
		return err
	}
	return w.land(true)
}

// takeOff begins a sync of what has been written and noted so far. None is in flight.
func (w *Writer) takeOff() error {
	f := &flight{
		at: synced{size: w.size.Load()}, changes: w.changes,
		notes: w.pending, done: make(chan error, 1),
	}
	if f.changes == w.durable {
		f.done <- nil
	} else {
		w.vault.stats.syncs.Add(1)
		go func() { f.done <- w.piece.Sync() }() // land waits for it, and Close does
	}
	w.catchUp() // while the device works
	var err error
	if f.at.state, err = saveHash(w.hash); err != nil {
		<-f.done
		return fmt.Errorf("sync film %s: %w", w.ref, err)
	}
	w.begun, w.pending, w.flight = f.at.size, make(map[string][]byte), f
	return nil
}

// land ends the sync in flight, if there is one and, unless it is to be waited for, it is over: it writes the record
// that says so.
func (w *Writer) land(wait bool) error {
	f := w.flight
	if f == nil {
		return nil
	}
	var err error
	if wait {
		err = <-f.done
	} else {
		select {
		case err = <-f.done:
		default:
			return nil
		}
	}
	w.flight = nil
	if err == nil {
		w.durable = f.changes
		err = w.record(f)
	} else {
		err = explain(err)
		w.broken = fmt.Errorf("film %s is to be taken up again: sync: %w", w.ref, err)
	}
	if err != nil {
		// They are pending again, but for those that have been noted anew.
		maps.Copy(f.notes, w.pending)
		w.pending = f.notes
		w.begun = min(w.begun, w.last.size)
		return fmt.Errorf("sync film %s: %w", w.ref, err)
	}
	point.Hit("vault.synced")
	return nil
}

// record writes to the log what is durable now.
func (w *Writer) record(f *flight) error {
	frames := framer{sum: w.logSum}
	for _, key := range sortedKeys(maps.Keys(f.notes)) {
		frames.record(note{key, f.notes[key]})
	}
	frames.record(f.at)
	if err := w.writeLog(&frames); err != nil {
		return err
	}
	w.last = f.at
	w.synced.Store(f.at.size)
	return w.renewLog()
}

// renewLog writes the log anew, with what still counts, once it has grown by as much as it may. Whoever finds the new
// one finds what the old one ends with. When there is no room for it the old one goes on.
func (w *Writer) renewLog() error {
	if w.logEnd < w.logLimit || len(w.pending) > 0 { // what is pending is not to be in the log yet
		return nil
	}
	var f framer
	f.header(growing)
	f.record(begin{w.ref})
	for _, key := range sortedKeys(maps.Keys(w.notes)) {
		f.record(note{key, w.notes[key]})
	}
	// Twice, so that it is the sync before the last: nothing takes it back.
	f.record(w.last)
	f.record(w.last)
	size := int64(len(f.buf))
	if w.logLimit = size + w.vault.cfg.LogGrowth; w.logEnd < w.logLimit {
		return nil // it has grown by large notes
	}
	log, err := w.replaceLog(f.buf)
	if log == nil {
		w.logLimit = w.logEnd + w.vault.cfg.LogGrowth // tried again then
		return nil
	}
	_ = w.log.Close() // everything in it was synced
	w.log, w.logEnd, w.logSum = log, size, f.sum
	w.vault.wrote(len(f.buf), true)
	if err != nil {
		w.broken = fmt.Errorf("film %s is to be taken up again: write its log anew: %w", w.ref, explain(err))
	}
	return w.broken
}

// writeLog appends records to the log, durably. When it fails the log is cut back, and it can be tried again.
func (w *Writer) writeLog(f *framer) error {
	if w.logDirty {
		if err := w.log.Truncate(w.logEnd); err != nil {
			return explain(err)
		}
	}
	w.logDirty = true
	_, err := w.log.Write(f.buf)
	if err == nil {
		err = w.log.Sync()
	}
	if err != nil {
		_ = w.log.Truncate(w.logEnd) // tried again before the next record
		return explain(err)
	}
	w.logEnd, w.logSum, w.logDirty = w.logEnd+int64(len(f.buf)), f.sum, false
	w.vault.wrote(len(f.buf), true)
	return nil
}

// Restart forgets all bytes and notes, durably: the film begins anew.
func (w *Writer) Restart() error { return w.Rewind(0, nil) }

// Rewind forgets the bytes from size on and all notes but those given, durably and at once: from there the film goes on
// differently. What stays must have been synced, and is read once, for its hash. A power cut in the middle may forget
// everything; it never leaves the bytes without the notes.
func (w *Writer) Rewind(size int64, notes map[string][]byte) error {
	if err := w.usable(); err != nil {
		return err
	}
	if size < 0 || size > w.last.size {
		return fmt.Errorf("rewind film %s to %d bytes: %d are synced", w.ref, size, w.last.size)
	}
	if w.flight != nil {
		<-w.flight.done // of bytes that are about to go
		w.flight = nil
	}
	w.catchUp()
	at, err := w.stateAt(size)
	if err != nil {
		return fmt.Errorf("rewind film %s: %w", w.ref, err)
	}
	frames := framer{sum: w.logSum}
	frames.record(restart{})
	for _, key := range sortedKeys(maps.Keys(notes)) {
		if value := notes[key]; key == "" || len(key) > maxName || len(value) == 0 || len(value) > maxNote || len(notes) > maxNotes {
			return fmt.Errorf("rewind film %s: note with a key of %d and a value of %d bytes", w.ref, len(key), len(value))
		}
		frames.record(note{key, notes[key]})
	}
	if at.size > 0 {
		frames.record(at)
	}
	if err := w.writeLog(&frames); err != nil {
		return fmt.Errorf("rewind film %s: %w", w.ref, err)
	}
	clear(w.notes)
	clear(w.pending)
	for key, value := range notes {
		w.notes[key] = bytes.Clone(value)
	}
	w.changes++
	w.last = at
	err = w.piece.Truncate(at.size)
	if err == nil {
		err = w.standAt(at)
	}
	if err != nil {
		w.broken = fmt.Errorf("film %s is to be taken up again: rewind: %w", w.ref, explain(err))
	}
	return w.broken
}

// stateAt returns the state behind the first size bytes, which are synced.
func (w *Writer) stateAt(size int64) (synced, error) {
	switch size {
	case 0:
		return synced{}, nil
	case w.last.size:
		return w.last, nil
	}
	h := sha256.New()
	buf := w.vault.takeBuffer()
	defer w.vault.buffers.Put(buf)
	n, err := io.CopyBuffer(h, onlyReader{io.NewSectionReader(w.piece, 0, size)}, buf[:])
	w.vault.stats.read.Add(n)
	if err == nil && n < size {
		err = damaged(w.ref, "%d bytes are left of %d that were synced", n, w.last.size)
	}
	if err != nil {
		return synced{}, err
	}
	state, err := saveHash(h)
	return synced{size: size, state: state}, err
}

// onlyReader hides a reader's WriteTo, so that a copy uses the buffer that it is given.
type onlyReader struct{ io.Reader }

// usable reports why nothing can be written.
func (w *Writer) usable() error {
	switch {
	case w.closed:
		return errClosed
	case w.sealing:
		return fmt.Errorf("film %s: %w", w.ref, ErrSealed)
	}
	return w.broken
}

// Close frees the Writer and leaves the part unsealed, to be taken up again. It syncs nothing: bytes written since the
// last Sync are given up. After Seal, or a second time, it does nothing.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	var err error
	if w.broken == nil && !w.sealing {
		err = w.land(true)
	} else if w.flight != nil {
		<-w.flight.done
	}
	w.catchUp()
	if err == nil && w.broken == nil && !w.sealing && !w.logDirty {
		w.vault.remember(w.ref, left{w.logEnd, w.logSum})
	}
	w.closed = true
	return errors.Join(err, w.piece.Close(), w.log.Close())
}

func sortedKeys(keys iter.Seq[string]) []string { return slices.Sorted(keys) }
