package faultfs

import (
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
)

// ErrOff is what a view gives once it has stopped: the process is dead or the machine has no power.
var ErrOff = errors.New("the machine is off")

// Kind is what an operation does.
type Kind string

// The kinds of operations that are counted, can fail and can be stopped at: those that change something.
const (
	Create   Kind = "create"
	Mkdir    Kind = "mkdir"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
	SyncDir  Kind = "syncdir"
)

// Op is one operation of a view.
type Op struct {
	Index int // from 1
	Kind  Kind
	Name  string
	Bytes int // of a write
}

// Plan says what is to happen to one view. The zero Plan is a machine without faults.
type Plan struct {
	// StopAfter is the number of operations after which the view is dead; 0: never.
	StopAfter int
	// Fail returns the error of an operation, nil to let it be. A write that fails has stored half of its bytes; a
	// sync that fails has stored nothing.
	Fail func(Op) error
	// Lie reports that a sync is to be said to be done and not to be: as if the program had forgotten it.
	Lie func(Op) bool
	// Watch sees every operation before it happens.
	Watch func(Op)
}

// View is the disk as one process has it.
type View struct {
	disk  *Disk
	plan  Plan
	epoch int
	ops   int // guarded by disk.mu
	bytes atomic.Int64
	opens atomic.Int64
}

var _ fs.OS = (*View)(nil)

// Boot starts a process. Several may live at once.
func (d *Disk) Boot(plan Plan) *View {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &View{disk: d, plan: plan, epoch: d.epoch}
}

// Ops is the number of operations so far, and Written the bytes that they wrote.
func (v *View) Ops() int {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	return v.ops
}

// Written is the number of bytes written so far.
func (v *View) Written() int64 { return v.bytes.Load() }

// Open is the number of files that are open.
func (v *View) Open() int64 { return v.opens.Load() }

// alive must be asked with the disk's mutex held.
func (v *View) alive() error {
	if v.epoch != v.disk.epoch || v.plan.StopAfter > 0 && v.ops >= v.plan.StopAfter {
		return ErrOff
	}
	return nil
}

// begin counts an operation and says whether it may happen. The disk's mutex is held.
func (v *View) begin(kind Kind, name string, n int) (Op, error) {
	if err := v.alive(); err != nil {
		return Op{}, err
	}
	v.ops++
	op := Op{Index: v.ops, Kind: kind, Name: name, Bytes: n}
	if v.plan.Watch != nil {
		v.plan.Watch(op)
	}
	if v.plan.Fail != nil {
		return op, v.plan.Fail(op)
	}
	return op, nil
}

func (v *View) lies(op Op) bool { return v.plan.Lie != nil && v.plan.Lie(op) }

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &iofs.PathError{Op: op, Path: name, Err: err}
}

// OpenFile opens or creates a file. Only a creation counts as an operation.
func (v *View) OpenFile(name string, flag int, _ iofs.FileMode) (fs.File, error) {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	n, err := v.openFile(name, flag)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	v.opens.Add(1)
	return &handle{view: v, node: n, name: name}, nil
}

func (v *View) openFile(name string, flag int) (*node, error) {
	if err := v.alive(); err != nil {
		return nil, err
	}
	n, err := v.disk.lookup(name)
	if err == nil {
		if flag&os.O_EXCL != 0 {
			return nil, iofs.ErrExist
		}
		return n, nil
	}
	if flag&os.O_CREATE == 0 {
		return nil, err
	}
	dir, base, err := v.disk.parent(name)
	if err != nil {
		return nil, err
	}
	if _, err := v.begin(Create, name, 0); err != nil {
		return nil, err
	}
	n = &node{}
	dir.setEntry(base, n)
	return n, nil
}

// Mkdir makes a folder.
func (v *View) Mkdir(name string, _ iofs.FileMode) error {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return pathError("mkdir", name, err)
	}
	dir, base, err := v.disk.parent(name)
	if err == nil && dir.entries[base] != nil {
		err = iofs.ErrExist
	}
	if err == nil {
		_, err = v.begin(Mkdir, name, 0)
	}
	if err != nil {
		return pathError("mkdir", name, err)
	}
	dir.setEntry(base, newDir())
	return nil
}

// Rename gives a file another name: two changes of names, which a crash may part.
func (v *View) Rename(from, to string) error {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return pathError("rename", from, err)
	}
	n, err := v.disk.lookup(from)
	if err != nil {
		return pathError("rename", from, err)
	}
	target, base, err := v.disk.parent(to)
	if err == nil {
		_, err = v.begin(Rename, to, 0)
	}
	if err != nil {
		return pathError("rename", to, err)
	}
	source, old, _ := v.disk.parent(from)
	target.setEntry(base, n)
	source.setEntry(old, nil)
	return nil
}

// Remove removes a file or an empty folder.
func (v *View) Remove(name string) error {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return pathError("remove", name, err)
	}
	n, err := v.disk.lookup(name)
	if err == nil && len(n.entries) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err == nil {
		_, err = v.begin(Remove, name, 0)
	}
	if err != nil {
		return pathError("remove", name, err)
	}
	dir, base, _ := v.disk.parent(name)
	dir.setEntry(base, nil)
	return nil
}

// Stat describes a file or folder.
func (v *View) Stat(name string) (iofs.FileInfo, error) {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return nil, pathError("stat", name, err)
	}
	n, err := v.disk.lookup(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return n.info(name), nil
}

// Chtimes sets a file's time, which nothing depends on: it is no operation that is counted.
func (v *View) Chtimes(name string, modified time.Time) error {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return pathError("chtimes", name, err)
	}
	n, err := v.disk.lookup(name)
	if err != nil {
		return pathError("chtimes", name, err)
	}
	n.made = modified
	return nil
}

// ReadDir lists a folder.
func (v *View) ReadDir(name string) ([]iofs.DirEntry, error) {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return nil, pathError("readdir", name, err)
	}
	n, err := v.disk.lookup(name)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	var list []iofs.DirEntry
	for _, entry := range n.sorted() {
		list = append(list, iofs.FileInfoToDirEntry(n.entries[entry].info(entry)))
	}
	return list, nil
}

// SyncDir makes a folder's names durable.
func (v *View) SyncDir(name string) error {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	n, err := v.disk.lookup(name)
	if err != nil {
		return pathError("sync", name, err)
	}
	op, err := v.begin(SyncDir, name, 0)
	if err != nil {
		return pathError("sync", name, err)
	}
	if !v.lies(op) {
		n.sync()
	}
	return nil
}

// Linked reports whether name leads to f.
func (v *View) Linked(f fs.File, name string) (bool, error) {
	v.disk.mu.Lock()
	defer v.disk.mu.Unlock()
	if err := v.alive(); err != nil {
		return false, err
	}
	n, err := v.disk.lookup(name)
	return err == nil && n == f.(*handle).node, nil
}

// handle is an open file.
type handle struct {
	view   *View
	node   *node
	name   string
	closed bool
}

// enter locks the disk and says whether the handle may be used; the caller unlocks.
func (h *handle) enter() error {
	h.view.disk.mu.Lock()
	if h.closed {
		return iofs.ErrClosed
	}
	return h.view.alive()
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	err := h.enter()
	defer h.view.disk.mu.Unlock()
	if err != nil {
		return 0, pathError("read", h.name, err)
	}
	if off >= int64(len(h.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	err := h.enter()
	defer h.view.disk.mu.Unlock()
	if err != nil {
		return 0, pathError("write", h.name, err)
	}
	_, err = h.view.begin(Write, h.name, len(p))
	if errors.Is(err, ErrOff) {
		return 0, pathError("write", h.name, err)
	}
	if err != nil {
		p = p[:len(p)/2]
	}
	if len(p) > 0 {
		h.node.change(write{off: off, data: slices.Clone(p)})
	}
	h.view.bytes.Add(int64(len(p)))
	return len(p), pathError("write", h.name, err)
}

func (n *node) change(w write) {
	n.writes = append(n.writes, w)
	n.data = apply(n.data, w)
}

func (h *handle) Truncate(size int64) error {
	err := h.enter()
	defer h.view.disk.mu.Unlock()
	if err == nil {
		_, err = h.view.begin(Truncate, h.name, 0)
	}
	if err != nil {
		return pathError("truncate", h.name, err)
	}
	h.node.change(write{off: size})
	return nil
}

func (h *handle) Sync() error {
	err := h.enter()
	defer h.view.disk.mu.Unlock()
	var op Op
	if err == nil {
		op, err = h.view.begin(Sync, h.name, 0)
	}
	if err != nil {
		return pathError("sync", h.name, err)
	}
	if !h.view.lies(op) {
		h.node.sync()
	}
	return nil
}

func (h *handle) Stat() (iofs.FileInfo, error) {
	err := h.enter()
	defer h.view.disk.mu.Unlock()
	if err != nil {
		return nil, pathError("stat", h.name, err)
	}
	return h.node.info(filepath.Base(h.name)), nil
}

func (h *handle) TryLock() error {
	err := h.enter()
	defer h.view.disk.mu.Unlock()
	if err != nil {
		return err
	}
	if h.node.locked != nil && h.node.locked != h {
		return blob.ErrBusy
	}
	h.node.locked = h
	return nil
}

func (h *handle) Close() error {
	h.view.disk.mu.Lock()
	defer h.view.disk.mu.Unlock()
	if h.closed {
		return iofs.ErrClosed
	}
	h.closed = true
	h.view.opens.Add(-1)
	if h.node.locked == h {
		h.node.locked = nil
	}
	return nil
}
