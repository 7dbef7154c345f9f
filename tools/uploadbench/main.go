// Command uploadbench serves tusd's file store: what `make bench` holds filmcan's uploads against. It is a module of
// its own, so that nothing of tusd comes near the program.
//
//	uploadbench [-sync] DIR     listens on a free port of the loopback, prints the URL, serves until it is killed
//
// tusd leaves it to the kernel when bytes get to the disk. With -sync they are there before a chunk is answered, as
// filmcan promises it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/tus/tusd/v2/pkg/filelocker"
	"github.com/tus/tusd/v2/pkg/filestore"
	"github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "uploadbench:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("uploadbench", flag.ContinueOnError)
	syncing := flags.Bool("sync", false, "fsync each chunk before it is answered")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("usage: uploadbench [-sync] DIR")
	}
	dir := flags.Arg(0)
	composer := handler.NewStoreComposer()
	filestore.New(dir).UseIn(composer)
	filelocker.New(dir).UseIn(composer)
	tus, err := handler.NewHandler(handler.Config{
		BasePath: "/files/", StoreComposer: composer, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	h := http.StripPrefix("/files/", tus)
	if *syncing {
		h = synced(dir, h)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s/files/\n", l.Addr())
	return http.Serve(l, h)
}

// synced answers a PATCH when the file that it belongs to is on the disk.
func synced(dir string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPatch {
			h.ServeHTTP(w, r)
			return
		}
		held := &held{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(held, r)
		f, err := os.OpenFile(filepath.Join(dir, path.Base(r.URL.Path)), os.O_WRONLY, 0)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			held.status = http.StatusInternalServerError
		}
		w.WriteHeader(held.status)
	})
}

// held keeps an answer back. Answers to a PATCH that is well have no body.
type held struct {
	http.ResponseWriter

	status int
}

func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(p []byte) (int, error) { return len(p), nil }
func (h *held) Unwrap() http.ResponseWriter { return h.ResponseWriter }
