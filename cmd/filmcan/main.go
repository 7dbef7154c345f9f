// Command filmcan is a self-hosted video server that speaks the Mux Video API.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"filmcan/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the program drains; the second one ends it, as signals do unless caught.
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
