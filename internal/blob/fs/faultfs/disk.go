// Package faultfs is an operating system for tests of blob/fs: a file tree in memory whose power can be cut.
//
// It keeps apart what programs see and what a disk would have after a power cut: bytes count as stored once their
// file was synced, names once their folder was. [Disk.Boot] gives a view of it as one process would have; a view can
// stop at a chosen operation, fail chosen operations, run out of space, or be lied to about its syncs. [Disk.Crash]
// then decides what of the unsynced survives.
//
// It is harsher than real file systems, which mostly keep renames in order: here each name and each write has its own
// luck. Nothing but tests may import it.
package faultfs

import (
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Survival says what a crash leaves of that which was not synced.
type Survival int

const (
	// Kill: the process died and the machine did not; everything is left.
	Kill Survival = iota
	// Lose: a power cut that takes everything that was not synced.
	Lose
	// Names: a power cut that leaves the names and takes the bytes: files renamed into place, but empty or short.
	Names
	// Bytes: a power cut that leaves the bytes and takes the names.
	Bytes
	// Torn: a power cut that leaves some names and some bytes, by lot; a write may be left in part, or as garbage.
	Torn
)

// Survivals is all of them, for loops.
func Survivals() []Survival { return []Survival{Kill, Lose, Names, Bytes, Torn} }

func (s Survival) String() string {
	return [...]string{"kill", "lose", "names", "bytes", "torn"}[s]
}

// Disk is the machine's disk. Its methods and those of its views may be called by any goroutine.
type Disk struct {
	mu    sync.Mutex
	root  *node
	epoch int // views of earlier epochs are dead
}

// New returns an empty disk: a root folder "/", durable.
func New() *Disk { return &Disk{root: newDir()} }

// node is a file or a folder.
type node struct {
	entries map[string]*node // folders: what programs see
	names   []nameChange     // folders: what of it is not synced, oldest first
	data    []byte           // files: what programs see
	stored  []byte           // files: what a power cut leaves for sure
	writes  []write          // files: what lies between the two
	locked  *handle
	made    time.Time
}

type nameChange struct {
	name string
	was  *node // before the change; nil: nothing
}

// write is data at an offset, or with nil data a truncation to that size.
type write struct {
	off  int64
	data []byte
}

func newDir() *node { return &node{entries: make(map[string]*node)} }

func (n *node) isDir() bool { return n.entries != nil }

func (n *node) setEntry(name string, to *node) {
	n.names = append(n.names, nameChange{name: name, was: n.entries[name]})
	n.putEntry(name, to)
}

func (n *node) putEntry(name string, to *node) {
	if to == nil {
		delete(n.entries, name)
	} else {
		n.entries[name] = to
	}
}

func apply(data []byte, w write) []byte {
	if w.data == nil {
		if int(w.off) <= len(data) {
			return data[:w.off:w.off]
		}
		return append(data, make([]byte, int(w.off)-len(data))...)
	}
	if grow := int(w.off) + len(w.data) - len(data); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[w.off:], w.data)
	return data
}

func (n *node) sync() {
	for _, w := range n.writes {
		n.stored = apply(n.stored, w)
	}
	n.writes, n.names = nil, nil
}

// Crash ends every process: its views are dead and their locks are free. It decides by rng (which only [Torn] asks)
// what is left; that is then durable.
func (d *Disk) Crash(how Survival, rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch++
	d.root.crash(how, rng, make(map[*node]bool))
}

func (n *node) crash(how Survival, rng *rand.Rand, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	n.locked = nil
	if how == Kill {
		// The machine lives: what is not synced is still only in its memory.
		for _, child := range n.entries {
			child.crash(how, rng, seen)
		}
		return
	}
	if !n.isDir() {
		n.crashBytes(how, rng)
		return
	}
	n.crashNames(how, rng)
	for _, name := range n.sorted() {
		n.entries[name].crash(how, rng, seen)
	}
}

func (n *node) crashNames(how Survival, rng *rand.Rand) {
	byName := make(map[string][]*node) // per name what it led to before each of its changes
	var order []string
	for _, c := range n.names {
		if byName[c.name] == nil {
			order = append(order, c.name)
		}
		byName[c.name] = append(byName[c.name], c.was)
	}
	for _, name := range order {
		history := append(byName[name], n.entries[name])
		switch how {
		case Lose, Bytes:
			n.putEntry(name, history[0])
		case Torn:
			n.putEntry(name, history[rng.IntN(len(history))])
		case Kill, Names:
		}
	}
	n.names = nil
}

func (n *node) crashBytes(how Survival, rng *rand.Rand) {
	for _, w := range n.writes {
		switch how {
		case Bytes:
			n.stored = apply(n.stored, w)
		case Torn:
			n.stored = tear(n.stored, w, rng)
		case Kill, Lose, Names:
		}
	}
	n.writes = nil
	n.data = slices.Clone(n.stored)
}

// tear applies a write as a disk may have that lost its power over it.
func tear(data []byte, w write, rng *rand.Rand) []byte {
	switch luck := rng.IntN(4); {
	case luck == 0:
		return data
	case luck == 1 || w.data == nil:
		return apply(data, w)
	case luck == 2:
		return apply(data, write{off: w.off, data: w.data[:rng.IntN(len(w.data)+1)]})
	default:
		torn := slices.Clone(w.data)
		for i := rng.IntN(len(torn) + 1); i < len(torn); i++ {
			torn[i] = byte(rng.Uint32()) & byte(rng.IntN(2)*255)
		}
		return apply(data, write{off: w.off, data: torn})
	}
}

// Corrupt changes a stored file behind every program's back, as a failing disk does. The file must be there.
func (d *Disk) Corrupt(name string, change func(data []byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.lookup(name)
	if err != nil {
		panic("faultfs: " + name + " is not there")
	}
	n.data = change(slices.Clone(n.data))
	n.stored, n.writes = slices.Clone(n.data), nil
}

// Tree lists the files that programs see with their sizes, by full name.
func (d *Disk) Tree() map[string]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	tree := make(map[string]int64)
	d.root.walk("/", tree)
	return tree
}

func (n *node) walk(at string, tree map[string]int64) {
	for name, child := range n.entries {
		if child.isDir() {
			child.walk(filepath.Join(at, name), tree)
			continue
		}
		tree[filepath.Join(at, name)] = int64(len(child.data))
	}
}

func (n *node) sorted() []string {
	names := make([]string, 0, len(n.entries))
	for name := range n.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (d *Disk) lookup(name string) (*node, error) {
	n := d.root
	for segment := range strings.SplitSeq(strings.Trim(filepath.Clean(name), "/"), "/") {
		if segment == "" {
			continue
		}
		if !n.isDir() {
			return nil, iofs.ErrNotExist
		}
		next := n.entries[segment]
		if next == nil {
			return nil, iofs.ErrNotExist
		}
		n = next
	}
	return n, nil
}

// parent returns the folder of a name and the last segment.
func (d *Disk) parent(name string) (*node, string, error) {
	dir, err := d.lookup(filepath.Dir(name))
	if err == nil && !dir.isDir() {
		err = iofs.ErrNotExist
	}
	return dir, filepath.Base(name), err
}

type fileInfo struct {
	name string
	size int64
	dir  bool
	made time.Time
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return i.made }
func (i fileInfo) IsDir() bool        { return i.dir }
func (i fileInfo) Sys() any           { return nil }

func (i fileInfo) Mode() iofs.FileMode {
	if i.dir {
		return os.ModeDir | 0o700
	}
	return 0o600
}

func (n *node) info(name string) iofs.FileInfo {
	return fileInfo{name: filepath.Base(name), size: int64(len(n.data)), dir: n.isDir(), made: n.made}
}
