package upload

import (
	"fmt"
	"testing"
)

func (q request) header() string {
	total := "*"
	if q.total != unknown {
		total = fmt.Sprint(q.total)
	}
	if q.query {
		return "bytes */" + total
	}
	return fmt.Sprintf("bytes %d-%d/%s", q.start, q.end-1, total)
}

func TestParseContentRange(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]request{
		"bytes 0-99/100":   {0, 100, 100, false, false},
		"bytes 5-5/*":      {5, 6, unknown, false, false},
		"BYTES  7-8/9 ":    {7, 9, 9, false, false},
		"bytes */100":      {0, unknown, 100, true, false},
		"bytes */*":        {0, unknown, unknown, true, false},
		"bytes */0":        {0, unknown, 0, true, false},
		"bytes 00-09/0010": {0, 10, 10, false, false},
		"bytes 0-9223372036854775805/9223372036854775806": {0, 1<<63 - 2, 1<<63 - 2, false, false},
	} {
		if got, ok := parseContentRange(header); !ok || got != want {
			t.Errorf("%q is %+v, %v, want %+v", header, got, ok, want)
		}
	}
	for _, header := range []string{
		"", "bytes", "bytes ", "bytes=0-9/10", "items 0-9/10", "bytes 0-9", "bytes 0-10/10", "bytes 9-8/10", "bytes -9/10",
		"bytes 0-/10", "bytes 0-9/", "bytes +0-9/10", "bytes 0-9/-1", "bytes 0x0-9/10", "bytes 0-9/10/11", "bytes 0-9-10/11",
		"bytes 0-9223372036854775807/*", "bytes */9223372036854775807", "bytes 0 -9/10", "bytes 0-9 /10", "bytes ٠-٩/١٠",
	} {
		if got, ok := parseContentRange(header); ok {
			t.Errorf("%q is taken for %+v", header, got)
		}
	}
}

// FuzzContentRange: what is taken can be, and is taken for the same when it is written again.
func FuzzContentRange(f *testing.F) {
	for _, header := range []string{
		"bytes 0-99/100", "bytes 5-5/*", "bytes */100", "bytes */*", "bytes 0-9223372036854775805/*", "bytes 9-8/10", "",
	} {
		f.Add(header, int64(0), int64(unknown))
	}
	f.Fuzz(func(t *testing.T, header string, stored, total int64) {
		q, ok := parseContentRange(header)
		if !ok {
			return
		}
		if q.start < 0 || !q.query && q.end <= q.start || q.total < unknown || q.total != unknown && q.end > q.total || q.whole {
			t.Fatalf("%q is taken for %+v", header, q)
		}
		if again, ok := parseContentRange(q.header()); !ok || again != q {
			t.Fatalf("%q is %+v, written again as %q it is %+v", header, q, q.header(), again)
		}
		// Whatever is stored, the decision is one of those that the rules know.
		if stored < 0 || total < unknown || total != unknown && stored > total || q.query || total == 0 || q.total == 0 {
			return
		}
		checkRules(t, state{stored: stored, total: total}, q)
	})
}
