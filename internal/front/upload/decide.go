package upload

// state is how far an upload is.
type state struct {
	stored int64 // bytes that are kept, durably, from the first
	total  int64 // the film's length; unknown while nobody has told it
	// doubt: another film that the request may be about was stored here before, and this one was begun anew.
	doubt bool
	// known: the request comes from one who is known to be at this film, and to be that far.
	known bool
}

// verdict is what came of comparing the bytes that a request brings again with those that are stored.
type verdict int

const (
	notSeen verdict = iota // nothing was compared yet
	equal
	// faint: equal, but too few or too much alike to tell one film from another.
	faint
	different
)

// step is what to do next with a request.
type step int

const (
	// report: answer how far the upload is.
	report step = iota
	// reportLess: answer that somewhat less is there, so that what comes next is compared with the last of it.
	reportLess
	// reportNone: answer that nothing is there of the film that the client asks about.
	reportNone
	// compare: read the bytes that are stored already, hold them against those, and decide again.
	compare
	// extend: append what comes behind the stored bytes.
	extend
	// anew: the client sends another film from its beginning; what is stored and does not belong to it goes.
	anew
	// refuse: the request contradicts what is stored.
	refuse
	// finish: everything is there.
	finish
)

func (s step) String() string {
	return [...]string{"report", "report less", "report none", "compare", "extend", "anew", "refuse", "finish"}[s]
}

// decide says what to do with a request, given what is stored and what came of comparing. It is all there is of the
// protocol's rules (reference page, 6.1):
//
//   - What is stored and comes again is compared. Equal, it is skipped; so the same chunk may come twice, overlap what
//     is there, or be sent by two clients.
//   - Another film, by its length or its bytes, begins anew when it is sent from its first byte: that is a page that
//     was loaded again with another file. Anywhere else it is refused.
//   - A chunk that begins behind what is stored leaves a gap: nothing of it is taken, and the answer says what is there.
//   - Once another film was begun anew, a client of the one before may still be at work. What begins exactly where the
//     stored bytes end cannot be compared, so it is taken only from one who is known to be there; neither is that one
//     led on who left a gap.
//   - A question is answered in full to one who is known to be there. Another one is told somewhat less, and what it
//     sends next is compared.
func decide(have state, want request, seen verdict) step {
	other := have.contradicts(want)
	switch {
	case want.query && (other || have.stored == 0):
		return reportNone
	case want.query && !have.known && (have.doubt || have.stored != have.total):
		return reportLess
	case want.query:
		return have.with(want).reached()
	case other && want.start == 0:
		return anew
	case other:
		return refuse
	case want.start > have.stored && have.doubt:
		return refuse
	case want.start > have.stored:
		return report
	case want.start < have.stored && seen == notSeen:
		return compare
	case seen == different && want.start == 0:
		return anew
	case seen == different:
		return refuse
	}
	unproven := have.doubt && !have.known && want.start > 0 && seen != equal
	if want.end != unknown && want.end <= have.stored {
		if unproven && have.total == unknown {
			return report // what it says of the film's length may be another's
		}
		return have.with(want).reached()
	}
	if unproven {
		return refuse
	}
	return extend
}

// contradicts reports whether the request is about a film of another length than what is stored can have.
func (s state) contradicts(q request) bool {
	if s.stored == 0 {
		return false
	}
	if s.total == unknown {
		return q.total != unknown && q.total < s.stored
	}
	return q.total != unknown && q.total != s.total || q.end > s.total
}

// with is the state when it is known what the request tells about the film's length.
func (s state) with(q request) state {
	if q.total != unknown {
		s.total = q.total
	}
	return s
}

// reached says whether the film is whole.
func (s state) reached() step {
	if s.stored > 0 && s.stored == s.total {
		return finish
	}
	return report
}
