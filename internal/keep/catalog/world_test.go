package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/sqldb"
)

// worlds are the databases that every test runs on: each call of a value makes a fresh one. PostgreSQL's skips the test
// where pgtest gives none.
func worlds() map[string]func(tb testing.TB) *world {
	return map[string]func(tb testing.TB) *world{
		"sqlite":   sqlite,
		"postgres": func(tb testing.TB) *world { tb.Helper(); return newWorld(tb, pgtest.New(tb)) },
	}
}

func sqlite(tb testing.TB) *world {
	tb.Helper()
	return newWorld(tb, "sqlite:"+filepath.Join(tb.TempDir(), "catalog.db"))
}

// world is a catalog with everything around it under the test's control.
type world struct {
	*Catalog
	clock *clock
	keep  *keep
	jobs  *jobTable
	env   film.EnvironmentID
}

func newWorld(tb testing.TB, url string) *world {
	tb.Helper()
	db, err := sqldb.Open(tb.Context(), sqldb.Config{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	jobs := &jobTable{db: db}
	if err := db.Migrate(tb.Context(), Migrations(), jobs.migrate); err != nil {
		tb.Fatal(err)
	}
	w := &world{
		clock: &clock{now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)},
		keep:  &keep{},
		jobs:  jobs,
	}
	w.Catalog = New(db, jobs, Config{Keep: w.keep, Now: w.clock.Now})
	tb.Cleanup(func() {
		if err := w.Close(); err != nil {
			tb.Error(err)
		}
	})
	w.env = w.environment(tb, "Development")
	return w
}

func (w *world) environment(tb testing.TB, name string) film.EnvironmentID {
	tb.Helper()
	env, err := w.EnsureEnvironment(tb.Context(), name, "development")
	must(tb, err)
	return env.ID
}

// asset creates an asset with a playback id of each policy.
func (w *world) asset(tb testing.TB, policies ...film.Policy) film.Asset {
	tb.Helper()
	return w.assetWith(tb, film.AssetSettings{Policies: policies, MasterAccess: film.AccessNone})
}

func (w *world) assetWith(tb testing.TB, s film.AssetSettings) film.Asset {
	tb.Helper()
	a, err := w.CreateAsset(tb.Context(), w.env, s, []film.Input{{URL: "https://example.com/film.mp4"}})
	must(tb, err)
	return a
}

// ready creates an asset and makes it ready.
func (w *world) ready(tb testing.TB) film.Asset {
	tb.Helper()
	a := w.asset(tb, film.PolicyPublic)
	must(tb, w.AssetReady(tb.Context(), a.ID, found()))
	return w.shown(tb, a.ID)
}

// upload creates an upload whose asset will have a public playback id.
func (w *world) upload(tb testing.TB) film.Upload {
	tb.Helper()
	settings := film.AssetSettings{Policies: []film.Policy{film.PolicyPublic}, MasterAccess: film.AccessNone}
	u, err := w.CreateUpload(tb.Context(), w.env, settings, "*", 0)
	must(tb, err)
	return u
}

func (w *world) shown(tb testing.TB, id film.AssetID) film.Asset {
	tb.Helper()
	a, err := w.Asset(tb.Context(), w.env, id)
	must(tb, err)
	return a
}

func (w *world) webhook(tb testing.TB, address string) film.Webhook {
	tb.Helper()
	hook, err := w.CreateWebhook(tb.Context(), w.env, address)
	must(tb, err)
	return hook
}

// events returns the environment's events after seq, in words.
func (w *world) events(tb testing.TB, seq int64) []string {
	tb.Helper()
	events, err := w.EventsAfter(tb.Context(), w.env, seq, 1000)
	must(tb, err)
	var words []string
	for _, e := range events {
		words = append(words, strings.TrimPrefix(string(e.Type), "video.asset."))
	}
	return words
}

func (w *world) lastSeq(tb testing.TB) int64 {
	tb.Helper()
	seq, err := w.LastEventSeq(tb.Context(), w.env)
	must(tb, err)
	return seq
}

func found() film.Found {
	return film.Found{
		Media:  film.Media{Container: "mov,mp4,m4a,3gp,3g2,mj2", Duration: time.Minute, Video: &film.VideoMedia{Codec: "h264", Width: 1920, Height: 1080}},
		Tracks: []film.Track{{Type: film.TrackVideo, Duration: time.Minute}, {Type: film.TrackAudio, Duration: time.Minute}},
		Master: film.Master{Kind: film.MasterSource, Size: 1000, SHA256: "abc", ETag: "abc"},
	}
}

var must = filmtest.Must

func wantCode(tb testing.TB, what string, err error, code film.Code) {
	tb.Helper()
	if !film.IsCode(err, code) {
		tb.Errorf("%s: got error %v, want code %s", what, err, code)
	}
}

func wantWords(tb testing.TB, what string, got []string, want ...string) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// clock is moved by the test alone.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// keep answers what the test says.
type keep struct {
	mu    sync.Mutex
	err   error
	asked int
}

func (k *keep) Present(context.Context, film.Asset) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return k.err
}

func (k *keep) say(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// jobTable is an Enqueuer whose jobs are rows, so that a rollback is seen.
type jobTable struct {
	db *sqldb.DB

	mu   sync.Mutex
	fail error
}

func (j *jobTable) migrate(ctx context.Context) error {
	_, err := j.db.Write().ExecContext(ctx, `CREATE TABLE test_jobs (id TEXT PRIMARY KEY, kind TEXT, args TEXT, at BIGINT)`)
	return err
}

func (j *jobTable) EnqueueTx(ctx context.Context, tx *sql.Tx, jobs []film.Job) error {
	for _, job := range jobs {
		args, err := json.Marshal(job.Args)
		if err != nil {
			return err
		}
		at := int64(0)
		if !job.At.IsZero() {
			at = job.At.UnixMicro()
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO test_jobs VALUES ($1, $2, $3, $4)`, drawShort[string](), job.Args.Kind(), string(args), at); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fail // after the rows, so that they would be seen
}

func (j *jobTable) failWith(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

// take removes the jobs of a kind and returns them; the earliest first.
func take[A film.JobArgs](tb testing.TB, w *world) []film.Job {
	tb.Helper()
	var none A
	rows, err := w.jobs.db.Write().QueryContext(tb.Context(), `DELETE FROM test_jobs WHERE kind = $1 RETURNING args, at`, none.Kind())
	must(tb, err)
	defer rows.Close()
	var jobs []film.Job
	for rows.Next() {
		var (
			text string
			at   int64
			args A
		)
		must(tb, rows.Scan(&text, &at))
		must(tb, json.Unmarshal([]byte(text), &args))
		job := film.Job{Args: args}
		if at != 0 {
			job.At = time.UnixMicro(at).UTC()
		}
		jobs = append(jobs, job)
	}
	must(tb, rows.Err())
	slices.SortFunc(jobs, func(a, b film.Job) int { return a.At.Compare(b.At) })
	return jobs
}

// tables are all tables of the schema, with what orders their rows.
func tables() map[string]string {
	return map[string]string{
		"environments": "id", "tokens": "id", "signing_keys": "id", "secrets": "name", "films": "id", "assets": "id", "uploads": "id",
		"playback_ids": "id", "grants": "id", "revocation_clock": "id", "webhooks": "id", "events": "id",
		"deliveries": "id", "attempts": "id", "purge_hold": "id", "test_jobs": "id",
	}
}

// dump returns everything that is stored.
func (w *world) dump(tb testing.TB) string {
	tb.Helper()
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(tables())) {
		w.dumpTable(tb, &b, table)
	}
	return b.String()
}

func (w *world) dumpTable(tb testing.TB, b *strings.Builder, table string) {
	tb.Helper()
	rows, err := w.db.Read().QueryContext(tb.Context(), "SELECT * FROM "+table+" ORDER BY "+tables()[table])
	must(tb, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(tb, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		must(tb, rows.Scan(values...))
		fmt.Fprint(b, table)
		for i, v := range values {
			fmt.Fprintf(b, " %s=%v", columns[i], *v.(*any))
		}
		b.WriteByte('\n')
	}
	must(tb, rows.Err())
}

// difference returns the lines of two dumps that are in one of them only.
func difference(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	for _, line := range was {
		if !slices.Contains(is, line) {
			b.WriteString("\n- " + line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			b.WriteString("\n+ " + line)
		}
	}
	return b.String()
}

// insertJobs puts jobs that were taken back.
func insertJobs(w *world, jobs []film.Job) func(ctx context.Context, tx *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error { return w.jobs.EnqueueTx(ctx, tx, jobs) }
}
