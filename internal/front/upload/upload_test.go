package upload_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// unsized hides a reader's length: the body is sent in chunked transfer encoding.
type unsized struct{ io.Reader }

func TestChunks(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{}).create(t)
	a := movie(1, 1_000_000)
	o.send(t, "*/1000000", nil).want(t, "308")
	o.chunk(t, a, 0, 300_000).want(t, "308 0-299999")
	o.chunk(t, a, 0, 300_000).want(t, "308 0-299999")       // again
	o.chunk(t, a, 600_000, 900_000).want(t, "308 0-299999") // a gap
	o.chunk(t, a, 200_000, 600_000).want(t, "308 0-599999") // an overlap
	o.send(t, "*/1000000", nil).want(t, "308 0-599999")
	o.send(t, "*/*", nil).want(t, "308 0-599999")
	o.chunk(t, a, 600_000, 1_000_000).want(t, "200")
	asset := o.is(t, a)

	// The last answer was lost; then the page is loaded again.
	o.chunk(t, a, 600_000, 1_000_000).want(t, "200")
	o.send(t, "*/1000000", nil).want(t, "200")
	o.chunk(t, a, 0, 300_000).want(t, "200")
	o.send(t, "", bytes.NewReader(a)).want(t, "200")
	o.send(t, "", unsized{bytes.NewReader(a)}).want(t, "200")
	b := movie(2, len(a))
	o.chunk(t, b, 600_000, 1_000_000).want(t, "409")
	o.chunk(t, b, 0, 300_000).want(t, "409")
	o.chunk(t, b[:10], 0, 10).want(t, "409")
	o.send(t, "", bytes.NewReader(a[:500])).want(t, "409")
	o.send(t, "", unsized{bytes.NewReader(a[:500])}).want(t, "409")
	o.send(t, "", unsized{bytes.NewReader(append(a, 1))}).want(t, "409")
	if again := o.is(t, a); again != asset {
		t.Errorf("a second asset %s", again)
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	a := movie(1, 700_000)
	for name, body := range map[string]io.Reader{
		"length known": bytes.NewReader(a), "chunked transfer encoding": unsized{bytes.NewReader(a)},
	} {
		o := w.create(t)
		o.send(t, "", body).want(t, "200")
		t.Log(name)
		o.is(t, a)
	}
}

// TestUnknownTotal sends a film whose length is told at the end.
func TestUnknownTotal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	a := movie(1, 1000)
	o := w.create(t)
	o.send(t, "0-399/*", bytes.NewReader(a[:400])).want(t, "308 0-399")
	o.send(t, "400-799/*", bytes.NewReader(a[400:800])).want(t, "308 0-799")
	o.send(t, "*/500", nil).want(t, "308") // another film
	o.send(t, "*/1000", nil).want(t, "308 0-799")
	o.send(t, "800-999/1000", bytes.NewReader(a[800:])).want(t, "200")
	o.is(t, a)
	o = w.create(t)
	o.send(t, "0-999/*", bytes.NewReader(a)).want(t, "308 0-999")
	o.send(t, "*/1000", nil).want(t, "200")
	o.is(t, a)
}

// TestAnotherFilm: half of one film, then all of another under the same URL.
func TestAnotherFilm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	a := movie(1, 1_000_000)
	for name, b := range map[string][]byte{
		"of the same length": movie(2, len(a)),
		"shorter":            movie(2, 400_000),
		"longer":             movie(2, 1_500_000),
		"same beginning":     append(bytes.Clone(a[:123_456]), movie(2, len(a)-123_456)...),
		"beginning of it":    a[:300_001],
		"it and more":        append(bytes.Clone(a), 1, 2, 3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			half := func() *one {
				o := w.create(t)
				o.chunk(t, a, 0, 250_000).want(t, "308 0-249999")
				o.chunk(t, a, 250_000, 500_000).want(t, "308 0-499999")
				return o
			}
			o := half()
			for at := 0; at < len(b); at += 250_000 {
				o.chunk(t, b, at, min(at+250_000, len(b)))
			}
			o.is(t, b)
			o = half()
			o.send(t, "", bytes.NewReader(b)).want(t, "200")
			o.is(t, b)
			o = half()
			o.send(t, "", unsized{bytes.NewReader(b)}).want(t, "200")
			o.is(t, b)
		})
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{}).create(t)
	a, b := movie(1, 1000), movie(2, 1000)
	o.chunk(t, a, 0, 500).want(t, "308 0-499")
	o.chunk(t, b, 400, 600).want(t, "409")
	o.chunk(t, b, 499, 501).want(t, "409")
	o.send(t, "500-599/600", bytes.NewReader(a[500:600])).want(t, "409")
	o.send(t, "900-1099/*", bytes.NewReader(make([]byte, 200))).want(t, "409")
	o.chunk(t, a, 500, 1000).want(t, "200")
	o.is(t, a)
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{}).create(t)
	for _, c := range []struct{ header, body, want string }{
		{"", "", "400"}, // an empty film
		{"*/0", "", "400"},
		{"0-9/10", "", "400"},
		{"0-9/10", "short", "400"},
		{"0-9/10", "much too long", "400"},
		{"0-9/9", "0123456789", "400"},
		{"9-0/10", "0123456789", "400"},
		{"0-9", "0123456789", "400"},
		{"*/10", "0123456789", "400"},
		{"-1-9/10", "0123456789", "400"},
		{"0-9223372036854775807/*", "0123456789", "400"},
	} {
		t.Log(c)
		o.send(t, c.header, strings.NewReader(c.body)).want(t, c.want)
	}
	// Without a Content-Length the body's own end counts.
	o.send(t, "", unsized{strings.NewReader("")}).want(t, "400")
	o.send(t, "0-9/10", unsized{strings.NewReader("01234")}).want(t, "308 0-4")
	o.send(t, "5-9/10", unsized{strings.NewReader("56789ABC")}).want(t, "400")
	o.send(t, "*/10", nil).want(t, "200")
	o.is(t, []byte("0123456789"))
}

// TestNothingIsForgotten: a body without a byte is no other film, for whose sake the one that is stored goes.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{}).create(t)
	a := movie(1, 1000)
	o.chunk(t, a, 0, 400).want(t, "308 0-399")
	c := o.dial(t)
	if _, err := fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", o.url); err != nil {
		t.Fatal(err)
	}
	if got := c.answer(t); got != "400" {
		t.Fatalf("a body without a byte: %q", got)
	}
	o.send(t, "*/1000", nil).want(t, "308 0-399")
	o.chunk(t, a, 400, 1000).want(t, "200")
	o.is(t, a)
}

// TestQueryBringsNothing: the body of a question is not the film's, also not when the question makes the film whole.
func TestQueryBringsNothing(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{}).create(t)
	a := movie(1, 1000)
	o.send(t, "0-999/*", bytes.NewReader(a)).want(t, "308 0-999")
	o.send(t, "*/1000", unsized{strings.NewReader("more")}).want(t, "200")
	o.is(t, a)
}

// TestDisplacedAhead: a client that is ahead of another film, which took the place of its own, is not told where it
// could go on with that one.
func TestDisplacedAhead(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{}).create(t)
	a, b := movie(1, 1000), movie(2, 1000)
	o.chunk(t, a, 0, 300).want(t, "308 0-299")
	o.chunk(t, a, 300, 600).want(t, "308 0-599")
	o.chunk(t, b, 0, 300).want(t, "308 0-299")
	o.chunk(t, a, 600, 900).want(t, "409")
	o.chunk(t, b, 300, 1000).want(t, "200")
	o.is(t, b)
}
