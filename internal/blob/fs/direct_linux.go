package fs

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	// block is what writing past the page cache goes by: places in the file, lengths and addresses in memory are
	// multiples of it. No device asks for more.
	block = 4 << 10
	// directLeast is how much must come at once for that to be worth it.
	directLeast = 64 << 10
)

// direct writes large pieces past the page cache (O_DIRECT, open(2)): they are neither copied nor left for the sync that
// follows, and what is cached of other files stays. The rest, and everything where the file system does not have that,
// is written as usual. Either way a sync is needed.
type direct struct {
	file *os.File
	past *os.File // the same file, opened for that; nil until it is needed
	off  bool     // it cannot be had
	// bytes counts what went past the page cache.
	bytes int64
}

func writerOf(f *os.File) fileWriter { return &direct{file: f} }

// WriteAt writes all of p or tells how much it wrote, from the first byte on.
func (d *direct) WriteAt(p []byte, off int64) (int, error) {
	from := int(-off & (block - 1))
	to := len(p) - (len(p)-from)%block
	if len(p) < from+directLeast || uintptr(unsafe.Pointer(&p[from]))%block != 0 || !d.open() { // #nosec G103 -- an address, for its alignment
		return d.file.WriteAt(p, off)
	}
	n, err := d.file.WriteAt(p[:from], off)
	if err != nil {
		return n, err
	}
	m, err := d.past.WriteAt(p[from:to], off+int64(from))
	d.bytes += int64(m)
	n += m
	if errors.Is(err, syscall.EINVAL) {
		d.off, err = true, nil // it was opened in vain; the rest goes the usual way
	}
	if err != nil {
		return n, err
	}
	m, err = d.file.WriteAt(p[n:], off+int64(n))
	return n + m, err
}

// open opens the file again, whatever its name leads to by now.
func (d *direct) open() bool {
	if d.past != nil || d.off {
		return !d.off
	}
	var err error
	conn, err := d.file.SyscallConn()
	if err == nil {
		ctlErr := conn.Control(func(fd uintptr) {
			d.past, err = os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(fd)), os.O_WRONLY|syscall.O_DIRECT, 0)
		})
		err = errors.Join(err, ctlErr)
	}
	d.off = err != nil
	return !d.off
}

// Close frees what was opened beside the file.
func (d *direct) Close() error {
	if d.past == nil {
		return nil
	}
	return d.past.Close()
}
