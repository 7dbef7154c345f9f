// Command fuzz runs every fuzz target of the module, one after the other, for a time each.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
)

func main() {
	each := flag.Duration("time", 20*time.Second, "how long each target is fuzzed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *each)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, each time.Duration) error {
	packages, err := exec.CommandContext(ctx, "go", "list", "./...").Output()
	if err != nil {
		return fmt.Errorf("list packages: %w", err)
	}
	targets := 0
	for name := range strings.FieldsSeq(string(packages)) {
		out, err := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", name).Output() //nolint:gosec // names from go list
		if err != nil {
			return fmt.Errorf("list fuzz targets of %s: %w", name, err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			target := lines.Text()
			if !strings.HasPrefix(target, "Fuzz") {
				continue
			}
			targets++
			fmt.Fprintf(os.Stdout, "=== %s %s for %s\n", name, target, each)
			cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+target+"$", "-fuzztime", each.String(), name) //nolint:gosec // as above
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s of %s: %w", target, name, err)
			}
		}
	}
	if targets == 0 {
		return fmt.Errorf("no fuzz target was found")
	}
	fmt.Fprintf(os.Stdout, "%d targets fuzzed for %s each\n", targets, each)
	return nil
}
