// Command uploadbench serves tusd's file store: what `make bench` holds filmcan's uploads against. It is a module of
// its own, so that nothing of tusd comes near the program.
//
//	uploadbench DIR     listens on a free port of the loopback, prints the URL, and serves until it is killed
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

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
	if len(args) != 1 {
		return fmt.Errorf("usage: uploadbench DIR")
	}
	composer := handler.NewStoreComposer()
	filestore.New(args[0]).UseIn(composer)
	filelocker.New(args[0]).UseIn(composer)
	h, err := handler.NewHandler(handler.Config{
		BasePath: "/files/", StoreComposer: composer, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s/files/\n", l.Addr())
	return http.Serve(l, http.StripPrefix("/files/", h))
}
