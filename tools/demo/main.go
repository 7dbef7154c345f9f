// Command demo walks the master access guide on a real server with real media, from end to end, and says what it saw:
//
//	make demo                  with a film that is made for it
//	make demo FILE=film.mp4    with a film of yours
//
// It ends with status 0 only when every step was as it should be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"filmcan/internal/filmtest/films"
)

func main() {
	program := flag.String("filmcan", "bin/filmcan", "the program to walk with")
	file := flag.String("file", "", "the film; one is made when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	err := run(ctx, os.Stdout, *program, *file)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, program, file string) (err error) {
	d := &demo{out: out, began: time.Now()}
	if file == "" {
		d.say("making a film of 30 s with a burned-in frame counter")
		file, err = films.Make(ctx, films.Spec{Duration: 30 * time.Second, Width: 1280, Height: 720})
		if err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "filmcan-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	if d.film, err = openFilm(file); err != nil {
		return err
	}
	defer d.film.close()
	d.say("film            %s  %d bytes  sha256 %s…", filepath.Base(file), d.film.size, d.film.sha256[:16])

	world, err := startWorld(ctx, d.film)
	if err != nil {
		return err
	}
	defer world.stop()
	d.world = world

	server, err := startServer(ctx, program, dir, world.webhookURL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	d.server = server
	d.say("filmcan dev     %s", server.env["MUX_BASE_URL"])

	if err := d.walk(ctx); errors.As(err, new(refusedError)) {
		return err
	} else if err != nil {
		return fmt.Errorf("%w\n\nthe server's log:\n%s", err, server.log())
	}
	d.say("\nThe film that came back is the film that went in. Now with your own:\n\n  %s dev\n", program)
	return nil
}
