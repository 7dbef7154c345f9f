package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/sqldb"
)

// TestHelperProcess is no test: it is the other process of TestFolderIsForOneProcess.
func TestHelperProcess(t *testing.T) { //nolint:paralleltest // it is another process's only test
	address := os.Getenv("SQLDB_TEST_HOLD")
	if address == "" {
		t.Skip("not a helper")
	}
	open(t, sqldb.Config{URL: address, Exclusive: true})
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test kills this process or ends
}

func TestFolderIsForOneProcess(t *testing.T) {
	t.Parallel()
	address := "sqlite:" + filepath.Join(t.TempDir(), "film.db")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperProcess$")
	other.Env = append(os.Environ(), "SQLDB_TEST_HOLD="+address)
	if _, err := other.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("held"))
	if _, err := out.Read(line); err != nil || string(line) != "held" {
		t.Fatalf("the other process says %q (%v)", line, err)
	}

	_, err = sqldb.Open(t.Context(), sqldb.Config{URL: address, Exclusive: true})
	if !errors.Is(err, sqldb.ErrLocked) {
		t.Fatalf("second process: got %v, want ErrLocked", err)
	}
	if pid := strconv.Itoa(other.Process.Pid); !strings.Contains(err.Error(), pid) {
		t.Errorf("%q does not name process %s", err, pid)
	}
	open(t, sqldb.Config{URL: address}) // a command line tool may look while the server runs

	// kill -9 must not leave the folder locked.
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	open(t, sqldb.Config{URL: address, Exclusive: true})
}

func TestSnapshotIsOneMoment(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := open(t, sqldb.Config{URL: "sqlite:" + filepath.Join(folder, "film.db")})
	migrate(t, db)

	// Each transaction adds two rows, so a copy with an odd number of them has cut one in half.
	stop := make(chan struct{})
	written := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		for n := 0; ; n += 2 {
			select {
			case <-stop:
				written <- nil
				return
			default:
			}
			err := db.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *sql.Tx) error {
				return errors.Join(addFilm(ctx, tx, fmt.Sprint("f", n)), addFilm(ctx, tx, fmt.Sprint("f", n+1)))
			})
			if err != nil {
				written <- err
				return
			}
			if n == 0 {
				close(started)
			}
		}
	}()
	<-started
	for i := range 5 {
		path := filepath.Join(folder, fmt.Sprintf("copy %d.db", i))
		if err := db.Snapshot(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode of the copy: %v (%v)", info.Mode(), err)
		}
		snapshot := open(t, sqldb.Config{URL: "sqlite:" + path})
		if n := count(t, snapshot, "SELECT COUNT(*) FROM films"); n == 0 || n%2 != 0 {
			t.Errorf("copy %d has %d rows", i, n)
		}
		var verdict string
		if err := snapshot.Read().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("copy %d: %s (%v)", i, verdict, err)
		}
	}
	close(stop)
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestSnapshotNeverReplacesAFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := open(t, sqldb.Config{URL: "sqlite:" + filepath.Join(folder, "film.db")})
	path := filepath.Join(folder, "precious")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.Snapshot(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Snapshot(ctx, filepath.Join(folder, "copy")); err == nil {
		t.Error("no error with a cancelled context")
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "copy*")); len(left) != 0 {
		t.Errorf("a failed copy left %v", left)
	}
}

func TestSnapshotIsForSQLite(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{URL: pgtest.New(t)})
	if err := db.Snapshot(t.Context(), filepath.Join(t.TempDir(), "copy")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}
