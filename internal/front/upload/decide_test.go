package upload

import (
	"fmt"
	"testing"
)

// TestDecide is the table of the protocol: what is stored × what is asked × what came of comparing.
func TestDecide(t *testing.T) {
	t.Parallel()
	const x = unknown
	chunk := func(start, end, total int64) request { return request{start: start, end: end, total: total} }
	query := func(total int64) request { return request{end: x, total: total, query: true} }
	whole := func(size int64) request { return request{end: size, total: size, whole: true} }
	nothing := state{0, x}
	for _, c := range []struct {
		have state
		want request
		// by verdict: not seen, equal, different; the last two only where comparing was the answer
		steps [3]step
	}{
		// Nothing is stored.
		{nothing, query(100), [3]step{reportNone}},
		{nothing, query(x), [3]step{reportNone}},
		{nothing, chunk(0, 10, 100), [3]step{extend}},
		{nothing, chunk(0, 10, x), [3]step{extend}},
		{nothing, chunk(0, 100, 100), [3]step{extend}},
		{nothing, chunk(10, 20, 100), [3]step{report}}, // a gap
		{nothing, chunk(10, 20, x), [3]step{report}},
		{nothing, whole(100), [3]step{extend}},
		{nothing, whole(x), [3]step{extend}},
		{state{0, 100}, chunk(0, 10, 50), [3]step{extend}}, // what was told of nothing binds nobody
		{state{0, 100}, chunk(0, 200, x), [3]step{extend}},

		// A part of a film of known length.
		{state{40, 100}, query(100), [3]step{report}},
		{state{40, 100}, query(x), [3]step{report}},
		{state{40, 100}, query(50), [3]step{reportNone}},
		{state{40, 100}, query(200), [3]step{reportNone}},
		{state{40, 100}, chunk(40, 60, 100), [3]step{extend}},
		{state{40, 100}, chunk(40, 60, x), [3]step{extend}},
		{state{40, 100}, chunk(40, 100, 100), [3]step{extend}},
		{state{40, 100}, chunk(41, 60, 100), [3]step{report}},
		{state{40, 100}, chunk(99, 100, 100), [3]step{report}},
		{state{40, 100}, chunk(0, 20, 100), [3]step{compare, report, anew}},
		{state{40, 100}, chunk(0, 40, 100), [3]step{compare, report, anew}},
		{state{40, 100}, chunk(0, 60, 100), [3]step{compare, extend, anew}},
		{state{40, 100}, chunk(0, 60, x), [3]step{compare, extend, anew}},
		{state{40, 100}, chunk(20, 40, 100), [3]step{compare, report, refuse}},
		{state{40, 100}, chunk(20, 60, 100), [3]step{compare, extend, refuse}},
		{state{40, 100}, chunk(39, 100, 100), [3]step{compare, extend, refuse}},
		{state{40, 100}, whole(100), [3]step{compare, extend, anew}},
		{state{40, 100}, whole(x), [3]step{compare, extend, anew}},
		// Films of another length.
		{state{40, 100}, chunk(0, 20, 90), [3]step{anew}},
		{state{40, 100}, chunk(0, 101, x), [3]step{anew}},
		{state{40, 100}, chunk(40, 60, 90), [3]step{refuse}},
		{state{40, 100}, chunk(40, 101, x), [3]step{refuse}},
		{state{40, 100}, chunk(80, 90, 90), [3]step{refuse}}, // a gap, and another film
		{state{40, 100}, whole(30), [3]step{anew}},
		{state{40, 100}, whole(200), [3]step{anew}},

		// A part of a film whose length nobody has told.
		{state{40, x}, query(x), [3]step{report}},
		{state{40, x}, query(100), [3]step{report}},
		{state{40, x}, query(40), [3]step{finish}},
		{state{40, x}, query(30), [3]step{reportNone}},
		{state{40, x}, chunk(40, 60, x), [3]step{extend}},
		{state{40, x}, chunk(40, 60, 60), [3]step{extend}},
		{state{40, x}, chunk(20, 40, x), [3]step{compare, report, refuse}},
		{state{40, x}, chunk(20, 40, 40), [3]step{compare, finish, refuse}},
		{state{40, x}, chunk(0, 20, 30), [3]step{anew}},
		{state{40, x}, chunk(20, 30, 30), [3]step{refuse}},
		{state{40, x}, whole(40), [3]step{compare, finish, anew}},
		{state{40, x}, whole(39), [3]step{anew}},

		// All of it.
		{state{100, 100}, query(100), [3]step{finish}},
		{state{100, 100}, query(x), [3]step{finish}},
		{state{100, 100}, query(99), [3]step{reportNone}},
		{state{100, 100}, chunk(80, 100, 100), [3]step{compare, finish, refuse}},
		{state{100, 100}, chunk(0, 20, 100), [3]step{compare, finish, anew}},
		{state{100, 100}, whole(100), [3]step{compare, finish, anew}},
		{state{100, 100}, chunk(100, 101, x), [3]step{refuse}},
		{state{100, 100}, chunk(0, 20, 101), [3]step{anew}},
	} {
		for seen := notSeen; seen <= different; seen++ {
			if seen != notSeen && c.steps[notSeen] != compare {
				break
			}
			if got := decide(c.have, c.want, seen); got != c.steps[seen] {
				t.Errorf("%+v, asked %+v, verdict %d: %s, want %s", c.have, c.want, seen, got, c.steps[seen])
			}
		}
	}
}

// TestDecideRules holds the rules that must be true of every small case there is.
func TestDecideRules(t *testing.T) {
	t.Parallel()
	const most = 5
	for stored := range int64(most) {
		for total := int64(unknown); total <= most; total++ {
			if total == 0 || total != unknown && stored > total {
				continue
			}
			have := state{stored, total}
			for start := range int64(most) {
				for end := start + 1; end <= most+1; end++ {
					for told := int64(unknown); told <= most+1; told++ {
						if told != unknown && told < end {
							continue
						}
						checkRules(t, have, request{start: start, end: end, total: told})
					}
				}
			}
		}
	}
}

func checkRules(t *testing.T, have state, want request) {
	t.Helper()
	at := fmt.Sprintf("%+v, asked %+v", have, want)
	first := decide(have, want, notSeen)
	overlaps := want.start < have.stored
	switch first {
	case compare:
		if !overlaps {
			t.Errorf("%s: compares nothing", at)
		}
		if got := decide(have, want, different); got != anew && got != refuse {
			t.Errorf("%s: bytes that differ: %s", at, got)
		}
		if got := decide(have, want, equal); got == extend && want.end <= have.stored {
			t.Errorf("%s: nothing to append", at)
		}
	case extend:
		if overlaps || want.start > have.stored {
			t.Errorf("%s: appended without comparing, or behind a gap", at)
		}
	case finish:
		t.Errorf("%s: finished without comparing", at)
	case reportNone:
		t.Errorf("%s: answered like a question", at)
	case anew:
		if want.start != 0 {
			t.Errorf("%s: begins anew in the middle", at)
		}
	case report:
		if want.start <= have.stored {
			t.Errorf("%s: takes nothing although there is no gap", at)
		}
	case refuse:
		if want.start == 0 {
			t.Errorf("%s: refused at the beginning, where a client cannot go back further", at)
		}
	}
}
