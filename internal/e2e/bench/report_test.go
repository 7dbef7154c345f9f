//go:build bench

package bench

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// report prints lines as they are measured.
type report struct{ mu sync.Mutex }

// line prints what was measured, what it was measured against, and whether the goal was met.
func (r *report) line(what, measured, goal string, met bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict := "met"
	if !met {
		verdict = "MISSED"
	}
	fmt.Fprintf(os.Stdout, "%-58s %-46s goal %-22s %s\n", what, measured, goal, verdict)
}

func (r *report) head(title string) { fmt.Fprintf(os.Stdout, "\n%s\n", title) }

// percentile of unsorted values; p in [0, 1].
func percentile[T ~int64 | ~float64](values []T, p float64) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

func median[T ~int64 | ~float64](values []T) T { return percentile(values, 0.5) }

// pairs runs a and b in turn, once unmeasured and then n times, and returns the median of the ratios a/b and of both.
func pairs(n int, a, b func() time.Duration) (ratio float64, medianA, medianB time.Duration) {
	a()
	b()
	var ratios []float64
	var as, bs []time.Duration
	for i := range n {
		var da, db time.Duration
		if i%2 == 0 {
			da, db = a(), b()
		} else {
			db, da = b(), a()
		}
		ratios, as, bs = append(ratios, da.Seconds()/db.Seconds()), append(as, da), append(bs, db)
	}
	return median(ratios), median(as), median(bs)
}
