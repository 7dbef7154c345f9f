package films

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// recipeVersion changes when the same arguments are to give other files: what finish does has changed.
const recipeVersion = 1

// Get returns the path of a film like that, making it if this machine does not have it yet. The file belongs to the
// cache: it must not be changed. A test on a machine without ffmpeg fails.
func Get(tb testing.TB, s Spec) string {
	tb.Helper()
	path, err := Make(tb.Context(), s)
	if err != nil {
		tb.Fatalf("make test film %+v: %v", s, err)
	}
	return path
}

// Make is [Get] for programs.
func Make(ctx context.Context, s Spec) (string, error) {
	s = s.withDefaults()
	if err := s.validate(); err != nil {
		return "", err
	}
	version, err := ffmpegVersion()
	if err != nil {
		return "", err
	}
	steps := recipe(s)
	key := []any{recipeVersion, version, steps, s.Rotation, s.DataTracks, s.PadTo, s.Keep}
	if s.MirrorX || s.MirrorY || len(s.Edits) > 0 {
		key = append(key, s.MirrorX, s.MirrorY, s.Edits)
	}
	if s.Packed {
		key = append(key, "packed")
	}
	text, err := json.Marshal(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("filmcan-films-%d-%d", recipeVersion, os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, hex.EncodeToString(sum[:12]))
	path := name + "." + s.extension()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unlock, err := lock(name + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil // made while this process waited
	}
	return path, produce(ctx, s, steps, path)
}

// produce makes the film beside its place and moves it there when it is whole.
func produce(ctx context.Context, s Spec, steps [][]string, path string) error {
	work, err := os.MkdirTemp(filepath.Dir(path), "making-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	var in, out string
	for i, step := range steps {
		in, out = out, filepath.Join(work, strconv.Itoa(i)+"."+s.extension())
		args := make([]string, len(step))
		for j, a := range step {
			args[j] = strings.NewReplacer(inFile, in, outFile, out).Replace(a)
		}
		if err := run(ctx, args); err != nil {
			return err
		}
	}
	if err := finish(out, s); err != nil {
		return err
	}
	if err := os.Chmod(out, 0o444); err != nil {
		return err
	}
	return os.Rename(out, path)
}

func run(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}

// ffmpegVersion is the first line of `ffmpeg -version`: encoders change with it.
var ffmpegVersion = sync.OnceValues(func() (string, error) {
	out, err := exec.CommandContext(context.Background(), "ffmpeg", "-version").Output()
	if err != nil {
		return "", fmt.Errorf("test films need ffmpeg (apt-get install ffmpeg): %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first, nil
})

// lock takes the lock of one film; it holds between processes as between goroutines, and dies with its holder.
func lock(name string) (func(), error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { _ = f.Close() }, nil
}
