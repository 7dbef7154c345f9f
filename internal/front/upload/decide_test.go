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
	at := func(stored, total int64) state { return state{stored: stored, total: total, known: true} }
	// Another film was here, and the sender is, or is not, known to be at this one.
	doubt := func(s state) state { s.doubt = true; return s }
	strange := func(s state) state { s.known = false; return s }
	both := func(s state) state { return doubt(strange(s)) }
	nothing := at(0, x)
	for _, c := range []struct {
		have state
		want request
		// by verdict: not seen, equal, faint, different; the last three only where comparing was the answer
		steps [4]step
	}{
		// Nothing is stored.
		{nothing, query(100), [4]step{reportNone}},
		{nothing, query(x), [4]step{reportNone}},
		{nothing, chunk(0, 10, 100), [4]step{extend}},
		{nothing, chunk(0, 10, x), [4]step{extend}},
		{nothing, chunk(0, 100, 100), [4]step{extend}},
		{nothing, chunk(10, 20, 100), [4]step{report}}, // a gap
		{nothing, chunk(10, 20, x), [4]step{report}},
		{nothing, whole(100), [4]step{extend}},
		{nothing, whole(x), [4]step{extend}},
		{at(0, 100), chunk(0, 10, 50), [4]step{extend}}, // what was told of nothing binds nobody
		{at(0, 100), chunk(0, 200, x), [4]step{extend}},

		// A part of a film of known length.
		{at(40, 100), query(100), [4]step{report}},
		{at(40, 100), query(x), [4]step{report}},
		{at(40, 100), query(50), [4]step{reportNone}},
		{at(40, 100), query(200), [4]step{reportNone}},
		{at(40, 100), chunk(40, 60, 100), [4]step{extend}},
		{at(40, 100), chunk(40, 60, x), [4]step{extend}},
		{at(40, 100), chunk(40, 100, 100), [4]step{extend}},
		{at(40, 100), chunk(41, 60, 100), [4]step{report}},
		{at(40, 100), chunk(99, 100, 100), [4]step{report}},
		{at(40, 100), chunk(0, 20, 100), [4]step{compare, report, report, anew}},
		{at(40, 100), chunk(0, 40, 100), [4]step{compare, report, report, anew}},
		{at(40, 100), chunk(0, 60, 100), [4]step{compare, extend, extend, anew}},
		{at(40, 100), chunk(0, 60, x), [4]step{compare, extend, extend, anew}},
		{at(40, 100), chunk(20, 40, 100), [4]step{compare, report, report, refuse}},
		{at(40, 100), chunk(20, 60, 100), [4]step{compare, extend, extend, refuse}},
		{at(40, 100), chunk(39, 100, 100), [4]step{compare, extend, extend, refuse}},
		{at(40, 100), whole(100), [4]step{compare, extend, extend, anew}},
		{at(40, 100), whole(x), [4]step{compare, extend, extend, anew}},
		// Films of another length.
		{at(40, 100), chunk(0, 20, 90), [4]step{anew}},
		{at(40, 100), chunk(0, 101, x), [4]step{anew}},
		{at(40, 100), chunk(40, 60, 90), [4]step{refuse}},
		{at(40, 100), chunk(40, 101, x), [4]step{refuse}},
		{at(40, 100), chunk(80, 90, 90), [4]step{refuse}}, // a gap, and another film
		{at(40, 100), whole(30), [4]step{anew}},
		{at(40, 100), whole(200), [4]step{anew}},

		// A part of a film whose length nobody has told.
		{at(40, x), query(x), [4]step{report}},
		{at(40, x), query(100), [4]step{report}},
		{at(40, x), query(40), [4]step{finish}},
		{at(40, x), query(30), [4]step{reportNone}},
		{at(40, x), chunk(40, 60, x), [4]step{extend}},
		{at(40, x), chunk(40, 60, 60), [4]step{extend}},
		{at(40, x), chunk(20, 40, x), [4]step{compare, report, report, refuse}},
		{at(40, x), chunk(20, 40, 40), [4]step{compare, finish, finish, refuse}},
		{at(40, x), chunk(0, 20, 30), [4]step{anew}},
		{at(40, x), chunk(20, 30, 30), [4]step{refuse}},
		{at(40, x), whole(40), [4]step{compare, finish, finish, anew}},
		{at(40, x), whole(39), [4]step{anew}},

		// All of it.
		{at(100, 100), query(100), [4]step{finish}},
		{at(100, 100), query(x), [4]step{finish}},
		{at(100, 100), query(99), [4]step{reportNone}},
		{at(100, 100), chunk(80, 100, 100), [4]step{compare, finish, finish, refuse}},
		{at(100, 100), chunk(0, 20, 100), [4]step{compare, finish, finish, anew}},
		{at(100, 100), whole(100), [4]step{compare, finish, finish, anew}},
		{at(100, 100), chunk(100, 101, x), [4]step{refuse}},
		{at(100, 100), chunk(0, 20, 101), [4]step{anew}},

		// One of whom nothing is known asks, or goes on.
		{strange(at(40, 100)), query(100), [4]step{reportLess}},
		{strange(at(40, 100)), query(x), [4]step{reportLess}},
		{strange(at(40, x)), query(40), [4]step{reportLess}}, // the length may be another film's
		{strange(at(40, 100)), query(90), [4]step{reportNone}},
		{strange(at(100, 100)), query(100), [4]step{finish}},
		{strange(at(40, 100)), chunk(40, 60, 100), [4]step{extend}},
		{strange(at(40, 100)), chunk(41, 60, 100), [4]step{report}},

		// Another film was here before.
		{doubt(at(40, 100)), query(100), [4]step{report}},
		{doubt(at(40, 100)), chunk(40, 60, 100), [4]step{extend}},
		{doubt(at(40, 100)), chunk(41, 60, 100), [4]step{refuse}},
		{doubt(at(40, 100)), chunk(39, 60, 100), [4]step{compare, extend, extend, refuse}},
		{both(at(0, x)), chunk(0, 10, 100), [4]step{extend}},
		{both(at(0, x)), chunk(10, 20, 100), [4]step{refuse}},
		{both(at(0, x)), query(x), [4]step{reportNone}},
		{both(at(40, 100)), query(100), [4]step{reportLess}},
		{both(at(100, 100)), query(100), [4]step{reportLess}},
		{both(at(40, 100)), chunk(40, 60, 100), [4]step{refuse}},
		{both(at(40, 100)), chunk(39, 60, 100), [4]step{compare, extend, refuse, refuse}},
		{both(at(40, 100)), chunk(20, 40, 100), [4]step{compare, report, report, refuse}},
		{both(at(40, x)), chunk(20, 40, 40), [4]step{compare, finish, report, refuse}},
		{both(at(40, 100)), chunk(0, 60, 100), [4]step{compare, extend, extend, anew}},
		{both(at(100, 100)), chunk(99, 100, 100), [4]step{compare, finish, finish, refuse}},
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
			for bits := range 4 {
				have := state{stored: stored, total: total, doubt: bits&1 != 0, known: bits&2 != 0}
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
	case reportLess:
		t.Errorf("%s: answered like a question", at)
	case extend:
		if have.doubt && !have.known && want.start > 0 {
			t.Errorf("%s: appended without knowing to what", at)
		}
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
