package check_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"filmcan/internal/blob/fs"
	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/check"
	"filmcan/internal/keep/vault"
	"filmcan/internal/sqldb"
)

// noQueue takes jobs and does none of them, as if all of them were still to come.
type noQueue struct{}

func (noQueue) EnqueueTx(context.Context, *sql.Tx, []film.Job) error { return nil }

// TestUploads: uploads that wait are well whatever there is of them; bytes of one that ended are nobody's until the purge
// that was ordered comes.
func TestUploads(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Migrate(ctx, catalog.Migrations(), nil))
	rows := catalog.New(db, noQueue{}, catalog.Config{})
	t.Cleanup(func() { must(t, rows.Close()) })
	store, err := fs.Open(filepath.Join(dir, "keep"))
	must(t, err)
	bytes, err := vault.New(store, vault.Config{})
	must(t, err)
	env, err := rows.EnsureEnvironment(ctx, "Development", "development")
	must(t, err)

	const untouched, begun, sealed, completed, cancelled, failed = 0, 1, 2, 3, 4, 5
	var uploads []film.Upload
	for i := untouched; i <= failed; i++ {
		u, err := rows.CreateUpload(ctx, env.ID, film.AssetSettings{}, "*", 0)
		must(t, err)
		uploads = append(uploads, u)
		if i == untouched {
			continue
		}
		w, err := bytes.Append(ctx, vault.Ref{Film: u.Film, Part: vault.Source})
		must(t, err)
		_, err = w.Write([]byte("the bytes of a film"))
		must(t, err)
		if i != begun {
			_, err = w.Seal()
			must(t, err)
		}
		must(t, w.Close())
	}
	_, err = rows.CompleteUpload(ctx, uploads[completed].ID)
	must(t, err)
	_, err = rows.CancelUpload(ctx, env.ID, uploads[cancelled].ID)
	must(t, err)
	must(t, rows.FailUpload(ctx, uploads[failed].ID, film.UploadFailure{Type: "invalid_input"}))

	look := func(o check.Options) map[film.FilmID]check.Finding {
		t.Helper()
		found := map[film.FilmID]check.Finding{}
		must(t, check.Run(ctx, rows, bytes, o, func(f check.Finding) { found[f.Film] = f }))
		return found
	}
	for range 2 {
		found := look(check.Options{Deep: true})
		for i, u := range uploads {
			want := check.Kind("")
			if i == cancelled || i == failed {
				want = check.Orphan
			}
			if got := found[u.Film]; got.Kind != want {
				t.Errorf("upload %d: found %v, want %q", i, got, want)
			}
		}
	}
	if found := look(check.Options{Repair: true}); len(found) != 2 || !found[uploads[cancelled].Film].Repaired {
		t.Errorf("repaired: %v", found)
	}
	if found := look(check.Options{}); len(found) != 0 {
		t.Errorf("after the repair: %v", found)
	}
	for _, i := range []int{sealed, completed} {
		if _, err := bytes.Stat(ctx, vault.Ref{Film: uploads[i].Film, Part: vault.Source}); err != nil {
			t.Errorf("upload %d after the repair: %v", i, err)
		}
	}
}

var must = filmtest.Must
